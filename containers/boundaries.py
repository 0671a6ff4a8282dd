"""Whether a checkout's `.git` is its own: an unpacked archive may bring one that leads to the user's other files."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from containers.git import RepositoryError

_UNREAD = ("hooks", "modules", "lfs")
"""In `.git`, what Bactrian neither reads nor writes: links in there may lead anywhere. Submodules answer themselves."""


def require_own(root: Path, git_dir: Path, common: Path, work_tree: str) -> None:
    """Raise RepositoryError where git would read or write files that are no part of the repository at `root`.

    `git_dir` is where git has found it, `common` where its objects are, `work_tree` its `core.worktree`.
    """
    if not os.path.lexists(root / ".git"):
        raise RepositoryError(f"{git_dir} puts its files in {root}, which has no .git: Bactrian needs a plain checkout")
    if not _names(root, git_dir, work_tree):
        raise RepositoryError(
            f"{root}/.git leads to {git_dir}, which names another checkout or none: "
            f"if the two belong together, run `git -C {root} config core.worktree {root}`"
        )
    if not (_same(git_dir, common) or _same(git_dir.parent, common / "worktrees")):
        raise RepositoryError(f"{git_dir} leads to {common}, which does not know it: is that repository yours?")
    for path, what in _strange(common):
        raise RepositoryError(f"{path} is {what}: Bactrian does not use such a repository")


def _names(root: Path, git_dir: Path, work_tree: str) -> bool:
    """Whether the repository is the directory `.git`, or says itself that `root` is its checkout."""
    own = root / ".git"
    if not own.is_symlink() and own.is_dir():
        return _same(own, git_dir)
    if work_tree:
        return _same(git_dir / work_tree, root)
    try:
        back = os.fsdecode((git_dir / "gitdir").read_bytes()).removesuffix("\n")
    except OSError:
        return False
    return bool(back) and _same(git_dir / back, own)


def _strange(common: Path) -> Iterator[tuple[str, str]]:
    """Yield what leads out of the repository, and what reading would wait at for ever. Sockets are the monitor's."""
    inside = os.path.realpath(common) + os.sep
    unread = {str(common / name) for name in _UNREAD}
    ahead = [str(common)]
    while ahead:
        with contextlib.suppress(OSError), os.scandir(ahead.pop()) as entries:
            for entry in entries:
                if entry.path in unread or entry.is_file(follow_symlinks=False):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    ahead.append(entry.path)
                elif entry.is_symlink():
                    if not os.path.realpath(entry.path).startswith(inside):
                        yield entry.path, "a link that leads out of the repository"
                elif not stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode):
                    yield entry.path, "no file, but a pipe or a device"


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
