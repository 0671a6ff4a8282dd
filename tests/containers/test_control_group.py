"""Limits of a sandbox that root starts: its own, whatever other processes of the same user do."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.control_group import HIERARCHY, make_group

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes control groups")


@pytest.fixture
def spec(workspace: Path, cache_folder: Path, rootfs: Path) -> BubblewrapSpec:
    return BubblewrapSpec(workspace=workspace, cache=cache_folder, root=rootfs, processes=60, memory_bytes=256 << 20)


def groups() -> set[Path]:
    return set(HIERARCHY.glob(f"bactrian-{os.getpid()}-*")) | set(HIERARCHY.glob(f"*/bactrian-{os.getpid()}-*"))


def test_group_is_made_and_removed() -> None:
    group = make_group(processes=5, memory_bytes=1 << 28, cpus=0.5)
    assert group, "root can't make control groups here"
    assert set(group.folders) <= groups()
    group.remove()
    assert not groups() & set(group.folders)


async def test_full_sandbox_leaves_another_alone(spec: BubblewrapSpec) -> None:
    async with await BubblewrapContainer.start(spec) as full, await BubblewrapContainer.start(spec) as other:
        filling = asyncio.create_task(full.exec(["bash", "-c", "for i in {1..200}; do sleep 20 & done"], timeout_s=3))
        await asyncio.sleep(1)
        result = await other.exec(["bash", "-c", "for i in {1..40}; do sleep 0.2 & done; wait; echo all"])
        assert result.stdout.text() == "all\n"
        filled = await filling
        assert "fork" in filled.stderr.text()


async def test_memory_limit_kills_the_command_and_not_the_sandbox(spec: BubblewrapSpec) -> None:
    async with await BubblewrapContainer.start(spec) as container:
        greedy = await container.exec(["python3", "-c", "x = bytearray(1 << 30); print(len(x))"])
        assert greedy.exit_code == 137
        assert (await container.exec(["echo", "alive"])).stdout.text() == "alive\n"


async def test_closing_removes_the_group(spec: BubblewrapSpec) -> None:
    before = groups()
    async with await BubblewrapContainer.start(spec):
        assert groups() - before
    assert groups() == before
