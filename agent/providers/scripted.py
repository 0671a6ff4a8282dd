"""The scripted provider: plays a script as if it were a model. Ships with Bactrian for demos, examples and tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from agent.messages import Message, Part, Text, Thinking
from agent.providers import script
from agent.providers.arguments import decode_call
from agent.providers.base import Capabilities, Completed, ModelChunk, ModelRequest, TextChunk, ThinkingChunk
from agent.providers.script import Script, Turn


class Scripted:
    """A model that plays a script; see `agent/providers/script.py`. `stream` raises ScriptError."""

    def __init__(self, played: Script) -> None:
        self._script = played

    @classmethod
    def from_file(cls, path: Path) -> Scripted:
        """Read the script at `path`. Raises ScriptError."""
        return cls(script.read(path))

    @property
    def name(self) -> str:
        """`scripted/` and the script's name."""
        return f"scripted/{self._script.name}"

    @property
    def capabilities(self) -> Capabilities:
        """What the script's `[model]` table says."""
        return self._script.capabilities

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelChunk]:
        """Play the turn that the request's messages have come to."""
        heard = script.heard(request.messages)
        turn = self._script.reply(heard)
        await asyncio.sleep(turn.delay_s)
        for word in script.words(turn.thinking):
            yield ThinkingChunk(text=word)
        for word in script.words(turn.text):
            yield TextChunk(text=word)
            await asyncio.sleep(0)
        yield Completed(message=_message(turn), usage=self._script.usage(heard, turn), stop=turn.stop)

    async def close(self) -> None:
        """Nothing is held."""


def _message(turn: Turn) -> Message:
    parts: list[Part] = []
    if turn.thinking:
        parts.append(Thinking(text=turn.thinking, vendor="scripted"))
    if turn.text:
        parts.append(Text(text=turn.text))
    for position, call in enumerate(turn.calls):
        cut = turn.stop == "length" and position == len(turn.calls) - 1
        parts.append(decode_call(turn.call_id(position), call.name, call.arguments, cut=cut))
    return Message(role="assistant", parts=tuple(parts))
