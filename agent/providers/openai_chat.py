"""OpenAI's Chat Completions API, streamed: the vendor's and every other server that speaks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDelta, ChoiceDeltaToolCall
from openai.types.completion_usage import CompletionUsage

from agent.messages import Message, Part, Text, Thinking, ToolAnswer, ToolCall, Usage
from agent.providers.arguments import decode_call, encode_arguments
from agent.providers.base import (
    Capabilities,
    Completed,
    ModelChunk,
    ModelRequest,
    StopReason,
    TextChunk,
    ThinkingChunk,
)
from agent.providers.openai_client import OpenAIClient, effort_of
from agent.providers.prices import capabilities_of
from agent.providers.soundness import count, sound

_VENDOR = "openai-chat"
_STOPS: Mapping[str, StopReason] = {"length": "length", "max_tokens": "length", "content_filter": "refusal"}


class OpenAIChat:
    """A model behind Chat Completions.

    `base_url` None is the vendor's own server; others (llama-server, vLLM, Ollama, OpenRouter, …) differ in small ways,
    which are taken as they come. `thinking`: empty for the model's default, `off`, or an effort. `timeout_s` is the
    longest silence of the server. Retries are not made here.
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: str,
        base_url: str | None = None,
        timeout_s: float = 600.0,
        thinking: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._model = model
        self._effort = effort_of(thinking)
        self._limit = "max_completion_tokens" if base_url is None else "max_tokens"
        self._client = OpenAIClient(model, api_key=api_key, base_url=base_url, timeout_s=timeout_s, headers=headers)

    @property
    def name(self) -> str:
        """`openai-chat/` and the model."""
        return f"{_VENDOR}/{self._model}"

    @property
    def capabilities(self) -> Capabilities:
        """From the table of known models."""
        return capabilities_of(self._model)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelChunk]:
        """Ask; see `Provider.stream`."""
        reply = _Reply()
        with self._client.failures():
            stream = await self._client.sdk.chat.completions.create(**self._body(request), stream=True)
            try:
                async for event in cast("AsyncIterator[ChatCompletionChunk]", stream):
                    for chunk in reply.take(event):
                        yield sound(chunk)
            finally:
                await stream.close()
            if not reply.finish:
                raise self._client.endpoint.cut()
            yield sound(reply.completed())

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": _messages(request),
            "stream_options": {"include_usage": True},
            self._limit: request.max_output_tokens,
        }
        if request.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": dict(tool.parameters),
                    },
                }
                for tool in request.tools
            ]
        if self._effort:
            body["reasoning_effort"] = self._effort
        return body


def _messages(request: ModelRequest) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = [{"role": "system", "content": request.system}] if request.system else []
    for message in request.messages:
        sent.extend([_of_model(message)] if message.role == "assistant" else _of_user(message))
    return sent


def _of_user(message: Message) -> Iterable[dict[str, Any]]:
    """Return the answers first, as they must follow their calls, then the words."""
    for part in message.parts:
        if isinstance(part, ToolAnswer):
            yield {"role": "tool", "tool_call_id": part.call_id, "content": part.content}
    if message.text or not any(isinstance(part, ToolAnswer) for part in message.parts):
        yield {"role": "user", "content": message.text}


def _of_model(message: Message) -> dict[str, Any]:
    if not message.calls:
        return {"role": "assistant", "content": message.text or "(no answer)"}
    sent: dict[str, Any] = {"role": "assistant", "content": message.text or None}
    sent["tool_calls"] = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": encode_arguments(call)}}
        for call in message.calls
    ]
    thoughts = [part.text for part in message.parts if isinstance(part, Thinking) and part.vendor == _VENDOR]
    if thoughts:
        # Thinking models want to read why they made a call; servers that know no such field ignore it.
        sent["reasoning_content"] = "".join(thoughts)
    return sent


@dataclass(slots=True)
class _Call:
    """A call that is still growing."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class _Reply:
    """The reply as its chunks come in."""

    text: str = ""
    thinking: str = ""
    calls: list[_Call] = field(default_factory=list[_Call])
    places: dict[int, _Call] = field(default_factory=dict[int, _Call])
    """The call that grows at each index."""
    finish: str = ""
    usage: Usage = field(default_factory=Usage)

    def take(self, event: ChatCompletionChunk) -> Iterable[ModelChunk]:
        if event.usage is not None:
            self.usage = _usage(event.usage)
        for choice in (event.choices or ())[:1]:
            self.finish = choice.finish_reason or self.finish
            yield from self._grow(choice.delta)

    def completed(self) -> Completed:
        stop = _STOPS.get(self.finish, "tool_calls" if self.calls else "end")
        parts: list[Part] = []
        if self.thinking:
            parts.append(Thinking(text=self.thinking, vendor=_VENDOR))
        if self.text:
            parts.append(Text(text=self.text))
        parts.extend(self._decoded(at, cut=stop == "length") for at in range(len(self.calls)))
        return Completed(message=Message(role="assistant", parts=tuple(parts)), usage=self.usage, stop=stop)

    def _decoded(self, at: int, *, cut: bool) -> ToolCall:
        call = self.calls[at]
        last = at == len(self.calls) - 1
        return decode_call(call.id, call.name, call.arguments, cut=cut and last)

    def _grow(self, delta: ChoiceDelta) -> Iterable[ModelChunk]:
        if thought := _thought(delta):
            self.thinking += thought
            yield ThinkingChunk(text=thought)
        for text in (delta.content, delta.refusal):
            if text:
                self.text += text
                yield TextChunk(text=text)
        for piece in delta.tool_calls or ():
            self._grow_call(piece)

    def _grow_call(self, piece: ChoiceDeltaToolCall) -> None:
        call = self.places.get(piece.index)
        if call is None or self._begins_another(call, piece):
            call = _Call()
            self.calls.append(call)
            self.places[piece.index] = call
        call.id = piece.id or call.id
        if piece.function is not None:
            call.name = piece.function.name or call.name
            call.arguments += piece.function.arguments or ""

    def _begins_another(self, call: _Call, piece: ChoiceDeltaToolCall) -> bool:
        """Some servers give every call the index 0 and send each whole."""
        if piece.id and call.id:
            return piece.id != call.id
        named = piece.function is not None and bool(piece.function.name)
        return named and bool(call.arguments)


def _thought(delta: ChoiceDelta) -> str:
    """Return the delta's reasoning, which is no part of the vendor's own protocol: two names are in use."""
    extra = delta.model_extra or {}
    thought = extra.get("reasoning_content") or extra.get("reasoning")
    return thought if isinstance(thought, str) else ""


def _usage(told: CompletionUsage) -> Usage:
    read = count(told, "prompt_tokens_details", "cached_tokens")
    written = count(told, "prompt_tokens_details", "cache_write_tokens")
    return Usage(
        input_tokens=max(0, count(told, "prompt_tokens") - read - written),
        output_tokens=count(told, "completion_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
    )
