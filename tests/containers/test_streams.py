"""The host's end of tunnels: bounds that hold whatever the far end does, and an end for all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from origins import RecordingGate, serving

from containers import proxy, streams
from containers.base import ContainerDied
from containers.proxy import Proxy
from containers.routes import Routes
from containers.streams import Stream, Streams
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
    take,
)


class Far:
    """The far end of a container's frames."""

    def __init__(self, serve: Callable[[Stream], Awaitable[None]]) -> None:
        self.frames: list[tuple[int, int, bytes]] = []
        self.came = asyncio.Event()
        self.died = False
        self.streams = Streams(self._send, serve)

    async def _send(self, data: bytes) -> None:
        if self.died:
            raise ContainerDied("it has gone")
        buffer = bytearray(data)
        while (frame := take(buffer)) is not None:
            self.frames.append(frame)
        self.came.set()

    def say(self, kind: int, number: int = 1, payload: bytes = b"") -> None:
        self.streams.on_frame(kind, number, payload)

    async def until(self, kind: int) -> tuple[int, int, bytes]:
        """Wait for a frame of a kind."""
        async with asyncio.timeout(30):
            while True:
                if found := [frame for frame in self.frames if frame[0] == kind]:
                    return found[0]
                self.came.clear()
                await self.came.wait()


async def echo(stream: Stream) -> None:
    while data := await stream.read():
        await stream.write(data)


async def silent(stream: Stream) -> None:
    await asyncio.Event().wait()


async def test_what_is_read_is_credited() -> None:
    far = Far(echo)
    far.say(TUNNEL_OPEN)
    far.say(TUNNEL_DATA, 1, bytes(WINDOW_BYTES))
    _, _, payload = await far.until(TUNNEL_CREDIT)
    assert CREDIT.unpack(payload) == (WINDOW_BYTES,)
    far.say(TUNNEL_END)
    await far.until(TUNNEL_END)
    await far.streams.stopped()
    sent = [payload for kind, _, payload in far.frames if kind == TUNNEL_DATA]
    assert sum(map(len, sent)) == WINDOW_BYTES
    assert max(map(len, sent)) <= TUNNEL_FRAME_BYTES


async def test_no_more_is_sent_than_was_asked_for() -> None:
    async def pour(stream: Stream) -> None:
        await stream.write(bytes(3 * WINDOW_BYTES))

    far = Far(pour)
    far.say(TUNNEL_OPEN)
    for _ in range(100):
        await asyncio.sleep(0)
    assert sum(len(payload) for _, _, payload in far.frames) == WINDOW_BYTES
    far.say(TUNNEL_CREDIT, 1, CREDIT.pack(10))
    for _ in range(100):
        await asyncio.sleep(0)
    assert sum(len(payload) for _, _, payload in far.frames) == WINDOW_BYTES + 10
    far.streams.stop()
    await far.streams.stopped()


async def test_more_than_was_asked_for_breaks_the_connection() -> None:
    far = Far(echo)
    far.say(TUNNEL_OPEN)
    far.say(TUNNEL_DATA, 1, bytes(WINDOW_BYTES + 1))
    await far.streams.stopped()
    assert far.frames == []


@pytest.mark.parametrize(("kind", "payload"), [(TUNNEL_DATA, b""), (TUNNEL_CREDIT, b""), (TUNNEL_CREDIT, bytes(9))])
async def test_what_no_supervisor_sends_breaks_the_connection(kind: int, payload: bytes) -> None:
    far = Far(echo)
    far.say(TUNNEL_OPEN)
    far.say(kind, 1, payload)
    await far.streams.stopped()
    assert far.frames == []


async def test_connections_do_not_pile_up_where_nobody_takes_the_refusals() -> None:
    async def stuck(_: bytes) -> None:
        await asyncio.Event().wait()

    served = Streams(stuck, silent)
    before = len(asyncio.all_tasks())
    for number in range(10 * TUNNELS):
        served.on_frame(TUNNEL_OPEN, number, b"")
    assert len(asyncio.all_tasks()) - before == 4 * TUNNELS
    served.stop()
    await served.stopped()


async def test_more_connections_than_there_can_be_are_refused() -> None:
    far = Far(silent)
    for number in range(3 * TUNNELS):
        far.say(TUNNEL_OPEN, number)
    await far.until(TUNNEL_ABORT)
    far.streams.stop()
    await far.streams.stopped()
    assert all(kind == TUNNEL_ABORT for kind, _, _ in far.frames)


async def test_who_never_closes_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LINGER_S", 0.01)

    async def answer(stream: Stream) -> None:
        await stream.write(b"no")

    far = Far(answer)
    far.say(TUNNEL_OPEN)
    await far.until(TUNNEL_ABORT)
    assert [kind for kind, _, _ in far.frames] == [TUNNEL_DATA, TUNNEL_END, TUNNEL_ABORT]


async def test_a_container_that_dies_ends_its_connections() -> None:
    far = Far(echo)
    far.say(TUNNEL_OPEN)
    far.died = True
    far.say(TUNNEL_DATA, 1, b"x")
    await asyncio.sleep(0)
    await far.streams.stopped()
    far.streams.stop()
    far.say(TUNNEL_OPEN, 2)
    assert far.frames == []


KINDS = st.sampled_from([TUNNEL_OPEN, TUNNEL_DATA, TUNNEL_END, TUNNEL_ABORT])


@given(st.lists(st.tuples(KINDS, st.integers(1, 4), st.binary(max_size=20)), max_size=40))
def test_frames_in_any_order_end_orderly(frames: list[tuple[int, int, bytes]]) -> None:
    async def run() -> None:
        far = Far(echo)
        for kind, number, payload in frames:
            far.say(kind, number, payload)
            await asyncio.sleep(0)
        far.streams.stop()
        await far.streams.stopped()

    asyncio.run(run())


async def test_a_silent_client_and_a_silent_server_are_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "HEAD_S", 0.01)
    far = Far(Proxy(RecordingGate(), Routes(proxies={})).serve)
    far.say(TUNNEL_OPEN)
    _, _, said = await far.until(TUNNEL_DATA)
    assert said.startswith(b"HTTP/1.1 408 ")
    far.say(TUNNEL_END)
    await far.streams.stopped()

    monkeypatch.setattr(proxy, "HEAD_S", 30)
    monkeypatch.setattr(proxy, "IDLE_S", 0.01)
    gate = RecordingGate()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(deaf) as port:
        far = Far(Proxy(gate, Routes(proxies={})).serve)
        far.say(TUNNEL_OPEN)
        far.say(TUNNEL_DATA, 1, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await far.until(TUNNEL_ABORT)
    assert [told.problem for told in gate.told] == ["idle for 0 s"]
