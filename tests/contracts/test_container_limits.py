"""What `Container` promises about limits: one that is met ends what met it, is told, and spares the rest."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from containers.base import Container
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.docker import DockerContainer, DockerSpec

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes control groups, for bubblewrap"),
]

MEMORY = 128 << 20
PROCESSES = 100
DISK = 100 << 20
HOG = "python3 -c 'x = bytearray(1 << 30)'"
OUT_OF_MEMORY = "killed: out of memory; the container may use 128.0 MiB"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small(kind: str, request: pytest.FixtureRequest, shared_workspace: Path) -> AsyncIterator[Container]:
    """A container with small limits; whoever uses it leaves it in working order."""
    start: Callable[[Path], Awaitable[Container]] = request.getfixturevalue(f"start_{kind}")
    async with await start(shared_workspace):
        pass  # it fills the caches, which would be more than the limit
    if kind == "docker":
        image, volume = request.getfixturevalue("image"), request.getfixturevalue("cache_volume")
        spec = DockerSpec(image=image, workspace=shared_workspace, cache_volume=volume)
        starting = DockerContainer.start(replace(spec, memory_bytes=MEMORY, processes=PROCESSES, disk_bytes=DISK))
    else:
        root, cache = request.getfixturevalue("rootfs"), request.getfixturevalue("cache_folder")
        sandbox = BubblewrapSpec(workspace=shared_workspace, cache=cache, root=root)
        starting = BubblewrapContainer.start(
            replace(sandbox, memory_bytes=MEMORY, processes=PROCESSES, disk_bytes=DISK)
        )
    async with await starting as started:
        yield started


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (f"exec {HOG}", 137),
        (f"{HOG}; exit 1", 1),
        (f"{HOG} | cat", 0),
        (
            f"for i in 1 2; do setsid -f {HOG}; done; while pgrep -x python3; do sleep 0.1; done; exit 4",
            4,
        ),
    ],
    ids=["the command", "a child", "a pipe's first", "children of their own session"],
)
async def test_running_out_of_memory_is_told(small: Container, script: str, code: int) -> None:
    result = await small.exec(["bash", "-c", script])
    assert (result.exit_code, result.limit, result.limit_note) == (code, "memory", OUT_OF_MEMORY)
    after = await small.exec(["echo", "alive"])
    assert (after.stdout.text(), after.limit) == ("alive\n", None)


async def test_another_commands_end_is_not_put_down_to_memory(small: Container) -> None:
    other = asyncio.create_task(small.exec(["sh", "-c", "sleep 1; exit 1"]))
    assert (await small.exec(["sh", "-c", f"exec {HOG}"])).limit == "memory"
    assert (await other).limit is None


async def test_a_command_that_kills_itself_is_no_matter_of_memory(small: Container) -> None:
    result = await small.exec(["sh", "-c", "kill -KILL $$"])
    assert (result.exit_code, result.limit, result.limit_note) == (137, None, "")


async def test_a_server_that_the_kernel_took_is_not_put_down_to_the_next_command(small: Container) -> None:
    server = await small.open(["sh", "-c", f"exec {HOG}"])
    ends = asyncio.create_task(small.exec(["sleep", "0.5"]))
    assert await server.wait() == 137
    assert (await ends).limit is None


async def test_a_fork_bomb_meets_its_limit_and_leaves_room(small: Container) -> None:
    many = ["bash", "-c", "for i in {1..50}; do sleep 0.1 & done; wait; echo room"]
    # The bomb's first process has ended before there are many: it may be the next command that meets the limit.
    results = [await small.exec(["bash", "-c", "b() { b | b & }; b"]), await small.exec(many)]
    note = next(result.limit_note for result in results if result.limit == "processes")
    assert note.startswith("limit: 100 processes and threads at once")
    after = await small.exec(many)
    assert (after.stdout.text(), after.limit) == ("room\n", None)


async def test_a_large_file_is_told(small: Container) -> None:
    result = await small.exec(["sh", "-c", "exec head -c 200M /dev/zero >large"])
    await small.exec(["rm", "-f", "large"])
    assert (result.exit_code, result.limit) == (153, "disk")
    assert result.limit_note == "killed: a file grew too large; the session may write 100.0 MiB"


async def test_writing_more_than_the_limit_is_told(small: Container) -> None:
    script = "for i in 1 2 3; do head -c 80M /dev/zero >large$i; done; exec sleep 60"
    result = await small.exec(["sh", "-c", script])
    assert (result.exit_code, result.limit) == (137, "disk")
    assert result.limit_note.startswith("killed: this session has written ")
    assert result.limit_note.endswith("to disk and may 100.0 MiB: delete files")
    after = await small.exec(["sh", "-c", "rm large*; sleep 1.5; echo clean"])
    assert (after.stdout.text(), after.limit) == ("clean\n", None)


async def test_memory_is_limited_with_swap(small: Container, kind: str) -> None:
    script = "cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes || cat /sys/fs/cgroup/memory.swap.max"
    told = (await small.exec(["sh", "-c", script])).stdout.text()
    assert told in {"docker": (f"{MEMORY}\n", "0\n"), "bubblewrap": ("",)}[kind]


async def test_no_process_dumps_core(small: Container) -> None:
    assert (await small.exec(["sh", "-c", "ulimit -c; ulimit -Hc"])).stdout.text() == "0\n0\n"


async def test_a_time_limit_is_told(small: Container) -> None:
    result = await small.exec(["sleep", "60"], timeout_s=0.2)
    assert (result.limit, result.exit_code) == ("time", 124)
    assert result.limit_note == "stopped after 0.2 s, its time limit, with all its processes"
