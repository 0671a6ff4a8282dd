"""OCaml libraries, by the real opam with a repository that is a directory: nothing here needs a network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from containers.base import Container
from lang.ocaml import OCaml
from tools.base import ToolContext, ToolError, ToolResult
from tools.system_packages import advice

Call = Callable[..., Awaitable[ToolResult]]
LayOut = Callable[[Mapping[str, str]], None]

REPOSITORY = "/cache/packages"
WRONG = "0" * 64
# opam fetches sources with git: the image's rsync would do for plain directories, but not tell versions.
SOURCES: Mapping[str, str] = {
    "dune-project": "(lang dune 3.17)\n(package (name greeting))\n",
    "dune": "(library (public_name greeting) (libraries fmt))\n",
    "greeting.mli": "(** [greet name] is a greeting. *)\nval greet : string -> string\n",
    "greeting.ml": 'let greet name = Fmt.str "Hello, %s" name\n',
    "greeting.opam": "",
}
PACKAGES: Mapping[str, str] = {
    "greeting.1.0": 'depends: [ "dune" {>= "3.0"} "fmt" {>= "0.9"} "base-unix" ]\n'
    'build: [ "dune" "build" "-p" name "-j" jobs ]\nurl { src: "git+file:///cache/greeting" }',
    "ocaml-salute.2.0": 'depends: [ "greeting" ]',
    "ocaml-salute.3.0": 'depends: [ "ocaml" {>= "9.0"} ]',
    "squeeze.1.0": 'depends: [ "conf-squeeze" ]',
    "conf-squeeze.1": 'depexts: [ ["libsqueeze-dev"] {os-family = "debian"} ["squeeze"] {os-family = "arch"} ]\n'
    'build: [ ["pkg-config" "squeeze"] ]',
    "behind.1.0": 'depends: [ "yojson" {< "2.0"} ]',
    "ahead.1.0": 'depends: [ "ocaml" {>= "9.0"} ]',
    "forged.1.0": f'url {{ src: "file://{REPOSITORY}/repo" checksum: "sha256={WRONG}" }}',
    "remote.1.0": f'url {{ src: "http://127.0.0.1:9/x.tar.gz" checksum: "sha256={WRONG}" }}',
    "broken.1.0": 'build: [ "sh" "-c" "echo it does not build >&2; false" ]',
}
PROJECT = {
    "dune-project": "(lang dune 3.17)\n(package\n (name app)\n (depends ocaml))\n",
    "lib/dune": "(library\n (name app))\n",
    "lib/app.ml": "let x = 1\n",
}


async def publish(container: Container) -> None:
    for name, text in SOURCES.items():
        await container.write(f"/cache/greeting/{name}", text.encode(), within="/cache")
    commit = "git init -q . && git add -A && git -c user.name=a -c user.email=a@example.org commit -q -m one"
    assert (await container.exec(["sh", "-c", commit], cwd="/cache/greeting")).exit_code == 0
    for name, text in PACKAGES.items():
        opam = f'opam-version: "2.0"\nsynopsis: "For tests"\n{text}\n'.encode()
        await container.write(f"{REPOSITORY}/packages/{name.partition('.')[0]}/{name}/opam", opam, within="/cache")
    await container.write(f"{REPOSITORY}/repo", b'opam-version: "2.0"\n', within="/cache")


@pytest.fixture
async def context(bubblewrap_container: Container) -> ToolContext:
    try:
        await bubblewrap_container.read(f"{REPOSITORY}/repo", within="/cache")
    except FileNotFoundError:
        await publish(bubblewrap_container)
    environment = {"BACTRIAN_OPAM_REPOSITORY": REPOSITORY}
    return ToolContext(container=bubblewrap_container, languages=(OCaml(),), environment=environment)


@pytest.fixture(autouse=True)
def project(lay_out: LayOut) -> None:
    lay_out(PROJECT)


async def refused(call: Call, workspace: Path, name: str, version: str = "") -> str:
    """Ask for what can't be had; the build files must be as they were."""
    with pytest.raises(ToolError) as caught:
        await call("add_dependency", name=name, **({"version": version} if version else {}))
    assert {path: (workspace / path).read_text() for path in PROJECT} == PROJECT
    first, _, rest = str(caught.value).partition("\n")
    assert first == f"{name} was not added, and no build file changed."
    assert len(rest) < 1000
    return rest


async def test_a_library_is_installed_recorded_and_used(call: Call, context: ToolContext, workspace: Path):
    added = await call("add_dependency", name="greeting")
    assert added.content.startswith(
        "Added greeting 1.0. opam put it into the switch bactrian.\n\n"
        "dune-project +1 -1\n-  (depends ocaml))\n+  (depends ocaml greeting))\n"
        "lib/dune +2 -1\n-  (name app))\n+  (name app)\n+  (libraries greeting))\n\nlibrary greeting"
    )
    assert "val greet : string -> string" in added.content
    (workspace / "lib" / "app.ml").write_text('let () = print_endline (Greeting.greet "you")\n')
    built = await context.container.exec(["dune", "build", "@check"], env=OCaml().environment)
    assert built.exit_code == 0, built.stderr.text()
    again = await call("add_dependency", name="greeting")
    assert again.content.startswith("greeting 1.0 was there already, no file changed.")
    other = await call("add_dependency", name="salute")
    assert "salute is taken as ocaml-salute, the opam package of nearly that name." in other.content
    assert "3.0 is newer; it doesn't go with what is installed." in other.content


async def test_failures_are_classed_and_leave_everything_as_it_was(call: Call, workspace: Path):
    unknown = await refused(call, workspace, "greetings")
    assert unknown.startswith("no library or opam package is called 'greetings'. Near: greeting")
    assert await refused(call, workspace, "greeting", "7.0") == "greeting has no version 7.0; it has 1.0."
    system = await refused(call, workspace, "squeeze")
    assert system.startswith(
        "squeeze needs packages of the system that are not there: libsqueeze-dev.\nA session can't"
    )
    assert system.endswith(advice("libsqueeze-dev"))
    conflict = await refused(call, workspace, "behind")
    assert "behind → yojson < 2.0" in conflict
    assert "yojson is there as 3." in conflict
    toolchain = await refused(call, workspace, "ahead")
    assert "ahead → ocaml >= 9.0" in toolchain
    assert "ocaml is there as 5." in toolchain
    assert "is not what the repository says" in await refused(call, workspace, "forged")
    assert "no network: 127.0.0.1:9 can't be reached" in await refused(call, workspace, "remote")
    assert "it does not build" in await refused(call, workspace, "broken")
    assert "nothing of OCaml can be called" in await refused(call, workspace, "-rf")


async def test_what_a_model_proposes_must_exist(call: Call, context: ToolContext, workspace: Path):
    async def propose(question: str) -> Sequence[str]:
        assert "'hail'" in question
        return ["1. `hallo`", "2. greeting", "ocaml-salute"]

    context.propose = propose
    added = await call("add_dependency", name="hail")
    assert "hail is taken as greeting: proposed by a model, and it exists" in added.content
    assert "Others: ocaml-salute." in added.content
    assert "greeting" in (workspace / "lib" / "dune").read_text()


async def test_libraries_of_the_compiler_go_to_dune_alone(call: Call, workspace: Path):
    added = await call("add_dependency", name="str")
    assert added.content.startswith("Recorded. str came with the compiler: no opam package is needed")
    assert (workspace / "lib" / "dune").read_text() == "(library\n (name app)\n (libraries str))\n"
    assert (workspace / "dune-project").read_text() == PROJECT["dune-project"]
    nothing = await call("add_dependency", name="bigarray")
    assert (nothing.content, nothing.changes) == (
        "bigarray is part of OCaml's standard library: nothing is to be added.",
        (),
    )


async def test_a_lock_is_heeded_and_said(call: Call, lay_out: LayOut, workspace: Path):
    lay_out({"app.opam.locked": 'depends: [\n  "greeting" {= "1.0"}\n  "yojson" {= "2.1.0"}\n]\n'})
    pinned = await call("add_dependency", name="yojson")
    assert "app.opam.locked pins yojson 2.1.0, 3." in pinned.content
    missing = await call("add_dependency", name="Fmt")
    assert "Fmt is taken as fmt, the library of nearly that name." in missing.content
    assert "app.opam.locked doesn't hold fmt yet: `opam lock` renews it." in missing.content
    assert "locked" not in (await call("add_dependency", name="greeting")).content
    assert "1.0" not in (workspace / "dune-project").read_text()


async def test_without_a_repository_the_reason_is_told(call: Call, context: ToolContext, workspace: Path):
    context.environment = {"BACTRIAN_OPAM_REPOSITORY": "http://127.0.0.1:9", "OPAMROOT": "/tmp/opam"}
    said = await refused(call, workspace, "nowhere")
    assert said == (
        "no network: nowhere is not among the installed libraries, and 127.0.0.1:9 can't be reached"
        " (the opam repository is http://127.0.0.1:9)."
    )
