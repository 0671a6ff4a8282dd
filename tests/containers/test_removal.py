"""A folder that a container wrote to goes, however it is built, and nothing that its links point to."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from containers.docker import connect
from containers.layers import as_root
from containers.removal import remove_tree


def nested(path: Path, levels: int, name: str) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    os.mkdir(path.name, dir_fd=folder)
    at = path.name
    for _ in range(levels):
        inner = os.open(at, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        os.mkdir(name, dir_fd=inner)
        folder, at = inner, name
    os.close(folder)


@contextmanager
def nobody() -> Generator[None]:
    """Be a user without root's rights, if this is root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("name", ["d", "d" * 250])
def test_folders_nested_deeper_than_python_recurses(tmp_path: Path, name: str) -> None:
    nested(tmp_path / "x", 3000, name)
    assert remove_tree(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o500)
    kept.joinpath("file").touch()
    (tmp_path / "x").mkdir()
    for link in (tmp_path / "x" / "inner", tmp_path / "outer"):
        link.symlink_to(kept)
    assert remove_tree(tmp_path / "outer")
    assert remove_tree(tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert [path.name for path in kept.iterdir()] == ["file"]
    assert kept.stat().st_mode & 0o777 == 0o500


def test_folders_closed_to_their_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "own" / "x" / "closed"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "65534", tmp_path / "own"], check=True)
    closed.chmod(0)
    (tmp_path / "own" / "x").chmod(0o500)
    monkeypatch.chdir(tmp_path / "own")  # another user can't come from the top
    with nobody():
        assert remove_tree(Path("x"))
    assert list((tmp_path / "own").iterdir()) == []


def test_files_and_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "-rf").touch()
    assert remove_tree(tmp_path / "-rf")
    assert remove_tree(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_what_is_still_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not remove_tree(Path())  # rm never removes the folder that it is in


def test_the_harness_as_root_in_an_engine_can_do_what_it_has_to_and_no_more(image: str) -> None:
    with contextlib.closing(connect()) as client:
        argv = ["-hE", "^(CapEff|CapBnd|NoNewPrivs)", "/proc/self/status"]
        run: Any = client.containers.run  # its stubs leave the options open
        told: bytes = run(image, argv, entrypoint=["grep"], remove=True, **as_root("CHOWN"))
    assert told.decode().split() == ["CapEff:", "0" * 15 + "1", "CapBnd:", "0" * 15 + "1", "NoNewPrivs:", "1"]
