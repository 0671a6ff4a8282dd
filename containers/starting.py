"""Starts that are taken back when whoever asked for them is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from containers.base import ContainerUnavailable


class Closable(Protocol):
    """What has an orderly end."""

    async def close(self) -> None: ...


Started = TypeVar("Started", bound=Closable)


async def start_or_close(starting: Coroutine[Any, Any, Started]) -> Started:
    """Return what `starting` returns. It is never cancelled half-way: a thread or a fork can't be stopped.

    Raises what `starting` raises, and asyncio.CancelledError after what was started is closed.
    """
    task = asyncio.ensure_future(starting)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(ContainerUnavailable):
            await (await task).close()
        raise
