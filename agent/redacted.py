"""Events without secrets: every text in them, wherever it stands, and secrets that come in pieces."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

from agent.events import (
    Event,
    MessageAdded,
    RequestRetried,
    SessionFinished,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolOutput,
    TurnFinished,
)
from agent.messages import Thinking
from agent.redaction import CONTEXT, Redactor

MOST_DEPTH = 200
"""How deep lists and mappings may lie in each other; what is deeper is left out."""
TOO_DEEP = "[nested too deeply]"

_OPAQUE = {Thinking: frozenset({"signature"})}
"""What only a vendor can read, and only unchanged."""

Piece = TextDelta | ThinkingDelta | ToolOutput
_PIECES = (TextDelta, ThinkingDelta, ToolOutput)
_Key = str | type[Piece]
_Value = TypeVar("_Value")


@dataclass(slots=True)
class _Stream:
    """Pieces of one text. `last` is the event that brought the newest."""

    last: Piece
    before: str = ""
    waiting: str = ""


class RedactedEvents:
    """Takes a session's events in order and gives what may be written down.

    The end of a piece that a secret may begin with waits for the next piece, or comes as one of its own before the
    event that ends the stream: a reply's message, a call's end. Only that much is lost if the process is killed.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._streams: dict[_Key, _Stream] = {}

    def take(self, event: Event) -> Iterator[Event]:
        """Yield what to write for an event: one as a rule, one more before it at times, none for a piece that waits."""
        if isinstance(event, _PIECES):
            yield from self._piece(event)
            return
        for key in [key for key in self._streams if _ends(event, key)]:
            stream = self._streams.pop(key)
            rest = self._redactor.rest(stream.before, stream.waiting)
            if rest:
                yield replace(stream.last, text=rest)
        yield redacted(event, self._redactor)

    def _piece(self, event: Piece) -> Iterator[Event]:
        stream = self._streams.setdefault(_key(event), _Stream(event))
        text = stream.waiting + event.text
        now, stream.waiting = self._redactor.cut(stream.before, text)
        stream.before = (stream.before + text[: len(text) - len(stream.waiting)])[-CONTEXT:]
        stream.last = replace(redacted(replace(event, text=""), self._redactor), text=now)
        if now or not event.text:
            yield stream.last


def redacted(value: _Value, redactor: Redactor) -> _Value:
    """Return the value with every text in it redacted, keys of mappings as well; the very same where there is nothing.

    What a type allows few values for, and what only its vendor can read, stays as it is.
    """
    return cast("_Value", _changed(value, redactor.text, 0))


def _key(event: Piece) -> _Key:
    """Which stream a piece belongs to: the call's, or the reply's words or thoughts."""
    return event.call if isinstance(event, ToolOutput) else type(event)


def _ends(event: Event, key: _Key) -> bool:
    """Whether no piece of a stream comes after an event."""
    match event:
        case ToolFinished():
            return key == event.call
        case MessageAdded() | RequestRetried():
            return not isinstance(key, str)
        case TurnFinished() | SessionFinished():
            return True
        case _:
            return False


def _changed(value: object, change: Callable[[str], str], depth: int) -> object:
    if isinstance(value, str):
        return change(value)
    if value is None or isinstance(value, int | float | bytes):
        return value
    if depth == MOST_DEPTH:
        return TOO_DEEP
    if isinstance(value, Mapping):
        return _changed_mapping(cast("Mapping[object, object]", value), change, depth)
    if isinstance(value, tuple | list):
        return _changed_items(cast("tuple[object, ...] | list[object]", value), change, depth)
    if is_dataclass(value) and not isinstance(value, type):
        names = _names(type(value))
        old = {name: getattr(value, name) for name in names}
        new = {name: _changed(old[name], change, depth + 1) for name in names}
        different = {name: new[name] for name in names if new[name] is not old[name]}
        return replace(value, **different) if different else value
    return value


def _changed_mapping(
    value: Mapping[object, object], change: Callable[[str], str], depth: int
) -> Mapping[object, object]:
    new: dict[object, object] = {}
    same = True
    for key, inner in value.items():
        name, item = _changed(key, change, depth + 1), _changed(inner, change, depth + 1)
        same = same and name is key and item is inner
        while name in new:  # two secrets that look alike
            name = f"{name}'"
        new[name] = item
    return value if same else new


def _changed_items(
    value: tuple[object, ...] | list[object], change: Callable[[str], str], depth: int
) -> tuple[object, ...] | list[object]:
    new = [_changed(item, change, depth + 1) for item in value]
    if all(item is old for item, old in zip(new, value, strict=True)):
        return value
    return new if isinstance(value, list) else tuple(new)


@cache
def _names(cls: type) -> tuple[str, ...]:
    """The fields of a dataclass that may hold text from outside."""
    hints = typing.get_type_hints(cls)
    opaque = _OPAQUE.get(cls, frozenset[str]())
    return tuple(field.name for field in fields(cls) if field.name not in opaque and _holds_text(hints[field.name]))


def _holds_text(hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return False
    if origin is not None or isinstance(hint, types.UnionType):
        return any(_holds_text(inner) for inner in get_args(hint))
    return hint is str or hint is Any or hint is object or is_dataclass(hint)
