"""Limits as process 1 sees them: a disk that runs full, what is put down to whom; and as the engine is told of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containers.base import ContainerDied
from containers.docker import DockerContainer, DockerSpec, connect, session_user
from containers.limits import Inside, memory_limit, shared_memory
from containers.supervisor.limits import Events, FileSystem, Limits, amount, take_limits

GIB = 1 << 30


class Disk(FileSystem):
    """A file system of 100 GiB that is as full as a test says."""

    def __init__(self) -> None:
        self.left = 10 * GIB
        super().__init__("/workspace")

    def look(self) -> bool:
        self.total, self.free, self.used = 100 * GIB, self.left, 100 * GIB - self.left
        return True


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def own(disk: Disk, tmp_path: Path) -> Limits:
    """Limits of a session that may write 200 MiB, below one directory."""
    made = Limits({"disk": 200 << 20})
    made.file_systems = (disk,)
    made.writable = (str(tmp_path),)
    made.began = time.time() - 1
    disk.marked = made.began
    return made


def surveyed(own: Limits) -> str:
    why = own.look()
    assert why
    assert own.start_survey(why)
    assert own.survey
    os.waitpid(own.survey.pid, 0)
    return own.end_survey()


def fill(path: Path, size: int) -> None:
    path.write_bytes(os.urandom(1 << 20) * (size >> 20))


def test_a_disk_with_room_is_no_reason_to_count(own: Limits, disk: Disk) -> None:
    disk.left -= 100 << 20
    assert own.look() is None


def test_a_disk_that_this_session_has_filled(own: Limits, disk: Disk, tmp_path: Path) -> None:
    own.allowed = None
    disk.left = GIB // 2
    fill(tmp_path / "large", 40 << 20)
    assert surveyed(own) == "killed: only 512.0 MiB of disk are left at /workspace: delete files"
    assert own.look() is None, "it is told once, until much more has gone"


def test_a_disk_that_others_have_filled(own: Limits, disk: Disk) -> None:
    own.allowed = None
    disk.left = GIB // 2
    assert surveyed(own) == ""
    assert own.look() is None


def test_a_session_that_wrote_more_than_it_may(own: Limits, disk: Disk, tmp_path: Path) -> None:
    disk.left -= 250 << 20
    fill(tmp_path / "large", 210 << 20)
    assert surveyed(own) == "killed: this session has written 210.0 MiB to disk and may 200.0 MiB: delete files"
    assert own.look() is None, "it may still delete what it wrote"


def test_a_session_over_its_limit_may_go_on_while_only_others_write(own: Limits, disk: Disk, tmp_path: Path) -> None:
    fill(tmp_path / "large", 210 << 20)
    disk.left -= 250 << 20
    assert surveyed(own)
    for _ in range(3):
        disk.left -= 100 << 20
        assert surveyed(own) == ""
    fill(tmp_path / "more", 70 << 20)
    disk.left -= 100 << 20
    assert surveyed(own) == "killed: this session has written 280.0 MiB to disk and may 200.0 MiB: delete files"


def test_others_that_write_much(own: Limits, disk: Disk) -> None:
    disk.left -= 5 * GIB
    assert surveyed(own) == ""
    assert own.look() is None


def test_a_deleted_file_that_is_still_open_counts(own: Limits, disk: Disk, tmp_path: Path) -> None:
    disk.left -= 250 << 20
    with (tmp_path / "large").open("wb") as file:
        file.write(b"x" * (210 << 20))
        file.flush()
        (tmp_path / "large").unlink()
        assert surveyed(own).startswith("killed: this session has written ")


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[tuple[Path, Events]]:
    path = tmp_path / "memory.events"
    path.write_text("oom 0\noom_kill 0\n")
    events = Events(str(path), "oom_kill")
    yield path, events
    os.close(events.descriptor)


def test_a_kill_is_put_down_to_one_command(counter: tuple[Path, Events]) -> None:
    path, events = counter
    before = events.count()
    path.write_text("oom 1\noom_kill 1\n")
    assert events.claim(before, surely=False)
    assert not events.claim(before, surely=False)
    assert events.claim(before, surely=True), "it was killed itself, beside another"


def test_amounts() -> None:
    assert (amount(4 * GIB), amount(512 << 20), amount(0)) == ("4.0 GiB", "512.0 MiB", "0.0 MiB")


def test_the_choice_of_memory() -> None:
    assert memory_limit("auto", 8 * GIB) == 6 * GIB
    assert memory_limit("auto", 0) is None
    assert memory_limit(None, 8 * GIB) is None
    assert memory_limit(GIB, 8 * GIB) == GIB
    assert shared_memory(GIB) == GIB // 8
    assert shared_memory(None) == 256 << 20


def test_what_the_host_says_reaches_process_1(monkeypatch: pytest.MonkeyPatch) -> None:
    ((name, text),) = Inside(memory=GIB, processes=100).variable().items()
    monkeypatch.setenv(name, text)
    found = take_limits()
    assert (found.memory, found.processes, found.disk) == (GIB, 100, None)
    assert name not in os.environ
    assert found.line("memory") == "killed: out of memory; the container may use 1.0 GiB"


@pytest.fixture
def spec(image: str, workspace: Path, cache_volume: str) -> DockerSpec:
    return DockerSpec(image=image, workspace=workspace, cache_volume=cache_volume, memory_bytes=64 << 20, processes=90)


def told_of(container: DockerContainer) -> dict[str, Any]:
    with contextlib.closing(connect()) as client:
        (found,) = client.containers.list(ignore_removed=True, filters={"id": container.name.split()[1]})
        return found.attrs


async def test_the_engine_is_told(spec: DockerSpec) -> None:
    async with await DockerContainer.start(spec) as container:
        told = await asyncio.to_thread(told_of, container)
    host = told["HostConfig"]
    assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], None)
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert not host["Privileged"]
    assert not host["OomKillDisable"]
    assert not host["Devices"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (64 << 20, 64 << 20, 90)
    assert host["CpuShares"] < 1024
    assert (host["IpcMode"], host["NetworkMode"], host["PidMode"]) == ("private", "none", "")
    assert host["LogConfig"]["Type"] == "none"
    assert "/proc/kcore" in host["MaskedPaths"]
    assert "/proc/sys" in host["ReadonlyPaths"]
    assert {mount["Destination"] for mount in told["Mounts"]} == {"/workspace", "/cache"}
    assert told["Config"]["User"] == ":".join(map(str, session_user()))


async def test_an_end_for_memory_is_told(spec: DockerSpec) -> None:
    container = await DockerContainer.start(spec)
    try:
        await container.exec(["python3", "-c", "x = bytearray(1 << 30)"])
        with contextlib.closing(connect()) as client:
            await asyncio.to_thread(client.containers.get(container.name.split()[1]).kill)
        with pytest.raises(ContainerDied, match="has ended unexpectedly: out of memory"):
            await container.exec(["sleep", "60"])
    finally:
        await container.close()


async def test_an_end_without_lack_of_memory_is_not_put_down_to_it(spec: DockerSpec) -> None:
    container = await DockerContainer.start(spec)
    try:
        with contextlib.closing(connect()) as client:
            await asyncio.to_thread(client.containers.get(container.name.split()[1]).kill)
        with pytest.raises(ContainerDied, match="killed from outside, or out of memory"):
            await container.exec(["sleep", "60"])
    finally:
        await container.close()


async def test_commands_can_write_only_where_it_counts(spec: DockerSpec) -> None:
    """The root file system is not read-only, but there is nothing else for a user without rights to write to."""
    async with await DockerContainer.start(spec) as container:
        script = "find / -xdev -writable -not -type l 2>/dev/null"
        found = (await container.exec(["sh", "-c", script])).stdout.text().split()
    counted = ("/tmp", "/var/tmp", "/run/lock", "/home", "/dev/shm", "/workspace", "/cache")
    assert "/tmp" in found
    assert [path for path in found if not path.startswith(counted)] == []
