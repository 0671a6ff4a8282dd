"""Work beside the event loop: its result, its failure, and that nobody waits for what was left behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

from containers.beside import beside

LEFT = """
import asyncio, time
from containers.beside import beside

async def main():
    try:
        await asyncio.wait_for(beside(lambda: time.sleep(60)), 0.1)
    except TimeoutError:
        print("left")

asyncio.run(main())
"""


async def test_result_and_failure_come_back() -> None:
    assert await beside(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await beside(lambda: 1 // 0)


async def test_loop_goes_on_meanwhile() -> None:
    waiting = asyncio.create_task(beside(lambda: time.sleep(0.2)))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await waiting


def test_process_ends_without_what_was_left_behind() -> None:
    ended = subprocess.run([sys.executable, "-c", LEFT], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "left\n"
