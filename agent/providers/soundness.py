"""Replies as they may go on from here: the SDKs hand over what a server sends, of any type, and check nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import overload
from uuid import uuid4

from agent.messages import Part, Text, Thinking, ToolAnswer, ToolCall, Usage
from agent.providers.base import Completed, ModelChunk, Restarted, TextChunk, ThinkingChunk

UNSOUND = (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError)
"""What reading an answer of the wrong types raises, in the SDKs as in ours."""

_MOST_TOKENS = 2**53


@overload
def sound(chunk: Completed) -> Completed: ...
@overload
def sound(chunk: ModelChunk) -> ModelChunk: ...
def sound(chunk: ModelChunk) -> ModelChunk:
    """Return a chunk whose texts can be stored and sent back, and whose calls have ids of their own.

    Raises TypeError where a text is none. A count that can't be one is 0.
    """
    match chunk:
        case TextChunk() | ThinkingChunk():
            return replace(chunk, text=plain(chunk.text))
        case Completed():
            message = replace(chunk.message, parts=tuple(_parts(chunk.message.parts)))
            return replace(chunk, message=message, usage=_counts(chunk.usage))
        case Restarted():
            return chunk


def plain(text: object) -> str:
    """Return a text with surrogate pairs joined and lone ones replaced. Raises TypeError for what is no text."""
    if not isinstance(text, str):
        raise TypeError(f"{type(text).__name__} in the place of a text")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def count(told: object, *path: str) -> int:
    """Return a count of tokens that lies at `path` in what a server told; 0 for what is none, or isn't there."""
    for name in path:
        told = getattr(told, name, None)
    return told if type(told) is int and 0 <= told <= _MOST_TOKENS else 0


def _parts(parts: Iterable[Part]) -> Iterator[Part]:
    seen = {""}
    for part in parts:
        match part:
            case Text():
                yield replace(part, text=plain(part.text))
            case Thinking():
                yield replace(part, text=plain(part.text), signature=plain(part.signature))
            case ToolCall():
                given = plain(part.id)
                identity = f"call_{uuid4().hex[:16]}" if given in seen else given
                seen.add(identity)
                raw = None if part.invalid is None else plain(part.invalid)
                yield replace(part, id=identity, name=plain(part.name), invalid=raw)
            case ToolAnswer():
                raise TypeError("an answer in the place of a call")


def _counts(usage: Usage) -> Usage:
    return Usage(**{field.name: count(usage, field.name) for field in fields(usage)})
