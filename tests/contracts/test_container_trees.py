"""What `Container` promises about process trees: time limits and cancelling kill one whole, the background lives on."""

from __future__ import annotations

import asyncio
import time

import pytest

from containers.base import Container

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT_S = 0.5
PATIENCE_S = 30.0
"""A call that took longer has waited for what it should have killed."""


async def alive(container: Container, seconds: int) -> bool:
    """Whether a `sleep` of so many seconds runs in the container."""
    found = await container.exec(["pgrep", "-f", f"sleep {seconds}"])
    assert found.exit_code in (0, 1)
    return found.exit_code == 0


SHAPES = {
    "plain": "sleep {n}",
    "children": "sleep {n} & sleep {n} & wait",
    "setsid": "setsid sleep {n} & setsid -f sleep {n}; sleep {n}",
    "forked twice": "((sleep {n} &) &); sleep {n}",
    "SIGTERM ignored": "trap '' TERM INT HUP; sleep {n} & sleep {n}; sleep {n}",
    "stopped": "sleep {n} & kill -STOP $!; kill -STOP $$",
    "shim stopped": "kill -STOP $PPID; sleep {n}",
    "nested sessions": "setsid sh -c 'setsid sh -c \"setsid sleep {n} & sleep {n}\" & sleep {n}' & sleep {n}",
    "fork bomb": "b() {{ b | b & }}; b; exec sleep {n}",
}


@pytest.mark.parametrize("script", SHAPES.values(), ids=SHAPES.keys())
async def test_time_limit_kills_the_whole_tree(shared: Container, seconds: int, script: str) -> None:
    before = time.monotonic()
    result = await shared.exec(["bash", "-c", script.format(n=seconds)], timeout_s=LIMIT_S)
    assert (result.exit_code, result.timed_out) == (124, True)
    assert time.monotonic() - before < PATIENCE_S
    assert not await alive(shared, seconds)
    assert (await shared.exec(["pgrep", "-cx", "bash"])).stdout.text() == "0\n"


@pytest.mark.parametrize("script", SHAPES.values(), ids=SHAPES.keys())
async def test_cancelling_kills_the_whole_tree(shared: Container, seconds: int, script: str) -> None:
    running = asyncio.create_task(shared.exec(["bash", "-c", script.format(n=seconds)], timeout_s=600))
    await asyncio.sleep(LIMIT_S)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not await alive(shared, seconds)
    assert (await shared.exec(["pgrep", "-cx", "bash"])).stdout.text() == "0\n"


async def test_cancelled_before_it_has_begun(shared: Container, seconds: int) -> None:
    running = asyncio.create_task(shared.exec(["sleep", str(seconds)]))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not await alive(shared, seconds)


async def test_a_time_limit_spares_other_commands(shared: Container, seconds: int) -> None:
    other = asyncio.create_task(shared.exec(["sh", "-c", f"sleep 3; echo {seconds}"]))
    assert (await shared.exec(["sleep", str(seconds)], timeout_s=LIMIT_S)).timed_out
    assert (await other).stdout.text() == f"{seconds}\n"


@pytest.mark.parametrize("start", ["sleep {n} &", "setsid -f sleep {n};", "nohup sleep {n} >/dev/null 2>&1 &"])
async def test_background_processes_live_on_and_do_not_hold_the_call(
    shared: Container, seconds: int, start: str
) -> None:
    before = time.monotonic()
    result = await shared.exec(["sh", "-c", f"{start.format(n=seconds)} echo started"])
    assert (result.exit_code, result.stdout.text()) == (0, "started\n")
    assert time.monotonic() - before < PATIENCE_S
    assert await alive(shared, seconds)
    await shared.exec(["pkill", "-f", f"sleep {seconds}"])


async def test_a_background_process_goes_on_writing(shared: Container) -> None:
    """Nobody reads what it writes after its command's end, but it isn't stopped by a full or closed pipe."""
    script = "(sleep 0.3; head -c 3000000 /dev/zero; touch written) & echo started"
    assert (await shared.exec(["sh", "-c", script])).stdout.text() == "started\n"
    waited = await shared.exec(["sh", "-c", "until [ -e written ]; do sleep 0.05; done"], timeout_s=PATIENCE_S)
    assert waited.exit_code == 0


async def test_output_written_just_before_the_end_is_kept_though_the_background_holds_the_pipe(
    shared: Container, seconds: int
) -> None:
    result = await shared.exec(["sh", "-c", f"sleep {seconds} & head -c 60000 /dev/zero"])
    assert len(result.stdout.head) + len(result.stdout.tail) + result.stdout.omitted == 60_000
    await shared.exec(["pkill", "-f", f"sleep {seconds}"])


@pytest.mark.parametrize(
    "script",
    [
        "sleep {n} & kill -KILL $PPID; sleep {n}",
        "setsid -f sleep {n}; kill -KILL $PPID; sleep {n}",
        "sleep {n} & kill -KILL -1; sleep {n}",
        "sleep {n} & pkill -KILL bactrian; sleep {n}",
    ],
)
async def test_a_command_that_kills_its_keeper_takes_its_tree_along(
    shared: Container, seconds: int, script: str
) -> None:
    before = time.monotonic()
    result = await shared.exec(["bash", "-c", script.format(n=seconds)], timeout_s=600)
    assert (result.exit_code, result.timed_out) == (137, False)
    assert time.monotonic() - before < PATIENCE_S
    assert not await alive(shared, seconds)


@pytest.mark.parametrize("number", ["TERM", "INT", "HUP", "QUIT", "USR1", "PIPE", "CHLD", "STOP", "KILL"])
async def test_process_1_cannot_be_signalled(shared: Container, number: str) -> None:
    result = await shared.exec(["sh", "-c", f"kill -{number} 1; echo done"])
    assert result.stdout.text() == "done\n"
    assert (await shared.exec(["echo", "alive"])).stdout.text() == "alive\n"


async def test_killing_all_pythons_kills_only_the_commands_own(shared: Container, seconds: int) -> None:
    python = asyncio.create_task(shared.exec(["python3", "-c", f"import time; time.sleep({seconds})"]))
    await shared.exec(["sh", "-c", f"until pgrep -f '[(]{seconds}[)]'; do sleep 0.05; done"], timeout_s=PATIENCE_S)
    assert (await shared.exec(["pkill", "python3"])).exit_code == 0
    assert (await python).exit_code == 143


async def test_ended_commands_leave_nothing_behind(shared: Container) -> None:
    count = ["sh", "-c", "ls /proc | grep -c '^[0-9]'"]
    before = int((await shared.exec(count)).stdout.text())
    for _ in range(20):
        await shared.exec(["sh", "-c", "true | true & true"])
    await asyncio.sleep(0.5)
    assert int((await shared.exec(count)).stdout.text()) <= before + 1
