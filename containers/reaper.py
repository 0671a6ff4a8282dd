"""Removes what Bactrian processes have left that were killed: containers, volumes, half-made folders.

A process is known as alive by a file that it holds locked (`registered`): the kernel lets go of it when the process
ends in whatever way, so neither a reused process number nor a reboot misleads. What a process makes carries its name
(`containers.labels`). Where nobody was killed a start reads one directory and asks no engine.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from containers.base import ContainerUnavailable
from containers.forks import remove_forks_of
from containers.labels import OWNER, PROCESS, process_name
from containers.removal import remove_tree

if TYPE_CHECKING:
    import docker

PATIENCE_S = 7 * 24 * 3600.0
"""How long the dead are remembered while no engine answers that might hold something of theirs."""


@contextlib.contextmanager
def registered(folder: Path) -> Generator[None]:
    """Be known as alive in `folder` (made if need be) until the end, however it comes. Raises OSError.

    What this process has in an engine goes with it. If the engine does not answer then, it counts as killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / process_name()
    # Locked under another name first: nobody may find it free.
    part = path.with_name(f".{path.name}")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        part.rename(path)
        yield
    finally:
        if "docker" not in sys.modules or _remove_from_engine(process_name()):
            path.unlink(missing_ok=True)
        os.close(descriptor)


def reap(folder: Path, cache: Path) -> int:
    """Remove what processes registered in `folder` have left that are gone; return how many there were.

    `cache` is Bactrian's cache directory. Of processes registered elsewhere, or alive, nothing is touched; sessions'
    clones never are. Without an engine the rest is removed and the dead are looked at again next time. Raises nothing.
    """
    count = 0
    for path in _registered(folder):
        with _dead(path) as dead:
            if dead:
                count += 1
                answered = _remove_from_engine(path.name)  # first: it may have mounted some of the folders
                _remove_folders(path.name, cache)
                if answered or time.time() - path.stat().st_mtime > PATIENCE_S:
                    path.unlink(missing_ok=True)
    return count


def _registered(folder: Path) -> list[Path]:
    try:
        # Patterns are made of these names: no other file that lies here may become one.
        return sorted(path for path in folder.iterdir() if PROCESS.fullmatch(path.name))
    except OSError:
        return []


@contextlib.contextmanager
def _dead(path: Path) -> Generator[bool]:
    """Hold the lock of a process that has gone; false if it is alive, or someone else clears up after it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield path.exists()
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _remove_folders(owner: str, cache: Path) -> None:
    for path in _folders(owner, cache):
        remove_tree(path)
    remove_forks_of(owner, cache / "forks")


def _folders(owner: str, cache: Path) -> Iterator[Path]:
    yield from Path(tempfile.gettempdir()).glob(f"bactrian-{owner}-*")
    for part in (cache / "rootfs").glob("*.part"):
        if is_free(part.with_name(part.name.removesuffix(".part") + ".lock")):
            yield part
            yield part.with_name(f"{part.name}-context")


def is_free(lock: Path) -> bool:
    """Whether nobody makes what the lock is for. Raises nothing."""
    with contextlib.suppress(OSError), lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    return False


def _remove_from_engine(owner: str) -> bool:
    """Remove a process's containers and volumes; false if no engine has answered for all of it."""
    import docker.errors

    from containers.docker import connect

    try:
        with contextlib.closing(connect()) as client:
            _remove_labelled(client, {"label": f"{OWNER}={owner}"})
    except (ContainerUnavailable, docker.errors.DockerException, OSError):
        return False
    return True


def _remove_labelled(client: docker.DockerClient, filters: dict[str, Any]) -> None:
    import docker.errors

    gone = (404, 409)  # 409: somebody is removing it just now
    for thing in (
        *client.containers.list(all=True, filters=filters, ignore_removed=True),
        *client.volumes.list(filters=filters),
    ):
        try:
            thing.remove(force=True)
        except docker.errors.APIError as error:
            if error.status_code not in gone:
                raise
