"""A host that sends anything: a real supervisor ends, or goes on serving; it neither hangs nor spins."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fuzzing import altered, fuzz, mutated
from hypothesis import strategies as st

from containers.supervised import supervisor_argv, supervisor_source
from containers.supervisor.frames import (
    CREDIT,
    HEADER,
    KILL,
    READ,
    SIZE,
    START,
    STDIN,
    STDIN_END,
    TUNNEL_ABORT,
    TUNNEL_CREDIT,
    TUNNEL_DATA,
    TUNNEL_END,
    TUNNEL_OPEN,
    WRITE,
    pack,
)

REQUEST = json.dumps(
    {"argv": ["true"], "cwd": "/", "env": {}, "stderr": "separate", "save_to": None, "limit": 1000, "timeout_s": 5}
)
READING = '{"path": "/proc/version", "within": "/proc"}'
WRITING = '{"path": "/dev/null/x", "within": "/dev/null"}'


def written(request: str) -> bytes:
    return SIZE.pack(len(request)) + request.encode() + b"data"


WHOLE = b"".join(
    [
        pack(START, 1, REQUEST.encode()),
        pack(STDIN, 1, b"hello"),
        pack(STDIN_END, 1),
        pack(KILL, 1),
        pack(READ, 2, READING.encode()),
        pack(WRITE, 3, written(WRITING)),
        pack(TUNNEL_OPEN, 4),
        pack(TUNNEL_CREDIT, 4, CREDIT.pack(100)),
        pack(TUNNEL_DATA, 4, b"x"),
        pack(TUNNEL_END, 4),
        pack(TUNNEL_ABORT, 4),
    ]
)
KINDS = [START, STDIN, STDIN_END, KILL, READ, WRITE, TUNNEL_OPEN, TUNNEL_DATA, TUNNEL_CREDIT, TUNNEL_ABORT, 0, 64, 255]
PAYLOADS = st.one_of(
    mutated([REQUEST.encode(), READING.encode(), written(WRITING)]),
    altered([REQUEST, READING]).map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=100),
)
FRAMES = st.lists(st.builds(pack, st.sampled_from(KINDS), st.integers(0, 4), PAYLOADS), max_size=6).map(b"".join)
SAFE = ["bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all", "--die-with-parent"]
"""What a mutated request writes or starts must do no harm."""
PATIENCE_S = 5.0
SPUN_S = 1.0
"""More than all of it takes, its start included."""


def answered(process: subprocess.Popen[bytes]) -> bool:
    """Ask for a file under a number that nothing else has; false where it has ended instead."""
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(pack(READ, 99, READING.encode()))
        process.stdin.flush()
    except BrokenPipeError:
        return False
    said, end = b"", time.monotonic() + PATIENCE_S
    while b"Linux version" not in said:
        assert select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))[0], "it hangs"
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            return False
        said = said[-100:] + data
    return True


def check(data: bytes) -> None:
    # Ended in the middle of a frame it would rightly wait for the rest: that is the end of its input below.
    argv = [*SAFE, *supervisor_argv(sys.executable)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0) as process:
        assert process.stdin
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(supervisor_source() + data)
        if is_whole(data):
            answered(process)
        process.stdin.close()
        pid, _, used = os.wait4(process.pid, 0)
        assert pid == process.pid
        process.returncode = 0
        assert used.ru_utime + used.ru_stime < SPUN_S, "it spins"


def is_whole(data: bytes) -> bool:
    while len(data) >= HEADER.size:
        length = HEADER.unpack_from(data)[0]
        if length + 4 > len(data):
            return False
        data = data[length + 4 :]
    return not data


def test_a_hostile_host(request: pytest.FixtureRequest, rootfs: Path) -> None:
    assert rootfs.is_dir()  # else there is no bubblewrap
    fuzz(request, st.one_of(FRAMES, mutated([WHOLE]), FRAMES.map(lambda data: data + WHOLE)), check, inputs=20)
