"""What `Container.open` and its `Process` promise, held against Docker and bubblewrap."""

from __future__ import annotations

import asyncio

import pytest

from containers.base import Container, Process

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def read_all(process: Process) -> bytes:
    data = b""
    while piece := await process.read():
        data += piece
    return data


async def test_what_is_written_comes_back(shared: Container) -> None:
    process = await shared.open(["cat"])
    for word in (b"one\n", "zwölf\n".encode(), bytes(range(256))):
        await process.write(word)
        back = b""
        while len(back) < len(word):
            back += await process.read()
        assert back == word
    await process.kill()
    assert await process.wait() == 137


async def test_much_goes_both_ways(shared: Container) -> None:
    process = await shared.open(["head", "-c", "5000000"])
    data = bytes(range(250)) * 20_000
    await process.write(data)
    assert await read_all(process) == data
    assert await process.wait() == 0


async def test_its_end_is_told(shared: Container) -> None:
    process = await shared.open(["sh", "-c", "echo said; echo dropped >&2; exit 5"])
    assert await read_all(process) == b"said\n"
    assert await process.read() == b""
    assert [await process.wait(), await process.wait()] == [5, 5]
    await process.write(b"nobody reads this")
    await process.kill()


async def test_missing_executable_ends_with_127(shared: Container) -> None:
    process = await shared.open(["no-such-command"])
    assert await process.wait() == 127
    assert await read_all(process) == b""


async def test_cwd_and_env(shared: Container) -> None:
    process = await shared.open(["sh", "-c", 'pwd; echo "$WORD"'], cwd="/usr", env={"WORD": "yes"})
    assert await read_all(process) == b"/usr\nyes\n"


async def test_killing_takes_its_tree_along(shared: Container, seconds: int) -> None:
    process = await shared.open(["sh", "-c", f"setsid sleep {seconds} & echo up; sleep {seconds}"])
    assert await process.read() == b"up\n"
    await process.kill()
    assert await process.wait() == 137
    assert (await shared.exec(["pgrep", "-f", f"sleep {seconds}"])).exit_code == 1


async def test_waiting_can_be_given_up(shared: Container) -> None:
    process = await shared.open(["cat"])
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(process.wait(), 0.05)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(process.read(), 0.05)
    await process.write(b"still here")
    assert await process.read() == b"still here"
    await process.kill()


async def test_commands_run_beside_it(shared: Container) -> None:
    process = await shared.open(["cat"])
    assert (await shared.exec(["echo", "beside"])).stdout.text() == "beside\n"
    await process.write(b"x")
    assert await process.read() == b"x"
    await process.kill()
