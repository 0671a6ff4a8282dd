"""What goes wrong between here and a vendor, done by the loopback server to the real SDKs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import cast, get_args

import pytest

from agent.messages import Message, Text, Thinking, ToolAnswer
from agent.providers.anthropic import Anthropic
from agent.providers.base import (
    Completed,
    ContextOverflow,
    ModelChunk,
    ModelRequest,
    Provider,
    ProviderError,
    Restarted,
    TextChunk,
    ToolDefinition,
)
from agent.providers.loopback import Break, Fault, Garbage, How, Loopback, Quirk, Refuse, Stall
from agent.providers.openai_chat import OpenAIChat
from agent.providers.openai_responses import OpenAIResponses
from agent.providers.retry import Patience, Retry
from agent.providers.script import parse

Make = Callable[[Loopback, float], Provider]
REQUEST = ModelRequest(system="", messages=(Message(role="user", parts=(Text(text="build it"),)),))
SCRIPT = "[[turn]]\ntext = 'one two three four'\n"


def claude(server: Loopback, timeout_s: float) -> Provider:
    return Anthropic("claude-opus-5-5", api_key="key", base_url=server.url, timeout_s=timeout_s)


def chat(server: Loopback, timeout_s: float) -> Provider:
    return OpenAIChat("gpt-5", api_key="key", base_url=server.openai_url, timeout_s=timeout_s)


def responses(server: Loopback, timeout_s: float) -> Provider:
    return OpenAIResponses("gpt-5", api_key="key", base_url=server.openai_url, timeout_s=timeout_s)


@pytest.fixture(params=[claude, chat, responses], ids=lambda make: make.__name__)
def make(request: pytest.FixtureRequest) -> Make:
    return cast("Make", request.param)


@asynccontextmanager
async def against(
    make: Make, *faults: Fault | None, script: str = SCRIPT, timeout_s: float = 10.0
) -> AsyncGenerator[tuple[Provider, Loopback]]:
    with Loopback(parse(script), faults=faults) as server:
        provider = make(server, timeout_s)
        try:
            yield provider, server
        finally:
            await provider.close()


async def collect(provider: Provider, request: ModelRequest = REQUEST) -> list[ModelChunk]:
    return [chunk async for chunk in provider.stream(request)]


async def failure(make: Make, fault: Fault, *, timeout_s: float = 10.0) -> ProviderError:
    async with against(make, fault, timeout_s=timeout_s) as (provider, server):
        with pytest.raises(ProviderError) as caught:
            await collect(provider)
        assert len(server.requests) == 1, "the SDK must not ask again by itself"
    assert "\n" not in str(caught.value)
    return caught.value


async def test_a_rate_limit_is_told_with_its_wait(make: Make) -> None:
    error = await failure(make, Refuse(status=429, message="slow down", retry_after_s=7))
    assert (error.retryable, error.retry_after_s) == (True, 7.0)
    assert str(error).endswith(": rate limit reached: slow down")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529, 408])
async def test_a_server_in_trouble_is_worth_another_try(make: Make, status: int) -> None:
    error = await failure(make, Refuse(status=status, message="try later"))
    assert error.retryable
    assert error.retry_after_s is None


@pytest.mark.parametrize("status", [401, 403])
async def test_a_wrong_key_names_the_variable(make: Make, status: int) -> None:
    error = await failure(make, Refuse(status=status, message="invalid key"))
    assert not error.retryable
    assert "ANTHROPIC_API_KEY" in str(error) or "OPENAI_API_KEY" in str(error)


async def test_an_unknown_model_is_named(make: Make) -> None:
    error = await failure(make, Refuse(status=404, message="not found"))
    assert not error.retryable
    assert "has no model claude-opus-5-5" in str(error) or "has no model gpt-5" in str(error)


async def test_no_credit_is_no_rate_limit(make: Make) -> None:
    error = await failure(
        make, Refuse(status=429, message="You exceeded your current quota", code="insufficient_quota")
    )
    assert not error.retryable
    assert "lack of credit" in str(error)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "This model's maximum context length is 128000 tokens"),
        (400, "the request exceeds the available context size, try increasing it"),
        (413, "Request exceeds the maximum size"),
    ],
)
async def test_a_conversation_that_is_too_long_is_told_apart(make: Make, status: int, message: str) -> None:
    error = await failure(make, Refuse(status=status, message=message))
    assert isinstance(error, ContextOverflow)
    assert not error.retryable


async def test_any_other_refusal_is_lasting(make: Make) -> None:
    error = await failure(make, Refuse(status=400, message="tools.0.name:\nbad name"))
    assert not error.retryable
    assert not isinstance(error, ContextOverflow)
    assert "tools.0.name: bad name" in str(error)


@pytest.mark.parametrize("after_events", [0, 1, 4])
@pytest.mark.parametrize("how", get_args(How))
async def test_a_stream_that_breaks_is_worth_another_try(make: Make, how: How, after_events: int) -> None:
    error = await failure(make, Break(how=how, after_events=after_events))
    assert error.retryable


async def test_an_error_in_the_stream_keeps_its_meaning(make: Make) -> None:
    error = await failure(make, Break(how="error", after_events=2, code="authentication_error"))
    assert not error.retryable
    assert "does not accept the key" in str(error)


@pytest.mark.parametrize("fault", [Garbage(), Garbage(streamed=True)], ids=["page", "stream"])
async def test_garbage_is_worth_another_try(make: Make, fault: Fault) -> None:
    assert (await failure(make, fault)).retryable


@pytest.mark.parametrize("after_events", [0, 3])
async def test_silence_is_a_failure_after_the_time_limit(make: Make, after_events: int) -> None:
    error = await failure(make, Stall(seconds=30.0, after_events=after_events), timeout_s=0.3)
    assert error.retryable
    assert str(error).endswith("said nothing for 0.3 s")


async def test_slow_is_not_silent(make: Make) -> None:
    with Loopback(parse(SCRIPT), pause_s=0.1) as server:
        provider = make(server, 0.6)
        chunks = await collect(provider)
        await provider.close()
    assert isinstance(chunks[-1], Completed)


async def test_nobody_listens(make: Make) -> None:
    with Loopback(parse(SCRIPT)) as server:
        provider = make(server, 5.0)
    with pytest.raises(ProviderError, match=r"no answer from http://127\.0\.0\.1") as caught:
        await collect(provider)
    assert caught.value.retryable
    await provider.close()


async def test_retry_gets_through_a_bad_quarter_of_an_hour(make: Make) -> None:
    faults: Iterable[Fault] = (
        Refuse(status=429, retry_after_s=7),
        Refuse(status=529),
        Break(how="cut", after_events=4),
        Break(how="reset", after_events=2),
        Garbage(),
    )
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with against(make, *faults) as (provider, server):
        chunks = await collect(Retry(provider, patience=Patience(first_wait_s=1.0), sleep=sleep, jitter=lambda: 0.0))
        assert len(server.requests) == 6
        assert all(request.body == server.requests[0].body for request in server.requests)
    assert slept == [7.0, 2.0, 4.0, 8.0, 16.0]
    last_restart = max(at for at, chunk in enumerate(chunks) if isinstance(chunk, Restarted))
    words = [chunk.text for chunk in chunks[last_restart:] if isinstance(chunk, TextChunk)]
    assert "".join(words) == "one two three four"
    assert isinstance(chunks[-1], Completed)


async def test_closing_the_iterator_hangs_up(make: Make) -> None:
    words = " ".join(str(number) for number in range(2000))
    with Loopback(parse(f"[[turn]]\ntext = '{words}'\n"), pause_s=0.01) as server:
        provider = make(server, 10.0)
        chunks = cast("AsyncGenerator[ModelChunk]", provider.stream(REQUEST))
        assert isinstance(await anext(chunks), TextChunk)
        await chunks.aclose()
        assert await asyncio.to_thread(server.requests[0].finished.wait, 5.0)
        assert server.requests[0].outcome == "left"
        await provider.close()


CONVERSATION = """
[[turn]]
thinking = "hm"
text = "I look."
[[turn.call]]
name = "bash"
input = { command = "ls" }
[[turn]]
thinking = "so"
[[turn.call]]
name = "bash"
arguments = '{"command'
[[turn]]
text = "Done."
"""


async def converse(provider: Provider) -> tuple[Message, ...]:
    """Have a conversation of three requests; return its messages."""
    tools = (
        ToolDefinition(name="bash", description="Run.", parameters={"type": "object", "properties": {}}),
        ToolDefinition(name="docs", description="Read.", parameters={"type": "object", "properties": {}}),
    )
    messages = REQUEST.messages
    while True:
        last = (await collect(provider, ModelRequest(system="Build.", messages=messages, tools=tools)))[-1]
        assert isinstance(last, Completed)
        messages = (*messages, last.message)
        if not last.message.calls:
            return messages
        answers = tuple(ToolAnswer(call_id=call.id, content="go.mod") for call in last.message.calls)
        messages = (*messages, Message(role="user", parts=answers))


def without_marks(value: object) -> object:
    """Return a body without the places that are to be cached, which move on with every request."""
    match value:
        case dict():
            items = cast("dict[str, object]", value).items()
            return {key: without_marks(item) for key, item in items if key != "cache_control"}
        case list():
            return [without_marks(item) for item in cast("list[object]", value)]
        case _:
            return value


async def test_a_request_repeats_the_one_before_and_adds_to_it(make: Make) -> None:
    async with against(make, script=CONVERSATION) as (provider, server):
        await converse(provider)
        bodies = [cast("dict[str, object]", without_marks(request.body)) for request in server.requests]
    assert len(bodies) == 3
    history = "input" if "input" in bodies[0] else "messages"
    for earlier, later in pairwise(bodies):
        said, says = cast("list[object]", earlier.pop(history)), cast("list[object]", later[history])
        assert len(says) > len(said)
        assert says[: len(said)] == said
        assert earlier == {key: value for key, value in later.items() if key != history}


async def test_claude_is_told_what_to_cache_and_gets_its_thinking_back() -> None:
    async with against(claude, script=CONVERSATION) as (provider, server):
        messages = await converse(provider)
        first, _, third = (request.body for request in server.requests)
    thoughts = [part for message in messages for part in message.parts if isinstance(part, Thinking)]
    assert [(thought.text, thought.signature) for thought in thoughts] == [("hm", "seal-1"), ("so", "seal-2")]
    assert "cache_control" in first["system"][0]
    assert ["cache_control" in tool for tool in first["tools"]] == [False, True]
    marks = [["cache_control" in block for block in message["content"]] for message in third["messages"]]
    assert marks == [[False], [False, False, False], [True], [False, False], [True]]
    assert third["messages"][1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "seal-1"}
    assert third["messages"][3]["content"][1]["input"] == {}


async def test_claude_gets_redacted_thinking_back() -> None:
    with Loopback(parse(CONVERSATION), quirks=["redacted-thinking"]) as server:
        provider = claude(server, 10.0)
        messages = await converse(provider)
        await provider.close()
    thought = messages[1].parts[0]
    assert isinstance(thought, Thinking)
    assert (thought.text, thought.redacted) == ("", True)
    block = server.requests[1].body["messages"][1]["content"][0]
    assert block == {"type": "redacted_thinking", "data": "sealed"}


async def test_responses_get_their_reasoning_back_and_store_nothing() -> None:
    async with against(responses, script=CONVERSATION) as (provider, server):
        await converse(provider)
        bodies = [request.body for request in server.requests]
    assert {body["store"] for body in bodies} == {False}
    assert len({body["prompt_cache_key"] for body in bodies}) == 1
    assert bodies[0]["include"] == ["reasoning.encrypted_content"]
    reasoning = [item for item in bodies[2]["input"] if item["type"] == "reasoning"]
    assert [(item["id"], item["encrypted_content"]) for item in reasoning] == [("rs_1", "seal-1"), ("rs_2", "seal-2")]
    calls = [item["arguments"] for item in bodies[2]["input"] if item["type"] == "function_call"]
    assert calls == ['{"command": "ls"}', "{}"]


async def test_chat_gives_the_thinking_of_a_call_back() -> None:
    async with against(chat, script=CONVERSATION) as (provider, server):
        await converse(provider)
        body = server.requests[2].body
    assert [message.get("reasoning_content") for message in body["messages"]] == [None, None, "hm", None, "so", None]
    assert body["stream_options"] == {"include_usage": True}


THREE_CALLS = (
    "[[turn]]\n"
    + "".join(f"[[turn.call]]\nname = 'read_file'\ninput = {{ path = '{at}.go' }}\n" for at in range(3))
    + "[[turn]]\ntext = 'read'\n"
)


@pytest.mark.parametrize(
    "quirks",
    [
        ["whole-calls"],
        ["no-ids"],
        ["whole-calls", "no-ids", "no-usage", "no-done"],
        ["whole-calls", "same-index"],
        ["whole-calls", "same-index", "no-ids"],
        ["same-index"],
    ],
    ids=" ".join,
)
async def test_chat_servers_differ(quirks: list[Quirk]) -> None:
    with Loopback(parse(THREE_CALLS), quirks=quirks) as server:
        provider = chat(server, 10.0)
        messages = await converse(provider)
        await provider.close()
    assert [call.arguments for call in messages[1].calls] == [{"path": "0.go"}, {"path": "1.go"}, {"path": "2.go"}]
    assert len({call.id for call in messages[1].calls}) == 3
    assert messages[-1].text == "read"
