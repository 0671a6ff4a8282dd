"""The steps, run by the real toolchain in a sandbox: opam, a hanging test, a watching dune, the formatter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from containers.base import Container
from lang.base import Project, Step, StepOutput
from lang.ocaml import OCaml

OCAML = OCaml()
TOP = Project(language="ocaml", root=".")
REPOSITORY = {"BACTRIAN_OPAM_REPOSITORY": "/cache/hello-repository"}

# opam fetches this package with git: the image has no rsync, which it wants for plain directories.
PUBLISH = """
set -e
[ ! -d /cache/hello-repository ] || exit 0
mkdir -p /cache/hello-source && cd /cache/hello-source
echo '(lang dune 3.17) (package (name hello) (version 1.0))' | sed 's/) (p/)\\n(p/' > dune-project
echo '(library (public_name hello) (libraries fmt))' > dune
echo '(** [greet name] is a greeting. *)
val greet : string -> string' > hello.mli
echo 'let greet name = Fmt.str "Hello, %s" name' > hello.ml
touch hello.opam
git init -q . && git add -A && git -c user.name=a -c user.email=a@example.org commit -q -m one
mkdir -p /cache/hello-repository/packages/hello/hello.1.0 && cd /cache/hello-repository
echo 'opam-version: "2.0"' > repo
echo 'opam-version: "2.0"
synopsis: "Greets"
depends: [ "ocaml" {>= "4.14"} "dune" {>= "3.0"} "fmt" {>= "0.9"} "base-unix" ]
build: [ "dune" "build" "-p" name "-j" jobs ]
url { src: "git+file:///cache/hello-source" }' > packages/hello/hello.1.0/opam
"""


async def run(container: Container, step: Step, extra: Mapping[str, str] | None = None) -> StepOutput:
    environment = {**OCAML.environment, **step.env, **(extra or {})}
    done = await container.exec(
        step.argv, cwd=step.cwd, env=environment, timeout_s=step.timeout_s, limit_bytes=8 * 1024 * 1024
    )
    return StepOutput(
        exit_code=done.exit_code, stdout=done.stdout.text(), stderr=done.stderr.text(), timed_out=done.timed_out
    )


@pytest.fixture
async def publisher(bubblewrap_container: Container) -> Container:
    """A sandbox whose caches hold an opam repository with a package `hello`."""
    published = await bubblewrap_container.exec(["sh", "-c", PUBLISH])
    assert published.exit_code == 0, published.stderr.text()
    return bubblewrap_container


async def lay_out(container: Container, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        await container.write(path, text.encode())


async def test_library_from_an_opam_repository_is_installed_recorded_and_used(
    publisher: Container, workspace: Path
) -> None:
    container = publisher
    files = {
        "dune-project": "(lang dune 3.17)\n(generate_opam_files true)\n(package\n (name app)\n (depends ocaml))\n",
        "lib/dune": "(library\n (public_name app))\n",
        "lib/app.ml": 'let () = print_endline (Hello.greet "you")\n',
    }
    await lay_out(container, files)
    before = OCAML.parse_build(TOP, await run(container, OCAML.build(TOP)))
    assert [each.message for each in before.diagnostics] == ["Unbound module Hello"]

    (install,) = OCAML.add_dependency(TOP, "hello", None)
    installed = await run(container, install, REPOSITORY)
    assert (installed.exit_code, installed.stdout) == (0, "hello 1.0\n"), installed.stderr
    for edit in OCAML.record_dependency(TOP, "hello", None, files):
        await container.write(edit.path, edit.content.encode())

    after = OCAML.parse_build(TOP, await run(container, OCAML.build(TOP)))
    assert after.ok, after
    assert '"hello"' in (workspace / "app.opam").read_text()
    exports = OCAML.parse_documentation("hello", await run(container, OCAML.exports(TOP, "hello")))
    assert "val greet : string -> string" in exports.text


@pytest.mark.parametrize(
    ("name", "version", "says"),
    [
        ("helo", None, "no library or opam package is called 'helo'"),
        ("hello", "7.0", "hello has no version 7.0; it has: 1.0"),
        ("-rf", None, "'-rf' is not the name of a package"),
    ],
)
async def test_what_cannot_be_installed_is_one_line(
    publisher: Container, name: str, version: str | None, says: str
) -> None:
    step = OCAML.add_dependency(TOP, "x", None)[0]
    output = await run(publisher, replace(step, argv=(*step.argv[:4], name, name, version or "")), REPOSITORY)
    assert output.exit_code == 1
    assert output.stderr.splitlines()[-1].startswith(says)


async def test_hanging_test_is_named(bubblewrap_container: Container) -> None:
    files = {
        "dune-project": "(lang dune 3.17)\n",
        "dune": "(tests (names slow quick) (libraries unix))\n",
        "slow.ml": "let () = Unix.sleep 500\n",
        "quick.ml": "",
    }
    await lay_out(bubblewrap_container, files)
    step = OCAML.test(TOP)
    assert step.argv[4] == "560"
    output = await run(bubblewrap_container, replace(step, argv=(*step.argv[:4], "8", *step.argv[5:])))
    report = OCAML.parse_test(TOP, output)
    assert [(case.name, case.status) for case in report.cases] == [("quick", "passed"), ("slow", "failed")]
    assert report.cases[1].output == "it did not end within the time limit"
    assert not report.ok


async def test_watching_dune_does_not_answer_in_our_place(bubblewrap_container: Container) -> None:
    files = {"dune-project": "(lang dune 3.17)\n", "dune": "(test (name t))\n", "t.ml": "let () = exit 3\n"}
    await lay_out(bubblewrap_container, files)
    watch = "dune build --root . --watch @check >/dev/null 2>&1 & until [ -S _build/.rpc/dune ]; do sleep 0.1; done"
    await bubblewrap_container.exec(["sh", "-c", watch], env=OCAML.environment)
    report = OCAML.parse_test(TOP, await run(bubblewrap_container, OCAML.test(TOP)))
    found = [(case.name, case.status, case.output) for case in report.cases]
    assert found == [("t", "failed", "exited with code 3")], report


async def test_formatter_keeps_to_projects_that_ask_for_it(bubblewrap_container: Container, workspace: Path) -> None:
    container = bubblewrap_container
    await lay_out(
        container, {"dune-project": "(lang dune 3.17)\n", "a.ml": "let   x=1\n", "dune": "(library   (name a))\n"}
    )
    step = OCAML.format(TOP, ["a.ml", "dune"])
    assert step is not None
    for settings, formatted in ((None, False), ("version = 0.1.0\n", False), ("", True)):
        if settings is not None:
            await container.write(".ocamlformat", settings.encode())
        output = await run(container, step)
        assert (output.exit_code, output.stderr) == (0, "")
        assert ((workspace / "a.ml").read_text() == "let x = 1\n") is formatted
        assert ((workspace / "dune").read_text() == "(library\n (name a))\n") is formatted
