"""The object files of a clone, taken where commands inside may be swapping paths at that very moment."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Generator
from pathlib import Path

from containers.git import RepositoryError

_FOLDERS = re.compile(r"[0-9a-f]{2}")
_LOOSE = re.compile(r"[0-9a-f]{38}(?:[0-9a-f]{24})?")
_PACKED = re.compile(r"pack-[0-9a-f]+\.(?:pack|idx)")
_ATTEMPTS = 3
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def take_objects(clone: Path, target: Path) -> None:
    """Give `target`, a directory of ours, the clone's object files: second names, or copies where there can be none.

    No link on the way is followed and no other file of `.git` is looked at, so nothing outside the clone comes along
    whatever is swapped meanwhile. What git inside packs meanwhile is found.

    Raises RepositoryError: there is no such directory, or what lies in a file's place is none.
    """
    try:
        with _opened(clone) as top, _opened(".git", top) as store, _opened("objects", store) as objects:
            for name in os.listdir(objects):
                if _FOLDERS.fullmatch(name):
                    with _opened(name, objects) as folder:
                        _take(folder, _LOOSE, target / name)
            # After the loose ones: what is packed meanwhile is in a pack before it is loose no more.
            with contextlib.suppress(FileNotFoundError), _opened("pack", objects) as folder:
                for _ in range(_ATTEMPTS):
                    if _take(folder, _PACKED, target / "pack"):
                        break
    except OSError as error:
        raise RepositoryError(
            f"the clone's objects can't be read ({error.strerror}); the files lie in {clone}"
        ) from error


@contextlib.contextmanager
def _opened(path: Path | str, within: int | None = None) -> Generator[int]:
    descriptor = os.open(path, _FOLDER, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _take(folder: int, wanted: re.Pattern[str], target: Path) -> bool:
    """Take the files of a folder; whether all that were listed were still there."""
    target.mkdir(exist_ok=True)
    complete = True
    for name in os.listdir(folder):
        if wanted.fullmatch(name) and not (target / name).exists():
            try:
                _take_file(folder, name, target / name)
            except FileNotFoundError:
                complete = False
    return complete


def _take_file(folder: int, name: str, target: Path) -> None:
    try:
        os.link(name, target, src_dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except (OSError, NotImplementedError):  # another file system or user, or a system without such links
        with open(os.open(name, _FILE, dir_fd=folder), "rb") as source:
            about = os.fstat(source.fileno())
            _require_file(about, name)
            if (
                about.st_size > shutil.disk_usage(target.parent).free // 2
            ):  # one with holes may look as large as it likes
                raise RepositoryError(f"the clone's objects/…/{name} is too large to be copied") from None
            with target.open("xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
    _require_file(target.lstat(), name)


def _require_file(about: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise RepositoryError(f"the clone was tampered with, objects/…/{name} is no file")
