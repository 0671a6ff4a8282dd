"""Whatever is left of past sessions, they can be listed, and a resumed one tells its model a conversation."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from fuzzing import altered, fuzz, mutated
from hypothesis import strategies as st
from session_events import OPENED, STARTED

from agent.cli.sessions import show_list, show_one
from agent.codec import encode
from agent.events import (
    Event,
    MessageAdded,
    Stamp,
    Stamped,
    ToolFinished,
    ToolStarted,
    TurnStarted,
)
from agent.messages import Message, Part, Text, Thinking, ToolAnswer, ToolCall
from agent.resumption import Past
from agent.sessions import entries, find, transcript, unfinished
from agent.transcript import read

TIME = "2026-11-20T10:00:00.000Z"


def said(role: Any, *parts: Part) -> MessageAdded:
    return MessageAdded(message=Message(role=role, parts=parts))


def call(number: int) -> ToolCall:
    return ToolCall(id=f"c{number}", name="bash", arguments={"command": "ls"})


def begun(number: int) -> ToolStarted:
    return ToolStarted(call=f"c{number}", tool="bash", arguments={}, summary="x")


def ended(number: int) -> ToolFinished:
    return ToolFinished(call=f"c{number}", tool="bash", is_error=False, content="x", display="", seconds=1)


def answer(number: int) -> ToolAnswer:
    return ToolAnswer(call_id=f"c{number}", content="x")


EVENTS: tuple[Event, ...] = (
    OPENED,
    STARTED,
    said("user", Text(text="# The task")),
    TurnStarted(turn=1),
    said("assistant", Thinking(text="hm", signature="s", vendor="a"), call(1), call(2)),
    *(begun(1), ended(1), begun(2), ended(2)),
    said("user", answer(1), answer(2), Text(text="news")),
    said("assistant", Text(text="so")),
    said("user", Text(text="go on")),
    said("assistant", call(3), call(4)),
    *(begun(3), ended(3), begun(4)),
)
LINES = [
    encode(Stamped(stamp=Stamp(seq=number, time=TIME, session="s"), event=event))
    for number, event in enumerate(EVENTS, 1)
]
WHOLE = "".join(f"{line}\n" for line in LINES).encode()

CRASHED = [WHOLE.replace(TIME.encode(), time) for time in (b"soon", b"0001-01-01T00:00:00+14:00", b"")]


def is_taken(messages: tuple[Message, ...]) -> None:
    """Hold what servers want of a conversation, the last reply's calls aside."""
    assert [message.role for message in messages] == ["user", "assistant"] * (len(messages) // 2) + ["user"] * (
        len(messages) % 2
    )
    for message in messages:
        ids = [one.id for one in message.calls]
        assert len(set(ids)) == len(ids)
        assert message.parts
        assert not (message.role == "user" and message.calls)
        assert not (message.role == "assistant" and answers(message))
    for reply, answering in pairwise(messages):
        if reply.role == "assistant":
            assert sorted(answers(answering)) == sorted(one.id for one in reply.calls)


def answers(message: Message) -> list[str]:
    return [part.call_id for part in message.parts if isinstance(part, ToolAnswer)]


def test_a_resumed_conversation_is_one(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    path = tmp_path / "transcript.jsonl"

    def check(data: bytes) -> None:
        path.write_bytes(data)
        past = Past.of(read(path).events)
        is_taken(past.messages)
        is_taken(past.told_to("c/d"))
        if past.messages and past.messages[-1].role == "assistant":
            assert {one.id for one, _ in past.ran} <= {one.id for one in past.messages[-1].calls}

    rows = f"[{','.join(LINES)}]"
    events = altered([rows]).map(as_lines)
    fuzz(request, st.one_of(events, events, mutated([WHOLE])), check, inputs=500, always=[WHOLE])


def as_lines(value: Any) -> bytes:
    rows = cast("list[Any]", value) if isinstance(value, list) else [value]
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)


def test_a_whole_one_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "transcript.jsonl"
    path.write_bytes(WHOLE)
    messages = [event.message for event in EVENTS if isinstance(event, MessageAdded)]
    assert Past.of(read(path).events).messages == tuple(messages)


def test_damaged_folders_are_listed(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    state = tmp_path / "bactrian"
    folder = state / "sessions" / "20261120-100000-abcd"
    folder.mkdir(parents=True)
    path = folder / "transcript.jsonl"
    for name in ("empty", "linked", "folder", "file"):
        (state / "sessions" / name).mkdir()
    (state / "sessions" / "linked" / "transcript.jsonl").symlink_to("/nowhere")
    (state / "sessions" / "folder" / "transcript.jsonl").mkdir()
    (state / "sessions" / "file" / "transcript.jsonl").write_bytes(b"\x00" * 100)
    (state / "sessions" / "no folder").touch()

    def check(data: bytes) -> None:
        path.write_bytes(data)
        assert len(list(entries(state))) == 2
        list(unfinished(state, Path("/r")))
        assert transcript(find(state, "2026")) == path
        for as_json in (True, False):
            assert show_list(tmp_path, everywhere=True, as_json=as_json) == 0
            assert show_one("2026", as_json=as_json) == 0
            assert capsys.readouterr().out.count("20261120-100000-abcd") > 1

    rows = f"[{','.join(LINES[:2])}]"
    fuzz(request, st.one_of(altered([rows]).map(as_lines), mutated([WHOLE])), check, inputs=150, always=CRASHED)
