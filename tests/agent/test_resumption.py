"""What a transcript tells of a session that is to go on, wherever it broke off."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from session_events import OPENED, STARTED
from session_events import ended as session_ended

from agent.codec import decode, encode
from agent.events import (
    Event,
    FileChanged,
    MessageAdded,
    RequestRetried,
    SessionFinished,
    SessionResumed,
    Stamp,
    Stamped,
    ToolFinished,
    ToolStarted,
    TurnStarted,
    UsageReported,
    WorkSaved,
)
from agent.messages import Message, Part, Text, Thinking, ToolAnswer, ToolCall, Usage
from agent.resumption import INTERRUPTED, UNDONE, Past, hindrance, note
from tools.base import Change

RESUMED = SessionResumed(
    reason="it was killed",
    more="",
    model="c/d",
    container="docker 2",
    base="b0",
    branch="bactrian/greet",
    turns=1,
    seconds=1,
)
TASK = MessageAdded(message=Message(role="user", parts=(Text(text="# The task"),)))


def stamped(events: Sequence[Event]) -> list[Stamped]:
    """The events as a transcript gives them back."""
    stamps = (Stamp(seq=number, time="2026-11-20T10:00:00.000Z", session="s") for number in range(1, 1000))
    return [decode(encode(Stamped(stamp=stamp, event=event))) for stamp, event in zip(stamps, events, strict=False)]


def said(*parts: Part) -> MessageAdded:
    return MessageAdded(message=Message(role="assistant", parts=parts))


def call(number: int, name: str = "write_file") -> ToolCall:
    return ToolCall(id=f"c{number}", name=name, arguments={"path": "x"})


def started(number: int) -> ToolStarted:
    return ToolStarted(call=f"c{number}", tool="write_file", arguments={}, summary="x")


def ended(number: int, content: str = "Created x.") -> ToolFinished:
    return ToolFinished(call=f"c{number}", tool="write_file", is_error=False, content=content, display="", seconds=1)


def finished(status: str = "red") -> SessionFinished:
    assert status in ("red", "done")
    return session_ended("red" if status == "red" else "done", "")


def test_calls_that_were_cut_off_are_told_apart() -> None:
    calls = (call(1), call(2), call(3), call(4, "finish"))
    changed = FileChanged(path="x", added=1, removed=0, call="c1")
    past = Past.of(stamped([OPENED, STARTED, TASK, said(*calls), started(1), changed, ended(1), started(2)]))
    results = [result for _, result in past.ran]
    assert [result and result.content for result in results] == ["Created x.", INTERRUPTED, UNDONE]
    assert [result and result.is_error for result in results] == [False, True, True]
    assert results[0]
    assert results[0].changes == (Change(path="x", added=1, removed=0),)
    assert past.interrupted == "write_file"
    hindered = hindrance(past, "")
    assert hindered
    assert hindered.is_error


def test_last_word_whose_calls_are_done_is_to_be_judged() -> None:
    past = Past.of(stamped([OPENED, STARTED, TASK, said(call(1), call(2, "finish")), started(1), ended(1)]))
    assert past.interrupted == ""
    assert hindrance(past, "") is None
    more = hindrance(past, "and more")
    assert more
    assert not more.is_error


def test_calls_of_earlier_replies_that_share_an_id_do_not_count() -> None:
    answer = MessageAdded(message=Message(role="user", parts=(ToolAnswer(call_id="c1", content="old"),)))
    events = [OPENED, STARTED, TASK, said(call(1)), started(1), ended(1, "old"), answer, said(call(1))]
    assert Past.of(stamped(events)).ran == ()
    assert Past.of(stamped([*events, started(1)])).interrupted == "write_file"
    assert Past.of(stamped(events[:-1])).ran == ()


def test_calls_that_were_not_begun_are_still_to_be_made() -> None:
    past = Past.of(stamped([OPENED, STARTED, TASK, said(call(1), call(2), call(3, "finish")), started(1), ended(1)]))
    assert [made.id for made, _ in past.ran] == ["c1"]
    assert hindrance(past, "") is None


def test_counters_go_on() -> None:
    first, second = Usage(input_tokens=5), Usage(input_tokens=5, output_tokens=7)
    past = Past.of(
        stamped(
            [
                OPENED,
                STARTED,
                TASK,
                TurnStarted(turn=1),
                RequestRetried(reason="overloaded", wait_s=1),
                UsageReported(usage=first, total=first, cost=0.25, total_cost=0.25),
                said(Text(text="a")),
                finished(),
                RESUMED,
                TurnStarted(turn=2),
                UsageReported(usage=second, total=first + second, cost=None, total_cost=None),
                WorkSaved(branch="bactrian/greet-2", commit="c1", files=1, added=1, removed=0),
            ]
        )
    )
    assert (past.seq, past.turns, past.requests, past.cost) == (12, 2, 3, 0.25)
    assert past.usage == first + second
    assert (past.branch, past.saved, past.base, past.model) == ("bactrian/greet-2", "c1", "b0", "c/d")
    assert past.started
    assert past.finished is None
    assert past.ending == "it was killed"


def test_session_that_ended_says_how() -> None:
    assert Past.of(stamped([OPENED, STARTED, TASK, finished()])).ending == "it had ended as red"


def test_session_that_did_not_start_is_its_task() -> None:
    past = Past.of(stamped([OPENED]))
    assert (past.task, past.model, past.repository, past.started, past.messages) == ("greet", "a/b", "/r", False, ())
    assert Past.of([]) == Past()


def test_opaque_parts_come_back_as_they_were() -> None:
    thought = Thinking(text="so", signature="c2lnbmVk+/=", vendor="anthropic")
    hidden = Thinking(text="", signature="b3BhcXVl", redacted=True, vendor="anthropic")
    broken = ToolCall(id="c9", name="write_file", arguments={}, invalid='{"path": "x')
    past = Past.of(stamped([OPENED, STARTED, TASK, said(thought, hidden, Text(text="é\u2028"), broken)]))
    assert past.messages[-1].parts == (thought, hidden, Text(text="é\u2028"), broken)


def test_neighbours_of_one_role_are_one_message() -> None:
    told = MessageAdded(message=Message(role="user", parts=(Text(text="[it was killed]"),)))
    past = Past.of(stamped([OPENED, STARTED, TASK, RESUMED, told]))
    assert [message.role for message in past.messages] == ["user"]
    assert past.messages[0].parts == (Text(text="# The task"), Text(text="[it was killed]"))


@pytest.mark.parametrize(("changed", "tree"), [(0, "Nothing is changed"), (1, "f0 +1 -0."), (22, "f19 +1 -0, 2 more.")])
def test_note_is_short(changed: int, tree: str) -> None:
    changes = [Change(path=f"f{number}", added=1, removed=0) for number in range(changed)]
    text = note(Past(), "it was killed; the files are as they were", changes, "")
    assert text.startswith("[it was killed; the files are as they were; it goes on in a new container")
    assert tree in text
    assert "# More to do\nalso this" in note(Past(), "x", changes, " also this\n")


def test_reasoning_stays_with_the_model_that_made_it() -> None:
    thought = Thinking(text="so", signature="c2lnbmVk", vendor="a")
    words = Text(text="Done.")
    first = [OPENED, STARTED, TASK, said(thought, words), finished()]
    past = Past.of(stamped(first))
    assert past.told_to("a/b")[-1].parts == (thought, words)
    assert past.told_to("c/d")[-1].parts == (words,)
    own = Thinking(text="and", signature="b3du", vendor="c")
    answer = MessageAdded(message=Message(role="user", parts=(Text(text="Go on."),)))
    past = Past.of(stamped([*first, RESUMED, answer, said(own)]))
    assert [part for message in past.told_to("c/d") for part in message.parts if isinstance(part, Thinking)] == [own]
    assert past.told_to("a/b")[-1].parts == (Text(text="…"),)
