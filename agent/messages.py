"""A conversation: messages, their parts, what they cost. Frozen values, independent of any vendor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Words of either side."""

    type: Literal["text"] = "text"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """A model's reasoning. `signature` is the vendor's opaque proof, sent back unchanged; `redacted` hides the text."""

    type: Literal["thinking"] = "thinking"
    text: str
    signature: str = ""
    redacted: bool = False
    vendor: str = ""
    """The provider that made it; another one drops the part instead of sending it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that the model asks for.

    `arguments` is what it sent, decoded; where that was not a JSON object `arguments` is empty and `invalid` holds the
    raw text, so that the loop can answer with what was wrong.
    """

    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: Mapping[str, Any]
    invalid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """What the harness answered to one call."""

    type: Literal["tool_answer"] = "tool_answer"
    call_id: str
    content: str
    is_error: bool = False


Part = Text | Thinking | ToolCall | ToolAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One side's turn. Tool answers come in a user message, one for every call of the message before it."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """Its words, without thinking, calls and answers."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls it asks for, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


def join(messages: list[Message], message: Message) -> None:
    """Add a message to a conversation: to the last one's parts where that is of the same side."""
    if messages and messages[-1].role == message.role:
        message = replace(message, parts=(*messages.pop().parts, *message.parts))
    messages.append(message)


def without_thinking(messages: Iterable[Message]) -> list[Message]:
    """Return a conversation for another model: sealed reasoning would be refused."""
    left: list[Message] = []
    for message in messages:
        parts = tuple(part for part in message.parts if not isinstance(part, Thinking))
        left.append(replace(message, parts=parts or (Text(text="…"),)))
    return left


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one request or of many. `input_tokens` are those that no cache served."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
        )
