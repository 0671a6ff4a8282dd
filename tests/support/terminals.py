"""A program on a terminal of its own, as a person sits at one."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Any

# The program's terminal is to be the one that Ctrl-C and job control go by.
_TAKE = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """Runs a program; `shown` is all that it has written so far, escapes and all. Use as a context manager."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], *, stdout: int | None = None) -> None:
        self.main, self.other = os.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE, *argv],
            stdin=self.other,
            stdout=self.other if stdout is None else stdout,
            stderr=self.other,
            env={**env, "TERM": "xterm-256color", "COLUMNS": "200", "LINES": "40"},
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.main)
        os.close(self.other)

    @property
    def settings(self) -> list[Any]:
        """How the terminal is set: echo, whole lines."""
        return termios.tcgetattr(self.other)

    @property
    def text(self) -> str:
        """What was written, without escapes."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.shown)

    def wait_for(self, words: str, *, within_s: float = 60.0) -> None:
        """Read until the words are there."""
        end = time.monotonic() + within_s
        while words not in self.text:
            assert time.monotonic() < end, f"{words!r} did not come:\n{self.text}"
            self._read(0.2)

    def type(self, keys: str) -> None:
        os.write(self.main, keys.encode())

    def wait(self, *, within_s: float = 60.0) -> int:
        """Read to the program's end; return its exit code."""
        end = time.monotonic() + within_s
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it goes on:\n{self.text}"
            self._read(0.05)
        while self._read(0.0):
            pass
        return self.process.returncode

    def _read(self, timeout_s: float) -> bool:
        ready, _, _ = select.select([self.main], [], [], timeout_s)
        if ready:
            self.shown += os.read(self.main, 65536).decode(errors="replace")
        return bool(ready)
