"""What the host waits for from a supervisor: a command's end, a file, a long-lived process, as frames bring them."""

from __future__ import annotations

import asyncio
import codecs
import errno
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, cast, get_args

from containers.base import Capture, ContainerDied, ExecResult, Limit, OutsideWorkspace
from containers.supervisor.frames import ERR, ERR_TAIL, EXIT, FAILED, FILE, KILL, OMITTED, OUT, OUT_TAIL, STDIN

PIECE_BYTES = 1 << 20
BACKLOG_BYTES = 256 << 20
"""Output of a long-lived process that nobody has read yet; more is no honest process's."""
LONGEST_MESSAGE = 500
LIMITS: tuple[Limit, ...] = get_args(Limit)
_Result = TypeVar("_Result")

Send = Callable[[int, bytes], Awaitable[None]]
"""Sends a frame of a kind with a payload for one job. Raises ContainerDied."""


class Garbled(ValueError):
    """What came is nothing that a supervisor sends: somebody else speaks in its place."""


class Exchange(Protocol):
    """One job of the supervisor's."""

    def on_frame(self, kind: int, payload: bytes) -> None:
        """Take a frame in. Raises Garbled."""
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
    """A command that runs to its end, and prints `limit_bytes` at most that are kept."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
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
            self._keep_within(len(self._streams[kind].head) + len(payload))
            self._streams[kind].head += payload
            if text := self._decoders[kind].decode(payload):
                self._pieces.put_nowait(text)
        elif kind in (OUT_TAIL, ERR_TAIL):
            stream = self._streams[OUT if kind == OUT_TAIL else ERR]
            self._keep_within(len(payload) - OMITTED.size)
            (stream.omitted,) = OMITTED.unpack_from(payload)
            stream.tail = payload[OMITTED.size :]
        elif kind == EXIT and not self._ended.done():
            told = _told(payload)
            self._ended.set_result(
                ExecResult(
                    exit_code=_whole(told, "code"),
                    stdout=self._streams[OUT].capture(),
                    stderr=self._streams[ERR].capture(),
                    duration_s=_seconds(told),
                    limit=_limit(told),
                    limit_note=str(told.get("note", ""))[:LONGEST_MESSAGE],
                )
            )
            self._pieces.put_nowait(None)

    def on_death(self, error: ContainerDied) -> None:
        _fail(self._ended, error)
        self._pieces.put_nowait(None)

    def _keep_within(self, size: int) -> None:
        if not 0 <= size <= self._limit_bytes:
            raise Garbled(f"{size} bytes of output where {self._limit_bytes} are the most")


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
            told = _told(payload)
            number = _whole(told, "errno")
            if number == errno.EXDEV:
                _fail(self._ended, OutsideWorkspace(errno.EXDEV, "leads out of the workspace", self._path))
            else:
                # OSError's constructor picks the subclass (FileNotFoundError …) by the number.
                _fail(self._ended, OSError(number, str(told.get("message"))[:LONGEST_MESSAGE], self._path))
        else:
            raise Garbled("a file's answer is a file or a failure")

    def on_death(self, error: ContainerDied) -> None:
        _fail(self._ended, error)


class SupervisedProcess:
    """A long-lived process behind the supervisor."""

    def __init__(self) -> None:
        self._send: Send | None = None
        self._output: asyncio.Queue[bytes] = asyncio.Queue()
        self._backlog_bytes = 0
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._died: ContainerDied | None = None

    def on_start(self, send: Send) -> None:
        """It has been asked for; `send` reaches it."""
        self._send = send

    def on_frame(self, kind: int, payload: bytes) -> None:
        if kind == OUT:
            self._backlog_bytes += len(payload)
            if self._backlog_bytes > BACKLOG_BYTES:
                raise Garbled("more output than anybody reads")
            if payload:  # none would be its end
                self._output.put_nowait(payload)
        elif kind == EXIT and not self._exit.done():
            self._exit.set_result(_whole(_told(payload), "code"))
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
        self._backlog_bytes -= len(data)
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


def _told(payload: bytes) -> Mapping[str, object]:
    """What a frame of JSON says. Raises Garbled."""
    try:
        told: object = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Garbled("no JSON") from error
    if not isinstance(told, dict):
        raise Garbled("no JSON object")
    return cast("dict[str, object]", told)


def _whole(told: Mapping[str, object], key: str) -> int:
    value = told.get(key)
    if type(value) is not int or abs(value) >= 1 << 31:
        raise Garbled(f"{key} is no number of the system's")
    return value


def _seconds(told: Mapping[str, object]) -> float:
    value = told.get("seconds")
    if not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise Garbled("seconds are none")
    return float(value)


def _limit(told: Mapping[str, object]) -> Limit | None:
    value = told.get("limit")
    return next((limit for limit in LIMITS if limit == value), None)


def _fail(future: asyncio.Future[_Result], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # nobody need be waiting
