"""A fork: the same tools and files, nothing shared but caches."""

from __future__ import annotations

from pathlib import Path

import pytest

from containers.base import CACHE, Container

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_it_reads_the_workspace_and_cannot_write_there(shared: Container, shared_workspace: Path) -> None:
    await shared.write("here.txt", b"from the first")
    async with await shared.fork() as fork:
        assert fork.image == shared.image
        assert await fork.read("here.txt") == b"from the first"
        refused = await fork.exec(["sh", "-c", "echo x > /workspace/here.txt"])
        assert refused.exit_code != 0
        with pytest.raises(OSError, match="Read-only"):
            await fork.write("there.txt", b"")
    assert (shared_workspace / "here.txt").read_text() == "from the first"
    assert not (shared_workspace / "there.txt").exists()


async def test_processes_and_temporary_files_are_its_own_and_caches_are_not(shared: Container, seconds: int) -> None:
    async with await shared.fork() as fork:
        await fork.open(["sleep", str(seconds)])
        await fork.write("/tmp/fork.txt", b"", within="/tmp")
        await fork.write(f"{CACHE}/from-the-fork", b"kept", within=CACHE)
        assert (await fork.exec(["pgrep", "-f", f"sleep {seconds}"])).exit_code == 0
        assert (await shared.exec(["pgrep", "-f", f"^sleep {seconds}"])).exit_code == 1
        assert (await shared.exec(["ls", "/tmp/fork.txt"])).exit_code != 0
    assert await shared.read(f"{CACHE}/from-the-fork", within=CACHE) == b"kept"


async def test_the_end_of_a_fork_is_nothing_to_the_first(shared: Container) -> None:
    fork = await shared.fork()
    assert (await fork.exec(["sh", "-c", "echo $HOME"])).stdout.text() == (
        await shared.exec(["sh", "-c", "echo $HOME"])
    ).stdout.text()
    await fork.close()
    assert (await shared.exec(["true"])).exit_code == 0
