"""What the user has decided about each repository: which of its files may steer Bactrian, which hosts it may reach.

Kept under the state directory, not in the user's settings: a program writes it, and it is about paths of this host.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from agent.errors import UserError
from containers.caches import repository_caches
from containers.private_folder import make_private

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The decisions about one repository; none of them come from the repository itself."""

    repository: str
    """Its real path."""
    trusted: Mapping[str, str] = field(default_factory=dict[str, str])
    """SHA-256, in hexadecimal, of the files that may steer Bactrian, by their paths in the repository."""
    network_allow: tuple[str, ...] = ()
    """Hosts that its sessions may reach besides those that every session may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Projects:
    """A folder with a file for each repository, named by its real path; made when needed."""

    folder: Path

    def load(self, repository: Path) -> Project:
        """Return what was decided about the checkout at `repository`; nothing, where nothing was.

        Raises UserError: the file can't be read, or isn't what was written.
        """
        path = self._path(repository)
        nothing = Project(repository=os.path.realpath(repository))
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return nothing
        except OSError as error:
            raise UserError(f"{path}: can't be read: {error.strerror}") from error
        try:
            found, directory = _decode(data)
        except (ValueError, RecursionError):
            raise UserError(f"{path}: damaged, or of a newer Bactrian: remove it, and you are asked again") from None
        if found.repository != nothing.repository:
            return nothing
        # What steers is known by its bytes; hosts were allowed for what lay here, which may be another's by now.
        return found if directory == repository_caches(repository) else replace(found, network_allow=())

    def change(self, repository: Path, change: Callable[[Project], Project]) -> Project:
        """Put what `change` makes of the decisions in their place, and return it; it is on the disk by then.

        Two at once come one after the other: `change` gets what is kept now, which may be newer than what was loaded,
        and must not wait for anything. Raises UserError: the file can't be read or written; what `change` raises.
        """
        path = self._path(repository)
        try:
            make_private(self.folder)
            with _alone(path.with_suffix(".lock")):
                changed = change(self.load(repository))
                _replace(path, _encode(changed, repository_caches(repository)))
        except OSError as error:
            raise UserError(f"{path}: can't be written: {error.strerror}") from error
        return changed

    def _path(self, repository: Path) -> Path:
        name = hashlib.sha256(os.fsencode(os.path.realpath(repository))).hexdigest()[:12]
        return self.folder / f"{name}.json"


def _encode(project: Project, directory: str) -> bytes:
    table = {
        "version": _VERSION,
        "repository": project.repository,
        "directory": directory,
        "trusted": dict(sorted(project.trusted.items())),
        "network_allow": project.network_allow,
    }
    return json.dumps(table, indent=2).encode() + b"\n"


def _decode(data: bytes) -> tuple[Project, object]:
    """Return the decisions, and what the directory is known by that they are about. Raises ValueError."""
    table = json.loads(data)
    if not isinstance(table, dict) or cast("dict[str, Any]", table).get("version") != _VERSION:
        raise ValueError
    entries = cast("dict[str, object]", table)
    trusted, hosts = entries.get("trusted"), entries.get("network_allow")
    if not isinstance(trusted, dict) or not isinstance(hosts, list):
        raise ValueError
    pairs = cast("dict[str, object]", trusted).items()
    project = Project(
        repository=_text(entries.get("repository")),
        trusted={name: _text(digest) for name, digest in pairs},
        network_allow=tuple(_text(host) for host in cast("list[object]", hosts)),
    )
    return project, entries.get("directory")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


@contextmanager
def _alone(lock: Path) -> Generator[None]:
    """Hold a file's lock, which the kernel takes back even from a process that was killed."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes) -> None:
    """Put a file in the place of another, so that after a power cut one of the two is there whole."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
