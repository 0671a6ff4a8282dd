"""The task: an argument, a file, or what is sent to standard input; never waited for without end."""

from __future__ import annotations

import os
import select
import stat
import sys
from pathlib import Path

from agent.errors import UserError

IMPLICIT_WAIT_S = 5.0
"""How long standard input may stay silent where nobody named it: a pipe that nobody writes to, as in many CI jobs."""
EXPLICIT_WAIT_S = 60.0
"""How long a source that was named may stay silent, at first and between pieces."""
LONGEST_BYTES = 1 << 20

_HINT = 'say what to do, as in `bactrian run "add a ping command"`, or give --task-file'


def read_task(task: str | None, file: Path | None) -> str:
    """Return the task: the argument, else the file, else standard input; `-` for either names standard input.

    Raises UserError: none or more than one given, an unreadable file, a source that stays silent.
    """
    if task is not None and file is not None:
        raise UserError("give the task as an argument or with --task-file, not both")
    if task is not None and task != "-":
        text = task
    elif file is not None and str(file) != "-":
        text = _file(file)
    else:
        named = task is not None or file is not None
        text = _standard_input(EXPLICIT_WAIT_S if named else IMPLICIT_WAIT_S)
    if not text.strip():
        raise UserError('the task is empty: say what to do, as in `bactrian run "add a ping command"`')
    return text.strip()


def read_all(descriptor: int, wait_s: float, source: str) -> str:
    """Read a file, pipe or terminal to its end; `source` is what messages call it.

    Raises UserError: nothing came for `wait_s`, more came than a task can have, what came is not UTF-8. OSError.
    """
    waits = not stat.S_ISREG(os.fstat(descriptor).st_mode)
    data = b""
    while True:
        if waits and not select.select([descriptor], [], [], wait_s)[0]:
            silent = "the task did not end" if data else "no task came"
            raise UserError(f"{silent} on {source} in {wait_s:.0f} s: {_HINT}")
        try:
            piece = os.read(descriptor, 65_536)
        except BlockingIOError:  # somebody else read it first
            continue
        data += piece
        if len(data) > LONGEST_BYTES:
            raise UserError(f"the task on {source} is longer than {LONGEST_BYTES >> 20} MiB")
        if not piece:
            break
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"the task on {source} can't be read: not UTF-8 at byte {error.start}") from error


def _standard_input(wait_s: float) -> str:
    if sys.stdin is None or sys.stdin.isatty():  # pyright: ignore[reportUnnecessaryComparison] a closed one is None
        raise UserError(f"no task: {_HINT}")
    try:
        return read_all(sys.stdin.fileno(), wait_s, "standard input")
    except OSError as error:
        raise UserError(f"standard input can't be read: {error.strerror}") from error


def _file(path: Path) -> str:
    try:
        # Not blocking: to open a named pipe that nobody writes would take for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return read_all(descriptor, EXPLICIT_WAIT_S, str(path))
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise UserError(f"the task can't be read: {error}") from error
