"""Changes of build files, on a disk so small that it is soon full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from containers.base import Container
from containers.docker import session_user
from lang.base import FileEdit
from lang.dependencies import STAGE, Addition
from tools.base import ToolError
from tools.dependencies import clear, put, shown

BEFORE = {"go.mod": "module example.com/m\n", "go.sum": "a h1:x\n"}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    """A workspace of a quarter of a megabyte with two build files and a directory."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    path = tmp_path / "workspace"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "bactrian-test", path], check=True)
    for name, text in BEFORE.items():
        (path / name).write_text(text)
    (path / "vendor").mkdir()
    (path / "vendor" / "modules.txt").write_text("old\n")
    for each in (path, *path.rglob("*")):
        os.chown(each, *session_user())
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


def addition(*edits: tuple[str, str], moves: tuple[tuple[str, str], ...] = ()) -> Addition:
    return Addition(
        name="x", package="x", edits=tuple(FileEdit(path=path, content=text) for path, text in edits), moves=moves
    )


def there(workspace: Path) -> dict[str, str]:
    return {name: (workspace / name).read_text() for name in BEFORE}


async def test_files_and_directories_change_together(bubblewrap_container: Container, workspace: Path):
    (workspace / "go.mod").chmod(0o640)
    await bubblewrap_container.write(f"{STAGE}/vendor/modules.txt", b"new\n")
    made = addition(("go.mod", "module other\n"), ("go.sum", BEFORE["go.sum"]), moves=((f"{STAGE}/vendor", "vendor"),))
    changes = await put(bubblewrap_container, made)
    assert [(change.path, change.added, change.removed) for change in changes] == [("go.mod", 1, 1)]
    assert there(workspace) == {**BEFORE, "go.mod": "module other\n"}
    assert (workspace / "go.mod").stat().st_mode & 0o777 == 0o640
    assert (workspace / "vendor" / "modules.txt").read_text() == "new\n"
    assert shown(made, BEFORE) == "go.mod +1 -1\n- module example.com/m\n+ module other"


async def test_a_full_disk_changes_nothing(bubblewrap_container: Container, workspace: Path):
    with pytest.raises(ToolError, match="the container's disk is full"):
        await put(bubblewrap_container, addition(("go.mod", "module other\n"), ("go.sum", "b h1:y\n" * 60_000)))
    await clear(bubblewrap_container)
    assert there(workspace) == BEFORE
    assert sorted(os.listdir(workspace)) == ["go.mod", "go.sum", "vendor"]


async def test_a_place_that_can_not_be_taken_changes_nothing(bubblewrap_container: Container, workspace: Path):
    with pytest.raises(ToolError, match="vendor is a directory"):
        await put(bubblewrap_container, addition(("go.mod", "module other\n"), ("vendor", "x")))
    assert there(workspace) == BEFORE


async def test_nothing_to_change_is_no_change(bubblewrap_container: Container, workspace: Path):
    assert await put(bubblewrap_container, addition(*BEFORE.items())) == ()
    assert shown(addition(*BEFORE.items()), BEFORE) == ""
    assert there(workspace) == BEFORE
