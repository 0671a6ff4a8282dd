"""What a transcript tells of a session that is to go on: how far it came, and what the model is told of the break."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from agent.answers import Ran
from agent.events import (
    FileChanged,
    MessageAdded,
    RequestRetried,
    SessionFinished,
    SessionOpened,
    SessionResumed,
    SessionStarted,
    Stamped,
    ToolFinished,
    ToolStarted,
    TurnStarted,
    UsageReported,
    WorkSaved,
)
from agent.mending import mended
from agent.messages import Message, ToolCall, Usage, without_thinking
from agent.transcript import history
from tools.base import Change, ToolResult
from tools.registry import FINISH

INTERRUPTED = "The run was interrupted while this was done: look at what it left before you repeat it."
UNDONE = "The run was interrupted before this was done."
_SHOWN_CHANGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A session so far. Empty texts and zeros where it did not come to it."""

    seq: int = 0
    """The last event's number."""
    task: str = ""
    model: str = ""
    repository: str = ""
    base: str = ""
    branch: str = ""
    saved: str = ""
    """The last commit on the branch."""
    started: bool = False
    """Whether there was a whole clone."""
    finished: SessionFinished | None = None
    """Its end, where it came to one."""
    turns: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    """US dollars, as far as prices were known."""
    messages: tuple[Message, ...] = ()
    ran: tuple[Ran, ...] = ()
    """What is known of the calls of the last reply, where it has no answer; the others are still to be made."""
    interrupted: str = ""
    """The tool of a call that was begun and did not come to its end. No other call is then made after it."""

    @classmethod
    def of(cls, events: Sequence[Stamped]) -> Self:
        """Read it from the events of a transcript."""
        past = cls()
        for stamped in events:
            past = replace(past._after(stamped), seq=max(past.seq, stamped.stamp.seq))
        past = replace(past, messages=mended(history(events), past.task))
        if past.messages and past.messages[-1].role == "assistant":
            ran = tuple(_ran(events, past.messages[-1].calls))
            cut = next((call.name for call, result in ran if result and result.content == INTERRUPTED), "")
            past = replace(past, ran=ran, interrupted=cut)
        return past

    def told_to(self, model: str) -> tuple[Message, ...]:
        """Return the conversation as `model` may hear it: another's reasoning is sealed, and servers may refuse it."""
        return self.messages if model == self.model else tuple(without_thinking(self.messages))

    @property
    def ending(self) -> str:
        """How it had ended, in words."""
        if self.finished is None:
            return "it was killed"
        return f"it had ended as {self.finished.status}"

    def _after(self, stamped: Stamped) -> Self:
        match stamped.event:
            case SessionOpened(task=task, model=model, repository=repository):
                return replace(self, task=task, model=model, repository=repository)
            case SessionStarted() as event:
                return replace(
                    self,
                    task=event.task,
                    model=event.model,
                    repository=event.repository,
                    base=event.base,
                    branch=event.branch,
                    started=True,
                    finished=None,
                )
            case SessionResumed(model=model, base=base, branch=branch):
                return replace(self, model=model, base=base, branch=branch, finished=None)
            case WorkSaved(branch=branch, commit=commit):
                return replace(self, branch=branch or self.branch, saved=commit)
            case TurnStarted(turn=turn):
                return replace(self, turns=turn, requests=self.requests + 1)
            case RequestRetried():
                return replace(self, requests=self.requests + 1)
            case UsageReported(total=total, cost=cost):
                return replace(self, usage=total, cost=self.cost + (cost or 0.0))
            case SessionFinished() as event:
                return replace(self, finished=event)
            case _:
                return self


def hindrance(past: Past, more: str) -> ToolResult | None:
    """Return what hinders the last reply, had it called `finish`, from being judged now; None if nothing does."""
    if past.interrupted:
        return ToolResult(content=f"Not finished: {past.interrupted} was interrupted.", is_error=True)
    return ToolResult(content="The run ended with that.") if more else None


def note(past: Past, how: str, changed: Sequence[Change], more: str) -> str:
    """Return what the model is told when it goes on: `how` it broke off, the state of the tree, what else is to do."""
    shown = [f"{each.path} +{each.added} -{each.removed}" for each in changed[:_SHOWN_CHANGES]]
    shown += [f"{len(changed) - _SHOWN_CHANGES} more"] if len(changed) > _SHOWN_CHANGES else []
    tree = f"Changed since the base: {', '.join(shown)}." if shown else "Nothing is changed since the base."
    told = f"[{how}; it goes on in a new container: what ran in the background or lay in /tmp is gone. {tree}]"
    if more:
        return f"{told}\n\n# More to do\n{more.strip()}"
    return told if past.finished is None else f"{told}\n\nGo on with the task."


def _ran(events: Sequence[Stamped], calls: Sequence[ToolCall]) -> Iterable[Ran]:
    """Return the calls that ended, with their results; where one was interrupted, all but `finish`."""
    at = max(at for at, stamped in enumerate(events) if isinstance(stamped.event, MessageAdded))
    since = [stamped.event for stamped in events[at:]]
    results = {event.call: event for event in since if isinstance(event, ToolFinished)}
    begun = {event.call for event in since if isinstance(event, ToolStarted)}
    changed = [event for event in since if isinstance(event, FileChanged)]
    interrupted = begun - set(results)
    for call in calls:
        if call.name == FINISH and call.invalid is None:
            continue
        if ended := results.get(call.id):
            changes = (event for event in changed if event.call == call.id)
            yield (
                call,
                ToolResult(
                    content=ended.content,
                    is_error=ended.is_error,
                    changes=tuple(Change(path=each.path, added=each.added, removed=each.removed) for each in changes),
                ),
            )
        elif interrupted:
            yield call, ToolResult(content=INTERRUPTED if call.id in begun else UNDONE, is_error=True)
