"""A running command as the supervisor sees it: its pipes, its limits, how it ended."""

from __future__ import annotations

import os
import time
from collections import deque

from containers.supervisor.files import make_folders
from containers.supervisor.frames import OMITTED

SAVE_BYTES = 64 << 20  # what a saved output may hold


class Stream:
    """One output pipe of a command: the head goes out at once, the tail is kept until the end."""

    def __init__(self, descriptor: int, kind: int, limit: int | None) -> None:
        self.descriptor = descriptor
        self.kind = kind
        self.limit = limit  # None: everything goes out
        self.sent = 0
        self.tail: deque[bytes] = deque()
        self.tail_bytes = 0
        self.omitted = 0
        self.open = True

    def take(self, data: bytes) -> bytes:
        """Return what of `data` goes out now; keep the rest."""
        if self.limit is None:
            return data
        room = max(0, self.limit // 2 - self.sent)
        now, later = data[:room], data[room:]
        self.sent += len(now)
        if later:
            self.tail.append(later)
            self.tail_bytes += len(later)
            while self.tail and self.tail_bytes - len(self.tail[0]) >= self.limit // 2:
                gone = self.tail.popleft()
                self.tail_bytes -= len(gone)
                self.omitted += len(gone)
        return now

    def rest(self) -> bytes:
        """Return the end frame's payload: bytes left out (u64), then the tail."""
        tail = b"".join(self.tail)
        self.tail.clear()
        if self.limit is not None:
            excess = max(0, len(tail) - self.limit // 2)
            self.omitted += excess
            tail = tail[excess:]
        return OMITTED.pack(self.omitted) + tail


class Job:
    """A command, its shim and its pipes."""

    def __init__(self, number: int, shim: int, stdin: int, streams: list[Stream]) -> None:
        self.number = number
        self.shim = shim
        self.stdin = stdin
        self.streams = streams
        self.pending = deque[memoryview]()
        self.stdin_ended = False
        self.started = time.monotonic()
        self.deadline: float | None = None
        self.bounded = False  # it has a time limit: no server of the host's
        self.ended: float | None = None  # when its main process was gone
        self.exit_code = 0
        self.limit = ""  # which one ended it: `time`, `memory`, `processes`, `disk`
        self.note = ""  # a line about that
        self.counts: dict[str, int] = {}  # how often the container's limits were enforced before it began
        self.reported = False
        self.save = -1
        self.saved = 0

    def open_save(self, path: str) -> None:
        """Have the output saved as well; where that is impossible it still reaches the host."""
        try:
            make_folders(os.path.dirname(path))
            # Not blocking: a named pipe could lie there.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK
            self.save = os.open(path, flags, 0o644)
        except (OSError, ValueError):
            self.save = -1

    def keep(self, data: bytes) -> None:
        """Save a piece of output."""
        if self.save >= 0 and self.saved < SAVE_BYTES:
            try:
                self.saved += os.write(self.save, data[: SAVE_BYTES - self.saved])
            except OSError:
                self.saved = SAVE_BYTES

    def close_save(self) -> None:
        """The output is complete."""
        if self.save >= 0:
            os.close(self.save)
            self.save = -1
