"""The sessions of this machine as their folders tell of them: how each ended, what is still to be had from it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agent.codec import DecodeError, decode
from agent.errors import UserError
from agent.events import (
    Event,
    SessionFinished,
    SessionOpened,
    SessionResumed,
    SessionStarted,
    Stamped,
    Status,
    WorkSaved,
)

TRANSCRIPT = "transcript.jsonl"
WORKSPACE = "workspace"
_KINDS = ("session_opened", "session_started", "session_resumed", "work_saved", "session_finished")
_MARKS = tuple(f'{{"kind":"{kind}"'.encode() for kind in _KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One session. Texts are empty where it did not come to them."""

    id: str
    folder: Path
    status: Status | Literal["running", "killed"]
    reason: str = ""
    began: str = ""
    """UTC in ISO 8601."""
    task: str = ""
    model: str = ""
    repository: str = ""
    branch: str = ""
    commit: str = ""
    process: int = 0
    """Who runs it; 0 unless somebody does."""
    clone: str = ""
    """Where work lies that has not come home; of a session that runs, all of it."""


def entries(state: Path, repository: Path | None = None) -> Iterator[Entry]:
    """Yield the sessions in the state directory, the newest first; of one repository, or all. Raises nothing."""
    for folder in _folders(state):
        entry = _entry(folder)
        if entry and (repository is None or entry.repository == str(repository)):
            yield entry


def unfinished(state: Path, repository: Path) -> Iterator[Entry]:
    """Yield those in a repository that have ended and left work behind, the newest first. Raises nothing.

    Quicker than `entries`: only folders that hold a clone are looked at.
    """
    for folder in _folders(state):
        if (folder / WORKSPACE).is_dir():
            entry = _entry(folder)
            if entry and entry.repository == str(repository) and not entry.process:
                yield entry


def left_behind(entry: Entry) -> str:
    """Return what is to be said of a session that left its clone behind: what happened, and what to do."""
    if not entry.clone:
        return f"session {entry.id} was killed before it began: `bactrian sessions resume {entry.id}` begins it"
    if entry.status == "done":
        return f"session {entry.id} is done, but what can't be part of a branch is still in {entry.clone}"
    happened = "was killed" if entry.status == "killed" else f"ended as {entry.status} before its work was saved"
    work = f"its work up to the last tool call is in {entry.clone}"
    return f"session {entry.id} {happened}; {work}: go on with `bactrian sessions resume {entry.id}`"


def choose(state: Path, repository: Path, wanted: str) -> Entry:
    """Return the session whose id begins with `wanted`; if that is empty, the last one here that is not done.

    Raises UserError: there is none, several, one of another repository, or one that is running.
    """
    if not wanted:
        here = (entry for entry in entries(state, repository) if entry.status not in ("done", "running"))
        if (entry := next(here, None)) is None:
            raise UserError(f"there is nothing to resume in {repository}: see `bactrian sessions list`")
        return entry
    entry = find(state, wanted)
    if entry.process:
        raise UserError(f"session {entry.id} is in use by process {entry.process}")
    if entry.repository != str(repository):
        raise UserError(f"session {entry.id} is of another repository: give --repo {entry.repository}")
    return entry


def find(state: Path, wanted: str) -> Entry:
    """Return the session whose id begins with `wanted`. Raises UserError: there is none, or several."""
    names = [folder.name for folder in _folders(state) if folder.name.startswith(wanted)]
    if len(names) > 1 and wanted not in names:
        shown = ", ".join(names[:3])
        raise UserError(f"{len(names)} sessions begin with {wanted!r} ({shown}…): give more of the id")
    entry = _entry(state / "sessions" / (wanted if wanted in names else names[0])) if names else None
    if entry is None:
        raise UserError(f"there is no session {wanted!r}: `bactrian sessions list --all` shows what there is")
    return entry


def transcript(entry: Entry) -> Path:
    """Return where a session's events are."""
    return entry.folder / TRANSCRIPT


def _folders(state: Path) -> Sequence[Path]:
    try:
        return sorted((state / "sessions").iterdir(), reverse=True)
    except OSError:
        return ()


def _entry(folder: Path) -> Entry | None:
    transcript = folder / TRANSCRIPT
    try:
        process = _process(transcript)
        events = [event for line in transcript.read_bytes().split(b"\n") if (event := _told(line))]
    except OSError:
        return None  # another's, or just being removed
    clone = folder / WORKSPACE
    facts = _facts([stamped.event for stamped in events])
    entry = Entry(
        id=folder.name,
        folder=folder,
        status="running" if process else "killed",
        process=process,
        clone=str(clone) if "branch" in facts and clone.is_dir() else "",
        **facts,
        began=events[0].stamp.time if events else "",
    )
    return _with_end(entry, events)


def _facts(events: Sequence[Event]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for event in events:
        match event:
            case SessionOpened():
                facts |= {"task": event.task, "model": event.model, "repository": event.repository}
            case SessionStarted():
                facts |= {"task": event.task, "model": event.model, "repository": event.repository}
                facts |= {"branch": event.branch}
            case SessionResumed():
                facts |= {"model": event.model, "branch": event.branch}
            case WorkSaved():
                facts |= {"branch": event.branch, "commit": event.commit}
            case _:
                pass
    return facts


def _with_end(entry: Entry, events: Sequence[Stamped]) -> Entry:
    last = events[-1].event if events else None
    if entry.process or not isinstance(last, SessionFinished):
        return entry
    return replace(entry, status=last.status, reason=last.reason)


def _told(line: bytes) -> Stamped | None:
    if not line.startswith(_MARKS):
        return None
    try:
        return decode(line)
    except DecodeError:
        return None


def _process(transcript: Path) -> int:
    """Return who writes a transcript, by the lock beside it; 0 for nobody, -1 where that can't be told."""
    try:
        descriptor = os.open(transcript.with_name(transcript.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        number = os.read(descriptor, 20).decode(errors="replace").strip()
        return int(number) if number.isdecimal() else -1
    finally:
        os.close(descriptor)
    return 0
