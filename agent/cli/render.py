"""Events → what a person sees: lines that stay, and one block at the bottom that tells what is going on now.

Pure: `agent/cli/screen.py` does the writing, `agent/cli/blocks.py` knows how each piece looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, assert_never

from rich.console import Group, RenderableType
from rich.text import Text

from agent.cli import blocks
from agent.cli.blocks import prose, seconds
from agent.cli.lines import Lines
from agent.cli.untrusted import one_line
from agent.events import (
    ApprovalRequested,
    ApprovalResolved,
    CheckFinished,
    DiagnosticsChanged,
    EditTried,
    ErrorRaised,
    Event,
    FileChanged,
    MessageAdded,
    NetworkRequested,
    Progress,
    RequestRetried,
    SessionFinished,
    SessionOpened,
    SessionResumed,
    SessionStarted,
    Stamped,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnFinished,
    TurnStarted,
    UsageReported,
    VerdictRow,
    WorkSaved,
)
from agent.network import SAID_NO

PROGRESS_EVERY_S = 10.0
"""How often a long step says again how far it is, where nobody sees the block at the bottom."""

MOST_OUTSIDE = 100
"""Requests to the outside that are told of; a hostile program can make any number."""

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

_Kind = Literal["head", "prose", "tool", "note", "end"]
_Block = tuple[_Kind, RenderableType]
"""Blocks of the same kind stand close together, a blank line sets others apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doing:
    """Something that takes time."""

    what: str
    since: datetime
    note: str = ""

    def row(self, time: datetime) -> Text:
        age = max(0.0, (time - self.since).total_seconds())
        frame = _SPINNER[int(time.timestamp() * 10) % len(_SPINNER)]
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{frame} ", "cyan").append(self.what)
        if age >= 1:
            text.append(f"  {seconds(int(age)) if age >= 10 else f'{int(age)} s'}", "dim")
        return text.append(f"  {self.note}" if self.note else "", "dim")


@dataclass(slots=True, kw_only=True)
class View:
    """What has been seen of one session. Feed it every event, in order; print what it returns.

    `live`: somebody watches `now`, so that progress needs no lines of its own.
    """

    live: bool = False
    _session: str = ""
    _paragraph: str = ""
    _streamed: bool = False
    _last: _Kind | None = None
    _gap: bool = False
    _said: str = ""
    _turn: int = 0
    _cost: str = ""
    _doing: _Doing | None = None
    _calls: dict[str, tuple[ToolStarted, _Doing]] = field(default_factory=dict[str, tuple[ToolStarted, _Doing]])
    _changes: dict[str, list[FileChanged]] = field(default_factory=dict[str, list[FileChanged]])
    _told: tuple[str, datetime] | None = None
    _saved: WorkSaved | None = None
    _rows: tuple[VerdictRow, ...] = ()
    _asked: dict[str, str] = field(default_factory=dict[str, str])
    _outside: set[str] = field(default_factory=set[str])

    def feed(self, stamped: Stamped) -> tuple[RenderableType, ...]:
        """Return the lines that an event adds, the blank ones between them included."""
        lines: list[RenderableType] = []
        self._session = stamped.stamp.session
        for kind, block in self._blocks(stamped.event, datetime.fromisoformat(stamped.stamp.time)):
            if self._last is not None and (kind != self._last or kind == "end" or self._gap):
                lines.append("")
            self._last, self._gap = kind, False
            lines.append(Lines(content=block))
        return tuple(lines)

    def now(self, time: datetime) -> RenderableType | None:
        """Return the block at the bottom: the paragraph being written, the calls that run, or what else is awaited."""
        if self._paragraph.strip():
            return Group(*([] if self._last == "prose" and not self._gap else [""]), prose(self._paragraph))
        # A copy: the block is drawn in a thread of its own while events come in.
        rows = [doing.row(time) for _, doing in list(self._calls.values())]
        if not rows and self._doing is not None:
            rows = [self._doing.row(time)]
        return Group("", *rows) if rows else None

    def _blocks(self, event: Event, time: datetime) -> Iterable[_Block]:
        match event:
            case TextDelta() | ThinkingDelta() | MessageAdded() | RequestRetried():
                yield from self._words(event, time)
            case ToolStarted() | ToolOutput() | FileChanged() | ToolFinished():
                yield from self._tools(event, time)
            case SessionOpened() | TurnStarted() | TurnFinished() | UsageReported() | EditTried():
                self._count(event, time)
            case NetworkRequested() | ApprovalRequested() | ApprovalResolved():
                yield from self._network(event)
            case Progress():
                yield from self._step(event, time)
            case SessionStarted() | SessionResumed():
                self._doing = None
                yield "head", blocks.head(event)
            case DiagnosticsChanged():
                yield from self._flush()
                yield "note", blocks.found(event)
            case CheckFinished():
                yield from self._check(event)
            case WorkSaved():
                self._saved = event
                yield "note", blocks.saved(event)
            case ErrorRaised():
                yield from self._flush()
                yield "note", Text(f"✗ {one_line(event.error)}: {one_line(event.message)}", "red")
            case SessionFinished():
                yield from self._finish(event)
            case _:
                assert_never(event)

    def _words(
        self, event: TextDelta | ThinkingDelta | MessageAdded | RequestRetried, time: datetime
    ) -> Iterable[_Block]:
        match event:
            case TextDelta():
                self._streamed = True
                yield from self._write(event.text)
            case ThinkingDelta():
                pass
            case MessageAdded():
                if event.message.role == "assistant":
                    self._said = event.message.text.strip()
                    yield from self._write("" if self._streamed else event.message.text)
                yield from self._flush()
            case RequestRetried():
                anew = ", the reply begins anew" if self._streamed else ""
                self._paragraph, self._streamed = "", False
                self._think(time)
                yield "note", Text(f"↻ {one_line(event.reason)}: again in {seconds(event.wait_s)}{anew}", "yellow")

    def _write(self, text: str) -> Iterable[_Block]:
        """Give out the lines that are whole; blank lines at the ends go, several in a row become one."""
        *lines, self._paragraph = (self._paragraph + text).split("\n")
        for line in lines:
            if line.strip():
                yield "prose", prose(line.rstrip())
            else:
                self._gap = self._last == "prose"

    def _flush(self) -> Iterable[_Block]:
        rest, self._paragraph = self._paragraph, ""
        if rest.strip():
            yield "prose", prose(rest.rstrip())
        self._gap = self._last == "prose"

    def _tools(self, event: ToolStarted | ToolOutput | FileChanged | ToolFinished, time: datetime) -> Iterable[_Block]:
        match event:
            case ToolStarted():
                yield from self._flush()
                self._calls[event.call] = (event, _Doing(what=_title(event), since=time))
            case ToolOutput():
                self._note(event)
            case FileChanged():
                self._changes.setdefault(event.call, []).append(event)
            case ToolFinished():
                started, _ = self._calls.pop(event.call, (None, None))
                changes = [*self._changes.pop(event.call, []), *self._changes.pop("", [])]
                self._think(time)
                yield "tool", blocks.tool(event, started.summary if started else "", changes)

    def _note(self, event: ToolOutput) -> None:
        """Remember the last line that a running call printed."""
        lines = event.text.strip().splitlines()
        if lines and event.call in self._calls:
            started, doing = self._calls[event.call]
            doing = _Doing(what=doing.what, since=doing.since, note=one_line(lines[-1]))
            self._calls[event.call] = (started, doing)

    def _count(
        self, event: SessionOpened | TurnStarted | TurnFinished | UsageReported | EditTried, time: datetime
    ) -> None:
        match event:
            case TurnStarted():
                self._turn, self._streamed = event.turn, False
                self._think(time)
            case TurnFinished():
                self._calls.clear()
            case UsageReported():
                self._cost = "" if event.total_cost is None else f" · ${event.total_cost:.2f}"
            case SessionOpened() | EditTried():
                pass  # the task is shown once it begins; the other is for `bactrian stats`

    def _think(self, time: datetime) -> None:
        self._doing = _Doing(what="thinking", since=time, note=f"turn {self._turn}{self._cost}")

    def _step(self, event: Progress, time: datetime) -> Iterable[_Block]:
        step, text = one_line(event.step), one_line(event.text)
        goes_on = self._doing is not None and self._doing.what == step
        self._doing = _Doing(what=step, since=self._doing.since if self._doing and goes_on else time, note=text)
        if self.live or (goes_on and self._told_lately(text, time)):
            return
        self._told = (text, time)
        yield "note", Text(f"{step}  {text}", "dim")

    def _network(self, event: NetworkRequested | ApprovalRequested | ApprovalResolved) -> Iterable[_Block]:
        """Tell of what did not get out, once, and of what a person decided."""
        match event:
            case ApprovalRequested():
                self._asked[event.approval] = event.subject  # who asks shows the question
            case ApprovalResolved():
                yield "note", blocks.resolved(event, self._asked.pop(event.approval, ""))
            case NetworkRequested():
                told = blocks.kept_in(event)
                by_a_person = event.reason == SAID_NO  # whose answer stands there already
                if told and event.host and not by_a_person and not self._is_known(told):
                    yield "note", Text(told, "yellow")

    def _is_known(self, told: str) -> bool:
        if told in self._outside or len(self._outside) >= MOST_OUTSIDE:
            return True
        self._outside.add(told)
        return False

    def _told_lately(self, text: str, time: datetime) -> bool:
        if self._told is None:
            return False
        return self._told[0] == text or (time - self._told[1]).total_seconds() < PROGRESS_EVERY_S

    def _check(self, event: CheckFinished) -> Iterable[_Block]:
        yield from self._flush()
        self._doing = None
        if event.tree == "base":
            yield "note", blocks.check(event)
        else:
            self._rows = event.rows
            yield "end", blocks.check(event)

    def _finish(self, event: SessionFinished) -> Iterable[_Block]:
        yield from self._flush()
        self._calls.clear()
        self._doing = None
        if event.verdict and event.verdict != self._rows:
            yield "end", blocks.verdict(event.verdict)
        summary = event.summary.strip()
        yield "end", blocks.closing(event, self._saved, summary if summary != self._said else "", self._session)


def _title(event: ToolStarted) -> str:
    return one_line(f"{event.tool} {event.summary}")
