"""Claude by Anthropic's Messages API, streamed. The only module that imports the anthropic SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import anthropic
import httpx2
from anthropic import types

from agent.messages import Message, Part, Text, Thinking, ToolAnswer, ToolCall, Usage
from agent.providers.arguments import decode_call
from agent.providers.base import (
    Capabilities,
    Completed,
    ModelChunk,
    ModelRequest,
    ProviderError,
    StopReason,
    TextChunk,
    ThinkingChunk,
)
from agent.providers.failures import Endpoint
from agent.providers.prices import capabilities_of
from agent.providers.soundness import UNSOUND, sound
from agent.providers.transport import WITHOUT_PROXY

_VENDOR = "anthropic"
_CACHED: types.CacheControlEphemeralParam = {"type": "ephemeral"}
_MARKED_USER_MESSAGES = 2
_STOPS: Mapping[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",  # the vendor wants to be asked to go on, as after a full output
    "refusal": "refusal",
}
_EFFORTS = ("low", "medium", "high", "xhigh", "max")


class Anthropic:
    """A Claude model.

    `thinking`: empty for the model's own default, `off`, an effort (`low` … `max`), or a budget in tokens for models
    that know no efforts. `timeout_s` is the longest silence of the server. Retries are not made here.
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
        self._thinking = _thinking_options(thinking)
        self._client = anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=base_url,
            timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, 30.0)),
            max_retries=0,
            default_headers=dict(headers or {}),
            http_client=anthropic.DefaultAsyncHttpxClient(mounts=WITHOUT_PROXY),
        )
        self._endpoint = Endpoint(
            model=model,
            address=str(self._client.base_url),
            key_name="ANTHROPIC_API_KEY",
            timeout_s=timeout_s,
        )

    @property
    def name(self) -> str:
        """`anthropic/` and the model."""
        return f"{_VENDOR}/{self._model}"

    @property
    def capabilities(self) -> Capabilities:
        """From the table of known models."""
        return capabilities_of(self._model)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelChunk]:
        """Ask; see `Provider.stream`."""
        reply = _Reply()
        try:
            stream = await self._client.messages.create(**self._body(request), stream=True)
            try:
                async for event in stream:
                    for chunk in reply.take(event):
                        yield sound(chunk)
            finally:
                await stream.close()
            if not reply.ended:
                raise self._endpoint.cut()
            yield sound(reply.completed())
        except anthropic.APIStatusError as error:
            raise self._endpoint.refused(
                error.status_code,
                error.api_message or error.message,
                code=error.type or "",
                headers=error.response.headers,
            ) from error
        except (anthropic.APIConnectionError, httpx2.TransportError) as error:
            raise self._endpoint.unreachable(error) from error
        except (anthropic.APIResponseValidationError, *UNSOUND) as error:
            raise self._endpoint.garbled(error) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        budget = self._thinking.get("thinking", {}).get("budget_tokens", 0)
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": request.max_output_tokens + budget,
            "messages": _messages(request.messages),
            **self._thinking,
        }
        if request.system:
            body["system"] = [types.TextBlockParam(type="text", text=request.system, cache_control=_CACHED)]
        if request.tools:
            body["tools"] = _tools(request)
        return body


def _thinking_options(thinking: str) -> dict[str, Any]:
    if not thinking:
        return {}
    if thinking == "off":
        return {"thinking": {"type": "disabled"}}
    if thinking in _EFFORTS:
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": thinking}}
    if thinking.isdecimal() and int(thinking) >= 1024:
        return {"thinking": {"type": "enabled", "budget_tokens": int(thinking)}}
    raise ProviderError(f"thinking is off, {', '.join(_EFFORTS)} or a budget of at least 1024 tokens, not {thinking!r}")


def _tools(request: ModelRequest) -> list[types.ToolParam]:
    tools = [
        types.ToolParam(name=tool.name, description=tool.description, input_schema=dict(tool.parameters))
        for tool in request.tools
    ]
    tools[-1]["cache_control"] = _CACHED
    return tools


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return them in the API's form; the last user messages are marked so that the next request finds them cached."""
    contents = [(message.role, _content(message)) for message in messages]
    for content in [content for role, content in contents if role == "user"][-_MARKED_USER_MESSAGES:]:
        content[-1]["cache_control"] = _CACHED
    return [{"role": role, "content": content} for role, content in contents]


def _content(message: Message) -> list[Any]:
    blocks = [block for block in map(_block, message.parts) if block is not None]
    return blocks or [types.TextBlockParam(type="text", text="(no answer)")]


def _block(part: Part) -> types.ContentBlockParam | None:
    """Return the part as the API takes it; None for what it would refuse: blank text, thinking of another vendor."""
    match part:
        case Text():
            return {"type": "text", "text": part.text} if part.text.strip() else None
        case Thinking():
            return _thinking_block(part)
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": dict(part.arguments)}
        case ToolAnswer():
            content = part.content if part.content.strip() else "(no output)"
            return {
                "type": "tool_result",
                "tool_use_id": part.call_id,
                "content": content,
                "is_error": part.is_error,
            }


def _thinking_block(part: Thinking) -> types.ContentBlockParam | None:
    if part.vendor != _VENDOR or not part.signature:
        return None
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.signature}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


@dataclass(slots=True, kw_only=True)
class _Block:
    """A content block that is still growing."""

    kind: Literal["text", "thinking", "redacted", "call"]
    text: str = ""
    """Words, or the JSON of a call's arguments."""
    signature: str = ""
    id: str = ""
    name: str = ""

    def part(self, *, cut: bool) -> Part:
        match self.kind:
            case "text":
                return Text(text=self.text)
            case "thinking":
                return Thinking(text=self.text, signature=self.signature, vendor=_VENDOR)
            case "redacted":
                return Thinking(text="", signature=self.signature, redacted=True, vendor=_VENDOR)
            case "call":
                return decode_call(self.id, self.name, self.text, cut=cut)


@dataclass(slots=True)
class _Reply:
    """The reply as its events come in."""

    blocks: dict[int, _Block] = field(default_factory=dict[int, _Block])
    stop: StopReason = "end"
    usage: Usage = field(default_factory=Usage)
    ended: bool = False

    def take(self, event: types.RawMessageStreamEvent) -> Iterable[ModelChunk]:
        match event.type:
            case "message_start":
                self.usage = _usage(event.message.usage, Usage())
            case "content_block_start":
                return self._begin(event)
            case "content_block_delta":
                return self._grow(event)
            case "content_block_stop":
                pass
            case "message_delta":
                self.stop = _STOPS.get(event.delta.stop_reason or "end_turn", "end")
                self.usage = _usage(event.usage, self.usage)
            case "message_stop":
                self.ended = True
        return ()

    def completed(self) -> Completed:
        last = max(self.blocks, default=-1)
        parts = (
            block.part(cut=self.stop == "length" and index == last)
            for index, block in sorted(self.blocks.items())
            if block.kind != "text" or block.text
        )
        return Completed(message=Message(role="assistant", parts=tuple(parts)), usage=self.usage, stop=self.stop)

    def _begin(self, event: types.RawContentBlockStartEvent) -> Iterable[ModelChunk]:
        block = event.content_block
        if block.type == "text":
            self.blocks[event.index] = _Block(kind="text", text=block.text)
            return (TextChunk(text=block.text),) if block.text else ()
        if block.type == "thinking":
            self.blocks[event.index] = _Block(kind="thinking", text=block.thinking, signature=block.signature)
            return (ThinkingChunk(text=block.thinking),) if block.thinking else ()
        if block.type == "redacted_thinking":
            self.blocks[event.index] = _Block(kind="redacted", signature=block.data)
        elif block.type == "tool_use":
            self.blocks[event.index] = _Block(kind="call", id=block.id, name=block.name)
        return ()

    def _grow(self, event: types.RawContentBlockDeltaEvent) -> Iterable[ModelChunk]:
        block = self.blocks.get(event.index)
        if block is None:
            return ()
        match event.delta:
            case types.TextDelta(text=text):
                block.text += text
                return (TextChunk(text=text),)
            case types.ThinkingDelta(thinking=thinking):
                block.text += thinking
                return (ThinkingChunk(text=thinking),)
            case types.SignatureDelta(signature=signature):
                block.signature += signature
            case types.InputJSONDelta(partial_json=json):
                block.text += json
            case types.CitationsDelta():
                pass
        return ()


def _usage(told: types.Usage | types.MessageDeltaUsage, before: Usage) -> Usage:
    """Return the counts so far; what `told` leaves out stays as it was `before`."""

    def newest(count: int | None, old: int) -> int:
        return old if count is None else count

    return Usage(
        input_tokens=newest(told.input_tokens, before.input_tokens),
        output_tokens=newest(told.output_tokens, before.output_tokens),
        cache_read_tokens=newest(told.cache_read_input_tokens, before.cache_read_tokens),
        cache_write_tokens=newest(told.cache_creation_input_tokens, before.cache_write_tokens),
    )
