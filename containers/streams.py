"""The host's end of connections to a container's proxy port: byte streams with a bound on what is under way."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from containers.base import ContainerDied
from containers.supervisor.frames import (
    CREDIT,
    TUNNEL_ABORT,
    TUNNEL_CREDIT,
    TUNNEL_DATA,
    TUNNEL_END,
    TUNNEL_FRAME_BYTES,
    TUNNEL_OPEN,
    TUNNELS,
    WINDOW_BYTES,
    pack,
)

MOST_STREAMS = 4 * TUNNELS
LINGER_S = 5.0
"""How long a command may take, after it was answered, to close its end."""

Send = Callable[[bytes], Awaitable[None]]
"""Sends whole frames to the container. Raises ContainerDied."""


class Duplex(Protocol):
    """A connection's two directions."""

    async def read(self) -> bytes:
        """Return the next bytes; `b""` once the far end has ended its direction. Raises ConnectionError."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all of it, waiting while the far end takes no more. Raises ConnectionError."""
        ...

    async def end(self) -> None:
        """End our direction; the other one goes on. Raises ConnectionError."""
        ...

    async def until_ended(self) -> None:
        """Wait until the far end has ended its direction, whether all of it was read or not. Raises ConnectionError."""
        ...


class Stream:
    """One connection that a command made. The `Duplex` of whoever serves it."""

    def __init__(self, number: int, send: Send, lane: asyncio.Lock) -> None:
        self._number = number
        self._send = send
        self._lane = lane
        self._arrived: deque[bytes] = deque()
        self._arrived_bytes = 0
        self._owed = 0
        self._credit = WINDOW_BYTES
        self._changed = asyncio.Event()
        self._command_ended = False
        self._we_ended = False
        self._broken = False

    @property
    def over(self) -> bool:
        """Whether there is nothing left to carry in either direction."""
        return self._broken or (self._command_ended and self._we_ended)

    async def read(self) -> bytes:
        await self._until(lambda: bool(self._arrived) or self._command_ended)
        if not self._arrived:
            return b""
        data = self._arrived.popleft()
        self._arrived_bytes -= len(data)
        self._owed += len(data)
        if self._owed >= WINDOW_BYTES // 4:
            owed, self._owed = self._owed, 0
            await self._frame(TUNNEL_CREDIT, CREDIT.pack(owed))
        return data

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            await self._until(lambda: self._credit > 0)
            piece = view[: min(TUNNEL_FRAME_BYTES, self._credit)]
            self._credit -= len(piece)
            view = view[len(piece) :]
            # One at a time of all connections: a command's frame waits behind one of these at most.
            async with self._lane:
                await self._frame(TUNNEL_DATA, piece)

    async def end(self) -> None:
        if not self._we_ended:
            self._we_ended = True
            await self._frame(TUNNEL_END)

    async def until_ended(self) -> None:
        await self._until(lambda: self._command_ended)

    async def finish(self) -> None:
        """End our direction and give the command a moment to end its own: a reset could overtake what we sent last.

        Raises ConnectionError, TimeoutError.
        """
        async with asyncio.timeout(LINGER_S):
            await self.end()
            while await self.read():
                continue

    async def abort(self) -> None:
        """Have the connection reset, if it is not over. Raises nothing."""
        if not self.over:
            with contextlib.suppress(ConnectionError):
                await self._frame(TUNNEL_ABORT)
            self.on_break()

    def on_frame(self, kind: int, payload: bytes) -> None:
        """Take a frame in. More than was asked for breaks the connection, and so does what no supervisor sends."""
        if self._broken:
            return
        if kind == TUNNEL_DATA:
            self._arrived.append(payload)
            self._arrived_bytes += len(payload)
            if not payload or self._arrived_bytes > WINDOW_BYTES:
                self.on_break()
        elif kind == TUNNEL_END:
            self._command_ended = True
        elif kind == TUNNEL_CREDIT:
            if len(payload) == CREDIT.size:
                self._credit += CREDIT.unpack(payload)[0]
            else:
                self.on_break()
        elif kind == TUNNEL_ABORT:
            self.on_break()
        self._changed.set()

    def on_break(self) -> None:
        """The connection is no more: whoever reads or writes is told."""
        self._broken = True
        self._arrived.clear()
        self._changed.set()

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not self._broken and not reached():
            self._changed.clear()
            await self._changed.wait()
        if self._broken:
            raise ConnectionResetError("the command has closed the connection")

    async def _frame(self, kind: int, payload: bytes | memoryview = b"") -> None:
        try:
            await self._send(pack(kind, self._number, payload))
        except ContainerDied as error:
            self.on_break()
            raise ConnectionResetError(str(error)) from error


class Streams:
    """All connections of one container, each served by a task that ends with it."""

    def __init__(self, send: Send, serve: Callable[[Stream], Awaitable[None]]) -> None:
        self._send = send
        self._serve = serve
        self._lane = asyncio.Lock()
        self._streams: dict[int, Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    def on_frame(self, kind: int, number: int, payload: bytes) -> None:
        """Take a frame in; one for a connection that has gone is dropped."""
        if kind == TUNNEL_OPEN and number not in self._streams:
            # So many are no supervisor's: who hears no refusal either must not pile them up here.
            if not self._stopped and len(self._streams) < MOST_STREAMS:
                self._open(number)
        elif stream := self._streams.get(number):
            stream.on_frame(kind, payload)

    def stop(self) -> None:
        """The container has gone, or goes: break every connection off."""
        self._stopped = True
        for stream in self._streams.values():
            stream.on_break()
        for task in self._tasks:
            task.cancel()

    async def stopped(self) -> None:
        """Wait until nothing is served any more. Raises nothing."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _open(self, number: int) -> None:
        stream = self._streams[number] = Stream(number, self._send, self._lane)
        task = asyncio.create_task(self._attend(number, stream), name=f"tunnel {number}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attend(self, number: int, stream: Stream) -> None:
        try:
            if len(self._streams) <= 2 * TUNNELS:
                await self._serve(stream)
                await stream.finish()
        except (ConnectionError, TimeoutError):
            return
        finally:
            try:
                await stream.abort()
            finally:
                self._streams.pop(number, None)
