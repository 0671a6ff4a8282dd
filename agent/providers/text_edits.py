"""Reads edits out of a model's words, for models whose tool calls can't be relied on: blocks become calls and back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from agent.messages import Message, Part, Text, ToolAnswer, ToolCall
from agent.providers.base import Capabilities, Completed, ModelChunk, ModelRequest, Provider
from tools.blocks import EDIT_TEXT, END, INSTRUCTIONS, MARK


class TextEdits:
    """A provider whose model is told to write SEARCH/REPLACE blocks, each text of which comes out as one call as well.

    The model never hears of these calls: their tool is not offered, in the history they are the words that they were,
    and their answers are words of the user's.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @property
    def name(self) -> str:
        """The name of the provider inside."""
        return self._provider.name

    @property
    def capabilities(self) -> Capabilities:
        """Those of the provider inside."""
        return self._provider.capabilities

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelChunk]:
        """Ask; see `Provider.stream`."""
        number = len(request.messages)
        chunks = cast("AsyncGenerator[ModelChunk]", self._provider.stream(_without_calls(request)))
        async with aclosing(chunks):
            async for chunk in chunks:
                yield _with_calls(chunk, number) if isinstance(chunk, Completed) else chunk

    async def close(self) -> None:
        """Close the provider inside."""
        await self._provider.close()


def _with_calls(reply: Completed, number: int) -> Completed:
    """Put a call behind each text that has blocks; `number` tells the replies of a conversation apart."""
    parts: list[Part] = []
    for part in reply.message.parts:
        parts.append(part)
        blocks = _blocks(part.text, cut=reply.stop == "length") if isinstance(part, Text) else ""
        if blocks:
            call_id = f"text_{number}_{len(parts)}"
            parts.append(ToolCall(id=call_id, name=EDIT_TEXT, arguments={"blocks": blocks}))
    message = replace(reply.message, parts=tuple(parts))
    stop = "tool_calls" if message.calls and reply.stop == "end" else reply.stop
    return replace(reply, message=message, stop=stop)


def _blocks(text: str, *, cut: bool) -> str:
    """Return the text up to the end of its last block; empty where there is none. Of a `cut` text only whole blocks."""
    if not MARK.search(text):
        return ""
    if not cut:
        return text
    ends = [match.end() for match in END.finditer(text)]
    return text[: ends[-1]] if ends else ""


def _without_calls(request: ModelRequest) -> ModelRequest:
    ids = {call.id for message in request.messages for call in message.calls if call.name == EDIT_TEXT}
    return replace(
        request,
        system=f"{request.system}\n\n{INSTRUCTIONS}".strip(),
        messages=tuple(_in_words(message, ids) for message in request.messages),
        tools=tuple(tool for tool in request.tools if tool.name != EDIT_TEXT),
    )


def _in_words(message: Message, ids: Collection[str]) -> Message:
    """Return a message without these calls, and with their answers as words behind the other answers."""
    parts: list[Part] = []
    told: list[Part] = []
    for part in message.parts:
        match part:
            case ToolCall() if part.id in ids:
                pass
            case ToolAnswer() if part.call_id in ids:
                told.append(Text(text=f"The blocks: {part.content}\n"))
            case ToolAnswer():
                parts.append(part)
            case _:
                (told if message.role == "user" else parts).append(part)
    return replace(message, parts=(*parts, *told))
