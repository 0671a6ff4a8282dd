"""How long a container takes from its start until it has run a command, with the image and a warm cache there."""

from __future__ import annotations

import asyncio
import time

from benchmarks.figures import show
from benchmarks.sandboxes import Sandboxes, sandboxes, started

RUNS = 10


def main() -> None:
    """Print the figures."""
    with sandboxes() as made:
        asyncio.run(_measure(made))


async def _measure(made: Sandboxes) -> None:
    for kind, start in made.starts.items():
        async with started(start):
            pass  # the first one fills the cache
        seconds: list[float] = []
        for _ in range(RUNS):
            before = time.perf_counter()
            async with started(start) as container:
                await container.exec(["true"])
                seconds.append(time.perf_counter() - before)
        show(f"container ready, {kind}", seconds, "1000 ms")
