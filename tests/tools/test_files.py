from __future__ import annotations

import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tools.base import Change, ToolError, ToolResult

Call = Callable[..., Awaitable[ToolResult]]


def put(workspace: Path, name: str, data: str | bytes) -> None:
    path = workspace / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    subprocess.run(["chown", "-R", "--reference", workspace, workspace], check=True)


def make_repository(workspace: Path) -> None:
    subprocess.run(["git", "init", "-q", workspace], check=True)
    subprocess.run(["chown", "-R", "--reference", workspace, workspace], check=True)


async def test_read_numbers_lines(call: Call, workspace: Path):
    put(workspace, "a.go", "package a\n\n\tx := 1\n")
    assert (await call("read_file", path="a.go")).content == "     1\tpackage a\n     2\t\n     3\t\tx := 1"
    assert (await call("read_file", path="/workspace/a.go", start_line=3)).content == "     3\t\tx := 1"


async def test_read_says_what_is_odd(call: Call, workspace: Path):
    put(workspace, "crlf", "a\r\nb\r\n")
    put(workspace, "latin", b"caf\xe9\n")
    put(workspace, "empty", "")
    assert "CRLF" in (await call("read_file", path="crlf")).content
    assert "\r" not in (await call("read_file", path="crlf")).content
    assert "Not UTF-8" in (await call("read_file", path="latin")).content
    assert (await call("read_file", path="empty")).content == "empty is empty."


async def test_read_is_capped_and_says_how_to_go_on(call: Call, workspace: Path):
    put(workspace, "long", "".join(f"{number}\n" for number in range(1, 3001)))
    put(workspace, "wide", "x" * 5000 + "\n")
    content = (await call("read_file", path="long")).content
    assert content.endswith("  2000\t2000\n[Cut at line 2000 of 3000; read on with start_line 2001.]")
    rest = (await call("read_file", path="long", start_line=2001)).content
    assert rest.endswith("  3000\t3000")
    assert (await call("read_file", path="long", start_line=5, end_line=6)).content == "     5\t5\n     6\t6"
    assert "… (3000 more characters)" in (await call("read_file", path="wide")).content


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"path": "bin"}, "binary file of 4 bytes"),
        ({"path": "../etc/passwd"}, "outside the workspace"),
        ({"path": "/etc/passwd"}, "outside the workspace"),
        ({"path": "link"}, "symbolic link"),
        ({"path": "a/none.go"}, "Near: a/one.go"),
        ({"path": "one.go"}, "Near: a/one.go"),
        ({"path": "nowhere/x"}, "nor does its directory"),
        ({"path": "a/one.go/x"}, "a/one.go/x"),
        ({"path": "a/one.go", "start_line": 9}, "has only 1 line"),
        ({"path": "a/one.go", "start_line": 3, "end_line": 2}, "comes before"),
        ({"path": "\0"}, "path is empty"),
        ({"path": "x" * 5000}, "too long"),
    ],
)
async def test_reads_that_fail(call: Call, workspace: Path, arguments: dict[str, object], told: str):
    put(workspace, "bin", b"\x7fEL\0")
    put(workspace, "a/one.go", "x\n")
    (workspace / "link").symlink_to("/etc/passwd")
    make_repository(workspace)
    with pytest.raises(ToolError) as caught:
        await call("read_file", **arguments)
    assert told in str(caught.value)


async def test_a_directory_is_listed(call: Call, workspace: Path):
    put(workspace, "d/a.go", "")
    put(workspace, "d/sub/b.go", "")
    put(workspace, "d/.hidden", "")
    content = (await call("read_file", path="d")).content
    assert content == "d is a directory with 3 entries:\n.hidden\na.go\nsub/"


async def test_library_sources_and_kept_outputs_can_be_read(call: Call):
    await call(
        "bash", command="mkdir -p /tmp/bactrian; echo kept > /tmp/bactrian/x; mkdir -p /cache/m; echo m > /cache/m/x"
    )
    assert "kept" in (await call("read_file", path="/tmp/bactrian/x")).content
    assert "\tm" in (await call("read_file", path="/cache/m/x")).content
    assert "entries" in (await call("read_file", path="/usr/lib")).content


async def test_write(call: Call, workspace: Path):
    created = await call("write_file", path="new/dir/a.go", content="package a\n")
    assert (created.content, created.changes) == (
        "Created new/dir/a.go, 1 line.",
        (Change(path="new/dir/a.go", added=1, removed=0),),
    )
    assert (workspace / "new/dir/a.go").read_text() == "package a\n"
    replaced = await call("write_file", path="new/dir/a.go", content="package b\n\nvar x = 1\n")
    assert replaced.content == "Replaced new/dir/a.go, 3 lines."
    assert replaced.changes == (Change(path="new/dir/a.go", added=3, removed=1),)
    assert "-package a\n+package b" in replaced.display
    again = await call("write_file", path="new/dir/a.go", content="package b\n\nvar x = 1\n")
    assert "nothing was written" in again.content
    assert again.changes == ()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (".git/config", "belongs to git"),
        ("sub/.GIT/hooks/pre-commit", "belongs to git"),
        ("/cache/x", "only files in it can be written"),
        ("..", "only files in it can be written"),
        ("a/../../x", "only files in it can be written"),
        (".", "only files in it can be written"),
        ("out/x", "symbolic link"),
        ("d", "is a directory"),
        ("file/x", "file"),
    ],
)
@pytest.mark.parametrize("tool", ["write_file", "edit_file"])
async def test_writes_that_fail(call: Call, workspace: Path, tool: str, path: str, told: str):
    put(workspace, "d/x", "")
    put(workspace, "file", "")
    (workspace / "out").symlink_to("/tmp")
    more = {"content": "x"} if tool == "write_file" else {"edits": [{"old": "a", "new": "b"}]}
    with pytest.raises(ToolError) as caught:
        await call(tool, path=path, **more)
    assert told in str(caught.value)


async def test_edit(call: Call, workspace: Path):
    put(workspace, "a.go", "package a\n\nfunc f() int {\n\treturn 1\n}\n")
    result = await call(
        "edit_file",
        path="a.go",
        edits=[{"old": "return 1", "new": "return 2"}, {"old": "package a\n", "new": "package b\n"}],
    )
    assert (workspace / "a.go").read_text() == "package b\n\nfunc f() int {\n\treturn 2\n}\n"
    assert result.content == (
        "Edited a.go (+2 -2).\n     1\tpackage b\n     2\t\n     3\tfunc f() int {\n     4\t\treturn 2\n     5\t}"
    )
    assert "+\treturn 2" in result.display
    assert result.changes == (Change(path="a.go", added=2, removed=2),)


async def test_edit_failures_leave_the_file_alone(call: Call, workspace: Path):
    put(workspace, "a.go", "one\ntwo\n")
    with pytest.raises(ToolError, match=r"a\.go: edit 2: .*not in the file[^$]*None of the edits was made"):
        await call("edit_file", path="a.go", edits=[{"old": "one", "new": "1"}, {"old": "three", "new": "3"}])
    assert (workspace / "a.go").read_text() == "one\ntwo\n"
    with pytest.raises(ToolError, match=r"b\.go does not exist\..*To create it use write_file\."):
        await call("edit_file", path="b.go", edits=[{"old": "one", "new": "1"}])
    put(workspace, "bin", b"\0\1")
    with pytest.raises(ToolError, match="binary"):
        await call("edit_file", path="bin", edits=[{"old": "one", "new": "1"}])


async def test_edit_keeps_bytes_and_mode(call: Call, workspace: Path):
    put(workspace, "run.sh", b"#!/bin/sh\r\necho caf\xe9\r\nexit 1\r\n")
    (workspace / "run.sh").chmod(0o755)
    await call("edit_file", path="run.sh", edits=[{"old": "exit 1\n", "new": "exit 0\n"}])
    assert (workspace / "run.sh").read_bytes() == b"#!/bin/sh\r\necho caf\xe9\r\nexit 0\r\n"
    assert (workspace / "run.sh").stat().st_mode & 0o777 == 0o755
