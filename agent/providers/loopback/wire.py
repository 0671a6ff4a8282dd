"""What the loopback server's protocols have in common: a conversation comes in, a script's turn goes out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from agent.messages import Usage
from agent.providers.script import Turn

Quirk = Literal["no-ids", "no-usage", "no-done", "whole-calls", "same-index", "redacted-thinking"]
"""How servers differ: no call ids, no usage, no `[DONE]`, calls in one piece, all calls at index 0, thinking hidden."""

Json = dict[str, Any]
_PIECE_CHARACTERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is to be sent."""

    turn: Turn
    usage: Usage
    model: str
    quirks: frozenset[Quirk]
    custom_tools: frozenset[str] = frozenset()
    """Those that the request offers as taking plain text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One item of a request's conversation, as far as a script and the check of a history need it."""

    by_model: bool
    text: str = ""
    calls: tuple[str, ...] = ()
    """The ids of the calls in it."""
    answers: tuple[str, ...] = ()
    """The ids of the calls that it answers."""


class Wire(Protocol):
    """A protocol at one path."""

    def conversation(self, body: Json) -> list[Said]:
        """Return the request's conversation. Raises KeyError, TypeError, ValueError for a body that is none."""
        ...

    def frames(self, answer: Answer) -> Iterator[bytes]:
        """Return the events of a streamed answer."""
        ...

    def whole(self, answer: Answer) -> Json:
        """Return the body of an answer that is not streamed."""
        ...

    def refusal(self, message: str, code: str) -> Json:
        """Return the body of an error."""
        ...


def heard(conversation: Iterable[Said]) -> list[str]:
    """Return what was said before each reply, as `script.heard` does for messages."""
    turns = [""]
    by_model = False
    for item in conversation:
        if by_model and not item.by_model:
            turns.append("")
        by_model = item.by_model
        if not by_model:
            turns[-1] = "\n".join(filter(None, (turns[-1], item.text)))
    return turns


def fault_of(conversation: Iterable[Said]) -> str:
    """Return why a vendor would refuse this history; empty when it would not."""
    items = list(conversation)
    called = [call for item in items for call in item.calls]
    answered = [answer for item in items for answer in item.answers]
    if not items or items[-1].by_model:
        return "the conversation must end with the user"
    if sorted(called) != sorted(answered):
        return f"calls {called} and answers {answered} do not match"
    return ""


def custom_tools(body: Json) -> frozenset[str]:
    """Return the tools that a request offers as taking plain text."""
    tools: list[Json] = body.get("tools") or []
    return frozenset(tool["name"] for tool in tools if tool.get("type") == "custom")


def pieces(text: str) -> list[str]:
    """Return a text, such as a call's arguments, in the pieces that it streams in."""
    return [text[start : start + _PIECE_CHARACTERS] for start in range(0, len(text), _PIECE_CHARACTERS)]


def named_event(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Return a server-sent event that says its kind in its name and its data."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def bare_event(fields: Mapping[str, Any]) -> bytes:
    """Return a server-sent event without a name."""
    return f"data: {json.dumps(fields)}\n\n".encode()
