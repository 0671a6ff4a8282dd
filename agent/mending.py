"""A conversation that was read from a transcript with lost or damaged lines, made one that a model's server takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.messages import Message, Part, Role, Text, ToolAnswer, ToolCall, join

LOST = "The answer was lost: look at what this call has done before you repeat it."


def mended(messages: Iterable[Message], task: str) -> tuple[Message, ...]:
    """Return the messages so that sides alternate, the user's first, and each call is answered once by the next.

    A last reply keeps its calls without answers. What is whole comes back as it is; `task` stands for a lost beginning.
    """
    whole: list[Message] = []
    for message in messages:
        parts = _said(message.parts) if message.role == "assistant" else _answered(message.parts, whole)
        if not whole and message.role == "assistant":
            whole.append(_spoken("user", [Text(text=task)] if task else []))
        join(whole, _spoken(message.role, parts))
    return tuple(whole)


def _spoken(role: Role, parts: Sequence[Part]) -> Message:
    return Message(role=role, parts=tuple(parts) or (Text(text="…"),))


def _said(parts: Iterable[Part]) -> list[Part]:
    """Return what a model can have said in one reply, each call once."""
    kept: list[Part] = []
    seen: set[str] = set()
    for part in parts:
        if isinstance(part, ToolAnswer) or (isinstance(part, ToolCall) and part.id in seen):
            continue
        if isinstance(part, ToolCall):
            seen.add(part.id)
        kept.append(part)
    return kept


def _answered(parts: Iterable[Part], before: Sequence[Message]) -> list[Part]:
    """Return the answers to the calls before, in the order in which they came, then the words."""
    answers: dict[str, Part] = {}
    words: list[Part] = []
    for part in parts:
        if isinstance(part, Text):
            words.append(part)
        elif isinstance(part, ToolAnswer):
            answers.setdefault(part.call_id, part)
    calls = before[-1].calls if before and before[-1].role == "assistant" else ()
    lost = (ToolAnswer(call_id=call.id, content=LOST, is_error=True) for call in calls if call.id not in answers)
    asked = {call.id for call in calls}
    return [*(part for name, part in answers.items() if name in asked), *lost, *words]
