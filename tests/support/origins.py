"""Servers on the host's loopback for tests of what containers reach, and a gate that a test opens and reads."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from containers.base import Container
from containers.gate import Admission, Destination, Gate, Traffic

ADMITTED = Admission(allowed=True, reason="the test says so", private=True)
StartGated = Callable[[Path, Gate | None], Awaitable[Container]]
"""Starts a container around a workspace, with this gate."""

BLOCK = hashlib.shake_256(b"bactrian").digest(1 << 20)
"""A megabyte that no compression shortens."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class RecordingGate:
    """Admits what a test says, the host's own loopback unless it says otherwise, and keeps what it is told."""

    admission: Admission = ADMITTED
    asked: list[Destination] = field(default_factory=list[Destination])
    told: list[Traffic] = field(default_factory=list[Traffic])
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Until it is set nothing is answered."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def admit(self, destination: Destination) -> Admission:
        self.asked.append(destination)
        self.changed.set()
        await self.open.wait()
        return self.admission

    def on_traffic(self, traffic: Traffic) -> None:
        self.told.append(traffic)
        self.changed.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until what was asked and told is as a test wants it."""
        async with asyncio.timeout(30):
            while not reached():
                self.changed.clear()
                await self.changed.wait()


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[int]:
    """Serve connections on loopback; yields the port. What is still served at the end is cancelled."""
    tasks: set[asyncio.Task[None]] = set()

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def head_of(reader: asyncio.StreamReader) -> list[str]:
    """Read a request's head as lines."""
    return (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]


async def digest_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read up to the end of the far side's direction, then answer with size and digest."""
    digest, size = hashlib.sha256(), 0
    while data := await reader.read(1 << 16):
        digest.update(data)
        size += len(data)
    writer.write(f"{size} {digest.hexdigest()}".encode())
    await writer.drain()


def sends(megabytes: int) -> Handler:
    """Return a handler that sends so much as soon as it is spoken to."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        for _ in range(megabytes):
            writer.write(BLOCK)
            await writer.drain()

    return handler


def digest_of(megabytes: int) -> str:
    """Return the digest of what `sends` sends."""
    digest = hashlib.sha256()
    for _ in range(megabytes):
        digest.update(BLOCK)
    return digest.hexdigest()


async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a plain request with its own head; the connection stays open, as a careless server leaves it."""
    lines = await head_of(reader)
    body = "\n".join(lines).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nKeep-Alive: timeout=9\r\n\r\n" % len(body) + body)
    await writer.drain()
    await reader.read()
