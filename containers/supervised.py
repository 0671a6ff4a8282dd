"""The host's end of the supervisor's protocol: a `Container` over any pair of byte streams to it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib.resources
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from containers.base import (
    DEFAULT_LIMIT_BYTES,
    DEFAULT_TIMEOUT_S,
    WORKSPACE,
    Container,
    ContainerDied,
    ContainerUnavailable,
    ExecResult,
    OutputSink,
    Process,
)
from containers.exchanges import Command, Exchange, FileAnswer, SupervisedProcess, pieces
from containers.gate import Gate
from containers.streams import Send, Streams
from containers.supervisor import MODULES
from containers.supervisor.frames import (
    EXIT,
    FILE_BYTES,
    KILL,
    READ,
    READY,
    SIZE,
    START,
    STDIN,
    STDIN_END,
    TUNNEL_OPEN,
    WRITE,
    pack,
    take,
)

READY_TIMEOUT_S = 30.0
SEED_TIMEOUT_S = 300.0
GRACE_S = 60.0
"""How long after a command's own time limit, which the supervisor keeps, the container counts as dead."""
KILL_TIMEOUT_S = 5.0
FILE_TIMEOUT_S = 120.0

PROXY_ENVIRONMENT = {"BACTRIAN_INTERNAL_TUNNELS": "1"}
"""Has process 1 open a proxy's port, and commands find it."""

_BOOT = """import json, os, sys, types
sent = b""
while len(sent) < {size}:
    piece = os.read(0, {size} - len(sent))
    if not piece:
        sys.exit("no supervisor was sent")
    sent += piece
for name, text in json.loads(sent):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.main()"""

# Two containers of one cache may start at once: the lock. An interrupted copy is no cache: the move.
_SEED = """
mkdir -p /cache/home
exec 9>/cache/.lock
flock 9
for seed in /usr/local/lib/bactrian/cache/*; do
    name=${seed##*/}
    if [ -e "$seed" ] && [ ! -e "/cache/$name" ]; then
        rm -rf "/cache/.$name"
        cp -r "$seed" "/cache/.$name"
        mv -T "/cache/.$name" "/cache/$name"
    fi
done
"""


def supervisor_source() -> bytes:
    """Return the supervisor's modules and their texts, the first thing that a channel sends."""
    folder = importlib.resources.files("containers").joinpath("supervisor")
    texts = [(f"containers.supervisor.{name}", folder.joinpath(f"{name}.py").read_text("utf-8")) for name in MODULES]
    return json.dumps(texts).encode()


def supervisor_argv(python: str = "python3") -> list[str]:
    """Return the command that takes the supervisor's text from standard input and runs it.

    The container need have nothing of ours, and `ps` shows a few lines only.
    """
    return [python, "-I", "-S", "-c", _BOOT.format(size=len(supervisor_source()))]


class Channel(Protocol):
    """Two byte streams to a supervisor."""

    async def send(self, data: bytes) -> None:
        """Write all of it. Raises OSError when the far end has gone."""
        ...

    async def receive(self) -> bytes:
        """Return what has come, at least one byte; `b""` when the far end has gone. Raises nothing."""
        ...

    async def close(self) -> None:
        """Close both streams; the supervisor then ends, and all it started. Never raises."""
        ...


class SupervisedContainer(ABC):
    """A container whose process 1 is the supervisor. Docker and bubblewrap only differ in how they start and end it."""

    def __init__(self, channel: Channel, name: str, gate: Gate | None = None) -> None:
        """With a gate, `PROXY_ENVIRONMENT` must be in the environment that process 1 starts with."""
        self._channel = channel
        self._name = name
        self._jobs: dict[int, Exchange] = {}
        self._last_job = 0
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._died: ContainerDied | None = None
        self._closing: asyncio.Task[None] | None = None
        self._tunnels = _tunnels(self._send, gate) if gate else None
        self._reader = asyncio.create_task(self._read_frames(), name=f"frames of {name}")

    @property
    def name(self) -> str:
        return self._name

    async def ready(self) -> None:
        """Send the supervisor in and wait until it serves. Raises ContainerDied."""
        try:
            await self._channel.send(supervisor_source())
            await asyncio.wait_for(asyncio.shield(self._ready), READY_TIMEOUT_S)
        except TimeoutError:
            raise ContainerDied(f"{self._name} gave no sign of life in {READY_TIMEOUT_S:.0f} s") from None
        except OSError as error:
            raise ContainerDied(f"{self._name} has ended at once") from error

    async def seed_cache(self) -> None:
        """Fill an empty cache with what the image has ready (compiled standard libraries).

        Raises ContainerDied, ContainerUnavailable (the cache can't be written).
        """
        result = await self.exec(["sh", "-ec", _SEED], cwd="/", timeout_s=SEED_TIMEOUT_S)
        if result.exit_code:
            said = [result.limit_note, *result.stderr.text().strip().splitlines()]
            raise ContainerUnavailable(f"the cache can't be filled: {said[0] or said[-1]}")

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str = WORKSPACE,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = DEFAULT_TIMEOUT_S,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        merge_stderr: bool = False,
        save_to: str | None = None,
        on_output: OutputSink | None = None,
    ) -> ExecResult:
        command = Command(limit_bytes)
        job = self._add(command)
        request = {
            "argv": list(argv),
            "cwd": _absolute(cwd),
            "env": dict(env or {}),
            "limit": limit_bytes,
            "stderr": "merge" if merge_stderr else "separate",
            "timeout_s": timeout_s,
            "save_to": _absolute(save_to) if save_to else None,
        }
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                # In one piece: each trip to the container costs time.
                await self._send(
                    pack(START, job, json.dumps(request).encode())
                    + b"".join(pack(STDIN, job, piece) for piece in pieces(stdin))
                    + pack(STDIN_END, job)
                )
                if on_output:
                    async for text in command.texts():
                        on_output(text)
                return await command.ended()
        except TimeoutError as error:
            raise self._on_death("it does not answer") from error
        finally:
            # Cancelled, or `on_output` failed. What is sent later starts after the kill.
            if command.running and not self._died:
                with contextlib.suppress(ContainerDied, TimeoutError):
                    await asyncio.wait_for(self._send(pack(KILL, job)), KILL_TIMEOUT_S)
            self._jobs.pop(job, None)

    async def open(self, argv: Sequence[str], *, cwd: str = WORKSPACE, env: Mapping[str, str] | None = None) -> Process:
        process = SupervisedProcess()
        job = self._add(process)
        request = {
            "argv": list(argv),
            "cwd": _absolute(cwd),
            "env": dict(env or {}),
            "limit": None,
            "stderr": "drop",
            "timeout_s": None,
            "save_to": None,
        }
        process.on_start(lambda kind, payload: self._send(pack(kind, job, payload)))
        await self._send(pack(START, job, json.dumps(request).encode()))
        return process

    async def read(self, path: str, *, within: str = WORKSPACE) -> bytes:
        return await self._file(READ, path, within, None)

    async def write(self, path: str, data: bytes, *, within: str = WORKSPACE) -> None:
        if len(data) > FILE_BYTES:
            raise OSError(errno.EFBIG, "too large to be written whole", path)
        await self._file(WRITE, path, within, data)

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name=f"close {self._name}")
        # Whoever is cancelled while it waits leaves the work to be finished.
        await asyncio.shield(self._closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # What implementations add

    @property
    @abstractmethod
    def image(self) -> str: ...

    @abstractmethod
    async def fork(self, *, own_caches: bool = True) -> Container: ...

    async def _cause(self) -> str | None:
        """Return why process 1 has just ended, if that can be known. Never raises."""
        return None

    @abstractmethod
    async def _end(self) -> None:
        """Remove what the channel's end left behind. Never raises."""

    # Inside

    def _add(self, exchange: Exchange) -> int:
        """Number an exchange. Raises ContainerDied."""
        if self._died:
            raise self._died
        self._last_job += 1
        self._jobs[self._last_job] = exchange
        return self._last_job

    async def _send(self, frames: bytes) -> None:
        """Send whole frames. Raises ContainerDied."""
        if self._died:
            raise self._died
        try:
            await self._channel.send(frames)
        except OSError as error:
            raise self._on_death() from error

    async def _file(self, kind: int, path: str, within: str, data: bytes | None) -> bytes:
        answer = FileAnswer(path)
        number = self._add(answer)
        request = json.dumps({"path": _absolute(path), "within": _absolute(within)}).encode()
        payload = request if data is None else SIZE.pack(len(request)) + request + data
        try:
            async with asyncio.timeout(FILE_TIMEOUT_S):
                await self._send(pack(kind, number, payload))
                return await answer.ended()
        except TimeoutError as error:
            raise self._on_death("it does not answer") from error
        finally:
            self._jobs.pop(number, None)

    async def _read_frames(self) -> None:
        buffer = bytearray()
        try:
            while data := await self._channel.receive():
                buffer += data
                while (frame := take(buffer)) is not None:
                    self._on_frame(*frame)
        except ValueError:
            self._on_death("what it sends is no longer its supervisor's")
        finally:
            cause = None if self._closing or self._died else await self._cause()
            self._on_death(cause or "killed from outside, or out of memory")

    def _on_frame(self, kind: int, number: int, payload: bytes) -> None:
        if kind == READY and not self._ready.done():
            self._ready.set_result(None)
        elif kind >= TUNNEL_OPEN:
            if self._tunnels:
                self._tunnels.on_frame(kind, number, payload)
        elif job := self._jobs.get(number):
            job.on_frame(kind, payload)
            if kind == EXIT:
                self._jobs.pop(number, None)

    def _on_death(self, cause: str = "killed from outside, or out of memory") -> ContainerDied:
        if self._died is None:
            ended = "is closed" if self._closing else f"has ended unexpectedly: {cause}; start a new session"
            self._died = ContainerDied(f"{self._name} {ended}")
            if not self._ready.done():
                self._ready.set_exception(self._died)
                self._ready.exception()
            for job in list(self._jobs.values()):
                job.on_death(self._died)
            if self._tunnels:
                self._tunnels.stop()
        return self._died

    async def _close(self) -> None:
        if self._tunnels:
            self._tunnels.stop()
        await self._channel.close()
        await self._end()
        await asyncio.gather(self._reader, return_exceptions=True)
        if self._tunnels:
            await self._tunnels.stopped()


def _tunnels(send: Send, gate: Gate) -> Streams:
    from containers.proxy import Proxy  # only now: not every process that knows containers starts one

    return Streams(send, Proxy(gate).serve)


def _absolute(path: str) -> str:
    return os.path.join(WORKSPACE, path)
