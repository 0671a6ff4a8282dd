"""Writes a session's events to a file descriptor, one line of JSON each, for programs."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

from agent.codec import encode
from agent.errors import Cancelled, UserError
from agent.events import Stamped


class JsonLines:
    """The stream that `--json` puts on standard output. Each line is out before `show` returns.

    When the reader has gone (nobody would see the rest) or the disk takes no more, it writes nothing from then on and
    calls `on_gone` once with the reason: Cancelled, or UserError for what is not the reader's doing. Without `on_gone`
    that `show` raises it.
    """

    def __init__(self, descriptor: int, on_gone: Callable[[Cancelled | UserError], None] | None = None) -> None:
        self._descriptor = descriptor
        self._on_gone = on_gone
        self._open = True

    def show(self, stamped: Stamped) -> None:
        """Write one event."""
        if not self._open:
            return
        try:
            self._write(encode(stamped).encode() + b"\n")
        except OSError as error:
            self._open = False
            gone = isinstance(error, BrokenPipeError)
            problem = Cancelled() if gone else UserError(f"can't write to standard output: {error.strerror}")
            if self._on_gone is None:
                raise problem from error
            self._on_gone(problem)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                # A parent may share its non-blocking pipe with us.
                select.select([], [self._descriptor], [])
