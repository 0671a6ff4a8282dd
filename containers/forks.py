"""What a fork has of its own on the host: layers over the original's workspace and caches, by overlayfs or by copying.

What a fork writes goes to an upper layer in a folder of its own; the original's files lie below and are never changed.
Whoever has mounted the layers (an engine, or a sandbox in a mount namespace of its own) unmounts them with the fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from containers.base import CACHE, WORKSPACE, Container, ContainerUnavailable
from containers.labels import process_name
from containers.removal import remove_tree

ORIGIN = "/tmp/bactrian-origin"
"""Where a fork that has to copy finds the original's folders, to be read only."""

Way = Literal["volatile", "durable", "copy"]
"""Layers that are never synced to the disk, layers that are when they are unmounted, or a copy. The best comes first.

Without root, what a volatile mount of an engine leaves in its work folder can't be removed.
"""

_COPY_TIMEOUT_S = 600.0
_LONGEST_OPTIONS = 4000
"""The kernel takes a page of them."""

_COPY = """
for place in "$@"; do cp -a --reflink=auto "$0$place/." "$place/"; done
"""

Started = TypeVar("Started")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """One place of a fork, `/workspace` or `/cache`."""

    folder: Path
    lowers: tuple[str, ...]
    """Paths on the mounting kernel's host, the topmost first; for a copy by an engine, a volume's name."""

    @property
    def upper(self) -> Path:
        """What the fork wrote; in a copy, everything."""
        return self.folder / "upper"

    @property
    def merged(self) -> Path:
        """An empty folder to mount the layers on."""
        return self.folder / "merged"

    def shown(self, *, copied: bool) -> tuple[str, ...]:
        """Return the layers of a fork of this."""
        return (str(self.upper), *(() if copied else self.lowers))

    def options(self) -> str:
        """Return the layers as overlayfs's mount options."""
        return self._joined([_escaped(path) for path in self.lowers], str(self.folder))

    def relative_options(self) -> str:
        """Return the same for a mount from the fork's folder: whatever characters the layers' paths contain."""
        name = self.folder.name
        return self._joined([f"{name}/lower{number}" for number in range(len(self.lowers))], name)

    def _joined(self, lowers: list[str], folder: str) -> str:
        own = _escaped(folder)
        options = f"lowerdir={':'.join(lowers)},upperdir={own}/upper,workdir={own}/work"
        if len(options) > _LONGEST_OPTIONS:
            raise ContainerUnavailable(f"forks can't go deeper: there are {len(lowers)} layers below this one")
        return options

    def make(self, owner: tuple[int, int] | None) -> None:
        """Make the folders, `upper` for the user inside. Raises OSError."""
        for name in ("upper", "work", "merged"):
            (self.folder / name).mkdir(parents=True)
        self.upper.chmod(0o755)
        if owner:
            os.chown(self.upper, *owner)
        for number, path in enumerate(self.lowers):
            (self.folder / f"lower{number}").symlink_to(path)


@dataclass(slots=True, kw_only=True, eq=False)
class Fork:
    """A fork's folder. It stays while forks of the fork live, whose lower layer it is."""

    folder: Path
    way: Way
    workspace: Layers
    cache: Layers | None
    """None: the original's caches are its own too."""
    parent: Fork | None = None
    discarded: bool = False
    children: int = 0

    @property
    def places(self) -> tuple[tuple[str, Layers], ...]:
        """Where the fork has layers of its own."""
        return (WORKSPACE, self.workspace), *(((CACHE, self.cache),) if self.cache else ())

    async def discard(self) -> list[Path]:
        """Remove what the fork wrote, now or with the last fork of it. Raises nothing; may be called twice.

        Returns the folders of which something is left: an engine's root may have been using their `work` folders.
        """
        if self.discarded:
            return []
        self.discarded = True
        return await asyncio.to_thread(remove_folders, self._unused())

    def _unused(self) -> list[Path]:
        """Return the folders that nobody needs any more: this one's, and those that were kept for it alone."""
        if not self.discarded or self.children:
            return []
        if self.parent is None:
            return [self.folder]
        self.parent.children -= 1
        return [self.folder, *self.parent._unused()]


@dataclass(slots=True, kw_only=True)
class Origin:
    """A container that can be forked."""

    forks: Path
    """Where forks keep what they write: a folder of the host, best on the workspace's file system."""
    workspace: tuple[str, ...]
    cache: tuple[str, ...]
    """Their layers, the topmost first."""
    copied_cache: str
    """The cache for a copy: a path, or an engine's volume by its name."""
    owner: tuple[int, int] | None
    """Whom a fork's files must belong to; None where that is the host's user anyway."""
    ways: tuple[Way, ...]
    tell: Callable[[str], None]
    """Called with a line where forks have to be copies."""
    parent: Fork | None = None
    """The container is itself this fork."""

    def below(self, fork: Fork) -> None:
        """Let forks lie upon this fork. What lies in layers can't be copied, so those must be layers too."""
        self.parent = fork
        self.ways = (fork.way,)
        self.workspace = fork.workspace.shown(copied=fork.way == "copy")
        if fork.cache:
            self.cache = fork.cache.shown(copied=fork.way == "copy")
            self.copied_cache = self.cache[0]

    async def start(self, start: Callable[[Fork], Awaitable[Started]], *, own_caches: bool) -> Started:
        """Make a fork's folder and start a container on it, in the best way that can be had here.

        Raises ContainerUnavailable, and what `start` raises; the folder is then gone.
        """
        if not own_caches and self.parent and self.parent.cache:
            raise ContainerUnavailable("a fork with caches of its own can't share them with a fork of it")
        refusal = ""
        for way in self.ways:
            fork = await self._make(way, own_caches=own_caches)
            try:
                started = await start(fork)
            except BaseException as error:
                await fork.discard()
                if not isinstance(error, ContainerUnavailable) or way == self.ways[-1]:
                    raise
                refusal = refusal or str(error)
            else:
                if refusal and way == "copy":
                    self.tell(f"forks copy all files, which takes its time; layers can't be had here: {refusal}")
                self.ways = self.ways[self.ways.index(way) :]
                return started
        raise ContainerUnavailable("there is no way to fork this container")

    async def _make(self, way: Way, *, own_caches: bool) -> Fork:
        folder = self.forks / f"{process_name()}-{secrets.token_hex(4)}"
        cache = (self.copied_cache,) if way == "copy" else self.cache
        fork = Fork(
            folder=folder,
            way=way,
            workspace=Layers(folder=folder / "workspace", lowers=self.workspace),
            cache=Layers(folder=folder / "cache", lowers=cache) if own_caches else None,
            parent=self.parent,
        )
        if self.parent:
            self.parent.children += 1
        making = asyncio.ensure_future(asyncio.to_thread(_make_folders, fork, self.owner))
        try:
            await asyncio.shield(making)
        except BaseException as error:
            await asyncio.gather(making, return_exceptions=True)
            await fork.discard()
            if isinstance(error, OSError):
                raise ContainerUnavailable(f"a fork can't be kept in {self.forks}: {error.strerror}") from error
            raise
        return fork


async def settle(container: Container, fork: Fork) -> None:
    """See to it that a fork that has just started shows what its original does. Raises ContainerUnavailable."""
    places = [target for target, _ in fork.places]
    if fork.way == "copy":
        copy = ["sh", "-ec", _COPY, ORIGIN, *places]
        result = await container.exec(copy, cwd="/", timeout_s=_COPY_TIMEOUT_S, merge_stderr=True)
        if result.exit_code:
            said = result.stdout.text().strip().splitlines()
            raise ContainerUnavailable(f"the fork can't be copied: {said[-1] if said else 'no time left'}")
        return
    # An engine that does not know the options would show empty folders.
    layered = rf"^\S+ \S+ \S+ \S+ ({'|'.join(places)}) .* - overlay "
    result = await container.exec(["grep", "-cE", layered, "/proc/self/mountinfo"], cwd="/")
    if result.stdout.text().strip() != str(len(places)):
        raise ContainerUnavailable("the fork's layers were not mounted")


def remove_forks_of(process: str, forks: Path) -> None:
    """Remove the folders that a process (`containers.labels.process_name`) has left in `forks`. Raises nothing."""
    remove_folders([folder for folder in forks.glob(f"{process}-*") if not folder.is_symlink()])


def _make_folders(fork: Fork, owner: tuple[int, int] | None) -> None:
    fork.folder.parent.mkdir(parents=True, exist_ok=True)
    fork.folder.mkdir(mode=0o700)
    fork.workspace.make(owner)
    if fork.cache:
        fork.cache.make(owner)


def remove_folders(folders: list[Path]) -> list[Path]:
    """Remove forks' folders whatever is in them; return those that are not quite gone. Raises nothing."""
    for folder in folders:
        for work in folder.glob("*/work/work"):
            with contextlib.suppress(OSError):
                work.rmdir()  # the engine's root made it; whoever owns the folder around it may remove it, if empty
        remove_tree(folder)
    for parent in {folder.parent for folder in folders}:
        with contextlib.suppress(OSError):
            parent.rmdir()
    return [folder for folder in folders if folder.exists()]


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
