"""The two descriptors that lead to the host: frames come and go without ever waiting."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from containers.supervisor.frames import pack, take

CHUNK = 65536
PIECES = 64  # what one system call writes at most


class Link:
    """Frames to and from the host. When the host goes, so does this process."""

    def __init__(self, source: int, sink: int) -> None:
        self.source = source
        self.sink = sink
        self.incoming = bytearray()
        self.outgoing = deque[memoryview]()
        self.backlog_bytes = 0
        self.written_bytes = 0
        os.set_blocking(source, False)
        os.set_blocking(sink, False)

    def send(self, kind: int, job: int, payload: bytes = b"") -> None:
        """Queue a frame."""
        frame = pack(kind, job, payload)
        self.outgoing.append(memoryview(frame))
        self.backlog_bytes += len(frame)

    def tell(self, kind: int, job: int, facts: dict[str, Any]) -> None:
        """Queue a frame of JSON."""
        self.send(kind, job, json.dumps(facts).encode())

    def flush(self) -> bool:
        """Write what the host takes; False when something is left."""
        while self.outgoing:
            try:
                written = os.writev(self.sink, list(islice(self.outgoing, PIECES)))
            except BlockingIOError:
                return False
            except OSError:
                os._exit(0)
            self.backlog_bytes -= written
            self.written_bytes += written
            while written:
                frame = self.outgoing.popleft()
                if written < len(frame):
                    self.outgoing.appendleft(frame[written:])
                written -= min(written, len(frame))
        return True

    def receive(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield the frames that have come whole. Raises ValueError for what is no frame."""
        try:
            data = os.read(self.source, CHUNK)
        except BlockingIOError:
            return
        if not data:
            os._exit(0)
        self.incoming += data
        while (frame := take(self.incoming)) is not None:
            yield frame
