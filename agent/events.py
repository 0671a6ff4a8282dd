"""Everything that happens in a session, as one closed union of frozen values.

`agent/codec.py` turns them into JSON and back; `docs/events.md` describes the stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agent.messages import Message, Usage
from tools.edit_record import EditFormat, Failure, Stage

SCHEMA_VERSION = 1
"""Grows when a field changes its meaning or goes; a new kind or a new optional field does not change it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What every event carries: its number from 1 without gaps, UTC time in ISO 8601, its session."""

    seq: int
    time: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """A session has its task; nothing else is there yet. The first event of every session."""

    kind: Literal["session_opened"] = "session_opened"
    task: str
    model: str
    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """A session is ready: container up, workspace in."""

    kind: Literal["session_started"] = "session_started"
    task: str
    model: str
    container: str
    repository: str
    base: str
    """The commit that the work starts from (uncommitted changes of the user included)."""
    branch: str
    languages: tuple[str, ...]
    seconds: float
    """From the start of the command until here."""
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResumed:
    """A session goes on after it had ended, or its container had: a container is up, the workspace is in it."""

    kind: Literal["session_resumed"] = "session_resumed"
    reason: str
    """How it had ended, in words."""
    more: str
    """What is to be done beside the task; mostly empty."""
    model: str
    container: str
    base: str
    branch: str
    turns: int
    """Taken before."""
    seconds: float
    """From the start of the command until here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A long step on the way (image build, download, base check): what, how far, in words."""

    kind: Literal["progress"] = "progress"
    step: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted:
    """A request goes to the model. `turn` counts from 1."""

    kind: Literal["turn_started"] = "turn_started"
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """Words of the model, as they come."""

    kind: Literal["text_delta"] = "text_delta"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingDelta:
    """Reasoning of the model, as it comes."""

    kind: Literal["thinking_delta"] = "thinking_delta"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRetried:
    """The request failed and goes out again after `wait_s`; deltas of this turn so far are void."""

    kind: Literal["request_retried"] = "request_retried"
    reason: str
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAdded:
    """A message joined the history; all of them in order are the conversation."""

    kind: Literal["message_added"] = "message_added"
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted:
    """A tool call begins."""

    kind: Literal["tool_started"] = "tool_started"
    call: str
    tool: str
    arguments: Mapping[str, Any]
    summary: str
    """The call in a few words, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """A running tool printed something."""

    kind: Literal["tool_output"] = "tool_output"
    call: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished:
    """A tool call ended. `content` is what the model reads, `display` what a person sees."""

    kind: Literal["tool_finished"] = "tool_finished"
    call: str
    tool: str
    is_error: bool
    content: str
    display: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChanged:
    """A tool wrote a file. `path` is relative to the workspace. Comes before the `ToolFinished` of its call."""

    kind: Literal["file_changed"] = "file_changed"
    path: str
    added: int
    removed: int
    call: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditTried:
    """A call of a tool that edits ended: how each edit was found, or why it could not be made; then none was.

    Comes before the `ToolFinished` of its call.
    """

    kind: Literal["edit_tried"] = "edit_tried"
    call: str
    model: str
    format: EditFormat
    matched: tuple[Stage, ...]
    failed: tuple[Failure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRequested:
    """A command's request to the outside has ended, allowed or not; or several like it have."""

    kind: Literal["network_requested"] = "network_requested"
    host: str
    """Empty: so many different hosts were asked for that the rest are one event."""
    port: int
    scheme: Literal["http", "tunnel"]
    allowed: bool
    reason: str
    problem: str
    """Why an allowed request did not get through."""
    sent_bytes: int
    received_bytes: int
    seconds: float
    count: int = 1
    """The first request of its kind is told at once; the others of the same call are one event, its figures sums."""


Answer = Literal["no", "once", "session", "project"]
"""What a person can say: once is until the call that asks has ended, project is whenever this repository is at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested:
    """A person is asked, and what asks waits."""

    kind: Literal["approval_requested"] = "approval_requested"
    approval: str
    """The question's id."""
    action: Literal["network"]
    subject: str
    """What it is about: a host with its port."""
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalResolved:
    """A question has its answer, or nobody gave one in time; that is a no."""

    kind: Literal["approval_resolved"] = "approval_resolved"
    approval: str
    answer: Answer
    answered: bool
    """Whether it was a person who said so."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """One package in the verdict table. `package` is as its language names it."""

    language: str
    package: str
    build: Literal["ok", "failed", "-"]
    vet: Literal["ok", "failed", "-"]
    passed: int
    failed: int
    skipped: int
    seconds: float
    regressions: tuple[str, ...] = ()
    """What was green at the base and is not now, a name each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticsChanged:
    """What a reply wrote was looked at: how many errors are new in it and what uses it, and what the model is told."""

    kind: Literal["diagnostics_changed"] = "diagnostics_changed"
    errors: int
    text: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinished:
    """The harness built, vetted and tested a tree, or some packages of it."""

    kind: Literal["check_finished"] = "check_finished"
    tree: Literal["base", "work"]
    green: bool
    rows: tuple[VerdictRow, ...]
    reasons: tuple[str, ...]
    """Why it is not green, a sentence each; empty when it is."""
    seconds: float
    scope: str = "everything"
    """What was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSaved:
    """The work so far is a commit on a branch of the user's repository (`branch` empty: still only in the clone)."""

    kind: Literal["work_saved"] = "work_saved"
    branch: str
    commit: str
    files: int
    added: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReported:
    """What a request cost, and the session so far. `cost` in US dollars, None where no price is known."""

    kind: Literal["usage_reported"] = "usage_reported"
    usage: Usage
    total: Usage
    cost: float | None
    total_cost: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFinished:
    """A turn ended, its tools included. `model_seconds` is the request, `tool_seconds` the calls side by side."""

    kind: Literal["turn_finished"] = "turn_finished"
    turn: int
    model_seconds: float
    tool_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRaised:
    """Something failed that is not a tool's answer; `SessionFinished` follows."""

    kind: Literal["error_raised"] = "error_raised"
    message: str
    error: str
    """The exception's class."""


Status = Literal["done", "red", "limit", "failed", "permission", "cancelled", "terminated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFinished:
    """The last event of every session."""

    kind: Literal["session_finished"] = "session_finished"
    status: Status
    reason: str
    """One line: why it ended so."""
    summary: str
    """The model's last words."""
    branch: str
    """Empty when there was nothing to hand back."""
    commit: str
    turns: int
    requests: int
    usage: Usage
    cost: float | None
    seconds: float
    verdict: tuple[VerdictRow, ...]
    exit_code: int


Event = (
    SessionOpened
    | SessionStarted
    | SessionResumed
    | Progress
    | TurnStarted
    | TextDelta
    | ThinkingDelta
    | RequestRetried
    | MessageAdded
    | ToolStarted
    | ToolOutput
    | ToolFinished
    | FileChanged
    | EditTried
    | NetworkRequested
    | ApprovalRequested
    | ApprovalResolved
    | DiagnosticsChanged
    | CheckFinished
    | WorkSaved
    | UsageReported
    | TurnFinished
    | ErrorRaised
    | SessionFinished
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """An event with its stamp, as consumers get it."""

    stamp: Stamp
    event: Event
