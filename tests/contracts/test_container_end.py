"""How a container ends: closed, killed from outside, or with the Bactrian process. Nothing may be left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from containers.base import Container, ContainerDied
from containers.docker import connect

PATIENCE_S = 30.0

Start = Callable[[Path], Awaitable[Container]]


def running(seconds: int) -> bool:
    """Whether a `sleep` of so many seconds runs anywhere on this machine."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes() == b"sleep\0%d\0" % seconds:
                return True
    return False


def mounts() -> set[str]:
    """This machine's mounts, without those of containers that others run."""
    lines = Path("/proc/mounts").read_text().splitlines()
    return {line for line in lines if not re.search(r"docker|containerd|/run/", line)}


def exists(name: str) -> bool:
    """Whether the container of this name is still there in any state."""
    kind, identity = name.split()
    if kind == "bubblewrap":
        return Path("/proc", identity).exists()
    with contextlib.closing(connect()) as client:
        return any(
            (found.id or "").startswith(identity) for found in client.containers.list(all=True, ignore_removed=True)
        )


def kill(name: str) -> None:
    kind, identity = name.split()
    if kind == "bubblewrap":
        os.kill(int(identity), signal.SIGKILL)
    else:
        with contextlib.closing(connect()) as client:
            client.containers.get(identity).kill()


def pause(name: str) -> None:
    kind, identity = name.split()
    if kind == "bubblewrap":
        for child in Path(f"/proc/{identity}/task/{identity}/children").read_text().split():
            os.kill(int(child), signal.SIGSTOP)
    else:
        with contextlib.closing(connect()) as client:
            client.containers.get(identity).pause()


async def gone(name: str, seconds: int) -> bool:
    """Whether the container and its process go away, given time."""
    end = time.monotonic() + PATIENCE_S
    while exists(name) or running(seconds):
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.1)
    return True


async def test_closing_leaves_nothing(container: Container, seconds: int) -> None:
    before = mounts()
    await container.exec(["sh", "-c", f"setsid -f sleep {seconds}; trap '' TERM; sleep {seconds} &"])
    process = await container.open(["sleep", str(seconds)])
    command = asyncio.create_task(container.exec(["sleep", str(seconds)]))
    await asyncio.sleep(0.2)
    await asyncio.gather(container.close(), container.close())
    assert not exists(container.name)
    assert not running(seconds)
    for call in (command, process.wait(), container.exec(["true"]), container.read("x"), container.open(["true"])):
        with pytest.raises(ContainerDied, match="is closed"):
            await call
    await container.close()
    assert mounts() <= before


async def test_closing_that_is_given_up_is_finished_all_the_same(container: Container, seconds: int) -> None:
    await container.exec(["setsid", "-f", "sleep", str(seconds)])
    closing = asyncio.create_task(container.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await container.close()
    assert not exists(container.name)
    assert not running(seconds)


async def test_killed_from_outside(container: Container, seconds: int) -> None:
    process = await container.open(["cat"])
    calls = [
        asyncio.create_task(container.exec(["sh", "-c", f"echo up; sleep {seconds}"])),
        asyncio.create_task(process.read()),
        asyncio.create_task(process.wait()),
    ]
    await asyncio.sleep(0.2)
    before = time.monotonic()
    await asyncio.to_thread(kill, container.name)
    for call in calls:
        with pytest.raises(ContainerDied, match=rf"^{container.name} has ended unexpectedly: [^\n]+$"):
            await call
    assert time.monotonic() - before < PATIENCE_S
    for call in (container.exec(["true"]), container.read("x"), container.write("x", b""), container.open(["true"])):
        with pytest.raises(ContainerDied, match="has ended unexpectedly"):
            await call
    with pytest.raises(ContainerDied):
        await process.write(b"x")
    await container.close()
    assert await gone(container.name, seconds)


async def test_one_that_does_not_answer(container: Container, seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containers.supervised.GRACE_S", 1)
    await container.exec(["setsid", "-f", "sleep", str(seconds)])
    await asyncio.to_thread(pause, container.name)
    with pytest.raises(ContainerDied, match=rf"^{container.name} has ended unexpectedly: it does not answer; [^\n]+$"):
        await container.exec(["true"], timeout_s=0.1)
    with pytest.raises(ContainerDied, match="does not answer"):
        await container.read("file")
    await container.close()
    assert await gone(container.name, seconds)


BYSTANDER = """
import asyncio, signal, sys
from pathlib import Path
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.docker import DockerContainer, DockerSpec

# A shell that runs this in the background lets it ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def main(kind, workspace, what, cache, seconds):
    if kind == "docker":
        container = await DockerContainer.start(DockerSpec(image=what, workspace=workspace, cache_volume=cache))
    else:
        spec = BubblewrapSpec(workspace=workspace, cache=Path(cache), root=Path(what))
        container = await BubblewrapContainer.start(spec)
    await container.exec(["setsid", "-f", "sleep", seconds])
    print(container.name, flush=True)
    await container.exec(["sleep", seconds], timeout_s=1000)

asyncio.run(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
"""


@pytest.mark.parametrize("kind", ["docker", "bubblewrap"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
async def test_it_ends_with_the_bactrian_process(
    request: pytest.FixtureRequest, workspace: Path, kind: str, number: int, seconds: int
) -> None:
    made_of = ("image", "cache_volume") if kind == "docker" else ("rootfs", "cache_folder")
    arguments = [kind, workspace, *map(request.getfixturevalue, made_of), seconds]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BYSTANDER, *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=-3
    )
    assert process.stdout
    name = (await process.stdout.readline()).decode().strip()
    assert exists(name)
    assert running(seconds)
    process.send_signal(number)
    await process.wait()
    assert await gone(name, seconds)


def used(workspace: Path) -> bool:
    """Whether any container has this workspace. (Others on this machine may run tests as well.)"""
    with contextlib.closing(connect()) as client:
        if any(str(workspace) in str(found.attrs) for found in client.containers.list(all=True, ignore_removed=True)):
            return True
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"--bind\0%b\0" % bytes(workspace) in path.read_bytes():
                return True
    return False


async def test_a_start_that_is_given_up_leaves_nothing(start_container: Start, workspace: Path) -> None:
    given_up = 0
    for delay_s in (0, 0.001, 0.005, 0.02, 0.1):
        starting = asyncio.ensure_future(start_container(workspace))
        await asyncio.sleep(delay_s)
        given_up += starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await starting).close()
    assert given_up >= 3
    assert not await asyncio.to_thread(used, workspace)


async def test_a_container_is_seen_to_use_its_workspace(container: Container, workspace: Path) -> None:
    """Lest the test above see nothing where there is something."""
    assert container.name
    assert await asyncio.to_thread(used, workspace)


async def test_two_start_at_once_on_one_cache(start_container: Start, workspace: Path) -> None:
    started = await asyncio.gather(*(start_container(workspace) for _ in range(3)))
    try:
        results = await asyncio.gather(*(container.exec(["ls", "/cache/go-build"]) for container in started))
        assert [result.exit_code for result in results] == [0, 0, 0]
    finally:
        await asyncio.gather(*(container.close() for container in started))
