"""Remembers what is used of what is kept from session to session (caches, images, root file systems): by whom, when.

A file for each thing, which stays when the thing goes: it says whose it is, its time is that of the last use, and who
uses the thing holds it locked. The kernel lets go of it when that process ends, in whatever way.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Generator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

_FOLDER = "uses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The last use of a thing."""

    whose: str
    """A path of the host, or empty."""
    time_s: float
    """Since the epoch."""


def begin_use(kept: Path, name: str, whose: str = "") -> None:
    """Note that this process uses the thing `name` until it ends; `kept` is Bactrian's cache directory.

    Waits while somebody removes the thing. Raises OSError.
    """
    path = _path(kept, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _held(path)
    data = os.fsencode(whose)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)
    os.utime(descriptor)


def last_use(kept: Path, name: str) -> Use | None:
    """Return the last use that is known. Raises nothing."""
    path = _path(kept, name)
    try:
        return Use(whose=os.fsdecode(path.read_bytes()), time_s=path.stat().st_mtime)
    except OSError:
        return None


@contextlib.contextmanager
def unused(kept: Path, name: str) -> Generator[bool]:
    """Keep a thing from being used while it is removed; false if it is in use.

    Raises OSError.
    """
    path = _path(kept, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def is_used(kept: Path, name: str) -> bool:
    """Whether a process that lives uses it. Raises nothing."""
    try:
        descriptor = os.open(_path(kept, name), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _path(kept: Path, name: str) -> Path:
    return kept / _FOLDER / quote(name, safe="")


@cache
def _held(path: Path) -> int:
    """Return a descriptor of the file, locked together with others who use the thing; it stays open."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor
