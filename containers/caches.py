"""Whose the caches are: a repository's own, known by its directory's birth, or a session's, gone with it.

What a build leaves in a cache is believed by the next one. So no repository may come by the caches of another, not even
one that lies where that has been; and nothing of a cache is ever shared between two.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
from pathlib import Path
from typing import Literal

from containers.labels import process_name

Caches = Literal["repository", "session"]
"""Whether caches are kept for the next session in the repository, or made empty and removed with their container."""

VOLUME = "bactrian-cache-"
"""How the names of volumes begin that hold caches."""
FOLDER = "repositories"
"""Where in Bactrian's cache directory the caches of sandboxes without an engine lie."""


def repository_caches(common: Path) -> str:
    """Return twelve hexadecimal digits that name a repository's caches; `common` is its `Repository.common`.

    They go with the directory when it is moved within its file system, and linked worktrees share them. A copy, a clone
    and whatever comes to lie at the same path have others. Raises nothing.
    """
    try:
        number = os.stat(common).st_ino
    except OSError:
        return _digest(b"gone", os.fsencode(common))
    if born := _birth(common):
        return _digest(b"born", f"{number} {born}".encode())
    # Inode numbers are used again at once; with the path it is as good as can be had.
    return _digest(b"at", str(number).encode(), os.fsencode(os.path.realpath(common)))


def session_caches() -> str:
    """Return a name for caches that only one container will have; it says whose they are (`containers.labels`)."""
    return f"{process_name()}-{secrets.token_hex(4)}"


def _birth(path: Path) -> str:
    """Return when a directory was made, in seconds with their fractions; empty where the file system keeps no record.

    No program can set this time, as an archive sets others. Python has no call for it.
    """
    try:
        told = subprocess.run(["stat", "--format=%.9W", "--", path], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    return told.strip() if told.strip("0.\n") else ""


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
