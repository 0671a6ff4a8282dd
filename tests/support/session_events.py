"""Events that open and end invented sessions."""

from __future__ import annotations

from agent.events import SessionFinished, SessionOpened, SessionStarted, Status
from agent.messages import Usage

OPENED = SessionOpened(task="greet", model="a/b", repository="/r")
STARTED = SessionStarted(
    task="greet",
    model="a/b",
    container="docker 1",
    repository="/r",
    base="b0",
    branch="bactrian/greet",
    languages=("go",),
    seconds=1,
)


def ended(status: Status, reason: str = "because") -> SessionFinished:
    """The end of a session that brought nothing home."""
    return SessionFinished(
        status=status,
        reason=reason,
        summary="",
        branch="",
        commit="",
        turns=1,
        requests=1,
        usage=Usage(),
        cost=None,
        seconds=1,
        verdict=(),
        exit_code=1,
    )
