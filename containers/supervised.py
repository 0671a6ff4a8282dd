"""The host's end of the supervisor's protocol: a `Container` over any pair of byte streams to it."""

from __future__ import annotations

import asyncio
import codecs
import errno
import importlib.resources
import json
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from containers.base import (
    DEFAULT_LIMIT_BYTES,
    DEFAULT_TIMEOUT_S,
    WORKSPACE,
    Capture,
    ContainerDied,
    ExecResult,
    OutputSink,
    OutsideWorkspace,
    Process,
)
from containers.supervisor import (
    ERR,
    ERR_TAIL,
    EXIT,
    FAILED,
    FILE,
    HEADER,
    KILL,
    OUT,
    OUT_TAIL,
    READ,
    READY,
    START,
    STDIN,
    STDIN_END,
    WRITE,
)

READY_TIMEOUT_S = 30.0

_BOOT = """import os
source = b""
while len(source) < {size}:
    source += os.read(0, {size} - len(source))
exec(compile(source, "supervisor", "exec"))"""

# Copied next to its place and moved there, so that an interrupted copy is no cache.
_SEED = """
mkdir -p /cache/home
for seed in /usr/local/lib/bactrian/cache/*; do
    name=${seed##*/}
    [ -e "$seed" ] && ! [ -e "/cache/$name" ] || continue
    rm -rf "/cache/.$name" && cp -r "$seed" "/cache/.$name" && mv -T "/cache/.$name" "/cache/$name"
done
"""


def supervisor_source() -> bytes:
    """Return the supervisor's text, the first thing that a channel sends."""
    return importlib.resources.files("containers").joinpath("supervisor.py").read_bytes()


def supervisor_argv(python: str = "python3") -> list[str]:
    """Return the command that takes the supervisor's text from standard input and runs it.

    The container need have nothing of ours, and `ps` shows a few lines only.
    """
    return [python, "-I", "-c", _BOOT.format(size=len(supervisor_source()))]


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


@dataclass(slots=True)
class _Collected:
    """One stream of a running command, as frames bring it."""

    head: bytearray = field(default_factory=bytearray)
    omitted: int = 0
    tail: bytes = b""

    def capture(self) -> Capture:
        return Capture(head=bytes(self.head), omitted=self.omitted, tail=self.tail)


class _Command:
    """A command that runs to its end."""

    def __init__(self, on_output: OutputSink | None) -> None:
        self.streams = {OUT: _Collected(), ERR: _Collected()}
        self.ended: asyncio.Future[ExecResult] = asyncio.get_running_loop().create_future()
        self.on_output = on_output
        decoder = codecs.getincrementaldecoder("utf-8")
        self.decoders = {OUT: decoder("replace"), ERR: decoder("replace")}

    def on_frame(self, kind: int, payload: bytes) -> None:
        if kind in (OUT, ERR):
            self.streams[kind].head += payload
            text = self.decoders[kind].decode(payload)
            if self.on_output and text:
                self.on_output(text)
        elif kind in (OUT_TAIL, ERR_TAIL):
            stream = self.streams[OUT if kind == OUT_TAIL else ERR]
            (stream.omitted,) = struct.unpack_from(">Q", payload)
            stream.tail = payload[8:]
        elif kind == EXIT and not self.ended.done():
            told = json.loads(payload)
            self.ended.set_result(
                ExecResult(
                    exit_code=told["code"],
                    stdout=self.streams[OUT].capture(),
                    stderr=self.streams[ERR].capture(),
                    duration_s=told["seconds"],
                    timed_out=told["timed_out"],
                )
            )

    def on_death(self, error: ContainerDied) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)


class _FileAnswer:
    """A file read or written: one frame comes back."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def on_frame(self, kind: int, payload: bytes) -> None:
        if self.ended.done():
            return
        if kind == FILE:
            self.ended.set_result(payload)
        elif kind == FAILED:
            told = json.loads(payload)
            if told["errno"] == errno.EXDEV:
                self.ended.set_exception(OutsideWorkspace(errno.EXDEV, "leads out of the workspace", self.path))
            else:
                # OSError's constructor picks the subclass (FileNotFoundError …) by the number.
                self.ended.set_exception(OSError(told["errno"], told["message"], self.path))

    def on_death(self, error: ContainerDied) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)


class SupervisedProcess:
    """A long-lived process behind the supervisor."""

    def __init__(self, container: SupervisedContainer) -> None:
        self._container = container
        self.job = 0
        self._output: asyncio.Queue[bytes] = asyncio.Queue()
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._died: ContainerDied | None = None

    def on_frame(self, kind: int, payload: bytes) -> None:
        if kind == OUT:
            self._output.put_nowait(payload)
        elif kind == EXIT and not self._exit.done():
            self._exit.set_result(json.loads(payload)["code"])
            self._output.put_nowait(b"")

    def on_death(self, error: ContainerDied) -> None:
        self._died = error
        self._output.put_nowait(b"")
        if not self._exit.done():
            self._exit.set_exception(error)
            self._exit.exception()  # nobody need be waiting

    async def write(self, data: bytes) -> None:
        if not self._exit.done():
            await self._container.send(STDIN, self.job, data)

    async def read(self) -> bytes:
        data = await self._output.get()
        if not data:
            self._output.put_nowait(b"")  # it stays ended
            if self._died:
                raise self._died
        return data

    async def wait(self) -> int:
        return await asyncio.shield(self._exit)

    async def kill(self) -> None:
        if not self._exit.done():
            await self._container.send(KILL, self.job, b"")


class SupervisedContainer:
    """A container whose process 1 is the supervisor. Docker and bubblewrap only differ in how they start and end it."""

    def __init__(self, channel: Channel, name: str, *, base: str = WORKSPACE) -> None:
        self._channel = channel
        self._name = name
        self._base = base
        self._jobs: dict[int, _Command | _FileAnswer | SupervisedProcess] = {}
        self._last_job = 0
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._died: ContainerDied | None = None
        self._closing = False
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
        """Fill an empty cache with what the image has ready (compiled standard libraries). Raises ContainerDied."""
        await self.exec(["sh", "-c", _SEED], cwd="/", timeout_s=300)

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
        command = _Command(on_output)
        job = await self._start(
            command,
            {
                "argv": list(argv),
                "cwd": self._absolute(cwd),
                "env": dict(env or {}),
                "limit": limit_bytes,
                "stderr": "merge" if merge_stderr else "separate",
                "timeout_s": timeout_s,
                "save_to": save_to,
            },
        )
        try:
            if stdin:
                await self.send(STDIN, job, stdin)
            await self.send(STDIN_END, job, b"")
            return await command.ended
        except asyncio.CancelledError:
            if not self._died:
                await self.send(KILL, job, b"")
            raise
        finally:
            self._jobs.pop(job, None)

    async def open(self, argv: Sequence[str], *, cwd: str = WORKSPACE, env: Mapping[str, str] | None = None) -> Process:
        process = SupervisedProcess(self)
        process.job = await self._start(
            process,
            {
                "argv": list(argv),
                "cwd": self._absolute(cwd),
                "env": dict(env or {}),
                "limit": None,
                "stderr": "drop",
                "timeout_s": None,
                "save_to": None,
            },
        )
        return process

    async def read(self, path: str, *, within: str = WORKSPACE) -> bytes:
        return await self._file(READ, path, within, None)

    async def write(self, path: str, data: bytes, *, within: str = WORKSPACE) -> None:
        await self._file(WRITE, path, within, data)

    async def close(self) -> None:
        if not self._closing:
            self._closing = True
            await self._channel.close()
            await self._end()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def send(self, kind: int, job: int, payload: bytes) -> None:
        """Send one frame. Raises ContainerDied."""
        if self._died:
            raise self._died
        try:
            await self._channel.send(HEADER.pack(len(payload) + 5, kind, job) + payload)
        except OSError:
            self._on_death()
            raise self._died or ContainerDied(self._name) from None

    # What implementations add

    async def _end(self) -> None:
        """Remove what the channel's end left behind. Never raises."""

    def _cause_of_death(self) -> str:
        """Return what is known of an unexpected end, in a few words."""
        return ""

    # Inside

    def _absolute(self, path: str) -> str:
        return os.path.join(self._base, os.path.relpath(path, WORKSPACE) if path.startswith(WORKSPACE) else path)

    async def _start(self, job: _Command | SupervisedProcess, request: dict[str, Any]) -> int:
        self._last_job += 1
        number = self._last_job
        self._jobs[number] = job
        await self.send(START, number, json.dumps(request).encode(errors="surrogateescape"))
        return number

    async def _file(self, kind: int, path: str, within: str, data: bytes | None) -> bytes:
        answer = _FileAnswer(path)
        self._last_job += 1
        number = self._last_job
        self._jobs[number] = answer
        request = json.dumps({"path": path, "base": self._base, "within": self._absolute(within)}).encode()
        try:
            await self.send(kind, number, request if data is None else struct.pack(">I", len(request)) + request + data)
            return await answer.ended
        finally:
            self._jobs.pop(number, None)

    async def _read_frames(self) -> None:
        buffer = bytearray()
        while data := await self._channel.receive():
            buffer += data
            at = 0
            while len(buffer) - at >= HEADER.size:
                length, kind, number = HEADER.unpack_from(buffer, at)
                end = at + 4 + length
                if len(buffer) < end:
                    break
                self._on_frame(kind, number, bytes(buffer[at + HEADER.size : end]))
                at = end
            del buffer[:at]
        self._on_death()

    def _on_frame(self, kind: int, number: int, payload: bytes) -> None:
        if kind == READY and not self._ready.done():
            self._ready.set_result(None)
        elif job := self._jobs.get(number):
            job.on_frame(kind, payload)
            if kind == EXIT:
                self._jobs.pop(number, None)

    def _on_death(self) -> None:
        if self._died:
            return
        if self._closing:
            self._died = ContainerDied(f"{self._name} is closed")
        else:
            cause = self._cause_of_death()
            self._died = ContainerDied(f"{self._name} has ended unexpectedly{': ' + cause if cause else ''}")
        if not self._ready.done():
            self._ready.set_exception(self._died)
            self._ready.exception()
        for job in list(self._jobs.values()):
            job.on_death(self._died)
