"""What the host waits for from a supervisor: a command's end, a file, a long-lived process, as frames bring them."""

from __future__ import annotations

import asyncio
import codecs
import errno
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from containers.base import Capture, ContainerDied, ExecResult, OutsideWorkspace
from containers.supervisor.frames import ERR, ERR_TAIL, EXIT, FAILED, FILE, KILL, OMITTED, OUT, OUT_TAIL, STDIN

PIECE_BYTES = 1 << 20
_Result = TypeVar("_Result")

Send = Callable[[int, bytes], Awaitable[None]]
"""Sends a frame of a kind with a payload for one job. Raises ContainerDied."""


class Exchange(Protocol):
    """One job of the supervisor's."""

    def on_frame(self, kind: int, payload: bytes) -> None:
        """Take a frame in."""
        ...

    def on_death(self, error: ContainerDied) -> None:
        """The container has gone: tell whoever waits."""
        ...


@dataclass(slots=True)
class _Collected:
    head: bytearray = field(default_factory=bytearray)
    omitted: int = 0
    tail: bytes = b""

    def capture(self) -> Capture:
        return Capture(head=bytes(self.head), omitted=self.omitted, tail=self.tail)


class Command:
    """A command that runs to its end."""

    def __init__(self) -> None:
        self._streams = {OUT: _Collected(), ERR: _Collected()}
        self._ended: asyncio.Future[ExecResult] = asyncio.get_running_loop().create_future()
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {OUT: decoder("replace"), ERR: decoder("replace")}
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()

    @property
    def running(self) -> bool:
        """Whether its end has not been told; that nobody waits for it any more (cancelled) is not its end."""
        return not self._ended.done() or self._ended.cancelled()

    async def ended(self) -> ExecResult:
        """Return how it ended. Raises ContainerDied."""
        return await self._ended

    async def texts(self) -> AsyncGenerator[str]:
        """Yield the output as it comes, decoded, until the command has ended or the container died."""
        while (piece := await self._pieces.get()) is not None:
            yield piece

    def on_frame(self, kind: int, payload: bytes) -> None:
        if kind in (OUT, ERR):
            self._streams[kind].head += payload
            if text := self._decoders[kind].decode(payload):
                self._pieces.put_nowait(text)
        elif kind in (OUT_TAIL, ERR_TAIL):
            stream = self._streams[OUT if kind == OUT_TAIL else ERR]
            (stream.omitted,) = OMITTED.unpack_from(payload)
            stream.tail = payload[OMITTED.size :]
        elif kind == EXIT and not self._ended.done():
            told = json.loads(payload)
            self._ended.set_result(
                ExecResult(
                    exit_code=told["code"],
                    stdout=self._streams[OUT].capture(),
                    stderr=self._streams[ERR].capture(),
                    duration_s=told["seconds"],
                    limit=told["limit"] or None,
                    limit_note=told["note"],
                )
            )
            self._pieces.put_nowait(None)

    def on_death(self, error: ContainerDied) -> None:
        _fail(self._ended, error)
        self._pieces.put_nowait(None)


class FileAnswer:
    """A file read or written: one frame comes back."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def ended(self) -> bytes:
        """Return the file's bytes, none after a write. Raises OSError, ContainerDied."""
        return await self._ended

    def on_frame(self, kind: int, payload: bytes) -> None:
        if self._ended.done():
            return
        if kind == FILE:
            self._ended.set_result(payload)
        elif kind == FAILED:
            told = json.loads(payload)
            if told["errno"] == errno.EXDEV:
                _fail(self._ended, OutsideWorkspace(errno.EXDEV, "leads out of the workspace", self._path))
            else:
                # OSError's constructor picks the subclass (FileNotFoundError …) by the number.
                _fail(self._ended, OSError(told["errno"], told["message"], self._path))

    def on_death(self, error: ContainerDied) -> None:
        _fail(self._ended, error)


class SupervisedProcess:
    """A long-lived process behind the supervisor."""

    def __init__(self) -> None:
        self._send: Send | None = None
        self._output: asyncio.Queue[bytes] = asyncio.Queue()
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._died: ContainerDied | None = None

    def on_start(self, send: Send) -> None:
        """It has been asked for; `send` reaches it."""
        self._send = send

    def on_frame(self, kind: int, payload: bytes) -> None:
        if kind == OUT:
            self._output.put_nowait(payload)
        elif kind == EXIT and not self._exit.done():
            self._exit.set_result(json.loads(payload)["code"])
            self._output.put_nowait(b"")

    def on_death(self, error: ContainerDied) -> None:
        self._died = error
        self._output.put_nowait(b"")
        _fail(self._exit, error)

    async def write(self, data: bytes) -> None:
        if self._died:
            raise self._died
        if self._send and not self._exit.done():
            for piece in pieces(data):
                await self._send(STDIN, piece)

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
        if self._send and not self._exit.done():
            await self._send(KILL, b"")


def pieces(data: bytes) -> Iterator[bytes]:
    """Cut what goes to a standard input so that no frame is too long."""
    for at in range(0, len(data), PIECE_BYTES):
        yield data[at : at + PIECE_BYTES]


def _fail(future: asyncio.Future[_Result], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # nobody need be waiting
