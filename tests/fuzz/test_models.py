"""A model's server answers anything: a provider gives a message that can be stored and sent back, or ProviderError."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest
from fuzzing import altered, fuzz, mutated, one_line
from hypothesis import strategies as st

from agent.codec import decode, encode
from agent.events import MessageAdded, Stamp, Stamped, UsageReported
from agent.messages import Message, Text, ToolAnswer, Usage
from agent.providers.anthropic import Anthropic
from agent.providers.base import (
    Completed,
    ModelRequest,
    Provider,
    ProviderError,
    TextChunk,
    ThinkingChunk,
    ToolDefinition,
)
from agent.providers.loopback.chat import Chat
from agent.providers.loopback.messages import Messages
from agent.providers.loopback.responses import Responses
from agent.providers.loopback.wire import Answer, Wire
from agent.providers.openai_chat import OpenAIChat
from agent.providers.openai_responses import OpenAIResponses
from agent.providers.script import parse

SCRIPT = """
[[turn]]
thinking = "hm"
text = "I look."
[[turn.call]]
name = "bash"
input = { command = "ls" }
[[turn.call]]
name = "bash"
arguments = '{"command'
[[turn]]
text = "Done."
"""
TOOLS = (ToolDefinition(name="bash", description="Run.", parameters={"type": "object", "properties": {}}),)
ASKED = (Message(role="user", parts=(Text(text="build it"),)),)
LATER = Message(role="user", parts=(Text(text="go on"),))
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
REFUSAL = b"HTTP/1.1 %d Nope\r\nretry-after: 7\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n%s"
ERROR = b'{"type": "error", "error": {"type": "overloaded_error", "code": "x", "message": "busy"}, "request_id": "r"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    wire: Wire
    make: Callable[[str], Provider]

    def streams(self) -> list[bytes]:
        """What a server sends for each turn of the script."""
        usage = Usage(input_tokens=3, output_tokens=4, cache_read_tokens=5)
        answers = (Answer(turn=turn, usage=usage, model="m", quirks=frozenset()) for turn in parse(SCRIPT).turns)
        return [b"".join(self.wire.frames(answer)) for answer in answers]


VENDORS = {
    "claude": Vendor(wire=Messages(), make=lambda url: Anthropic("m", api_key="k", base_url=url)),
    "chat": Vendor(wire=Chat(), make=lambda url: OpenAIChat("m", api_key="k", base_url=f"{url}/v1")),
    "responses": Vendor(wire=Responses(), make=lambda url: OpenAIResponses("m", api_key="k", base_url=f"{url}/v1")),
}
every_vendor = pytest.mark.parametrize("name", VENDORS)


@dataclass(slots=True)
class Answering:
    """A server that answers requests with what it holds, in turn."""

    answers: list[bytes] = field(default_factory=list[bytes])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().splitlines() if line.startswith(b"content-length:")]
        await reader.readexactly(int(lengths[0].split(b":")[1]))
        writer.write(self.answers.pop(0))
        writer.close()


@contextmanager
def asked(vendor: Vendor) -> Generator[Callable[[bytes], None]]:
    """Start a server and a client; yield what has one answered by the other."""
    server = Answering()
    well = streamed(vendor.streams()[1])
    with asyncio.Runner() as runner:
        listening = runner.run(_listen(server))
        port = listening.sockets[0].getsockname()[1]
        provider = vendor.make(f"http://127.0.0.1:{port}")
        try:
            yield lambda answer: runner.run(_converse(provider, server, [answer, well]))
        finally:
            runner.run(provider.close())
            listening.close()


async def _listen(server: Answering) -> asyncio.Server:
    return await asyncio.start_server(server.serve, "127.0.0.1", 0)


async def _converse(provider: Provider, server: Answering, answers: Sequence[bytes]) -> None:
    server.answers[:] = answers
    try:
        reply = await _reply(provider, ASKED)
    except ProviderError as error:
        one_line(error)
        return
    for event in (
        MessageAdded(message=reply.message),
        UsageReported(usage=reply.usage, total=reply.usage, cost=None, total_cost=None),
    ):
        told = Stamped(stamp=Stamp(seq=1, time="t", session="s"), event=event)
        assert decode(encode(told)) == told
    calls = tuple(ToolAnswer(call_id=call.id, content="x") for call in reply.message.calls)
    answer = Message(role="user", parts=calls) if calls else LATER
    again = await _reply(provider, (*ASKED, reply.message, answer))
    assert again.message.text == "Done."


async def _reply(provider: Provider, messages: tuple[Message, ...]) -> Completed:
    chunks = [chunk async for chunk in provider.stream(ModelRequest(system="s", messages=messages, tools=TOOLS))]
    last = chunks.pop()
    assert isinstance(last, Completed)
    for chunk in chunks:
        assert isinstance(chunk, (TextChunk, ThinkingChunk))
        chunk.text.encode()
    return last


def streamed(body: bytes) -> bytes:
    return HEAD % len(body) + body


def refused(status: int, body: bytes) -> bytes:
    return REFUSAL % (status, body)


def events(stream: bytes) -> str:
    """The stream's events as JSON."""
    lines = [line[6:] for line in stream.decode().splitlines() if line.startswith("data: {")]
    return f"[{','.join(lines)}]"


def as_stream(value: object) -> bytes:
    """What `events` was made of."""
    told = cast("list[object]", value) if isinstance(value, list) else [value]
    return b"".join(_event(one) for one in told)


def _event(value: object) -> bytes:
    kind = cast("dict[str, object]", value).get("type", "") if isinstance(value, dict) else "x"
    return f"event: {kind}\ndata: {json.dumps(value)}\n\n".encode(errors="replace")


@every_vendor
def test_streams_of_odd_events(request: pytest.FixtureRequest, name: str) -> None:
    vendor = VENDORS[name]
    seeds = [events(stream) for stream in vendor.streams()]
    with asked(vendor) as check:
        fuzz(request, altered(seeds).map(as_stream).map(streamed), check, inputs=80)


@every_vendor
def test_streams_of_odd_bytes(request: pytest.FixtureRequest, name: str) -> None:
    vendor = VENDORS[name]
    streams = vendor.streams()
    refusals = st.builds(refused, st.sampled_from([400, 401, 404, 413, 429, 500, 529]), mutated([ERROR]))
    values = st.one_of(mutated(streams).map(streamed), mutated([streamed(one) for one in streams]), refusals)
    with asked(vendor) as check:
        fuzz(request, values, check, inputs=80)


def delta(**fields: object) -> bytes:
    """A stream of Chat Completions with one choice."""
    choice = {"index": 0, "delta": fields, "finish_reason": "stop"}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return streamed(as_stream([chunk]) + b"data: [DONE]\n\n")


def called(identity: object, arguments: str) -> dict[str, object]:
    return {"id": identity, "type": "function", "function": {"name": "bash", "arguments": arguments}}


CRASHED = [
    delta(content=5),
    delta(content="\ud83d"),
    delta(tool_calls=3),
    delta(tool_calls=[{"index": 0, "function": "x"}]),
    delta(tool_calls=[{"index": 0, **called("a", '{"x": 1e999}')}]),
    delta(tool_calls=[{"index": {"x": 1}, **called("a", "{}")}]),
    delta(tool_calls=[{"index": at, **called(None, "{}")} for at in range(2)]),
    delta(tool_calls=[{"index": 0, **called(7, "{}")}]),
    streamed(b'data: {"choices": [5]}\n\n'),
    streamed(b'data: {"choices": [], "usage": "none"}\n\n'),
    streamed(b"data: " + b"[" * 100_000 + b"\n\n"),
]


@pytest.mark.parametrize("answer", CRASHED, ids=range(len(CRASHED)))
def test_what_has_crashed_or_was_passed_on(answer: bytes) -> None:
    with asked(VENDORS["chat"]) as check:
        check(answer)


@every_vendor
def test_a_reply_counts_without_a_count_of_its_tokens(name: str) -> None:
    vendor = VENDORS[name]
    told = events(vendor.streams()[0]).replace('_tokens": ', '_tokens": null, "x": ').replace("_details", "_unknown")

    async def reply() -> Completed:
        server = Answering([streamed(as_stream(json.loads(told)))])
        async with await _listen(server) as listening:
            provider = vendor.make(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
            try:
                return await _reply(provider, ASKED)
            finally:
                await provider.close()

    found = asyncio.run(reply())
    assert found.usage == Usage()
    assert [call.name for call in found.message.calls] == ["bash", "bash"]
