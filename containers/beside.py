"""Blocking work that may be abandoned: an image build must not hold a run up that has ended."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

_Result = TypeVar("_Result")


async def beside(work: Callable[[], _Result]) -> _Result:
    """Run `work` in a daemon thread and return its result; cancelled, leave it behind.

    Unlike `asyncio.to_thread`, neither the event loop's end nor the process's waits for it. Raises what `work` raises.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Result] = loop.create_future()

    def settle(outcome: Callable[[], None]) -> None:
        if not done.done():
            outcome()

    def run() -> None:
        try:
            outcome = partial(done.set_result, work())
        except BaseException as error:  # it belongs to whoever waits
            outcome = partial(done.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name="beside", daemon=True).start()
    return await done
