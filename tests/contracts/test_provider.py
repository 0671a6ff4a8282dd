"""What every provider does, whatever it speaks. Hosted ones run with their real SDK against the loopback server."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import cast

import pytest
from chain_model import write_model

from agent.messages import Message, Part, Text, Thinking, ToolAnswer, ToolCall
from agent.providers.anthropic import Anthropic
from agent.providers.base import (
    Completed,
    ModelChunk,
    ModelRequest,
    Provider,
    ProviderError,
    TextChunk,
    ThinkingChunk,
    ToolDefinition,
)
from agent.providers.llama import Llama
from agent.providers.loopback import Loopback
from agent.providers.openai_chat import OpenAIChat
from agent.providers.openai_responses import OpenAIResponses
from agent.providers.script import Turn, parse, words
from agent.providers.scripted import Scripted

Open = Callable[[str], AbstractAsyncContextManager[Provider]]
TOOLS = (
    ToolDefinition(name="bash", description="Run a command.", parameters={"type": "object", "properties": {}}),
    ToolDefinition(name="read_file", description="Read a file.", parameters={"type": "object", "properties": {}}),
)


@asynccontextmanager
async def closing(provider: Provider) -> AsyncGenerator[Provider]:
    try:
        yield provider
    finally:
        await provider.close()


def scripted(script: str) -> AbstractAsyncContextManager[Provider]:
    return closing(Scripted(parse(script)))


@asynccontextmanager
async def claude(script: str) -> AsyncGenerator[Provider]:
    with Loopback(parse(script)) as server:
        async with closing(Anthropic("claude-opus-5-5", api_key="key", base_url=server.url)) as provider:
            yield provider


@asynccontextmanager
async def chat(script: str) -> AsyncGenerator[Provider]:
    with Loopback(parse(script)) as server:
        async with closing(OpenAIChat("gpt-5", api_key="key", base_url=server.openai_url)) as provider:
            yield provider


@asynccontextmanager
async def responses(script: str) -> AsyncGenerator[Provider]:
    with Loopback(parse(script)) as server:
        async with closing(OpenAIResponses("gpt-5", api_key="key", base_url=server.openai_url)) as provider:
            yield provider


@asynccontextmanager
async def llama(script: str) -> AsyncGenerator[Provider]:
    """The real llama.cpp, with a model that says what the script says; it can't know what it is told."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_model(Path(folder) / "chain.gguf", [pieces(turn) for turn in parse(script).turns])
        async with closing(Llama(path)) as provider:
            yield provider


def pieces(turn: Turn) -> list[str]:
    thoughts = [f"<think>{turn.thinking}", "</think>"] if turn.thinking else []
    calls = (
        f'<tool_call>{{"name": "{call.name}", "arguments": {call.arguments or "{}"}}}</tool_call>'
        for call in turn.calls
    )
    return [*thoughts, *words(turn.text), *calls]


HOSTED = [scripted, claude, chat, responses]
LOCAL = pytest.param(
    llama,
    id="llama",
    marks=pytest.mark.skipif(find_spec("llama_cpp") is None, reason="no llama-cpp-python: uv sync --extra llama"),
)


@pytest.fixture(params=HOSTED, ids=lambda made: made.__name__)
def provide(request: pytest.FixtureRequest) -> Open:
    """Open a provider that plays the script."""
    return cast("Open", request.param)


@pytest.fixture(params=[*(pytest.param(made, id=made.__name__) for made in HOSTED), LOCAL])
def provide_any(request: pytest.FixtureRequest) -> Open:
    """Open a provider that says what the script says, though it may not listen as a script does."""
    return cast("Open", request.param)


def user(*parts: Part) -> Message:
    return Message(role="user", parts=parts)


TASK = user(Text(text="build it"))


def ask(provider: Provider, *messages: Message) -> AsyncIterator[ModelChunk]:
    return provider.stream(ModelRequest(system="You build Go.", messages=messages, tools=TOOLS))


async def reply(provider: Provider, *messages: Message) -> tuple[list[ModelChunk], Completed]:
    chunks = [chunk async for chunk in ask(provider, *messages)]
    last = chunks[-1]
    assert isinstance(last, Completed)
    assert not any(isinstance(chunk, Completed) for chunk in chunks[:-1])
    return chunks, last


async def test_words_stream_and_the_last_chunk_is_the_whole(provide_any: Open) -> None:
    async with provide_any("[[turn]]\ntext = '''One  two,\n\tthree — ünï 🐫.\n'''\n") as provider:
        chunks, last = await reply(provider, TASK)
    words = [chunk.text for chunk in chunks if isinstance(chunk, TextChunk)]
    assert len(words) > 1
    assert "".join(words) == last.message.text == "One  two,\n\tthree — ünï 🐫.\n"
    assert (last.message.role, last.stop, last.message.calls) == ("assistant", "end", ())


async def test_thinking_streams_apart_from_words(provide_any: Open) -> None:
    async with provide_any("[[turn]]\nthinking = 'let me see'\ntext = 'done'\n") as provider:
        chunks, last = await reply(provider, TASK)
        assert "".join(chunk.text for chunk in chunks if isinstance(chunk, ThinkingChunk)) == "let me see"
        thoughts = [part for part in last.message.parts if isinstance(part, Thinking)]
        assert [thought.text for thought in thoughts] == ["let me see"]
        assert last.message.text == "done"


TWO_CALLS = dedent(
    r"""
    [[turn]]
    text = "I look first."
    thinking = "hm"
    [[turn.call]]
    name = "bash"
    input = { command = "go test ./...", timeout_s = 5, nested = { list = [1, "a\tb", true] } }
    [[turn.call]]
    name = "read_file"
    input = { path = "zwölf 🐫.go" }

    [[turn]]
    expect = ['ok  \tpkg', 'no such file']
    text = "Done."
    """
)


async def test_several_calls_come_whole_and_their_answers_are_taken(provide_any: Open) -> None:
    async with provide_any(TWO_CALLS) as provider:
        _, first = await reply(provider, TASK)
        assert first.stop == "tool_calls"
        bash, read = first.message.calls
        assert bash.name == "bash"
        assert bash.arguments == {"command": "go test ./...", "timeout_s": 5, "nested": {"list": [1, "a\tb", True]}}
        assert (read.name, read.arguments) == ("read_file", {"path": "zwölf 🐫.go"})
        assert bash.id != read.id
        answers = user(
            ToolAnswer(call_id=bash.id, content="ok  \tpkg"),
            ToolAnswer(call_id=read.id, content="no such file", is_error=True),
            Text(text="Be quick."),
        )
        _, second = await reply(provider, TASK, first.message, answers)
        assert (second.message.text, second.stop) == ("Done.", "end")


async def test_a_call_without_arguments_has_none(provide_any: Open) -> None:
    async with provide_any("[[turn]]\n[[turn.call]]\nname = 'bash'\narguments = ''\n") as provider:
        _, last = await reply(provider, TASK)
        assert (last.message.calls[0].arguments, last.message.calls[0].invalid) == ({}, None)


@pytest.mark.parametrize("raw", ['{"path": "x', "[1, 2]", "no json", '{"a": "\\ud800"}'])
async def test_malformed_arguments_are_handed_on_and_the_history_goes_on(provide: Open, raw: str) -> None:
    script = f"[[turn]]\n[[turn.call]]\nname = 'bash'\narguments = '{raw}'\n[[turn]]\ntext = 'better'\n"
    async with provide(script) as provider:
        _, last = await reply(provider, TASK)
        (call,) = last.message.calls
        assert (call.arguments, call.invalid) == ({}, raw)
        answer = user(ToolAnswer(call_id=call.id, content="not JSON", is_error=True))
        _, second = await reply(provider, TASK, last.message, answer)
        assert second.message.text == "better"


@pytest.mark.parametrize("raw", ['{"path": "x', ""])
async def test_a_call_cut_at_the_output_limit_is_marked(provide: Open, raw: str) -> None:
    script = f"[[turn]]\nstop = 'length'\n[[turn.call]]\nname = 'bash'\narguments = '{raw}'\n"
    async with provide(script) as provider:
        _, last = await reply(provider, TASK)
        assert last.stop == "length"
        assert last.message.calls[0].invalid == raw


async def test_an_empty_answer_is_an_answer_and_the_history_goes_on(provide_any: Open) -> None:
    async with provide_any("[[turn]]\n[[turn]]\ntext = 'sorry'\n") as provider:
        chunks, last = await reply(provider, TASK)
        assert (len(chunks), last.message.parts, last.stop) == (1, (), "end")
        _, second = await reply(provider, TASK, last.message, user(Text(text="well?")))
        assert second.message.text == "sorry"


async def test_a_refusal_is_told(provide: Open) -> None:
    async with provide("[[turn]]\ntext = 'I would rather not.'\nstop = 'refusal'\n") as provider:
        _, last = await reply(provider, TASK)
        assert last.stop == "refusal"


async def test_usage_is_reported_and_cached_tokens_count_apart(provide: Open) -> None:
    async with provide("[[turn]]\ntext = 'one two'\n[[turn]]\ntext = 'three'\n") as provider:
        _, first = await reply(provider, TASK)
        assert (first.usage.input_tokens, first.usage.output_tokens, first.usage.cache_read_tokens) == (2, 2, 0)
        _, second = await reply(provider, TASK, first.message, user(Text(text="go on, please")))
        assert (second.usage.input_tokens, second.usage.cache_read_tokens) == (4, 2)


async def test_history_made_by_another_provider_is_taken(provide_any: Open) -> None:
    foreign = Message(
        role="assistant",
        parts=(
            Thinking(text="hm", signature="elsewhere", vendor="another"),
            Text(text="   "),
            ToolCall(id="toolu_01", name="bash", arguments={"command": "ls"}),
        ),
    )
    async with provide_any("[[turn]]\n[[turn]]\nexpect=['go.mod']\ntext = 'fine'\n") as provider:
        _, last = await reply(provider, TASK, foreign, user(ToolAnswer(call_id="toolu_01", content="go.mod\n")))
        assert last.message.text == "fine"


async def test_an_empty_tool_answer_is_taken(provide_any: Open) -> None:
    call = Message(role="assistant", parts=(ToolCall(id="c1", name="bash", arguments={}),))
    async with provide_any("[[turn]]\n[[turn]]\ntext = 'fine'\n") as provider:
        _, last = await reply(provider, TASK, call, user(ToolAnswer(call_id="c1", content="", is_error=True)))
        assert last.message.text == "fine"


async def test_a_request_that_is_refused_raises_and_says_why(provide: Open) -> None:
    async with provide("[[turn]]\nexpect = ['something else']\n") as provider:
        with pytest.raises(ProviderError, match="turn 1 expected /something else/") as caught:
            await reply(provider, TASK)
        assert not caught.value.retryable


async def test_closing_the_iterator_ends_the_request_and_the_provider_can_be_asked_again(provide_any: Open) -> None:
    async with provide_any("[[turn]]\ntext = 'a b c d e f'\n") as provider:
        chunks = cast("AsyncGenerator[ModelChunk]", ask(provider, TASK))
        assert await anext(chunks) == TextChunk(text="a")
        await chunks.aclose()
        _, last = await reply(provider, TASK)
        assert last.message.text == "a b c d e f"


async def test_cancelling_ends_the_request(provide: Open) -> None:
    async with provide("[[turn]]\ndelay_s = 30\ntext = 'late'\n") as provider:
        task = asyncio.ensure_future(reply(provider, TASK))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5.0)


async def test_requests_side_by_side_do_not_mix(provide: Open) -> None:
    async with provide("[[turn]]\nexpect = ['(?P<word>\\w+)']\ntext = 'you said {{word}}'\n") as provider:
        both = await asyncio.gather(*(reply(provider, user(Text(text=word))) for word in ("left", "right")))
        assert [last.message.text for _, last in both] == ["you said left", "you said right"]


async def test_closing_twice_is_fine(provide_any: Open) -> None:
    async with provide_any("[[turn]]\n") as provider:
        await provider.close()
        await provider.close()


async def test_it_has_a_name_and_capabilities(provide_any: Open) -> None:
    async with provide_any("[[turn]]\n") as provider:
        assert "/" in provider.name
        assert provider.capabilities.context_tokens > 0
