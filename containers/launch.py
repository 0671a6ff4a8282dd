"""Chooses a sandbox and starts it: Docker where an engine answers, else bubblewrap."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from containers.base import DEFAULT_PROCESSES, Container, ContainerUnavailable
from containers.beside import beside
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.caches import FOLDER, VOLUME, Caches, repository_caches, session_caches
from containers.gate import Gate
from containers.limits import DEFAULT_DISK_BYTES, Memory
from containers.private_folder import make_private
from containers.recipe import recipe
from containers.uses import begin_use

Kind = Literal["docker", "bubblewrap", "auto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """What a session's sandbox is for."""

    common: Path
    """`Repository.common`: names the caches. Nothing of it is mounted or read."""
    workspace: Path
    cache_folder: Path
    """Bactrian's own cache directory on the host."""
    caches: Caches = "repository"
    project_dockerfile: bytes = b""
    """What is in the project's own Dockerfile, if a person trusts it."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    image_registry: str = ""
    memory_bytes: Memory = "auto"
    cpus: float | None = None
    processes: int = DEFAULT_PROCESSES
    """The most processes and threads inside."""
    disk_bytes: int | None = DEFAULT_DISK_BYTES
    """What the session may write."""
    host_paths: Sequence[Path] = ()
    gate: Gate | None = None
    """Decides what commands reach; None: nothing."""


async def launch(kind: Kind, spec: LaunchSpec, progress: Callable[[str], None]) -> Container:
    """Start a sandbox, making what it needs on first use. Raises ContainerUnavailable."""
    if kind == "auto":
        kind = "docker" if await asyncio.to_thread(engine_answers) else "bubblewrap"
    if kind == "docker":
        return await _docker(spec, progress)
    return await _bubblewrap(spec, progress)


def engine_answers() -> bool:
    """Whether a Docker engine can be used."""
    from containers.docker import connect

    try:
        connect().close()
    except ContainerUnavailable:
        return False
    return True


def clone_owner() -> tuple[int, int] | None:
    """Return whom the clone must belong to; None where it is right as the host's user made it."""
    from containers.docker import session_user

    return session_user() if os.geteuid() == 0 else None


def _caches(spec: LaunchSpec) -> str:
    """Return the name of the session's caches. Raises ContainerUnavailable."""
    if spec.caches == "session":
        return session_caches()
    caches = repository_caches(spec.common)
    _use(spec, f"{FOLDER}/{caches}", str(spec.common))
    return caches


def _use(spec: LaunchSpec, name: str, whose: str = "") -> None:
    try:
        begin_use(spec.cache_folder, name, whose)
    except OSError as error:
        folder = spec.cache_folder
        raise ContainerUnavailable(f"the cache directory {folder} can't be made: {error.strerror}") from error


async def _docker(spec: LaunchSpec, progress: Callable[[str], None]) -> Container:
    from containers.docker import DockerContainer, DockerSpec
    from containers.images import ensure_image

    wanted = recipe(spec.project_dockerfile)
    image = await beside(partial(ensure_image, wanted, registry=spec.image_registry, progress=progress))
    caches = await asyncio.to_thread(_caches, spec)
    await asyncio.to_thread(_use, spec, image)
    return await DockerContainer.start(
        DockerSpec(
            image=image,
            workspace=spec.workspace,
            cache_volume=VOLUME + caches,
            throw_away=spec.caches == "session",
            repository=str(spec.common),
            forks=spec.cache_folder / "forks",
            tell=progress,
            environment=spec.environment,
            memory_bytes=spec.memory_bytes,
            cpus=spec.cpus,
            processes=spec.processes,
            disk_bytes=spec.disk_bytes,
            gate=spec.gate,
        )
    )


async def _bubblewrap(spec: LaunchSpec, progress: Callable[[str], None]) -> Container:
    from containers.rootfs import ensure_rootfs

    wanted = recipe(spec.project_dockerfile)
    root: Path | None = None
    try:
        make = partial(ensure_rootfs, wanted, spec.cache_folder, registry=spec.image_registry, progress=progress)
        root = await beside(make)
    except ContainerUnavailable as error:
        lacks = ", without what .bactrian/Dockerfile installs" if wanted.project_dockerfile else ""
        progress(f"no session image: {error}")
        progress(f"commands run with the Go and OCaml that this host has, in whatever versions, or none{lacks}")
    caches = await asyncio.to_thread(_caches, spec)
    throw_away = spec.caches == "session"
    cache = spec.cache_folder / ("forks" if throw_away else FOLDER) / caches
    if root:
        await asyncio.to_thread(_use, spec, f"rootfs/{root.name}")
    try:
        make_private(cache.parent)
        cache.mkdir(exist_ok=True)
        if whom := clone_owner():
            os.chown(cache, *whom)
    except OSError as error:
        raise ContainerUnavailable(f"the cache directory {cache} can't be made: {error.strerror}") from error
    return await BubblewrapContainer.start(
        BubblewrapSpec(
            workspace=spec.workspace,
            cache=cache,
            throw_away=throw_away,
            root=root,
            forks=spec.cache_folder / "forks",
            tell=progress,
            environment=spec.environment,
            processes=spec.processes,
            disk_bytes=spec.disk_bytes,
            gate=spec.gate,
            memory_bytes=spec.memory_bytes,
            cpus=spec.cpus,
            host_paths=spec.host_paths,
        )
    )
