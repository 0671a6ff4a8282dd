"""The append-only log of a session's events: one line of JSON each, whole or not at all after a crash."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.codec import DecodeError, decode, encode
from agent.errors import UserError
from agent.events import (
    CheckFinished,
    MessageAdded,
    SessionFinished,
    SessionOpened,
    SessionResumed,
    SessionStarted,
    Stamped,
    ToolStarted,
    WorkSaved,
)
from agent.messages import Message, join, without_thinking
from containers.private_folder import make_private

_DURABLE = (
    SessionOpened,
    SessionStarted,
    SessionResumed,
    MessageAdded,
    ToolStarted,  # a call that was begun is never made again unasked
    CheckFinished,
    WorkSaved,
    SessionFinished,
)
"""Events that a resumed session can't do without: they are on the disk before `append` returns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a transcript holds."""

    events: tuple[Stamped, ...] = ()
    problems: tuple[str, ...] = ()
    """Lines that were skipped, one sentence each with the line's number: garbage, kinds of a newer version."""
    torn_bytes: int = 0
    """Length of the unfinished last line that a crash left; it is no part of `events`."""


class TranscriptWriter:
    """Appends events to a transcript in the session's folder, `<session>/transcript.jsonl`; makes both if need be.

    Opening cuts off what a crash left unfinished (see `recover`) and keeps a second writer out until `close`, or until
    the process ends in whatever way.

    Raises UserError if another process writes the session or the file can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            make_private(path.parent)  # the clone will lie there too
            self._lock = _lock(path)
            try:
                _cut(path)
                self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                _sync_directory(path.parent)
            except OSError:
                os.close(self._lock)
                raise
        except OSError as error:
            raise _unwritable(path, error) from error
        self._size = os.fstat(self._file).st_size

    def append(self, stamped: Stamped) -> None:
        """Write one event. Once it returns the event survives the death of this process, and an event that a resumed
        session needs (messages, checks, saved work, the end) that of the machine.

        Raises UserError if the disk takes no more; the file then ends with the last whole event.
        """
        data = encode(stamped).encode() + b"\n"
        try:
            self._write(data)
            if isinstance(stamped.event, _DURABLE):
                os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise _unwritable(self.path, error) from error
        self._size += len(data)

    def close(self) -> None:
        """Let the file and its lock go. May be called twice."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path) -> Recovered:
    """Read a transcript as it stands, changing nothing; its session may be writing it just now.

    Raises UserError if it can't be read, never for what is in it.
    """
    try:
        return _parse(path.read_bytes())
    except OSError as error:
        raise UserError(f"can't read the transcript {path}: {error.strerror}") from error


def recover(path: Path) -> Recovered:
    """Read a transcript and cut off what a crash left after the last whole line; `<path>.torn` keeps those bytes.

    Raises UserError if another process is writing it or it can't be read.
    """
    recovered = read(path)
    if recovered.torn_bytes:
        TranscriptWriter(path).close()
    return recovered


def history(events: Iterable[Stamped]) -> tuple[Message, ...]:
    """Return the conversation that the events tell of. What one side said in several goes is one message.

    The reasoning of a model that the session was taken from is left out.
    """
    messages: list[Message] = []
    model = ""
    for stamped in events:
        match stamped.event:
            case MessageAdded(message=message):
                join(messages, message)
            case SessionOpened() | SessionStarted() | SessionResumed() as event:
                messages = messages if event.model == model else without_thinking(messages)
                model = event.model
            case _:
                pass
    return tuple(messages)


def _parse(data: bytes) -> Recovered:
    *lines, torn = data.split(b"\n")
    events: list[Stamped] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        try:
            events.append(decode(line))
        except DecodeError as error:
            problems.append(f"line {number}: {error}")
    return Recovered(events=tuple(events), problems=tuple(problems), torn_bytes=len(torn))


def _cut(path: Path) -> None:
    """Move the bytes after the last line end, if any, into `<path>.torn`. The caller holds the lock."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        end, torn = _tail(file.read())
        if not torn:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with os.fdopen(os.open(_beside(path, ".torn"), flags, 0o600), "ab") as kept:
            kept.write(torn + b"\n")
        file.truncate(end)
        os.fsync(file.fileno())


def _tail(data: bytes) -> tuple[int, bytes]:
    end = data.rfind(b"\n") + 1
    return end, data[end:]


def _lock(path: Path) -> int:
    """Take the session's lock, a file beside it that names the owner; the kernel frees it when the process ends."""
    descriptor = os.open(_beside(path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise UserError(f"session {path.parent.name} is in use by process {owner}") from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _sync_directory(path: Path) -> None:
    """Make a new file's name as durable as its contents."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"can't write the transcript {path}: {error.strerror}")
