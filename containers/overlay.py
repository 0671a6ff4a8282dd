"""The user's uncommitted changes, brought into a clone: copied, staged, seen by no filter program of theirs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from containers.git import git
from containers.removal import remove_tree
from containers.repository import Repository

STATUS_TIMEOUT_S = 300.0

# Git cuts its line where the path is longer than any that the system opens.
_UNOPENED = re.compile(r"^warning: could not open directory '(.*?)(?:': [^']*)?$", re.MULTILINE)
_REFUSED = re.compile(r"(^|/)(\.git|git~\d+)[ .]*(/|$)", re.IGNORECASE)
"""Names that git takes into no index: on some other system they would be those of a repository's inside."""
_SHOWN = 80
_NAMED = 3
"""Names of what stays behind for one reason that are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """How many changed files have come, and a clause for each reason that others stay behind for."""

    files: int
    left: tuple[str, ...] = ()


def overlay(repository: Repository, path: Path) -> Brought:
    """Bring files that differ from the head into the clone at `path` and stage them.

    Ignored files stay behind, and so do files under a filter (Git LFS): what is committed of them is a stand-in
    that only the filter can make. So does what can't be read. A conflicted file comes with its markers.

    Raises RepositoryError, OSError.
    """
    changed = _changed(repository)
    taken: list[str] = []
    unreadable = list(changed.unopened)
    refused = [name for name in changed.names if _is_refused(repository.root, name)]
    for name in sorted({*changed.names} - {*refused}):
        try:
            if _bring(repository.root, path, Path(name)):
                taken.append(name)
        except _Unreadable:
            unreadable.append(name)
    left = (
        *_clause(changed.filtered, "under a filter program like Git LFS"),
        *_clause([name for name in changed.names if name.endswith("/")], "a repository of its own"),
        *_clause(unreadable, "that can't be read"),
        *_clause(refused, "that git refuses to store"),
    )
    if taken:
        _stage(repository, path, taken)
    return Brought(files=len(taken), left=left)


def _is_refused(root: Path, name: str) -> bool:
    return bool(_REFUSED.search(name)) or (name == ".gitmodules" and (root / name).is_symlink())


def _stage(repository: Repository, path: Path, names: Sequence[str]) -> None:
    listed = "".join(f"{name}\0" for name in names)
    line_ends = repository.settings.get("core.autocrlf", "false").lower() not in ("", "false", "no", "off", "0")
    modes = repository.settings.get("core.filemode", "true").lower()
    reading = ("-c", f"core.autocrlf={'input' if line_ends else 'false'}", "-c", f"core.fileMode={modes}")
    git(path, *reading, "update-index", "-z", "--add", "--remove", "--replace", "--stdin", stdin=listed)
    if line_ends or modes == "false":
        # The clone knows neither setting: its files have to be what is staged.
        for name in names:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.utime(
                    path / name, (0, 0), follow_symlinks=False
                )  # else git takes a file of the staged time for that
        git(path, "checkout-index", "--quiet", "--force", "--index", "-z", "--stdin", stdin=listed, check=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changed:
    names: Sequence[str]
    filtered: Sequence[str] = ()
    unopened: Sequence[str] = ()


class _Unreadable(Exception):
    """A file that this user may not read."""


def _changed(repository: Repository) -> _Changed:
    options = ("--porcelain=v2", "-z", "--untracked-files=all", "--ignore-submodules=all", "--no-renames")
    told = git(
        repository.root,
        "status",
        *options,
        user_config=True,
        settings=repository.muted,
        timeout_s=STATUS_TIMEOUT_S,
    )
    names = sorted({_name(entry) for entry in told.stdout.split("\0") if entry[:2] in ("1 ", "u ", "? ")})
    unopened = _UNOPENED.findall(told.stderr)
    filters = repository.named("filter")
    if not filters or not names:
        return _Changed(names=names, unopened=unopened)
    listed = "".join(f"{name}\0" for name in names)
    answer = git(repository.root, "check-attr", "-z", "--stdin", "filter", stdin=listed, user_config=True).stdout
    fields = answer.split("\0")
    filtered = {name for name, value in zip(fields[::3], fields[2::3], strict=False) if value in filters}
    kept = [name for name in names if name not in filtered]
    return _Changed(names=kept, filtered=sorted(filtered), unopened=unopened)


def _clause(names: Sequence[str], why: str) -> Iterator[str]:
    if names:
        shown = ", ".join(_shown(name) for name in names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"{shown}{more}, {why}"


def _shown(name: str) -> str:
    short = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
    return short if short.isprintable() else repr(short)


def _name(entry: str) -> str:
    """Return the path of a line of `git status --porcelain=v2`."""
    return entry.split(" ", {"1": 8, "u": 10, "?": 1}[entry[0]])[-1]


def _bring(root: Path, path: Path, name: Path) -> bool:
    """Make the clone's file what the checkout's is, or remove it; whether that is to be staged.

    A directory is a submodule or a repository inside this one, and stays behind, unless a file gave way to it.
    What lay in a directory that a file or link took the place of went with it. Raises _Unreadable, OSError.
    """
    source, target = root / name, path / name
    here = source.lstat().st_mode if not through_link(root, name) and _lexists(source) else 0
    if stat.S_ISDIR(here) and (not _lexists(target) or _is_folder(target)):
        return False
    comes = stat.S_ISREG(here) or stat.S_ISLNK(here)
    if stat.S_ISREG(here):
        _require_readable(source)
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


def _require_readable(source: Path) -> None:
    try:
        source.open("rb").close()
    except PermissionError as error:
        raise _Unreadable from error


def through_link(root: Path, name: Path) -> bool:
    """Whether a directory on the way from `root` to `name` is a link."""
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
        remove_tree(path)
    else:
        path.unlink()
