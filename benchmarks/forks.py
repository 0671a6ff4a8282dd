"""How long a fork takes to be ready, beside a plain container: one, eight at once, and of a large workspace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from benchmarks.figures import show
from benchmarks.sandboxes import Sandboxes, sandboxes, started
from containers.base import Container

RUNS = 12
AT_ONCE = 8
FILES = 10_000


def main() -> None:
    """Print the figures."""
    with sandboxes() as made:
        asyncio.run(_measure(made))


async def _measure(made: Sandboxes) -> None:
    for kind, start in made.starts.items():
        async with started(start) as container:
            await _alone(kind, start, container, "")
            await _at_once(kind, start, container)
            await container.exec(["sh", "-c", f"mkdir d; cd d; seq {FILES} | split -l 1 -a 4 -"])
            await _alone(kind, start, container, f", {FILES} files")
            await container.exec(["rm", "-rf", "d"])


async def _alone(kind: str, start: Callable[[], Awaitable[Container]], container: Container, of: str) -> None:
    plain: list[float] = []
    forks: list[float] = []
    # In turns, so that whatever else the machine does falls on both alike.
    for _ in range(RUNS):
        plain.append(await _ready(start, 1))
        forks.append(await _ready(container.fork, 1))
    show(f"{kind}: a fork ready{of}", forks, "50 ms over a plain one", ("plain", plain))


async def _at_once(kind: str, start: Callable[[], Awaitable[Container]], container: Container) -> None:
    plain = [await _ready(start, AT_ONCE) for _ in range(3)]
    forks = [await _ready(container.fork, AT_ONCE) for _ in range(3)]
    show(f"{kind}: {AT_ONCE} forks ready, started at once", forks, "none", ("plain", plain))


async def _ready(start: Callable[[], Awaitable[Container]], count: int) -> float:
    before = time.perf_counter()
    containers = await asyncio.gather(*(start() for _ in range(count)))
    took = time.perf_counter() - before
    await asyncio.gather(*(container.close() for container in containers))
    return took
