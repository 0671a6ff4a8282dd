"""A supervisor that was taken over sends anything: the host gets results of the right types or ContainerDied, soon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from fuzzing import fuzz, mutated
from hypothesis import strategies as st

from containers.base import Container, ContainerDied, ContainerError, ExecResult
from containers.exchanges import BACKLOG_BYTES
from containers.supervised import SupervisedContainer
from containers.supervisor import frames
from containers.supervisor.frames import (
    ERR_TAIL,
    EXIT,
    FAILED,
    FILE,
    HEADER,
    OMITTED,
    OUT,
    OUT_TAIL,
    READY,
    TUNNEL_CREDIT,
    pack,
    take,
)

LIMIT_BYTES = 1000
KINDS = sorted(
    {value for name, value in vars(frames).items() if name.isupper() and isinstance(value, int) and value < 256}
)
END = {"code": 0, "seconds": 0.25, "limit": "", "note": ""}
PAYLOADS = [
    json.dumps(END).encode(),
    json.dumps({"errno": 2, "message": "no such file"}).encode(),
    OMITTED.pack(3) + b"the tail",
    b"some output\n",
    b'{"host": "proxy.golang.org", "port": 443}',
    b"",
]


class Far:
    """A channel whose far end says what it was told to, then goes."""

    def __init__(self, said: bytes, piece: int) -> None:
        self.pieces = [said[at : at + piece] for at in range(0, len(said), piece)]
        self.asked = asyncio.Event()

    async def send(self, data: bytes) -> None:
        self.asked.set()

    async def receive(self) -> bytes:
        await self.asked.wait()
        await asyncio.sleep(0)
        return self.pieces.pop(0) if self.pieces else b""

    async def close(self) -> None:
        self.asked.set()


class Faked(SupervisedContainer):
    @property
    def image(self) -> str:
        return "none"

    async def fork(self, *, own_caches: bool = False) -> Container:
        raise ContainerError("one is enough")

    async def _end(self) -> None:
        return


async def use(said: bytes, piece: int) -> Sequence[object]:
    """Do all that one does with a container; return the results."""
    container = Faked(Far(said, piece), "fake")
    heard: list[str] = []

    async def run() -> ExecResult:
        return await container.exec(["a"], limit_bytes=LIMIT_BYTES, timeout_s=5, on_output=heard.append)

    async def serve() -> bytes:
        process = await container.open(["b"])
        data = b""
        while piece := await process.read():
            data += piece
        await process.wait()
        return data

    try:
        return await asyncio.gather(
            run(), container.read("x"), container.write("x", b"1"), serve(), container.ready(), return_exceptions=True
        )
    finally:
        await container.close()


def check(given: tuple[bytes, int]) -> None:
    said, piece = given
    ended, content, written, served, ready = asyncio.run(use(said, piece))
    if isinstance(ended, ExecResult):
        assert type(ended.exit_code) is int
        assert type(ended.duration_s) is float
        assert ended.limit in (None, "time", "memory", "processes", "disk")
        assert type(ended.limit_note) is str
        assert len(ended.stdout.text()) + len(ended.stderr.text()) < 5 * LIMIT_BYTES
    else:
        assert isinstance(ended, ContainerDied)
    died = (OSError, ContainerDied)
    assert isinstance(content, (bytes, *died))
    assert written is None or isinstance(written, died)
    assert isinstance(served, (bytes, *died))
    assert ready is None or isinstance(ready, ContainerDied)


FRAMES = st.lists(
    st.builds(
        pack,
        st.sampled_from(KINDS),
        st.sampled_from([0, 1, 1, 2, 3, 4, 5, 77, 2**32 - 1]),
        st.one_of(mutated(PAYLOADS), st.sampled_from(PAYLOADS), st.binary(max_size=2000)),
    ),
    max_size=12,
).map(b"".join)
WHOLE = b"".join(
    [
        pack(READY, 0),
        pack(OUT, 1, b"hello\n"),
        pack(OUT_TAIL, 1, OMITTED.pack(0)),
        pack(ERR_TAIL, 1, OMITTED.pack(0)),
        pack(EXIT, 1, PAYLOADS[0]),
        pack(FILE, 2, b"content"),
        pack(FAILED, 3, PAYLOADS[1]),
        pack(OUT, 4, b"line\n"),
        pack(EXIT, 4, PAYLOADS[0]),
    ]
)
CRASHED = [
    pack(EXIT, 1, b"[]"),
    pack(EXIT, 1, b'{"code": "0", "seconds": 1}'),
    pack(EXIT, 1, b'{"code": 0, "seconds": NaN}'),
    pack(EXIT, 1, b'{"a":' * 50_000),
    pack(OUT_TAIL, 1, b"abc"),
    pack(OUT, 1, b"x" * (LIMIT_BYTES + 1)),
    pack(FAILED, 2, b'{"errno": [], "message": 3}'),
    pack(FAILED, 2, b"{}"),
    pack(EXIT, 2, PAYLOADS[0]),
    pack(EXIT, 4, b"null"),
    pack(OUT, 4, b"") + pack(OUT, 4, b"later"),
    pack(TUNNEL_CREDIT, 9, b"\xff"),
    HEADER.pack(2**32 - 1, OUT, 1),
    HEADER.pack(0, OUT, 1),
]


def test_a_hostile_supervisor(request: pytest.FixtureRequest) -> None:
    said = st.one_of(FRAMES, mutated([WHOLE]), FRAMES.map(lambda data: WHOLE[:23] + data))
    values = st.tuples(said, st.sampled_from([1 << 16, 7]))
    fuzz(request, values, check, inputs=800, always=[(data, 1 << 16) for data in (*CRASHED, WHOLE)])


async def test_an_honest_one_is_heard() -> None:
    ended, content, written, served, ready = await use(WHOLE, 5)
    assert isinstance(ended, ExecResult)
    assert (ended.exit_code, ended.stdout.text()) == (0, "hello\n")
    assert (content, served, ready) == (b"content", b"line\n", None)
    assert isinstance(written, FileNotFoundError)


@pytest.mark.parametrize("data", CRASHED[:9] + CRASHED[12:])
async def test_what_no_supervisor_sends_ends_the_container(data: bytes) -> None:
    results = await use(data, 1 << 16)
    died = [result for result in results if isinstance(result, ContainerDied)]
    assert died
    assert "what it sends is no longer its supervisor's" in str(died[0])


async def test_output_that_nobody_reads_is_bounded() -> None:
    flood = pack(OUT, 1, b"x" * (1 << 20))
    far = Far(b"", 1)
    far.pieces = [flood] * (BACKLOG_BYTES // (1 << 20) + 2)
    container = Faked(far, "fake")
    process = await container.open(["a"])
    with pytest.raises(ContainerDied):
        await process.wait()
    await container.close()


def test_frames_are_cut_as_they_were_packed(request: pytest.FixtureRequest) -> None:
    def cut(data: bytes) -> None:
        buffer = bytearray(data)
        length = len(buffer)
        try:
            while (frame := take(buffer)) is not None:
                length -= len(frame[2]) + HEADER.size
                assert len(buffer) == length
        except ValueError:
            return

    fuzz(request, st.one_of(mutated([WHOLE]), FRAMES), cut, inputs=500)
