"""The tools that edit, in every format: one engine, the same words, all of a call or nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from containers.base import Container
from lang.go import Go
from tools.base import Change, ToolContext, ToolError, ToolResult
from tools.edit_record import EditFormat, EditRecord
from tools.registry import EDIT_TOOLS, Registry

GO = "package a\n\nfunc f() int {\n\treturn g( 1,2 )\n}\n"

Run = Callable[..., Awaitable[ToolResult]]


@pytest.fixture
def run(bubblewrap_container: Container) -> Run:
    """Make a call as the loop does."""
    context = ToolContext(container=bubblewrap_container, languages=(Go(),))

    async def call(form: EditFormat, arguments: Mapping[str, Any]) -> ToolResult:
        tool = EDIT_TOOLS[form]()
        return await tool.run(Registry([tool]).arguments(tool.spec.name, arguments), context)

    return call


@pytest.fixture
def put(workspace: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file."""

    def write(name: str, data: str | bytes) -> Path:
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        subprocess.run(["chown", "-R", "--reference", workspace, workspace], check=True)
        return path

    return write


def arguments(form: EditFormat, path: str, old: str, new: str) -> dict[str, Any]:
    """Return the call that puts whole lines in place of others, in a format."""
    match form:
        case "edit":
            return {"path": path, "edits": [{"old": old, "new": new}]}
        case "one":
            return {"path": path, "old": old, "new": new}
        case "patch":
            lines = [f"-{line}" for line in old.splitlines()] + [f"+{line}" for line in new.splitlines()]
            return {"patch": "\n".join(["*** Begin Patch", f"*** Update File: {path}", *lines, "*** End Patch"])}
        case "text":
            return {"blocks": f"{path}\n```\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"}


async def test_every_format_makes_the_same_edit_and_tells_it_alike(run: Run, put: Callable[[str, str], Path]):
    for form in EDIT_TOOLS:
        path = put("a.go", GO)
        result = await run(form, arguments(form, "a.go", "    return g(1, 2)\n", "\treturn g(1)\n"))
        assert path.read_text() == GO.replace("g( 1,2 )", "g(1)")
        assert result.content == (
            "Edited a.go (+1 -1).\nmatched by its tokens, white space between them aside\n"
            "     2\t\n     3\tfunc f() int {\n     4\t\treturn g(1)\n     5\t}"
        )
        assert result.changes == (Change(path="a.go", added=1, removed=1),)
        assert "+\treturn g(1)" in result.display
        assert result.edits == EditRecord(format=form, matched=("tokens",))


async def test_every_format_refuses_alike(run: Run, put: Callable[[str, str], Path]):
    for form in EDIT_TOOLS:
        path = put("a.go", GO)
        with pytest.raises(ToolError, match=r"is not in the file\. The nearest text is at lines 3-4:\n") as caught:
            await run(form, arguments(form, "a.go", "func f() int64 {\n\treturn g(1, 2)\n", "x\n"))
        assert caught.value.edits == EditRecord(format=form, failed=("not-found",))
        with pytest.raises(ToolError, match=r"b\.go does not exist") as caught:
            await run(form, arguments(form, "b.go", "x\n", "y\n"))
        assert caught.value.edits == EditRecord(format=form, failed=("file",))
        with pytest.raises(ToolError, match="was not run: ") as caught:
            await run(form, {})
        assert caught.value.edits == EditRecord(format=form, failed=("malformed",))
        assert path.read_text() == GO


async def test_crlf_and_other_bytes_stay_in_every_format(run: Run, put: Callable[[str, bytes], Path]):
    for form in EDIT_TOOLS:
        path = put("a.txt", b"caf\xe9\r\nold\r\nend\r\n")
        await run(form, arguments(form, "a.txt", "old\n", "one\ntwo\n"))
        assert path.read_bytes() == b"caf\xe9\r\none\r\ntwo\r\nend\r\n"


async def test_an_empty_old_makes_a_file(run: Run, workspace: Path, put: Callable[[str, str], Path]):
    forms: tuple[EditFormat, ...] = ("edit", "one", "text")
    for form in forms:
        result = await run(form, arguments(form, f"new/{form}.go", "", "package a\n"))
        assert (workspace / f"new/{form}.go").read_text() == "package a\n"
        assert result.content == f"Created new/{form}.go, 1 line."
    put("full.go", GO)
    with pytest.raises(ToolError, match="is empty"):
        await run("one", arguments("one", "full.go", "", "package a\n"))


@pytest.mark.parametrize(
    "given",
    [
        {"file_path": "a.go", "old_string": "f()", "new_string": "g()"},
        {"filePath": "a.go", "oldString": "f()", "newString": "g()", "replaceAll": None},
        {"path": "a.go", "oldText": "f()", "newText": "g()"},
        {"path": "a.go", "edits": [{"old": "f()", "new": "g()"}]},
        {"path": "a.go", "edits": {"oldText": "f()", "newText": "g()"}},
        {"path": "a.go", "edits": '[{"old_str": "f()", "new_str": "g()"}]'},
    ],
)
@pytest.mark.parametrize("form", ["edit", "one"])
def test_near_misses_of_the_fields_are_taken(form: EditFormat, given: Mapping[str, Any]):
    mended = Registry([EDIT_TOOLS[form]()]).arguments("edit_file", given)
    edit = {"old": "f()", "new": "g()"}
    assert mended == ({"path": "a.go", "edits": [edit]} if form == "edit" else {"path": "a.go", **edit})


def test_one_edit_takes_no_list_of_two():
    with pytest.raises(ToolError, match="edits is not a parameter"):
        Registry([EDIT_TOOLS["one"]()]).arguments("edit_file", {"path": "a", "edits": [{"old": "a", "new": "b"}] * 2})


PATCH = """\
*** Begin Patch
*** Add File: new/b.go
+package b
*** Update File: a.go
@@
-	return g( 1,2 )
+	return h()
*** Update File: run.sh
*** Move to: bin/run.sh
@@
-echo old
+echo new
*** Delete File: gone.go
*** Add File: whole.go
+package whole
*** End Patch
"""


async def test_a_patch_adds_changes_moves_and_deletes(run: Run, workspace: Path, put: Callable[[str, str], Path]):
    put("a.go", GO)
    put("run.sh", "#!/bin/sh\necho old\n").chmod(0o755)
    put("gone.go", "package a\n")
    put("whole.go", GO)
    result = await run("patch", {"input": PATCH})
    assert (workspace / "new/b.go").read_text() == "package b\n"
    assert (workspace / "a.go").read_text() == GO.replace("g( 1,2 )", "h()")
    assert (workspace / "bin/run.sh").read_text() == "#!/bin/sh\necho new\n"
    assert os.access(workspace / "bin/run.sh", os.X_OK)
    assert (workspace / "whole.go").read_text() == "package whole\n"
    assert sorted(path.name for path in workspace.iterdir()) == ["a.go", "bin", "new", "whole.go"]
    heads = [line for line in result.content.splitlines() if not line.startswith("  ")]
    assert heads == [
        "Created new/b.go, 1 line.",
        "Edited a.go (+1 -1).",
        "Moved run.sh to bin/run.sh (+1 -1).",
        "Deleted gone.go.",
        "Replaced whole.go, 1 line.",
    ]
    assert {change.path for change in result.changes} == {
        *("new/b.go", "a.go", "run.sh", "bin/run.sh", "gone.go", "whole.go")
    }
    assert result.edits == EditRecord(format="patch", matched=("exact", "exact"))


async def test_one_bad_hunk_undoes_the_whole_patch(run: Run, workspace: Path, put: Callable[[str, str], Path]):
    put("a.go", GO)
    put("run.sh", "echo other\n")
    put("gone.go", "package a\n")
    with pytest.raises(ToolError) as caught:
        await run("patch", {"patch": PATCH.replace("*** Delete File: gone.go", "*** Delete File: nowhere.go")})
    told = str(caught.value)
    assert "run.sh: the hunk's old text is not in the file" in told
    assert "nowhere.go does not exist" in told
    assert told.endswith("None of the edits was made.")
    assert caught.value.edits == EditRecord(format="patch", matched=("exact",), failed=("not-found", "file"))
    assert (workspace / "a.go").read_text() == GO
    assert sorted(path.name for path in workspace.iterdir()) == ["a.go", "gone.go", "run.sh"]


async def test_what_can_not_be_written_leaves_nothing_behind(
    run: Run, workspace: Path, put: Callable[[str, str], Path]
):
    put("a.go", GO)
    put("file", "x\n")
    patch = PATCH.split("*** Update File: run.sh")[0] + "*** Add File: file/b.go\n+package b\n*** End Patch\n"
    with pytest.raises(ToolError, match=r"file/b\.go: a part of the path is a file"):
        await run("patch", {"patch": patch})
    assert (workspace / "a.go").read_text() == GO
    assert not (workspace / "new").exists() or not list((workspace / "new").iterdir())


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", ".git/config", "a/../../x"])
@pytest.mark.parametrize("header", ["Add", "Delete", "Update"])
async def test_a_patch_stays_in_the_workspace(run: Run, header: str, path: str):
    body = {"Add": "+x\n", "Delete": "", "Update": "-x\n+y\n"}[header]
    with pytest.raises(ToolError, match=r"outside the workspace|belongs to git"):
        await run("patch", {"patch": f"*** Begin Patch\n*** {header} File: {path}\n{body}*** End Patch\n"})


async def test_a_file_can_not_move_onto_another_or_out(run: Run, workspace: Path, put: Callable[[str, str], Path]):
    put("a.go", GO)
    put("b.go", GO)
    for to, told in (("b.go", "b.go exists already"), ("../c.go", "outside the workspace")):
        with pytest.raises(ToolError, match=told):
            await run("patch", {"patch": f"*** Begin Patch\n*** Update File: a.go\n*** Move to: {to}\n*** End Patch\n"})
    assert (workspace / "a.go").exists()


async def test_blocks_of_several_files_are_made_together(run: Run, workspace: Path, put: Callable[[str, str], Path]):
    put("a.go", "one\ntwo\n")
    put("b.go", "three\n")
    block = "{}\n<<<<<<< SEARCH\n{}\n=======\n{}\n>>>>>>> REPLACE\n"
    blocks = block.format("a.go", "one", "1") + block.format("b.go", "three", "3") + block.format("a.go", "two", "2")
    result = await run("text", {"blocks": f"I do:\n{blocks}"})
    assert ((workspace / "a.go").read_text(), (workspace / "b.go").read_text()) == ("1\n2\n", "3\n")
    assert [change.path for change in result.changes] == ["a.go", "b.go"]
    with pytest.raises(ToolError, match=r"(?s)b\.go: the SEARCH part is not in the file.*None of the edits was made"):
        await run("text", {"blocks": block.format("a.go", "1", "one") + block.format("b.go", "other", "x")})
    assert (workspace / "a.go").read_text() == "1\n2\n"


@pytest.mark.parametrize(
    ("form", "given", "told"),
    [
        ("patch", {"patch": "hello"}, r"The patch was not applied: line 1: a patch begins with"),
        ("text", {"blocks": "<<<<<<< SEARCH\n"}, r"No edit was made: line 1: the line above a block"),
    ],
)
async def test_what_can_not_be_read_is_told_and_counted(
    run: Run, form: EditFormat, given: Mapping[str, str], told: str
):
    with pytest.raises(ToolError, match=told) as caught:
        await run(form, given)
    assert caught.value.edits == EditRecord(format=form, failed=("malformed",))
    assert "\n" not in EDIT_TOOLS[form]().summary(given)


def test_summaries_name_the_files():
    assert EDIT_TOOLS["patch"]().summary({"patch": PATCH}) == "new/b.go, a.go, run.sh, gone.go, whole.go"
    for form in EDIT_TOOLS:
        assert EDIT_TOOLS[form]().summary(arguments(form, "a.go", "x\n", "y\n")) == "a.go"
