from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from containers.base import Container
from lang.dependencies import STAGE
from lang.go import Go
from lang.ocaml import OCaml
from tools.add_dependency import without_repeated
from tools.base import ToolContext, ToolError, ToolResult
from tools.tree import changes, files, snapshot

Call = Callable[..., Awaitable[ToolResult]]
LayOut = Callable[[Mapping[str, str]], None]

LIBRARY = 'package shout\n\n// Loud makes it loud.\nfunc Loud(s string) string { return s + "!" }\n'
GO_MOD = "module example.com/m\n\ngo 1.20\n"
OFFLINE = {"GOPROXY": "file:///cache/proxy", "GOSUMDB": "off", "GOVULNDB": "file:///cache/vulndb"}


def module(
    path: str, *, go: str = "1.20", more: str = "", body: str = "package p\n\nfunc F() {}\n"
) -> Mapping[str, str]:
    return {"go.mod": f"module {path}\n\ngo {go}\n{more}", "p.go": body}


MODULES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "example.org/shout": {
        version: {"go.mod": "module example.org/shout\n\ngo 1.20\n", "shout.go": LIBRARY}
        for version in ("v1.0.0", "v1.1.0")
    },
    "example.org/new": {
        "v1.0.0": module("example.org/new"),
        "v1.1.0": module("example.org/new", go="1.26"),
        "v1.2.0": module("example.org/new", go="1.99.0"),
    },
    "example.org/low": {"v1.3.0": module("example.org/low"), "v1.5.0": module("example.org/low")},
    "example.org/high": {
        "v1.1.0": module("example.org/high"),
        "v1.2.0": module(
            "example.org/high",
            more="\nrequire example.org/low v1.5.0\n",
            body='package p\n\nimport _ "example.org/low"\n',
        ),
    },
    "example.org/old": {
        "v1.0.0": module("example.org/old"),
        "v1.1.0": {
            "go.mod": "// Deprecated: use example.org/shout.\nmodule example.org/old\n\ngo 1.20\n\n"
            "// it loses data\nretract v1.0.0\n",
            "p.go": "package old\n\nfunc F() {}\n",
        },
    },
    "example.org/old/v3": {"v3.0.0": module("example.org/old/v3")},
    "example.org/alias": {"v1.0.0": module("example.org/shout")},
    "github.com/spf13/cobr": {"v1.0.0": module("github.com/spf13/cobr")},
    "github.com/somebody/squeeze": {"v1.0.0": module("github.com/somebody/squeeze")},
    "github.com/somebody/squeeze/v2": {"v2.1.0": module("github.com/somebody/squeeze/v2")},
    "github.com/other/squeezing": {"v0.1.0": module("github.com/other/squeezing")},
}
VULNERABILITY = {
    "schema_version": "1.3.1",
    "id": "GO-2026-0001",
    "modified": "2026-01-02T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "aliases": [],
    "details": "It shouts secrets.",
    "affected": [
        {
            "package": {"name": "example.org/shout", "ecosystem": "Go"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.1.0"}]}],
            "ecosystem_specific": {},
        }
    ],
}


async def publish(container: Container, path: str, versions: Mapping[str, Mapping[str, str]]) -> None:
    """Put a module into a proxy made of files, below the caches."""
    folder = f"/cache/proxy/{path}/@v"
    for version, sources in versions.items():
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in sources.items():
                archive.writestr(zipfile.ZipInfo(f"{path}@{version}/{name}"), text)
        info = json.dumps({"Version": version, "Time": "2026-01-01T00:00:00Z"})
        for suffix, data in (("info", info.encode()), ("mod", sources["go.mod"].encode()), ("zip", packed.getvalue())):
            await container.write(f"{folder}/{version}.{suffix}", data, within="/cache")
    await container.write(f"{folder}/list", "\n".join(versions).encode(), within="/cache")


async def publish_vulnerabilities(container: Container) -> None:
    entry = {"id": VULNERABILITY["id"], "modified": VULNERABILITY["modified"]}
    listed = [{"path": "example.org/shout", "vulns": [{**entry, "fixed": "1.1.0"}]}]
    pages: Mapping[str, object] = {
        "index/db.json": {"modified": entry["modified"]},
        "index/modules.json": listed,
        "index/vulns.json": [{**entry, "aliases": []}],
        f"ID/{entry['id']}.json": VULNERABILITY,
    }
    for name, page in pages.items():
        await container.write(f"/cache/vulndb/{name}", json.dumps(page).encode(), within="/cache")


@pytest.fixture
async def context(bubblewrap_container: Container) -> ToolContext:
    try:
        await bubblewrap_container.read("/cache/vulndb/index/db.json", within="/cache")
    except FileNotFoundError:
        for path, versions in MODULES.items():
            await publish(bubblewrap_container, path, versions)
        await publish_vulnerabilities(bubblewrap_container)
    return ToolContext(container=bubblewrap_container, languages=(Go(),), environment=OFFLINE)


@pytest.fixture
def go_module(lay_out: LayOut) -> None:
    lay_out({"go.mod": GO_MOD, "m.go": "package m\n"})


async def refused(call: Call, workspace: Path, name: str, version: str = "") -> str:
    """Ask for what can't be had; the build files must be as they were."""
    before = {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file() and ".git" not in path.parts}
    with pytest.raises(ToolError) as caught:
        await call("add_dependency", name=name, **({"version": version} if version else {}))
    after = {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file() and ".git" not in path.parts}
    assert after == before
    first, _, rest = str(caught.value).partition("\n")
    assert first == f"{name} was not added, and no build file changed."
    assert len(rest) < 1500
    return rest


@pytest.mark.usefixtures("go_module")
async def test_go(call: Call, workspace: Path):
    result = await call("add_dependency", name="example.org/shout")
    assert result.content == (
        "Added example.org/shout v1.1.0.\n\ngo.mod +2 -0\n+ require example.org/shout v1.1.0\ngo.sum +2 -0\n\n"
        "package shout\nfunc Loud(s string) string"
    )
    assert {change.path for change in result.changes} == {"go.mod", "go.sum"}
    assert "example.org/shout v1.1.0" in (workspace / "go.mod").read_text()
    assert not (workspace / STAGE).exists()
    older = await call("add_dependency", name="example.org/shout", version="1.0.0")
    assert "- require example.org/shout v1.1.0\n+ require example.org/shout v1.0.0" in older.content
    assert "v1.1.0 is newer.\nVULNERABLE: GO-2026-0001 (mended in v1.1.0)." in older.content
    again = await call("add_dependency", name="shout")
    assert again.content.startswith("example.org/shout v1.0.0 was there already, no file changed.")
    assert again.changes == ()


@pytest.mark.usefixtures("go_module")
async def test_an_older_version_is_taken_where_the_newest_needs_a_newer_go(call: Call):
    result = await call("add_dependency", name="example.org/new")
    assert result.content.startswith(
        "Added example.org/new v1.1.0. example.org/new v1.2.0 needs go 1.99.0; the container"
    )
    assert "go.mod's go line rose from 1.20 to 1.26" in result.content
    assert "- go 1.20\n+ go 1.26" in result.content


@pytest.mark.usefixtures("go_module")
async def test_what_speaks_against_a_version_is_said(call: Call):
    result = await call("add_dependency", name="example.org/old", version="v1.0.0")
    assert "RETRACTED by its author: example.org/old v1.0.0: it loses data." in result.content
    assert "DEPRECATED: use example.org/shout" in result.content
    assert "A newer major version has a path of its own: example.org/old/v3 v3.0.0." in result.content


@pytest.mark.usefixtures("go_module")
async def test_failures_are_classed_and_leave_everything_as_it_was(call: Call, workspace: Path, context: ToolContext):
    assert await refused(call, workspace, "example.org/whisper") == "there is no module example.org/whisper."
    newer = await refused(call, workspace, "example.org/new", "v1.2.0")
    assert "needs go 1.99.0; the container has go 1." in newer
    assert newer.endswith("example.org/new v1.1.0 would fit: ask for that.")
    versions = await refused(call, workspace, "example.org/low", "v9.0.0")
    assert versions == "example.org/low has no version v9.0.0; it has v1.5.0, v1.3.0."
    lacking = await refused(call, workspace, "example.org/low/sub")
    assert lacking.startswith("example.org/low v1.5.0 has no package example.org/low/sub.")
    typo = await refused(call, workspace, "github.com/spf13/cobrra")
    assert "Near: github.com/spf13/cobra" in typo
    context.environment = {**OFFLINE, "GOPROXY": "off"}
    assert "no network: GOPROXY is off" in await refused(call, workspace, "example.org/never")
    context.environment = {**OFFLINE, "GOPROXY": "http://127.0.0.1:9"}
    unreachable = await refused(call, workspace, "example.org/never")
    assert unreachable.startswith(
        "no network: 127.0.0.1:9 can't be reached for example.org/never (GOPROXY is http://127.0.0.1:9)."
    )


async def test_a_conflict_shows_both_constraints(call: Call, lay_out: LayOut, workspace: Path):
    lay_out({"go.mod": GO_MOD, "m.go": 'package m\n\nimport _ "example.org/high"\n'})
    await call("add_dependency", name="example.org/high")
    conflict = await refused(call, workspace, "example.org/low", "v1.3.0")
    assert (
        "example.org/low v1.3.0 was asked for, but example.org/high v1.2.0 requires example.org/low v1.5.0" in conflict
    )


async def test_a_checksum_that_differs_is_not_overridden(call: Call, lay_out: LayOut, workspace: Path):
    wrong = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    lay_out({"go.mod": GO_MOD, "go.sum": f"example.org/shout v1.1.0 h1:{wrong}\n"})
    said = await refused(call, workspace, "example.org/shout")
    assert said.startswith("what came for example.org/shout is not what go.sum or the checksum database has")


@pytest.mark.usefixtures("go_module")
async def test_a_module_known_by_another_name_is_taken_and_said(call: Call, workspace: Path):
    result = await call("add_dependency", name="example.org/alias")
    assert "example.org/alias calls itself example.org/shout; that was taken." in result.content
    assert "example.org/alias" not in (workspace / "go.mod").read_text()


@pytest.mark.usefixtures("go_module")
async def test_the_standard_library_needs_nothing(call: Call):
    assert "net/http is in the standard library" in (await call("add_dependency", name="net/http")).content
    slog = await call("add_dependency", name="slog")
    assert slog.content.startswith("log/slog is in the standard library: import it, nothing is to be added.")
    assert slog.changes == ()


@pytest.mark.usefixtures("go_module")
async def test_what_a_model_proposes_is_tried_and_said(call: Call, workspace: Path, context: ToolContext):
    asked: list[str] = []

    async def propose(question: str) -> Sequence[str]:
        asked.append(question)
        return [
            "1. `github.com/nobody/nothing`",
            "github.com/spf13/cobr",
            "github.com/somebody/squeeze",
            "- github.com/other/squeezing",
        ]

    context.propose = propose
    result = await call("add_dependency", name="squeezer")
    assert "'squeezer'" in asked[0]
    assert result.content.startswith(
        "Added github.com/somebody/squeeze/v2 v2.1.0. squeezer is taken as github.com/somebody/squeeze: proposed by a"
        " model, and the module proxy has it; make sure that it is what you want. Others: github.com/other/squeezing,"
        " github.com/spf13/cobr (looks like github.com/spf13/cobra)."
    )

    async def only_a_lookalike(_: str) -> Sequence[str]:
        return ["github.com/spf13/cobr"]

    context.propose = only_a_lookalike
    said = await refused(call, workspace, "commander")
    assert "github.com/spf13/cobr looks like github.com/spf13/cobra" in said
    context.propose = None
    assert "no Go module is known by the name 'commander'" in await refused(call, workspace, "commander")


@pytest.mark.usefixtures("go_module")
async def test_a_loose_name_comes_from_the_real_proxy(call: Call, workspace: Path, context: ToolContext):
    context.environment = {"GOVULNDB": OFFLINE["GOVULNDB"]}
    result = await call("add_dependency", name="brotli")
    assert "brotli is taken as github.com/andybalholm/brotli, the usual module of that name." in result.content
    assert "  func NewWriterLevel(dst io.Writer, level int) *Writer" in result.content
    assert len(result.content) < 4000
    errgroup = await call("add_dependency", name="errgroup")
    assert "func (g *Group) Wait() error" in errgroup.content
    assert {"golang.org/x/sync", "github.com/andybalholm/brotli"} <= set((workspace / "go.mod").read_text().split())
    chi = await call("add_dependency", name="github.com/go-chi/chi")
    assert "A newer major version has a path of its own: github.com/go-chi/chi/v5" in chi.content
    assert "DEPRECATED" in chi.content


@pytest.mark.usefixtures("go_module")
async def test_cancelling_leaves_everything_as_it_was(call: Call, workspace: Path, context: ToolContext):
    async def hang(_: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    context.propose = hang
    (workspace / STAGE).mkdir(mode=0o777)
    (workspace / STAGE).chmod(0o777)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await call("add_dependency", name="squeezer")
    assert (workspace / "go.mod").read_text() == GO_MOD
    assert not (workspace / STAGE).exists()


async def test_in_a_mixed_repository_the_name_decides(
    call: Call, lay_out: LayOut, workspace: Path, context: ToolContext
):
    context.languages = (OCaml(), Go())
    lay_out({"go.mod": GO_MOD, "dune-project": "(lang dune 3.0)\n(package (name foo))\n"})
    lay_out({"lib/dune": "(library (name foo) (public_name foo))\n", "lib/foo.ml": "let x = 1\n"})
    go = await call("add_dependency", name="example.org/shout")
    assert "func Loud" in go.content
    ocaml = await call("add_dependency", name="yojson")
    assert ocaml.content.startswith("Added yojson 3")
    assert "val from_string : " in ocaml.content
    assert len(ocaml.content) < 4000
    assert "+ (library (name foo) (public_name foo) (libraries yojson))" in ocaml.content
    assert "yojson" in (workspace / "lib" / "dune").read_text()
    assert {"lib/dune", "dune-project"} == {change.path for change in ocaml.changes}


async def test_without_a_project(call: Call):
    with pytest.raises(ToolError, match=r"write go\.mod first"):
        await call("add_dependency", name="example.org/shout")


async def test_changes_between_snapshots(bubblewrap_container: Container, lay_out: LayOut, workspace: Path):
    lay_out({".gitignore": "*.log\n", "a": "1\n2\n", "gone": "x\n"})
    before = await snapshot(bubblewrap_container)
    assert await changes(bubblewrap_container, before) == ()
    lay_out({"a": "1\nb\nc\n", "new": "n\n", "x.log": "ignored\n"})
    (workspace / "gone").unlink()
    found = {change.path: (change.added, change.removed) for change in await changes(bubblewrap_container, before)}
    assert found == {"a": (2, 1), "new": (1, 0), "gone": (0, 1)}
    assert await files(bubblewrap_container) == (".gitignore", "a", "new")


async def test_files_without_git(bubblewrap_container: Container, workspace: Path):
    (workspace / "sub").mkdir()
    (workspace / "sub" / "odd name\n").write_text("")
    assert await files(bubblewrap_container) == ("sub/odd name\n",)
    assert await snapshot(bubblewrap_container) == ""
    assert await changes(bubblewrap_container, "") == ()


def test_what_could_not_be_checked_is_said_once() -> None:
    said: set[str] = set()
    told = "Not checked for vulnerabilities: no database at hand.\npackage x"
    assert without_repeated(told, said) == told
    assert without_repeated(told, said) == "package x"
