"""The supervisor alone, as a plain process: what it does with frames, and with a host that misbehaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.supervised import supervisor_argv, supervisor_source
from containers.supervisor.frames import (
    ERR,
    EXIT,
    FAILED,
    FRAME_BYTES,
    HEADER,
    KILL,
    OMITTED,
    OUT,
    OUT_TAIL,
    READ,
    READY,
    START,
    STDIN,
    STDIN_END,
    pack,
    take,
)
from containers.supervisor.jobs import Stream

PATIENCE_S = 30.0


class Host:
    """The other end of a supervisor's streams."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin
        assert process.stdout
        self.process = process
        self.stdin = process.stdin
        self.stdout = process.stdout
        self.buffer = bytearray()

    def send(self, data: bytes) -> None:
        self.stdin.write(data)
        self.stdin.flush()

    def receive(self) -> tuple[int, int, bytes]:
        while (frame := take(self.buffer)) is None:
            data = os.read(self.stdout.fileno(), 65536)
            assert data, "the supervisor has ended"
            self.buffer += data
        return frame

    def start(self, job: int, argv: list[str], limit: int | None = 1000) -> None:
        request: dict[str, Any] = {"argv": argv, "cwd": "/", "env": {}, "stderr": "separate", "save_to": None}
        request |= {"limit": limit, "timeout_s": PATIENCE_S}
        self.send(pack(START, job, json.dumps(request).encode()) + pack(STDIN_END, job))

    def until_exit(self) -> tuple[bytes, int]:
        """Return what came on standard output, and the exit code."""
        said = bytearray()
        while True:
            kind, _, payload = self.receive()
            if kind == OUT:
                said += payload
            elif kind == EXIT:
                return bytes(said), json.loads(payload)["code"]


@pytest.fixture
def booting() -> Iterator[Host]:
    argv = supervisor_argv(sys.executable)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield Host(process)
        process.kill()


@pytest.fixture
def host(booting: Host) -> Host:
    booting.send(supervisor_source())
    assert booting.receive() == (READY, 0, b"")
    return booting


def test_a_command_from_start_to_end(host: Host) -> None:
    host.start(7, ["sh", "-c", "echo out; echo err >&2; exit 3"])
    frames = [host.receive() for _ in range(5)]
    assert {number for _, number, _ in frames} == {7}
    assert sorted(frames[:2]) == [(OUT, 7, b"out\n"), (ERR, 7, b"err\n")]
    assert frames[2] == (OUT_TAIL, 7, OMITTED.pack(0))
    told = json.loads(frames[4][2])
    assert (frames[4][0], told["code"], told["limit"]) == (EXIT, 3, "")


def test_it_ends_when_the_host_closes_its_streams(host: Host) -> None:
    host.stdin.close()
    assert host.process.wait(PATIENCE_S) == 0


def test_it_ends_when_nobody_reads_what_it_says(host: Host) -> None:
    host.stdout.close()
    host.start(1, ["true"])
    assert host.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("sent", [0, 1, 1000])
def test_it_ends_when_the_host_goes_before_it_was_sent(booting: Host, sent: int) -> None:
    booting.send(supervisor_source()[:sent])
    booting.stdin.close()
    assert booting.process.wait(PATIENCE_S) == 1


@pytest.mark.parametrize(
    "garbage",
    [b"\0" * 9, b"\xff" * 9, b"GET / HTTP/1.1\r\n\r\n", HEADER.pack(FRAME_BYTES + 1, START, 1), pack(START, 1, b"{")],
    ids=["zeros", "ones", "text", "too long", "no request"],
)
def test_garbage_ends_it(host: Host, garbage: bytes) -> None:
    host.send(garbage)
    assert host.process.wait(PATIENCE_S) == 1


def test_what_concerns_no_job_is_ignored(host: Host) -> None:
    host.send(pack(STDIN, 99, b"x") + pack(STDIN_END, 99) + pack(KILL, 99) + pack(200, 1, b"a later kind"))
    host.start(1, ["echo", "well"])
    assert host.until_exit() == (b"well\n", 0)


def test_frames_may_come_in_pieces(host: Host) -> None:
    frame = pack(READ, 5, json.dumps({"path": "/no/such/file", "within": "/"}).encode())
    for at, end in pairwise([*range(0, len(frame), 3), len(frame)]):
        host.send(frame[at:end])
        time.sleep(0.001)
    kind, job, payload = host.receive()
    assert (kind, job, json.loads(payload)["errno"]) == (FAILED, 5, 2)


def test_a_host_that_does_not_read_holds_commands_up(host: Host) -> None:
    """Nothing is lost, and little is kept."""
    size = 100_000_000
    host.start(1, ["head", "-c", str(size), "/dev/zero"], limit=None)
    time.sleep(0.5)
    with open(f"/proc/{host.process.pid}/status") as file:
        resident_kb = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    assert resident_kb < 60_000
    said, code = host.until_exit()
    assert (len(said), code) == (size, 0)


def test_many_jobs_at_once(host: Host) -> None:
    for job in range(50):
        host.start(job, ["sh", "-c", f"exit {job}"])
    ends: dict[int, int] = {}
    while len(ends) < 50:
        kind, job, payload = host.receive()
        if kind == EXIT:
            ends[job] = json.loads(payload)["code"]
    assert ends == {job: job for job in range(50)}


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=50))),
    st.lists(st.integers(1, 40), min_size=1),
)
def test_frames_survive_any_cut(frames: list[tuple[int, int, bytes]], cuts: list[int]) -> None:
    data = b"".join(pack(*frame) for frame in frames)
    buffer = bytearray()
    found: list[tuple[int, int, bytes]] = []
    while data:
        for cut in cuts:
            buffer += data[:cut]
            data = data[cut:]
            while (frame := take(buffer)) is not None:
                found.append(frame)
    assert found == frames
    assert not buffer


@given(st.lists(st.binary(min_size=1, max_size=30)), st.integers(0, 60))
def test_a_stream_keeps_head_and_tail(pieces: list[bytes], limit: int) -> None:
    stream = Stream(-1, OUT, limit)
    head = b"".join(stream.take(piece) for piece in pieces)
    rest = stream.rest()
    (omitted,), tail = OMITTED.unpack_from(rest), rest[OMITTED.size :]
    whole = b"".join(pieces)
    assert head == whole[: limit // 2]
    assert whole.endswith(tail)
    assert len(head) + omitted + len(tail) == len(whole)
    assert len(tail) == min(limit // 2, len(whole) - len(head))
