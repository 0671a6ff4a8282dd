from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from containers.base import Container
from lang.go import Go
from lang.ocaml import OCaml
from tools.base import ToolContext, ToolError, ToolResult
from tools.tree import changes, files, snapshot

Call = Callable[..., Awaitable[ToolResult]]
LayOut = Callable[[Mapping[str, str]], None]

LIBRARY = 'package shout\n\n// Loud makes it loud.\nfunc Loud(s string) string { return s + "!" }\n'


async def publish(container: Container, module: str, versions: Mapping[str, Mapping[str, str]]) -> None:
    """Put a module into a proxy made of files, below the caches."""
    folder = f"/cache/proxy/{module}/@v"
    for version, sources in versions.items():
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in sources.items():
                archive.writestr(f"{module}@{version}/{name}", text)
        info = json.dumps({"Version": version, "Time": "2026-01-01T00:00:00Z"})
        for suffix, data in (("info", info.encode()), ("mod", sources["go.mod"].encode()), ("zip", packed.getvalue())):
            await container.write(f"{folder}/{version}.{suffix}", data, within="/cache")
    await container.write(f"{folder}/list", "\n".join(versions).encode(), within="/cache")


@pytest.fixture
async def context(bubblewrap_container: Container) -> ToolContext:
    sources = {"go.mod": "module example.org/shout\n\ngo 1.20\n", "shout.go": LIBRARY}
    await publish(bubblewrap_container, "example.org/shout", {"v1.0.0": sources, "v1.1.0": sources})
    environment = {"GOPROXY": "file:///cache/proxy", "GOSUMDB": "off"}
    return ToolContext(container=bubblewrap_container, languages=(Go(),), environment=environment)


async def test_go(call: Call, lay_out: LayOut, workspace: Path):
    lay_out({"go.mod": "module example.com/m\n\ngo 1.20\n", "m.go": "package m\n"})
    result = await call("add_dependency", name="example.org/shout")
    assert result.content.startswith("Added example.org/shout. Changed: go.mod, go.sum.\n\n")
    assert "v1.1.0" in result.content
    assert "func Loud(s string) string" in result.content
    assert {change.path for change in result.changes} == {"go.mod", "go.sum"}
    assert "example.org/shout v1.1.0" in (workspace / "go.mod").read_text()
    older = await call("add_dependency", name="example.org/shout", version="v1.0.0")
    assert "v1.0.0" in older.content
    again = await call("add_dependency", name="example.org/shout", version="v1.0.0")
    assert "No file changed" in again.content
    assert again.changes == ()


async def test_what_cannot_be_had_is_told_briefly(call: Call, lay_out: LayOut, workspace: Path):
    lay_out({"go.mod": "module example.com/m\n\ngo 1.20\n"})
    with pytest.raises(ToolError) as caught:
        await call("add_dependency", name="example.org/whisper")
    assert str(caught.value).startswith("example.org/whisper was not added.\n")
    assert "example.org/whisper" in str(caught.value).splitlines()[1]
    assert len(str(caught.value)) < 1500
    assert (workspace / "go.mod").read_text() == "module example.com/m\n\ngo 1.20\n"


async def test_in_a_mixed_repository_the_name_decides(
    call: Call, lay_out: LayOut, workspace: Path, context: ToolContext
):
    context.languages = (OCaml(), Go())
    lay_out({"go.mod": "module example.com/m\n\ngo 1.20\n", "dune-project": "(lang dune 3.0)\n(package (name foo))\n"})
    lay_out({"lib/dune": "(library (name foo) (public_name foo))\n", "lib/foo.ml": "let x = 1\n"})
    go = await call("add_dependency", name="example.org/shout")
    assert "func Loud" in go.content
    ocaml = await call("add_dependency", name="yojson")
    assert "module Yojson" in ocaml.content
    assert "yojson" in (workspace / "lib" / "dune").read_text()
    assert "lib/dune" in {change.path for change in ocaml.changes}


async def test_without_a_project(call: Call):
    with pytest.raises(ToolError, match=r"write go\.mod or dune-project first"):
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
