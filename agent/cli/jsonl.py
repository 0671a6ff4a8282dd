"""Writes a session's events to a file descriptor, one line of JSON each, for programs."""

from __future__ import annotations

import os
import select

from agent.codec import encode
from agent.errors import Cancelled, UserError
from agent.events import Stamped


class JsonLines:
    """The stream that `--json` puts on standard output. Each line is out before `show` returns."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._open = True

    def show(self, stamped: Stamped) -> None:
        """Write one event.

        Raises Cancelled when the reader has gone (nobody would see the rest) and UserError when the disk takes no more;
        after either it writes nothing and raises nothing, so that the session can end in order.
        """
        if not self._open:
            return
        try:
            self._write(encode(stamped).encode() + b"\n")
        except BrokenPipeError as error:
            self._open = False
            raise Cancelled from error
        except OSError as error:
            self._open = False
            raise UserError(f"can't write to standard output: {error.strerror}") from error

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                # A parent may share its non-blocking pipe with us.
                select.select([], [self._descriptor], [])
