"""Containers of both kinds to measure, on a workspace of their own."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

from agent.config import locations
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.docker import DockerContainer, DockerSpec, connect, session_user
from containers.gate import Gate, OpenGate
from containers.images import ensure_image
from containers.recipe import recipe
from containers.rootfs import ensure_rootfs
from containers.supervised import SupervisedContainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandboxes:
    """What is needed to start containers: made and warm, so that only the start itself is measured."""

    image: str
    rootfs: Path
    workspace: Path
    cache: Path
    volume: str
    gate: Gate = field(default_factory=lambda: OpenGate("proxy.golang.org"))

    @property
    def starts(self) -> dict[str, Callable[[], Awaitable[SupervisedContainer]]]:
        """How each kind is started."""
        return {"docker": self.docker, "bubblewrap": self.bubblewrap}

    async def docker(self) -> SupervisedContainer:
        spec = DockerSpec(image=self.image, workspace=self.workspace, cache_volume=self.volume, gate=self.gate)
        return await DockerContainer.start(spec)

    async def bubblewrap(self) -> SupervisedContainer:
        spec = BubblewrapSpec(workspace=self.workspace, cache=self.cache, root=self.rootfs, gate=self.gate)
        return await BubblewrapContainer.start(spec)


@contextlib.contextmanager
def sandboxes() -> Generator[Sandboxes]:
    """Make what containers need, and remove it."""
    volume = f"bactrian-bench-{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix="bactrian-bench-") as folder:
        workspace, cache = Path(folder, "workspace"), Path(folder, "cache")
        for path in (workspace, cache):
            path.mkdir()
            os.chown(path, *session_user())
        try:
            yield Sandboxes(
                image=ensure_image(recipe(), progress=print),
                rootfs=ensure_rootfs(recipe(), locations().cache, progress=print),
                workspace=workspace,
                cache=cache,
                volume=volume,
            )
        finally:
            with contextlib.closing(connect()) as client:
                client.volumes.create(volume).remove(force=True)


@contextlib.asynccontextmanager
async def started(start: Callable[[], Awaitable[SupervisedContainer]]) -> AsyncGenerator[SupervisedContainer]:
    """Start a container and close it."""
    async with await start() as container:
        yield container
