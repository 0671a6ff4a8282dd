"""The user's uncommitted changes, brought into a clone: copied, staged, seen by no filter program of theirs."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

from containers.git import git
from containers.repository import Repository


def overlay(repository: Repository, path: Path) -> int:
    """Bring files that differ from the head into the clone at `path` and stage them; return how many.

    Ignored files stay behind, and so do files under a filter (Git LFS): what is committed of them is a stand-in
    that only the filter can make. A conflicted file comes with its markers.

    Raises RepositoryError, OSError.
    """
    names = _changed(repository)
    taken = [name for name in names if _bring(repository.root, path, Path(name))]
    if not taken:
        return 0
    listed = "".join(f"{name}\0" for name in taken)
    line_ends = repository.settings.get("core.autocrlf", "false").lower() not in ("", "false", "no", "off", "0")
    modes = repository.settings.get("core.filemode", "true").lower()
    reading = ("-c", f"core.autocrlf={'input' if line_ends else 'false'}", "-c", f"core.fileMode={modes}")
    git(path, *reading, "update-index", "-z", "--add", "--remove", "--replace", "--stdin", stdin=listed)
    if line_ends or modes == "false":
        # The clone knows neither setting: its files have to be what is staged.
        git(path, "checkout-index", "--quiet", "--force", "--index", "-z", "--stdin", stdin=listed, check=False)
    return len(taken)


def _changed(repository: Repository) -> list[str]:
    filters = {name.split(".", 1)[1].rsplit(".", 1)[0] for name in repository.settings if name.startswith("filter.")}
    without = [
        word
        for name in sorted(filters)
        for setting in ("clean=", "process=", "required=false")
        for word in ("-c", f"filter.{name}.{setting}")
    ]
    options = ("--porcelain=v2", "-z", "--untracked-files=all", "--ignore-submodules=all", "--no-renames")
    told = git(repository.root, *without, "status", *options, user_config=True).stdout
    names = sorted({_name(entry) for entry in told.split("\0") if entry[:2] in ("1 ", "u ", "? ")})
    if not filters or not names:
        return names
    listed = "".join(f"{name}\0" for name in names)
    answer = git(repository.root, "check-attr", "-z", "--stdin", "filter", stdin=listed, user_config=True).stdout
    fields = answer.split("\0")
    filtered = {name for name, value in zip(fields[::3], fields[2::3], strict=False) if value in filters}
    return [name for name in names if name not in filtered]


def _name(entry: str) -> str:
    """Return the path of a line of `git status --porcelain=v2`."""
    return entry.split(" ", {"1": 8, "u": 10, "?": 1}[entry[0]])[-1]


def _bring(root: Path, path: Path, name: Path) -> bool:
    """Make the clone's file what the checkout's is, or remove it; whether that is to be staged.

    A directory is a submodule or a repository inside this one, and stays behind, unless a file gave way to it.
    What lay in a directory that a file or link took the place of went with it.
    """
    source, target = root / name, path / name
    here = source.lstat().st_mode if not _through_link(root, name) and _lexists(source) else 0
    if stat.S_ISDIR(here) and (not _lexists(target) or _is_folder(target)):
        return False
    comes = stat.S_ISREG(here) or stat.S_ISLNK(here)
    # Nothing may be written or removed through a link that the head has where the checkout has a directory.
    for parent in reversed(name.parents[:-1]):
        if comes:
            _remove(path / parent, keep_folder=True)
        elif not _is_folder(path / parent):
            return False
    _remove(target)
    if comes:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    return True


def _through_link(root: Path, name: Path) -> bool:
    return any((root / parent).is_symlink() for parent in name.parents[:-1])


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _lexists(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _remove(path: Path, keep_folder: bool = False) -> None:
    """Remove whatever is there, but for a folder that is to be kept."""
    if not _lexists(path) or (keep_folder and _is_folder(path)):
        return
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink()
