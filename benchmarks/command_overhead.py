"""What a trivial command costs in a running container, beside an `exec` of the engine's for each."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from benchmarks.figures import show
from benchmarks.sandboxes import Sandboxes, sandboxes, started
from containers.base import Container
from containers.docker import connect

ROUNDS = 20
RUNS = 10
EXECS = 5


def main() -> None:
    """Print the figures."""
    with sandboxes() as made:
        asyncio.run(_measure(made))


async def _measure(made: Sandboxes) -> None:
    async with started(made.docker) as docker, started(made.bubblewrap) as bubblewrap:
        identity = docker.name.split()[1]
        with contextlib.closing(connect()) as client:
            engine = client.containers.get(identity)
            ours: dict[str, list[float]] = {"docker": [], "bubblewrap": []}
            execs: list[float] = []
            bare: list[float] = []
            # In turns, so that whatever else the machine does falls on all alike.
            for _ in range(ROUNDS):
                ours["docker"] += await _seconds(RUNS, lambda: _run(docker))
                ours["bubblewrap"] += await _seconds(RUNS, lambda: _run(bubblewrap))
                bare += await _seconds(RUNS, _spawn)
                execs += await _seconds(EXECS, lambda: asyncio.to_thread(engine.exec_run, ["true"]))
    show("a trivial command, on the host itself", bare, "none")
    for kind, seconds in ours.items():
        show(f"a trivial command, {kind}", seconds, "5 ms", ("an exec of the engine's", execs))


async def _run(container: Container) -> None:
    if (await container.exec(["true"])).exit_code:
        raise RuntimeError("`true` has failed")


async def _spawn() -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()


async def _seconds(runs: int, call: Callable[[], Awaitable[object]]) -> list[float]:
    seconds: list[float] = []
    for _ in range(runs):
        before = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - before)
    return seconds
