"""Who may say yes to what a session may not do by itself, and how they are asked: one question at a time, each once."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from agent.events import Answer, ApprovalRequested, ApprovalResolved, Event

MOST_QUESTIONS = 20
"""A session asks no more: who is asked all the time says yes to anything."""
MOST_WAITING = 5
MOST_UNANSWERED = 2
"""In a row; then nobody is there, and nothing waits for them any more."""

Outcome = Answer | Literal["nobody"]
"""What came of a question; `nobody`: no one is there to be asked, or no one answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person is asked. Text of a container is in it: whoever shows it makes it fit for a terminal."""

    action: Literal["network"]
    subject: str
    """What it is about, in the same words whenever it is about the same."""
    text: str
    """A sentence that ends in a question mark."""


class Approver(Protocol):
    """Someone who can be asked. A session without one asks nobody."""

    @property
    def present(self) -> bool:
        """Whether anybody could answer now."""
        ...

    async def ask(self, question: Question) -> Answer | None:
        """Return the answer; None where none came in time. Only one question is asked at a time.

        When the task is cancelled, the question is withdrawn.
        """
        ...


@dataclass(slots=True)
class _Asked:
    """A question under way, and how many wait for its answer."""

    task: asyncio.Task[Outcome]
    waiting: int = 0


@dataclass(slots=True, kw_only=True)
class Approvals:
    """A session's questions. What asks the same at the same time shares one question and its answer."""

    approver: Approver | None
    emit: Callable[[Event], None]
    _asked: dict[str, _Asked] = field(default_factory=dict[str, _Asked])
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _count: int = 0
    _unanswered: int = 0
    _closed: bool = False

    async def ask(self, question: Question) -> Outcome:
        """Return what a person says; `nobody` at once where none can be asked."""
        asked = self._asked.get(question.subject)
        if asked is None:
            if not self._may_ask():
                return "nobody"
            self._count += 1
            asked = self._asked[question.subject] = _Asked(asyncio.create_task(self._put(question)))
        asked.waiting += 1
        try:
            return await asyncio.shield(asked.task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            return "nobody"  # not who waits was cancelled: the question was withdrawn
        finally:
            asked.waiting -= 1
            if not asked.waiting:
                asked.task.cancel()
                if self._asked.get(question.subject) is asked:
                    del self._asked[question.subject]

    async def close(self) -> None:
        """Withdraw all questions, and ask no more."""
        self._closed = True
        tasks = [asked.task for asked in self._asked.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _may_ask(self) -> bool:
        return (
            self.approver is not None
            and not self._closed
            and self._count < MOST_QUESTIONS
            and len(self._asked) < MOST_WAITING
            and self._unanswered < MOST_UNANSWERED
            and self.approver.present
        )

    async def _put(self, question: Question) -> Outcome:
        async with self._turn:
            if self.approver is None or self._unanswered >= MOST_UNANSWERED:
                return "nobody"
            name, started, answer = secrets.token_hex(4), time.monotonic(), None
            self.emit(
                ApprovalRequested(
                    approval=name, action=question.action, subject=question.subject, question=question.text
                )
            )
            try:
                answer = await self.approver.ask(question)
            finally:
                seconds = time.monotonic() - started
                self.emit(
                    ApprovalResolved(approval=name, answer=answer or "no", answered=answer is not None, seconds=seconds)
                )
            self._unanswered = 0 if answer else self._unanswered + 1
            return answer or "nobody"
