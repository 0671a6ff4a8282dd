"""Checkouts with what nobody thinks of: pipes, names of every kind, a hundred thousand files, no space left."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkouts import BRANCH, cloned, commit, fetch, git, state, tracked, write

from containers import overlay
from containers.removal import remove_tree
from containers.workspace import RepositoryError, find_repository, make_clone

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")
pytestmark = pytest.mark.usefixtures("plain_git")


def test_pipes_sockets_and_devices_stay_behind(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(checkout / "pipe")
    monkeypatch.chdir(checkout)  # a socket's path may not be long
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        if os.geteuid() == 0:
            os.mknod(checkout / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        write(checkout, "new", "x")
        clone = cloned(checkout, tmp_path)
    assert tracked(clone.path) == {*tracked(checkout), "new"}
    assert not any(os.path.lexists(clone.path / name) for name in ("pipe", "socket", "null"))


def test_a_path_longer_than_the_system_s_longest_stays_behind(checkout: Path, tmp_path: Path) -> None:
    name = "d" * 250
    here = os.getcwd()
    os.chdir(checkout)
    try:
        for _ in range(20):
            os.mkdir(name)
            os.chdir(name)
        Path("deepest").write_text("x")
        os.chdir(here)
        clone = cloned(checkout, tmp_path)
        assert tracked(clone.path) == tracked(checkout)
        assert clone.left == (f"{'d' * 80}…, that can't be read",)
    finally:  # too deep for pytest's own cleaning
        os.chdir(here)
        assert remove_tree(checkout / name)


def test_folders_nested_deeper_than_python_recurses(checkout: Path, tmp_path: Path) -> None:
    blob = git(checkout, "rev-parse", "HEAD:README")
    git(checkout, "update-index", "--add", "--cacheinfo", f"100644,{blob},{'a/' * 1500}deepest")
    git(checkout, "commit", "-q", "-m", "deep")
    session = tmp_path / "session"
    try:
        git(checkout, "checkout", "-q", "--", ".")
        clone = make_clone(find_repository(checkout), session / "workspace", BRANCH, (os.geteuid(), os.getegid()))
        assert (clone.path / ("a/" * 1500) / "deepest").read_bytes() == (checkout / "README").read_bytes()
        assert os.listdir(session) == ["workspace"]
    finally:  # too deep for pytest's own cleaning
        assert remove_tree(session)
        assert remove_tree(checkout / "a")


def test_names_that_no_repository_holds_stay_behind_and_are_told(checkout: Path, tmp_path: Path) -> None:
    for name in ("git~1", "\x1b[2J.GIT", "a/.gIt "):
        write(checkout, name, "x")
    clone = cloned(checkout, tmp_path)
    assert clone.left == ("a/.gIt , git~1, that git refuses to store",)
    assert "\x1b[2J.GIT" in tracked(clone.path)


def test_what_stays_behind_is_told_by_reason(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "config", "filter.lfs.clean", "cat")
    write(checkout, ".gitattributes", "*.bin filter=lfs\n")
    for number in range(5):
        write(checkout, f"{number}.bin", "large")
    write(checkout, "new\nline.bin", "large")
    git(checkout, "init", "-q", "inner")
    commit(checkout / "inner", "of its own")
    clone = cloned(checkout, tmp_path)
    assert clone.left == (
        "0.bin, 1.bin, 2.bin and 3 more, under a filter program like Git LFS",
        "inner/, a repository of its own",
    )


UNREADABLE = """
import sys
from pathlib import Path
from containers.workspace import find_repository, make_clone
clone = make_clone(find_repository(Path(sys.argv[1])), Path(sys.argv[2]), "b", None)
print(*clone.left, (clone.path / "README").read_text(), sep="|")
"""


def test_files_that_the_user_can_not_read_stay_as_they_were(checkout: Path, tmp_path: Path) -> None:
    """In a namespace where not even root may read everything."""
    write(checkout, "README", "changed\n").chmod(0)
    write(checkout, "secret", "x").chmod(0)
    write(checkout, "closed/inside", "x")
    (checkout / "closed").chmod(0)
    nobody = ("bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL", "--dev-bind", "/", "/")
    argv = [*nobody, sys.executable, "-c", UNREADABLE, str(checkout), str(tmp_path / "workspace")]
    told = subprocess.run(argv, capture_output=True, text=True, check=False)
    (checkout / "closed").chmod(0o755)
    assert told.stdout == "closed/, README, secret, that can't be read|one\n\n", told.stderr


def test_a_pipe_that_git_would_read_ends_in_time(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay, "STATUS_TIMEOUT_S", 0.5)
    os.mkfifo(checkout / "src" / ".gitignore")
    with pytest.raises(RepositoryError, match="git status did not end in"):
        cloned(checkout, tmp_path)


def test_a_sparse_checkout_loses_nothing(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "sparse-checkout", "set", "--no-cone", "README")
    assert not (checkout / "src").exists()
    before = state(checkout)
    clone = cloned(checkout, tmp_path)
    assert tracked(clone.path) == tracked(checkout)
    write(clone.path, "src/new.go", "package main\n")
    fetch(checkout, clone, commit(clone.path, "work"))
    assert tracked(checkout, BRANCH) == {*tracked(checkout), "src/new.go"}
    assert state(checkout) == before


def test_a_directory_whose_name_holds_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines\n" / "-dash"
    path.mkdir(parents=True)
    git(path, "init", "-q")
    write(path, "a", "x")
    commit(path, "one")
    assert find_repository(path).root == path
    clone = make_clone(find_repository(path), tmp_path / "work\nspace", BRANCH, None)
    write(clone.path, "b", "x")
    fetch(path, clone, commit(clone.path, "work"))
    assert tracked(path, BRANCH) == {"a", "b"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


@only_root
def test_a_full_disk_is_told_and_costs_nothing(checkout: Path, small_disk: Path, tmp_path: Path) -> None:
    full = small_disk / "checkout"
    git(tmp_path, "clone", "-q", f"file://{checkout}", str(full))
    clone = cloned(full, tmp_path)
    (clone.path / "new").write_bytes(os.urandom(1 << 20))
    wanted = commit(clone.path, "work")
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(8 << 20))
    before = state(full)
    with pytest.raises(RepositoryError, match=r"git fetch: .*[Nn]o space left|unpack|index-pack|write error"):
        fetch(full, clone, wanted)
    with pytest.raises(RepositoryError, match=r"No space left|can't be made"):
        make_clone(find_repository(full), small_disk / "session", BRANCH, None)
    assert state(full) == before
    filler.unlink()
    fetch(full, clone, wanted)
    assert git(full, "rev-parse", BRANCH) == wanted


@pytest.mark.slow
def test_a_hundred_thousand_files_and_a_very_large_one(tmp_path: Path) -> None:
    path = tmp_path / "large"
    git(tmp_path, "init", "-q", "--initial-branch=main", str(path))
    blob = "blob\nmark :1\ndata 2\nx\n\ncommit refs/heads/main\ncommitter a <a@b> 1700000000 +0000\ndata 3\nbig\n"
    names = "".join(f"M 100644 :1 {number % 100}/{number % 1000}/{number}\n" for number in range(100_000))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=path, input=(blob + names).encode(), check=True)
    git(path, "sparse-checkout", "set", "--no-cone", "/0/0/")  # the test's own files need not be there twice
    git(path, "reset", "-q", "--hard", "main")
    (path / "huge").touch()
    os.truncate(path / "huge", 1 << 30)
    clone = cloned(path, tmp_path)
    assert clone.uncommitted == 1
    assert len(tracked(clone.path)) == 100_001
    assert (clone.path / "huge").stat().st_size == 1 << 30
    write(clone.path, "new", "x")
    fetch(path, clone, commit(clone.path, "work"))
    assert git(path, "diff", "--name-only", "main", BRANCH) == "huge\nnew"
