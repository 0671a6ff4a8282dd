"""Why a run ends early, split by who must react; exit codes.

    Exception
    ├── ToolError            tools.base             the model reads it, the run goes on
    ├── ContainerError       containers.base        the session ends as `failed`
    ├── ProviderError        agent.providers.base   the session retries, then ends as `failed`
    ├── UserError            the person mends it: one line on stderr, exit 2
    └── EarlyEnd             an orderly end: the work so far is saved, `session_finished` follows
        ├── LimitReached       turns, cost or time are used up: exit 4
        ├── PermissionNeeded   nobody is there to say yes: exit 5
        └── Cancelled          a signal came: exit 130 or 143

Anything else is a defect: it is recorded as `error_raised` and raised again.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, assert_never

from agent.events import Status


class UserError(Exception):
    """The person who called can mend it; the message is one line that says how."""


class EarlyEnd(Exception):
    """The run ends before its time, in order. `status` is what the last event will say."""

    status: Status


LimitKind = Literal["turns", "cost", "time"]


class LimitReached(EarlyEnd):
    """A limit that the user set (or its default) is used up."""

    status: Status = "limit"

    def __init__(self, kind: LimitKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class PermissionNeeded(EarlyEnd):
    """Something needs a person's yes and nobody can be asked."""

    status: Status = "permission"


class Cancelled(EarlyEnd):
    """A signal ended the run: `cancelled` by SIGINT, `terminated` by SIGTERM."""

    def __init__(self, status: Literal["cancelled", "terminated"] = "cancelled") -> None:
        super().__init__("interrupted" if status == "cancelled" else "terminated")
        self.status = status


class ExitCode(IntEnum):
    """What the process says when it ends; part of the contract with CI."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    RED = 3
    LIMIT = 4
    PERMISSION = 5
    INTERRUPTED = 130
    TERMINATED = 143


def exit_code(status: Status) -> ExitCode:
    """Return the exit code of a session that ended with `status`. (`USAGE` belongs to none: no session began.)"""
    match status:
        case "done":
            return ExitCode.DONE
        case "failed":
            return ExitCode.FAILED
        case "red":
            return ExitCode.RED
        case "limit":
            return ExitCode.LIMIT
        case "permission":
            return ExitCode.PERMISSION
        case "cancelled":
            return ExitCode.INTERRUPTED
        case "terminated":
            return ExitCode.TERMINATED
        case _:
            assert_never(status)
