"""Reads what a local model writes: words, `<think>…</think>`, and calls, `<tool_call>{JSON}</tool_call>`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from agent.messages import Part, Text, Thinking, ToolCall
from agent.providers.arguments import decode_call
from agent.providers.base import ModelChunk, TextChunk, ThinkingChunk

_OPENING = {"<think>": "</think>", "<tool_call>": "</tool_call>"}
_NAME = re.compile(r'"name"\s*:\s*"([^"\\]+)"')


@dataclass(slots=True, kw_only=True)
class TaggedText:
    """A reply as it grows. Feed it, finish it, then take `parts`.

    A call that is no JSON comes out as an invalid one if its name can be read, as words if not.
    """

    vendor: str
    call_prefix: str
    """What the ids of the calls begin with; unique in the conversation."""
    inside: str = ""
    """The closing tag that is awaited; empty among plain words."""
    parts: list[Part] = field(default_factory=list[Part])
    _waiting: str = ""
    """Text that may turn out to be, or lie in, a tag."""
    _calls: int = 0

    def feed(self, text: str) -> Iterator[ModelChunk]:
        """Take the next piece; yield what is certain by now."""
        self._waiting += text
        while True:
            tags = [self.inside] if self.inside else list(_OPENING)
            at, tag = min(((self._waiting.find(tag), tag) for tag in tags if tag in self._waiting), default=(-1, ""))
            if at < 0:
                break
            before, self._waiting = self._waiting[:at], self._waiting[at + len(tag) :]
            yield from self._take(before)
            self.inside = "" if self.inside else _OPENING[tag]
        if self.inside != "</tool_call>":
            sure = len(self._waiting) - _begun(self._waiting, tags)
            yield from self._take(self._waiting[:sure])
            self._waiting = self._waiting[sure:]

    def finish(self, *, cut: bool) -> Iterator[ModelChunk]:
        """The reply is over; `cut` when it ran into its limit."""
        rest, self._waiting = self._waiting, ""
        if self.inside == "</tool_call>" and cut and (name := _NAME.search(rest)):
            self._add_call(name[1], "", rest)
        elif rest:
            yield from self._take(rest)

    def _take(self, text: str) -> Iterator[ModelChunk]:
        match self.inside:
            case "</think>":
                yield from self._think(text)
            case "</tool_call>":
                yield from self._call(text)
            case _:
                yield from self._say(text)

    def _say(self, text: str) -> Iterator[ModelChunk]:
        """Blanks before the first words and between calls are no words; so it is with thoughts."""
        last = self.parts[-1] if self.parts else None
        if not isinstance(last, Text):
            text = text.lstrip()
        if not text:
            return
        if isinstance(last, Text):
            self.parts[-1] = Text(text=last.text + text)
        else:
            self.parts.append(Text(text=text))
        yield TextChunk(text=text)

    def _think(self, text: str) -> Iterator[ModelChunk]:
        last = self.parts[-1] if self.parts else None
        if not isinstance(last, Thinking):
            text = text.lstrip()
        if not text:
            return
        if isinstance(last, Thinking):
            self.parts[-1] = Thinking(text=last.text + text, vendor=self.vendor)
        else:
            self.parts.append(Thinking(text=text, vendor=self.vendor))
        yield ThinkingChunk(text=text)

    def _call(self, text: str) -> Iterator[ModelChunk]:
        call = _object(text)
        name = _NAME.search(text)
        if call is not None and isinstance(call.get("name"), str):
            arguments = call.get("arguments", {})
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            self._add_call(call["name"], text, None)
        elif name is not None:
            self._add_call(name[1], "", text.strip())
        else:
            yield from self._say(text)

    def _add_call(self, name: str, arguments: str, invalid: str | None) -> None:
        self._calls += 1
        call = decode_call(f"{self.call_prefix}_{self._calls}", name, arguments)
        if invalid is not None:
            call = ToolCall(id=call.id, name=name, arguments={}, invalid=invalid)
        self.parts.append(call)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _begun(text: str, tags: list[str]) -> int:
    """Return how many of the last characters may be the beginning of a tag."""
    lengths = range(min(len(text), max(map(len, tags)) - 1), 0, -1)
    return next((length for length in lengths if any(tag.startswith(text[-length:]) for tag in tags)), 0)
