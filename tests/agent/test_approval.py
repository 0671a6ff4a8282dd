"""Asking a person: one question at a time, the same one once, and never one who isn't there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from agent.approval import MOST_QUESTIONS, MOST_UNANSWERED, MOST_WAITING, Approvals, Question
from agent.events import Answer, ApprovalRequested, ApprovalResolved, Event


def question(subject: str) -> Question:
    return Question(action="network", subject=subject, text=f"May it be {subject}?")


@dataclass(slots=True, kw_only=True)
class Person:
    """Answers when told to."""

    present: bool = True
    asked: list[str] = field(default_factory=list[str])
    withdrawn: list[str] = field(default_factory=list[str])
    answers: asyncio.Queue[Answer | None] = field(default_factory=asyncio.Queue["Answer | None"])

    async def ask(self, question: Question) -> Answer | None:
        self.asked.append(question.subject)
        try:
            return await self.answers.get()
        except asyncio.CancelledError:
            self.withdrawn.append(question.subject)
            raise


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture
def approvals(person: Person, events: list[Event]) -> Approvals:
    return Approvals(approver=person, emit=events.append)


async def test_nobody_is_asked_who_is_not_there(events: list[Event]) -> None:
    assert await Approvals(approver=None, emit=events.append).ask(question("a")) == "nobody"
    away = Person(present=False)
    assert await Approvals(approver=away, emit=events.append).ask(question("a")) == "nobody"
    assert (events, away.asked) == ([], [])


async def test_a_question_and_its_answer_are_events(approvals: Approvals, person: Person, events: list[Event]) -> None:
    person.answers.put_nowait("session")
    assert await approvals.ask(question("a")) == "session"
    asked, resolved = events
    assert isinstance(asked, ApprovalRequested)
    assert (asked.action, asked.subject, asked.question) == ("network", "a", "May it be a?")
    assert isinstance(resolved, ApprovalResolved)
    assert (resolved.approval, resolved.answer, resolved.answered) == (asked.approval, "session", True)


async def test_who_asks_the_same_shares_the_question_and_others_wait_their_turn(
    approvals: Approvals, person: Person
) -> None:
    waiting = [asyncio.create_task(approvals.ask(question(subject))) for subject in ("a", "b", "a", "a")]
    await settle()
    assert person.asked == ["a"]
    person.answers.put_nowait("once")
    await settle()
    assert person.asked == ["a", "b"]
    person.answers.put_nowait("no")
    assert await asyncio.gather(*waiting) == ["once", "no", "once", "once"]


async def test_a_question_is_withdrawn_when_nothing_waits_for_it_any_more(
    approvals: Approvals, person: Person, events: list[Event]
) -> None:
    first, second = (asyncio.create_task(approvals.ask(question("a"))) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    assert person.withdrawn == []
    second.cancel()
    await settle()
    assert person.withdrawn == ["a"]
    assert first.cancelled()
    assert second.cancelled()
    assert isinstance(events[-1], ApprovalResolved)
    assert not events[-1].answered
    person.answers.put_nowait("session")
    assert await approvals.ask(question("a")) == "session"


async def test_the_end_withdraws_all_and_asks_no_more(approvals: Approvals, person: Person) -> None:
    waiting = [asyncio.create_task(approvals.ask(question(subject))) for subject in ("a", "b")]
    await settle()
    await approvals.close()
    assert await asyncio.gather(*waiting) == ["nobody", "nobody"]
    assert await approvals.ask(question("c")) == "nobody"
    assert (person.asked, person.withdrawn) == (["a"], ["a"])


async def test_who_does_not_answer_is_not_asked_for_ever(approvals: Approvals, person: Person) -> None:
    for number in range(MOST_UNANSWERED + 2):
        person.answers.put_nowait(None)
        assert await approvals.ask(question(str(number))) == "nobody"
    assert len(person.asked) == MOST_UNANSWERED


async def test_a_flood_of_questions_is_bounded(approvals: Approvals, person: Person) -> None:
    waiting = [asyncio.create_task(approvals.ask(question(str(number)))) for number in range(100)]
    for _ in range(MOST_WAITING):
        person.answers.put_nowait("no")
    answers = await asyncio.gather(*waiting)
    assert (answers.count("no"), answers.count("nobody")) == (MOST_WAITING, 100 - MOST_WAITING)
    for number in range(100):
        person.answers.put_nowait("no")
        await approvals.ask(question(f"later {number}"))
    assert len(person.asked) == MOST_QUESTIONS
