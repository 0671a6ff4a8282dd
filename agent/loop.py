"""The tool-calling loop: ask the model, run what it calls, hand the answers back, until the harness finds it done."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, assert_never

from agent.answers import Ran, answers, in_the_way
from agent.calls import Calls, News, no_news
from agent.events import (
    Event,
    MessageAdded,
    RequestRetried,
    TextDelta,
    ThinkingDelta,
    TurnFinished,
    TurnStarted,
    UsageReported,
)
from agent.limits import Limits
from agent.messages import Message, Part, Text, Usage, join
from agent.providers.base import (
    Completed,
    ModelRequest,
    Provider,
    ProviderError,
    Restarted,
    TextChunk,
    ThinkingChunk,
    ToolDefinition,
)
from tools.base import ToolContext, ToolResult
from tools.registry import Registry
from tools.review import Reviewed

EMPTY_LIMIT = 3
EMPTY_REPLY = (Text(text="…"),)
"""Stands in the history for a reply without parts."""


class Judgement(Protocol):
    """What the harness found when the model said it was done."""

    @property
    def final(self) -> bool:
        """Whether the run ends here."""
        ...

    @property
    def feedback(self) -> str:
        """What is red, for the model; said only when the run goes on."""
        ...


Reviewer = Callable[[], Awaitable[Reviewed]]
"""Looks at what a reply has written; called after the calls of each reply that may have written something."""

Judge = Callable[[str], Awaitable[Judgement]]
"""Checks the tree; called with the model's summary."""


@dataclass(slots=True, kw_only=True)
class Loop:
    """One conversation with one model over one set of tools. `history` only ever grows."""

    provider: Provider
    registry: Registry
    context: ToolContext
    system: str
    emit: Callable[[Event], None]
    judge: Judge
    review: Reviewer
    news: News = no_news
    limits: Limits = field(default_factory=Limits)
    history: list[Message] = field(default_factory=list[Message])
    turn: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float | None = 0.0
    """US dollars so far; None once a request had no price."""
    last_words: str = ""

    async def run(self, task: str) -> Judgement:
        """Work on `task` until the judge's word is final.

        Raises LimitReached (turns, cost), ProviderError, ContainerDied; asyncio.CancelledError. The history is then
        whole up to the last reply.
        """
        self._add(Message(role="user", parts=(Text(text=task),)))
        return await self._converse()

    async def resume(self, note: str, ran: Sequence[Ran], hindrance: ToolResult | None) -> Judgement:
        """Go on with the history that an earlier run has left; the model is told `note`. Raises like `run`.

        The calls of a last reply that has no answer yet are made, but for those that `ran`. If it was the model's last
        word, the judge is asked first, unless there is a `hindrance`, which is told instead.
        """
        last, parts = self.history[-1], list[Part]()
        if last.role == "assistant":
            said = last if last.parts != EMPTY_REPLY else replace(last, parts=())
            reply = Completed(message=said, usage=Usage(), stop="end")
            known = {call.id: result for call, result in ran}
            rest = [call for call in last.calls if call.id not in known]
            known |= {call.id: result for call, result in zip(rest, await self._calls().run(rest), strict=True)}
            ran = [(call, known[call.id]) for call in last.calls]
            judgement, parts = await self._answer(reply, ran, hindrance)
            if judgement is not None and judgement.final:
                return judgement
        else:
            reviewed = await self.review()
            note = "\n".join(filter(None, (note, *reviewed.by_path.values(), reviewed.rest)))
        self._add(Message(role="user", parts=(*parts, Text(text=note))))
        return await self._converse()

    async def _converse(self) -> Judgement:
        empty = 0
        while True:
            self.limits.check(self.turn, self.cost)
            self.turn += 1
            started = time.monotonic()
            self.emit(TurnStarted(turn=self.turn))
            reply = await self._ask()
            answered = time.monotonic()
            empty = 0 if reply.message.parts else empty + 1
            if empty == EMPTY_LIMIT:
                raise ProviderError(f"{self.provider.name} gave {EMPTY_LIMIT} empty answers in a row")
            judgement, parts = await self._act(reply)
            now = time.monotonic()
            self.emit(
                TurnFinished(
                    turn=self.turn,
                    model_seconds=answered - started,
                    tool_seconds=now - answered,
                    seconds=now - started,
                )
            )
            if judgement is not None and judgement.final:
                return judgement
            self._add(Message(role="user", parts=tuple(parts)))

    async def _act(self, reply: Completed) -> tuple[Judgement | None, list[Part]]:
        """Run a reply's calls, then judge or review the work; return what the model is told."""
        calls = reply.message.calls
        return await self._answer(reply, list(zip(calls, await self._calls().run(calls), strict=True)))

    async def _answer(
        self, reply: Completed, ran: Sequence[Ran], hindrance: ToolResult | None = None
    ) -> tuple[Judgement | None, list[Part]]:
        calls, effect = reply.message.calls, self._calls().effect
        finishes = [call for call, result in ran if result is None]
        judgement: Judgement | None = None
        verdict, reviewed = ToolResult(content=""), Reviewed()
        failed = in_the_way(ran, effect)
        if failed and not hindrance:
            content = f"Not finished: {failed} failed. Mend that and finish again."
            hindrance = ToolResult(content=content, is_error=True)
        done = bool(finishes) or (reply.message.parts and not calls and reply.stop != "length")
        if done:
            said = (text for call in finishes if isinstance(text := call.arguments.get("summary"), str) and text)
            self.last_words = next(said, reply.message.text or self.last_words)
        if done and not hindrance:
            judgement = await self.judge(self.last_words)
            verdict = ToolResult(content=judgement.feedback)
        else:
            if any(effect(call.name) != "read" for call in calls):
                reviewed = await self.review()
            if done and hindrance:
                verdict = hindrance
        return judgement, answers(reply, ran, verdict, reviewed, self.news())

    def _calls(self) -> Calls:
        return Calls(
            registry=self.registry, context=self.context, emit=self.emit, model=self.provider.name, news=self.news
        )

    async def _ask(self) -> Completed:
        """Send the history; return the whole reply. Deltas go out as they come."""
        tools = tuple(ToolDefinition.of(spec) for spec in self.registry.definitions())
        request = ModelRequest(system=self.system, messages=tuple(self.history), tools=tools)
        self.requests += 1
        async for chunk in self.provider.stream(request):
            match chunk:
                case TextChunk(text=text):
                    self.emit(TextDelta(text=text))
                case ThinkingChunk(text=text):
                    self.emit(ThinkingDelta(text=text))
                case Restarted(reason=reason, wait_s=wait_s):
                    self.requests += 1
                    self.emit(RequestRetried(reason=reason, wait_s=wait_s))
                case Completed() as reply:
                    self._count(reply.usage)
                    # An empty turn can't stand in a history: servers refuse it.
                    said = reply.message if reply.message.parts else replace(reply.message, parts=EMPTY_REPLY)
                    self._add(said)
                    return reply
                case _:
                    assert_never(chunk)
        raise ProviderError(f"{self.provider.name} ended its answer without completing it")

    def _add(self, message: Message) -> None:
        join(self.history, message)
        self.emit(MessageAdded(message=message))

    def _count(self, usage: Usage) -> None:
        self.usage += usage
        cost = self.provider.capabilities.cost(usage)
        self.cost = None if self.cost is None or cost is None else self.cost + cost
        self.emit(UsageReported(usage=usage, total=self.usage, cost=cost, total_cost=self.cost))
