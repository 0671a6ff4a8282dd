"""Containers by a Docker engine, or by Podman's socket that speaks its protocol (`DOCKER_HOST`)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from containers.base import CACHE, WORKSPACE, ContainerUnavailable
from containers.supervised import SupervisedContainer, call_soon, supervisor_argv

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container as EngineContainer

UID = GID = 1000
"""Who commands are inside when the host's user is root; otherwise they are the host's user."""

PIDS = 2048
"""How many processes and threads a container may hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSpec:
    """What a container is made of."""

    image: str
    workspace: Path
    """A directory of the host; the engine must be able to mount it."""
    cache_volume: str
    """The repository's volume of caches, made and seeded on first use."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    memory_bytes: int | None = None
    cpus: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


def session_user() -> tuple[int, int]:
    """Return the user and group that commands run as, and that the workspace must belong to."""
    return (UID, GID) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def connect() -> docker.DockerClient:
    """Return a client of the engine that `DOCKER_HOST` or the default socket leads to.

    Raises ContainerUnavailable, with what to do, when none answers.
    """
    import docker
    import docker.errors

    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        where = os.environ.get("DOCKER_HOST", "the default socket")
        raise ContainerUnavailable(
            f"no Docker engine answers at {where}: start it, or use `--container bubblewrap` ({_first_line(error)})"
        ) from error
    return client


class _Attached:
    """A channel over the engine's attach connection: raw bytes in, frames of 8-byte headers out.

    The SDK's sockets block, so a thread reads; `settimeout(None)` lets it wait for as long as the container lives.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        self._lock = asyncio.Lock()
        connection.settimeout(None)
        threading.Thread(target=self._read, name="docker attach", daemon=True).start()

    async def send(self, data: bytes) -> None:
        async with self._lock:
            if len(data) < 32_768:  # fits a socket's buffer: cheaper than a thread
                self._socket.sendall(data)
            else:
                await asyncio.to_thread(self._socket.sendall, data)

    async def receive(self) -> bytes:
        return await self._received.get()

    async def close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _read(self) -> None:
        buffer = bytearray()
        while True:
            try:
                data = self._socket.recv(262_144)
            except OSError:
                data = b""
            if not data:
                call_soon(self._loop, lambda: self._received.put_nowait(b""))
                return
            buffer += data
            out = bytearray()
            at = 0
            while len(buffer) - at >= 8:
                stream, size = struct.unpack_from(">BxxxI", buffer, at)
                if len(buffer) - at - 8 < size:
                    break
                if stream == 1:
                    out += buffer[at + 8 : at + 8 + size]
                at += 8 + size
            del buffer[:at]
            if out:
                call_soon(self._loop, lambda piece=bytes(out): self._received.put_nowait(piece))


class DockerContainer(SupervisedContainer):
    """A container that the engine removes as soon as its process 1 ends, which it does when Bactrian goes."""

    def __init__(self, channel: _Attached, client: docker.DockerClient, container: EngineContainer) -> None:
        super().__init__(channel, f"docker {(container.id or '')[:12]}")
        self._client = client
        self._container = container

    @classmethod
    async def start(cls, spec: DockerSpec) -> DockerContainer:
        """Create and start a container.

        Raises ContainerUnavailable: no engine, no such image, or the engine refuses.
        """
        client = await asyncio.to_thread(connect)
        try:
            engine_container, connection = await asyncio.to_thread(_start, client, spec)
        except BaseException:
            client.close()
            raise
        container = cls(_Attached(connection), client, engine_container)
        try:
            await container.ready()
            if (await container.exec(["test", "-w", CACHE], cwd="/")).exit_code:
                await asyncio.to_thread(_own_cache, client, spec, *session_user())
            await container.seed_cache()
        except BaseException:
            await container.close()
            raise
        return container

    async def _end(self) -> None:
        await asyncio.to_thread(self._remove)

    def _remove(self) -> None:
        import docker.errors

        # Gone already, or being removed, or the engine has stopped.
        with contextlib.suppress(docker.errors.DockerException, OSError):
            self._container.remove(force=True)
        self._client.close()


def _start(client: docker.DockerClient, spec: DockerSpec) -> tuple[EngineContainer, socket.socket]:
    import docker.errors
    import docker.types

    podman = _is_podman(client)
    uid, gid = session_user()
    options: dict[str, Any] = {
        "auto_remove": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "pids_limit": PIDS,
        "mem_limit": spec.memory_bytes,
        "nano_cpus": int(spec.cpus * 1e9) if spec.cpus else None,
        "log_config": docker.types.LogConfig(type="none"),
        "mounts": [
            docker.types.Mount(WORKSPACE, str(spec.workspace), type="bind"),
            docker.types.Mount(CACHE, spec.cache_volume, type="volume"),
        ],
    }
    if podman and os.geteuid() != 0:
        options["userns_mode"] = f"keep-id:uid={uid},gid={gid}"
    try:
        container = client.containers.create(
            spec.image,
            command=supervisor_argv(),
            user=f"{uid}:{gid}",
            hostname="bactrian",
            working_dir=WORKSPACE,
            environment={"HOME": "/cache/home", "USER": "bactrian", "LANG": "C.UTF-8", **spec.environment},
            labels={"bactrian": "session", **spec.labels},
            stdin_open=True,
            **options,
        )
        # Attached before it starts, so that not a byte is lost. The SDK hands a wrapper around the socket out.
        attach: Any = getattr(container, "attach_socket")  # noqa: B009 - its stub leaves `params` untyped
        attached: Any = attach(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        connection = cast("socket.socket", getattr(attached, "_sock", attached))
        container.start()
    except docker.errors.ImageNotFound as error:
        raise ContainerUnavailable(f"no image {spec.image}: `bactrian image` builds it") from error
    except docker.errors.DockerException as error:
        raise ContainerUnavailable(f"the Docker engine refuses to start a container: {_first_line(error)}") from error
    return container, connection


def _own_cache(client: docker.DockerClient, spec: DockerSpec, uid: int, gid: int) -> None:
    """Give the cache volume to the session's user; a new one belongs to the image's."""
    mount = {spec.cache_volume: {"bind": CACHE, "mode": "rw"}}
    client.containers.run(
        spec.image, ["chown", f"{uid}:{gid}", CACHE], user="0:0", network_mode="none", volumes=mount, remove=True
    )


def _is_podman(client: docker.DockerClient) -> bool:
    return any("Podman" in part.get("Name", "") for part in client.version().get("Components") or ())


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
