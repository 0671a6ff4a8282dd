"""A `Duplex` over memory, for tests of the proxy without a container."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise


class Script:
    """Says its pieces, then ends its direction if it `ends`; keeps what it is told."""

    def __init__(self, *pieces: bytes, ends: bool = True) -> None:
        self._pieces = list(pieces)
        self._ends = ends
        self.heard = bytearray()
        self.was_ended = False

    async def read(self) -> bytes:
        while self._pieces:
            if piece := self._pieces.pop(0):
                return piece
        return await self._end()

    async def write(self, data: bytes) -> None:
        self.heard += data

    async def end(self) -> None:
        self.was_ended = True

    async def until_ended(self) -> None:
        await asyncio.Event().wait()

    async def _end(self) -> bytes:
        if not self._ends:
            await asyncio.Event().wait()
        return b""


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    """Cut bytes at these places."""
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[start:end] for start, end in pairwise(places)]
