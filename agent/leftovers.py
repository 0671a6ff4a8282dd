"""Sessions that ended without bringing their work home: killed, or their save failed. Their clones are still there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from agent.codec import DecodeError, decode
from agent.events import SessionStarted

_FIRST_LINES = 50


def leftovers(state: Path, repository: Path) -> Iterator[Path]:
    """Yield the workspaces that ended sessions in `repository` have left in the state directory. Raises nothing."""
    sessions = state / "sessions"
    for folder in sorted(sessions.iterdir()) if sessions.is_dir() else ():
        workspace = folder / "workspace"
        transcript = folder / "transcript.jsonl"
        try:
            if workspace.is_dir() and not _in_use(transcript) and _repository(transcript) == str(repository):
                yield workspace
        except OSError:
            continue  # another's, or just being removed


def _in_use(transcript: Path) -> bool:
    descriptor = os.open(transcript.with_name(transcript.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _repository(transcript: Path) -> str:
    """Return the repository that a session worked in; empty where its transcript does not say."""
    with transcript.open("rb") as lines:
        for line in islice(lines, _FIRST_LINES):
            try:
                event = decode(line).event
            except DecodeError:
                continue
            if isinstance(event, SessionStarted):
                return event.repository
    return ""
