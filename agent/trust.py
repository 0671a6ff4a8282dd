"""The files with which a repository would steer Bactrian: found, read once without following a link, compared.

What a session uses are the bytes that were read here and that a person has trusted; nothing reads those files again.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from agent.config import PROJECT_FILE
from agent.errors import UserError
from agent.projects import Project, Projects
from containers.git import git
from tools.steering import FOLDERS, RULES
from tools.text import decode

DOCKERFILE = ".bactrian/Dockerfile"

LARGEST_BYTES = 256 << 10
"""Of a file that steers."""
MOST_FILES = 200
"""A repository with more of them steers with the outermost only."""
_MOST_ENTRIES = 5_000
"""How many of what lies in the folders is looked at."""
_DEEPEST = 16
_LISTING_TIMEOUT_S = 60.0
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

Steering = Mapping[str, bytes]
"""Contents by path: of the files that may steer a session, as they were when a person looked at them."""

Standing = Literal["trusted", "changed", "new"]


@dataclass(frozen=True, kw_only=True)
class SteeringFile:
    """A file that would steer. Its path may hold any character."""

    path: str
    data: bytes

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    def standing(self, project: Project) -> Standing:
        """Whether exactly these bytes are trusted, others were, or none."""
        known = project.trusted.get(self.path)
        if known is None:
            return "new"
        return "trusted" if known == self.digest else "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Something in the place of such a file that never steers, whoever trusts it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that a repository has of them."""

    files: tuple[SteeringFile, ...] = ()
    refused: tuple[Refused, ...] = ()
    left_out: int = 0
    """How many there are beyond `MOST_FILES`: they steer nothing."""

    def untrusted(self, project: Project) -> tuple[SteeringFile, ...]:
        """Return those that are new or have changed since they were trusted."""
        return tuple(file for file in self.files if file.standing(project) != "trusted")

    def steering(self, trusted: Sequence[SteeringFile] | None = None) -> Steering:
        """Return the contents of the files that were trusted; without an argument those of all."""
        return {file.path: file.data for file in (self.files if trusted is None else trusted)}


def find(root: Path) -> Found:
    """Read the files of the user's checkout at `root` that would steer Bactrian.

    Links are refused, as is whatever else is no plain file or too large. What git ignores counts only in the folders
    that are for nothing else. Raises RepositoryError (git fails), UserError (the checkout can't be read).
    """
    try:
        descriptor = os.open(root, _FOLDER)
    except OSError as error:
        raise UserError(f"{root} can't be read: {error.strerror}") from error
    try:
        paths = [path for folder in FOLDERS for path in _folder(descriptor, folder)]
        paths += sorted(set(_listed(root)) - set(paths), key=_outermost)
        return _read_all(descriptor, paths)
    finally:
        os.close(descriptor)


def remember(projects: Projects, root: Path, files: Sequence[SteeringFile]) -> None:
    """Keep that these bytes are trusted. Raises UserError."""
    digests = {file.path: file.digest for file in files}
    projects.change(root, lambda project: replace(project, trusted={**project.trusted, **digests}))


def settings_of(root: Path, steering: Steering) -> tuple[Path, bytes] | None:
    """Return the project's settings as `agent.config.load` takes them."""
    data = steering.get(PROJECT_FILE.as_posix())
    return None if data is None else (root / PROJECT_FILE, data)


def rules_of(steering: Steering) -> tuple[str, str]:
    """Return the file at the root that tells agents how to work, and its text; empty ones where there is none."""
    for name in RULES:
        if name in steering and (decoded := decode(steering[name])):
            return name, decoded.shown
    return "", ""


def _outermost(path: str) -> tuple[int, str]:
    return path.count("/"), path


def _listed(root: Path) -> Iterator[str]:
    """The rules, in whatever folder, that git knows or would take up."""
    patterns = (f":(top,glob)**/{name}" for name in RULES)
    question = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns)
    listed = git(root, *question, user_config=True, timeout_s=_LISTING_TIMEOUT_S).stdout
    return (path for path in listed.split("\0") if path)


def _folder(root: int, folder: str) -> list[str]:
    """The paths of all that lies in a folder, outermost first; of the folder itself where it is none."""
    try:
        with _beneath(root, folder.split("/")) as descriptor:
            found = _entries(descriptor, folder, depth=0)
            paths = [path for path, _ in zip(found, range(_MOST_ENTRIES), strict=False)]
            return sorted(paths, key=_outermost)
    except FileNotFoundError:
        return []
    except OSError:
        return [folder]


def _entries(descriptor: int, folder: str, depth: int) -> Iterator[str]:
    with os.scandir(descriptor) as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}"
            if entry.is_dir(follow_symlinks=False) and depth < _DEEPEST:
                try:
                    with _beneath(descriptor, [entry.name]) as inside:
                        yield from _entries(inside, path, depth + 1)
                except OSError:
                    yield path
            else:
                yield path


def _read_all(root: int, paths: Sequence[str]) -> Found:
    files: list[SteeringFile] = []
    refused: list[Refused] = []
    for path in paths[:MOST_FILES]:
        try:
            files.append(SteeringFile(path=path, data=_read(root, path)))
        except FileNotFoundError:  # git still knows it
            continue
        except _NotPlain as problem:
            refused.append(Refused(path=path, reason=str(problem)))
        except OSError as error:
            refused.append(Refused(path=path, reason=_reason(error)))
    return Found(files=tuple(files), refused=tuple(refused), left_out=max(0, len(paths) - MOST_FILES))


def _reason(error: OSError) -> str:
    link = error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)
    return "behind a symbolic link" if link else f"can't be read: {error.strerror}"


class _NotPlain(Exception):
    """Nothing to read; the message says what it is."""


def _read(root: int, path: str) -> bytes:
    """Read a plain file. Raises _NotPlain, OSError; nothing else is ever opened."""
    *folders, name = path.split("/")
    with _beneath(root, folders) as folder:
        _require_plain(os.stat(name, dir_fd=folder, follow_symlinks=False))
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with open(os.open(name, flags, dir_fd=folder), "rb") as file:
            _require_plain(os.fstat(file.fileno()))
            data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise _NotPlain(_TOO_LARGE)
    return data


_TOO_LARGE = f"larger than {LARGEST_BYTES >> 10} KiB"


def _require_plain(found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise _NotPlain("a symbolic link")
    if not stat.S_ISREG(found.st_mode):
        raise _NotPlain("not a plain file")
    if found.st_size > LARGEST_BYTES:
        raise _NotPlain(_TOO_LARGE)


@contextmanager
def _beneath(root: int, folders: Sequence[str]) -> Generator[int]:
    """Open a folder step by step, so that no link on the way is followed. Raises OSError."""
    descriptor = os.dup(root)
    try:
        for name in folders:
            inside = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inside
        yield descriptor
    finally:
        os.close(descriptor)
