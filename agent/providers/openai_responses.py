"""OpenAI's Responses API, streamed and without storage: each request carries the conversation with sealed reasoning."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from openai.types import responses as api

from agent.messages import Message, Part, Text, Thinking, ToolAnswer, ToolCall, Usage
from agent.providers.arguments import decode_call, encode_arguments
from agent.providers.base import (
    Capabilities,
    Completed,
    ModelChunk,
    ModelRequest,
    ProviderError,
    StopReason,
    TextChunk,
    ThinkingChunk,
    ToolDefinition,
)
from agent.providers.failures import Endpoint
from agent.providers.openai_client import OpenAIClient, effort_of
from agent.providers.prices import capabilities_of
from agent.providers.soundness import count, plain, sound

_VENDOR = "openai"
_WITHOUT_REASONING = ("gpt-3", "gpt-4", "chatgpt-")


class OpenAIResponses:
    """A model behind the Responses API.

    `thinking`: empty for the model's default, `off`, or an effort. `timeout_s` is the longest silence of the server.
    `custom_tools`: whether the server knows tools that take plain text; few but the vendor's own do. Retries are not
    made here.
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
        custom_tools: bool = True,
    ) -> None:
        self._model = model
        self._custom_tools = custom_tools
        self._effort = effort_of(thinking)
        self._client = OpenAIClient(model, api_key=api_key, base_url=base_url, timeout_s=timeout_s, headers=headers)

    @property
    def name(self) -> str:
        """`openai/` and the model."""
        return f"{_VENDOR}/{self._model}"

    @property
    def capabilities(self) -> Capabilities:
        """From the table of known models."""
        return capabilities_of(self._model)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelChunk]:
        """Ask; see `Provider.stream`."""
        reply = _Reply(endpoint=self._client.endpoint, freeform=self._freeform(request))
        with self._client.failures():
            stream = await self._client.sdk.responses.create(**self._body(request), stream=True)
            try:
                async for event in cast("AsyncIterator[api.ResponseStreamEvent]", stream):
                    for chunk in reply.take(event):
                        yield sound(chunk)
            finally:
                await stream.close()
            if reply.response is None:
                raise self._client.endpoint.cut()
            yield sound(reply.completed(reply.response))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _freeform(self, request: ModelRequest) -> Mapping[str, str]:
        """Return the tools that take plain text, each with the parameter that it fills."""
        return {tool.name: tool.freeform for tool in request.tools if tool.freeform and self._custom_tools}

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        freeform = self._freeform(request)
        custom = {call.id for message in request.messages for call in message.calls if call.name in freeform}
        sent = _History(freeform=freeform, custom=custom)
        body: dict[str, Any] = {
            "model": self._model,
            "instructions": request.system,
            "input": [item for message in request.messages for item in sent.items(message)],
            "max_output_tokens": request.max_output_tokens,
            "store": False,
            "prompt_cache_key": _cache_key(request),
        }
        if request.tools:
            body["tools"] = [_custom(tool) if tool.name in freeform else _function(tool) for tool in request.tools]
        if not self._model.startswith(_WITHOUT_REASONING):
            body["include"] = ["reasoning.encrypted_content"]
            body["reasoning"] = {"summary": "auto"} | ({"effort": self._effort} if self._effort else {})
        return body


def _cache_key(request: ModelRequest) -> str:
    """Return a name for the conversation, so that its requests meet the same cache."""
    first = request.messages[0].text if request.messages else ""
    return hashlib.sha256(f"{request.system}\0{first}".encode()).hexdigest()[:32]


def _function(tool: ToolDefinition) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
        "strict": False,
    }


def _custom(tool: ToolDefinition) -> dict[str, Any]:
    grammar = {"type": "grammar", "syntax": "lark", "definition": tool.grammar}
    described = {"type": "custom", "name": tool.name, "description": tool.description}
    return described | {"format": grammar if tool.grammar else {"type": "text"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """How messages go out. A call goes as it came: to a tool of `freeform` as text; `custom` are these calls' ids."""

    freeform: Mapping[str, str]
    custom: Collection[str]

    def items(self, message: Message) -> list[dict[str, Any]]:
        items = [item for item in (self._item(message, part) for part in message.parts) if item is not None]
        while items and items[-1]["type"] == "reasoning":
            items.pop()  # the API refuses reasoning that nothing follows
        return items or [_words(message, "(no answer)")]

    def _item(self, message: Message, part: Part) -> dict[str, Any] | None:
        match part:
            case Text():
                return _words(message, part.text) if part.text else None
            case Thinking():
                return _reasoning(part)
            case ToolCall():
                return self._call(part)
            case ToolAnswer():
                kind = "custom_tool_call" if part.call_id in self.custom else "function_call"
                return {"type": f"{kind}_output", "call_id": part.call_id, "output": part.content}

    def _call(self, call: ToolCall) -> dict[str, Any]:
        told = {"call_id": call.id, "name": call.name}
        if call.id not in self.custom:
            return {"type": "function_call", **told, "arguments": encode_arguments(call)}
        text = call.arguments.get(self.freeform[call.name], "")
        return {"type": "custom_tool_call", **told, "input": str(text) if call.invalid is None else call.invalid}


def _words(message: Message, text: str) -> dict[str, Any]:
    item = {"type": "message", "role": message.role, "content": text}
    if message.role == "assistant":
        item["phase"] = "commentary" if message.calls else "final_answer"
    return item


def _reasoning(part: Thinking) -> dict[str, Any] | None:
    """Return the item as it came; its id and its sealed content share the part's signature."""
    item_id, _, sealed = part.signature.partition(":")
    if part.vendor != _VENDOR or not sealed:
        return None
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    return {"type": "reasoning", "id": item_id, "summary": summary, "encrypted_content": sealed}


@dataclass(slots=True, kw_only=True)
class _Reply:
    """The reply as its events come in."""

    endpoint: Endpoint
    freeform: Mapping[str, str]
    """The tools that take plain text, each with the parameter that it fills."""
    items: dict[int, api.ResponseOutputItem] = field(default_factory=dict[int, api.ResponseOutputItem])
    streamed: dict[int, str] = field(default_factory=dict[int, str])
    """The words of each item so far."""
    response: api.Response | None = None
    """Set by the last event."""

    def take(self, event: api.ResponseStreamEvent) -> Iterable[ModelChunk]:
        match event:
            case api.ResponseTextDeltaEvent() | api.ResponseRefusalDeltaEvent():
                self.streamed[event.output_index] = self.streamed.get(event.output_index, "") + event.delta
                yield TextChunk(text=event.delta)
            case api.ResponseReasoningSummaryTextDeltaEvent() | api.ResponseReasoningTextDeltaEvent():
                yield ThinkingChunk(text=event.delta)
            case api.ResponseReasoningSummaryPartDoneEvent():
                yield ThinkingChunk(text="\n\n")
            case api.ResponseOutputItemDoneEvent():
                self.items[event.output_index] = event.item
            case api.ResponseCompletedEvent() | api.ResponseIncompleteEvent():
                self.response = event.response
            case api.ResponseFailedEvent():
                raise self._failure(event.response)
            case api.ResponseErrorEvent():
                raise self.endpoint.refused(200, event.message, code=event.code or "")
            case _:
                pass  # dozens of other kinds say nothing that the items do not say in the end

    def completed(self, response: api.Response) -> Completed:
        reason = response.incomplete_details.reason if response.incomplete_details else None
        items = [self.items[index] for index in sorted(self.items)] or response.output
        parts: list[Part] = []
        for index, item in enumerate(items):
            cut = reason == "max_output_tokens" and index == len(items) - 1
            parts.extend(self._parts(item, self.streamed.get(index, ""), cut=cut))
        message = Message(role="assistant", parts=tuple(parts))
        return Completed(message=message, usage=_usage(response.usage), stop=_stop(reason, message))

    def _failure(self, response: api.Response) -> ProviderError:
        error = response.error
        if error is None:
            return self.endpoint.cut()
        return self.endpoint.refused(200, error.message, code=error.code)

    def _parts(self, item: api.ResponseOutputItem, streamed: str, *, cut: bool) -> Iterable[Part]:
        match item:
            case api.ResponseOutputMessage():
                text = "".join(part.text if part.type == "output_text" else part.refusal for part in item.content)
                if text or streamed:
                    yield Text(text=streamed or text)
            case api.ResponseReasoningItem():
                text = "\n\n".join(summary.text for summary in item.summary)
                yield Thinking(text=text, signature=f"{item.id}:{item.encrypted_content or ''}", vendor=_VENDOR)
            case api.ResponseFunctionToolCall():
                yield decode_call(item.call_id, item.name, item.arguments, cut=cut)
            case api.ResponseCustomToolCall():
                yield self._custom_call(item, cut=cut)
            case _:
                pass  # the vendor's own tools, which are never offered

    def _custom_call(self, item: api.ResponseCustomToolCall, *, cut: bool) -> ToolCall:
        """Return a call of plain text; nobody could tell by itself that its text was cut."""
        if cut or item.name not in self.freeform:
            return ToolCall(id=item.call_id, name=item.name, arguments={}, invalid=item.input)
        return ToolCall(id=item.call_id, name=item.name, arguments={self.freeform[item.name]: plain(item.input)})


def _stop(reason: str | None, message: Message) -> StopReason:
    if reason == "content_filter":
        return "refusal"
    if reason is not None:
        return "length"
    return "tool_calls" if message.calls else "end"


def _usage(told: api.ResponseUsage | None) -> Usage:
    if told is None:
        return Usage()
    read = count(told, "input_tokens_details", "cached_tokens")
    written = count(told, "input_tokens_details", "cache_write_tokens")
    return Usage(
        input_tokens=max(0, count(told, "input_tokens") - read - written),
        output_tokens=count(told, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
    )
