"""Containers by a Docker engine, or by Podman's socket that speaks its protocol (`DOCKER_HOST`)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from containers.base import CACHE, DEFAULT_PROCESSES, WORKSPACE, ContainerUnavailable
from containers.engine import EngineFacts, engine_facts, ran_out_of_memory, require_usable
from containers.forks import Fork, Origin, settle
from containers.gate import Gate
from containers.labels import REPOSITORY, labels
from containers.layers import as_root, engine_mounts, remove_by_engine
from containers.limits import CPU_SHARES, DEFAULT_DISK_BYTES, Inside, Memory, memory_limit, shared_memory
from containers.promises import unkept
from containers.seccomp import filters_variable
from containers.starting import start_or_close
from containers.supervised import PROXY_ENVIRONMENT, SupervisedContainer, supervisor_argv

if TYPE_CHECKING:
    import docker
    import docker.types
    from docker.models.containers import Container as EngineContainer

UID = GID = 1000
"""Who commands are inside when the host's user is root; otherwise they are the host's user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSpec:
    """What a container is made of."""

    image: str
    workspace: Path
    """A directory of the host; the engine must be able to mount it."""
    cache_volume: str
    """The volume of caches, made and seeded on first use."""
    throw_away: bool = False
    """Remove the volume with the container."""
    repository: str = ""
    """Whose caches they are, for people."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    memory_bytes: Memory = "auto"
    cpus: float | None = None
    disk_bytes: int | None = DEFAULT_DISK_BYTES
    """What the session may write."""
    processes: int = DEFAULT_PROCESSES
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    gate: Gate | None = None
    """Decides what commands reach through the host's proxy, the only way out; None: there is no way out."""
    forks: Path | None = None
    """Where forks keep what they write; beside the workspace unless told otherwise."""
    fork: Fork | None = None
    """This is a fork: the workspace and the caches are these layers."""
    tell: Callable[[str], None] = lambda _: None
    """Called with a line that a person should read."""


def session_user() -> tuple[int, int]:
    """Return the user and group that commands run as, and that the workspace must belong to."""
    return (UID, GID) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def connect() -> docker.DockerClient:
    """Return a client of the engine that `DOCKER_HOST` or the default socket leads to.

    Raises ContainerUnavailable, with what to do, when none answers.
    """
    try:
        _knock(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    except OSError as error:
        raise _unavailable(error) from error

    # Only now: where there is no engine, nobody waits for this import.
    import docker
    import docker.errors

    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise _unavailable(error) from error
    return client


def _unavailable(error: Exception) -> ContainerUnavailable:
    where = os.environ.get("DOCKER_HOST", "the default socket")
    return ContainerUnavailable(
        f"no Docker engine answers at {where}: start it, or use `--container bubblewrap` ({_first_line(error)})"
    )


def _knock(host: str) -> None:
    """Raise OSError where no engine's socket can be opened: the SDK would leak its own then, and say it at length."""
    kind, _, path = host.partition("://")
    if kind in ("unix", "http+unix"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect("/" + path.lstrip("/"))


class _Attached:
    """A channel over the engine's attach connection: raw bytes in, frames of 8-byte headers out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        try:
            while True:
                stream, size = struct.unpack(">BxxxI", await self._reader.readexactly(8))
                data = await self._reader.readexactly(size)
                if stream == 1 and data:
                    return data
        except (asyncio.IncompleteReadError, OSError):
            return b""

    async def close(self) -> None:
        # What is still unsent need not arrive; flushing it could take for ever.
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class DockerContainer(SupervisedContainer):
    """A container that the engine removes as soon as its process 1 ends, which it does when Bactrian goes."""

    def __init__(
        self, channel: _Attached, client: docker.DockerClient, container: EngineContainer, spec: DockerSpec
    ) -> None:
        super().__init__(channel, f"docker {(container.id or '')[:12]}", spec.gate)
        self._spec = spec
        self._origin: Origin | None = None
        self._client = client
        self._container = container

    @classmethod
    async def start(cls, spec: DockerSpec) -> DockerContainer:
        """Create and start a container.

        Raises ContainerUnavailable: no engine, no such image, or the engine refuses.
        """
        container = await start_or_close(cls._create(spec))
        try:
            await container.ready()
            if spec.fork:
                await settle(container, spec.fork)
                return container
            if (await container.exec(["test", "-w", CACHE], cwd="/")).exit_code:
                await asyncio.to_thread(_own_cache, container._client, spec, *session_user())
            await container.seed_cache()
        except BaseException:
            await container.close()
            raise
        return container

    @classmethod
    async def _create(cls, spec: DockerSpec) -> DockerContainer:
        client, container, connection = await asyncio.to_thread(_start, spec)
        return cls(_Attached(*await asyncio.open_connection(sock=connection)), client, container, spec)

    @property
    def image(self) -> str:
        return self._spec.image

    async def fork(self, *, own_caches: bool = True) -> DockerContainer:
        if self._origin is None:
            self._origin = await asyncio.to_thread(_origin, self._client, self._spec)
        spec = self._spec
        return await self._origin.start(
            lambda fork: DockerContainer.start(replace(spec, fork=fork)), own_caches=own_caches
        )

    async def _cause(self) -> str | None:
        engine, container = self._client, self._container.id or ""
        return "out of memory" if await asyncio.to_thread(ran_out_of_memory, engine, container) else None

    async def _end(self) -> None:
        await asyncio.to_thread(_remove, self._container)
        if self._spec.throw_away and not self._spec.fork:
            await asyncio.to_thread(_until_removed, self._container)
            await asyncio.to_thread(_remove_volume, self._client, self._spec.cache_volume)
        if self._spec.fork:
            await asyncio.to_thread(_until_removed, self._container)
            if left := await self._spec.fork.discard():
                await asyncio.to_thread(remove_by_engine, self._client, self._spec.image, left)
        self._client.close()


def _start(spec: DockerSpec) -> tuple[docker.DockerClient, EngineContainer, socket.socket]:
    import docker.errors

    with contextlib.ExitStack() as undo:
        client = undo.enter_context(contextlib.closing(connect()))
        try:
            facts = engine_facts(client)
            require_usable(facts)
            line = unkept(spec.memory_bytes, spec.cpus, facts.limits, filters_calls=facts.filters_calls)
            if line and not spec.fork:
                spec.tell(line)
            container = client.containers.create(spec.image, **_options(spec, facts))
            undo.callback(_remove, container)
            # Attached before it starts, so that not a byte is lost.
            connection = undo.enter_context(_attach(container))
            container.start()
        except docker.errors.ImageNotFound as error:
            raise ContainerUnavailable(f"no image {spec.image}: `bactrian image` builds it") from error
        except (docker.errors.DockerException, OSError) as error:
            raise ContainerUnavailable(
                f"the Docker engine refuses to start a container: {_first_line(error)}"
            ) from error
        undo.pop_all()
    return client, container, connection


def _options(spec: DockerSpec, facts: EngineFacts) -> dict[str, Any]:
    import docker.types

    uid, gid = session_user()
    proxy = PROXY_ENVIRONMENT if spec.gate else {}
    wanted = memory_limit(spec.memory_bytes, facts.memory_bytes)
    memory = wanted if "memory" in facts.limits or spec.memory_bytes != "auto" else None
    inside = Inside(memory=memory, processes=spec.processes, disk=spec.disk_bytes)
    program, *arguments = supervisor_argv()
    options: dict[str, Any] = {
        # An image of a project may bring an entry point and a health check: neither is to run.
        "entrypoint": [program],
        "command": arguments,
        "healthcheck": {"test": ["NONE"]},
        "user": f"{uid}:{gid}",
        "hostname": "bactrian",
        "working_dir": WORKSPACE,
        "environment": {
            **{"HOME": "/cache/home", "USER": "bactrian", "LANG": "C.UTF-8"},
            **spec.environment,
            **proxy,
            **inside.variable(),
            **filters_variable(),
        },
        "network_mode": "none",
        "use_config_proxy": False,  # it would bring in a company's proxy, with its password
        "labels": {**labels("fork" if spec.fork else "session"), **spec.labels},
        "stdin_open": True,
        "auto_remove": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "pids_limit": spec.processes,
        "mem_limit": memory,
        "memswap_limit": memory if "swap" in facts.limits else None,
        "shm_size": shared_memory(memory),
        "cpu_shares": None if facts.podman and facts.rootless else CPU_SHARES,
        "ipc_mode": "private",
        "cgroupns": "private" if facts.control_groups == "2" else None,
        "nano_cpus": int(spec.cpus * 1e9) if spec.cpus else None,
        "log_config": docker.types.LogConfig(type="none"),
        "mounts": _mounts(spec),
    }
    if facts.podman and os.geteuid() != 0:
        options["userns_mode"] = f"keep-id:uid={uid},gid={gid}"
    return options


def _mounts(spec: DockerSpec) -> list[docker.types.Mount]:
    from docker.types import Mount

    own = engine_mounts(spec.fork) if spec.fork else [Mount(WORKSPACE, str(spec.workspace), type="bind")]
    if spec.fork and spec.fork.cache:
        return own
    whose = labels("session") if spec.throw_away else {**labels("cache"), REPOSITORY: spec.repository}
    return [*own, Mount(CACHE, spec.cache_volume, type="volume", labels=whose)]


def _origin(client: docker.DockerClient, spec: DockerSpec) -> Origin:
    """Say what forks of this container lie upon. Raises ContainerUnavailable."""
    import docker.errors

    owner = session_user() if os.geteuid() == 0 else None
    try:
        cache = str(client.volumes.get(spec.cache_volume).attrs["Mountpoint"])
        rootless = "name=rootless" in (client.info().get("SecurityOptions") or ())
    except (docker.errors.DockerException, OSError) as error:
        raise ContainerUnavailable(f"the Docker engine does not say where caches lie: {_first_line(error)}") from error
    origin = Origin(
        forks=spec.forks or spec.workspace.parent / "forks",
        workspace=(str(spec.workspace),),
        cache=(cache,),
        copied_cache=spec.cache_volume,
        owner=owner,
        # Without root a kernel keeps no record in an upper layer of what a directory has replaced.
        ways=("copy",) if rootless else ("volatile", "durable", "copy") if owner else ("durable", "copy"),
        tell=spec.tell,
    )
    if spec.fork:
        origin.below(spec.fork)
    return origin


def _attach(container: EngineContainer) -> socket.socket:
    """Return a socket of our own to the container's streams; what the SDK wraps around its own is closed."""
    attach: Any = getattr(container, "attach_socket")  # noqa: B009 - its stub leaves `params` untyped
    attached: Any = attach(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    try:
        if not isinstance(attached, socket.SocketIO):
            raise ContainerUnavailable("DOCKER_HOST must lead to a local engine: unix:// or plain tcp://")
        return socket.socket(fileno=os.dup(attached.fileno()))
    finally:
        getattr(attached, "_response", attached).close()
        attached.close()


def _remove(container: EngineContainer) -> None:
    import docker.errors

    # Gone already, or being removed, or the engine has stopped.
    with contextlib.suppress(docker.errors.DockerException, OSError):
        container.remove(force=True, v=True)  # `v`: volumes without a name


def _until_removed(container: EngineContainer) -> None:
    """Wait until the engine has unmounted what the container had. Raises nothing."""
    import docker.errors

    with contextlib.suppress(docker.errors.DockerException, OSError):
        container.wait(timeout=10, condition="removed")


def _remove_volume(client: docker.DockerClient, name: str) -> None:
    """Remove a volume, which the reaper does where it can't be done yet. Raises nothing."""
    import docker.errors

    with contextlib.suppress(docker.errors.DockerException, OSError):
        client.volumes.get(name).remove(force=True)


def _own_cache(client: docker.DockerClient, spec: DockerSpec, uid: int, gid: int) -> None:
    """Give the cache volume to the session's user; a new one belongs to the image's."""
    import docker.errors

    mount = {spec.cache_volume: {"bind": CACHE, "mode": "rw"}}
    try:
        client.containers.run(
            spec.image,
            [f"{uid}:{gid}", CACHE],
            entrypoint=["chown"],
            **as_root("CHOWN"),
            volumes=mount,
            labels=labels("session"),
            remove=True,
        )
    except (docker.errors.DockerException, OSError) as error:
        raise ContainerUnavailable(f"the cache volume can't be prepared: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
