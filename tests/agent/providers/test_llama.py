"""A local model in a process of its own. llama.cpp is the real one; the models are written by the tests."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from chain_model import write_model

from agent.messages import Message, Text, ToolAnswer, ToolCall
from agent.providers.base import (
    Completed,
    ContextOverflow,
    ModelRequest,
    Provider,
    ProviderError,
    TextChunk,
    ToolDefinition,
)
from agent.providers.llama import Llama

needs_llama = pytest.mark.skipif(find_spec("llama_cpp") is None, reason="no llama-cpp-python: uv sync --extra llama")
TASK = Message(role="user", parts=(Text(text="build it"),))
BASH = ToolDefinition(name="bash", description="Run a command.", parameters={"type": "object"})
INDENT = " " * 120


@asynccontextmanager
async def running(path: Path) -> AsyncGenerator[Llama]:
    provider = Llama(path)
    try:
        yield provider
    finally:
        await provider.close()


async def reply(
    provider: Provider, *messages: Message, limit: int = 100, tools: Sequence[ToolDefinition] = ()
) -> Completed:
    request = ModelRequest(system="Be brief.", messages=messages, tools=tuple(tools), max_output_tokens=limit)
    chunks = [chunk async for chunk in provider.stream(request)]
    last = chunks[-1]
    assert isinstance(last, Completed)
    assert "".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk)) == last.message.text
    return last


@needs_llama
async def test_a_conversation_is_read_once_and_long_tokens_come_whole(tmp_path: Path) -> None:
    async with running(write_model(tmp_path / "m.gguf", [["One", f"\n{INDENT}x 🐫"], ["Two"]])) as provider:
        first = await reply(provider, TASK)
        assert first.message.text == f"One\n{INDENT}x 🐫"
        assert (first.usage.cache_read_tokens, first.usage.output_tokens) == (0, 2)
        assert provider.capabilities.context_tokens == 4096
        second = await reply(provider, TASK, first.message, TASK)
        assert second.message.text == "Two"
        assert second.usage.cache_read_tokens >= first.usage.input_tokens - 1
        assert second.usage.input_tokens < first.usage.input_tokens


@needs_llama
async def test_the_output_limit_cuts(tmp_path: Path) -> None:
    call = ["<tool_call>", '{"name": "bash",', ' "arguments": {}}', "</tool_call>"]
    async with running(write_model(tmp_path / "m.gguf", [["a", " b", *call]])) as provider:
        short = await reply(provider, TASK, limit=1)
        assert (short.message.text, short.stop) == ("a", "length")
        cut = await reply(provider, TASK, limit=4)
        assert (cut.stop, cut.message.calls[0].invalid) == ("length", '{"name": "bash",')
        whole = await reply(provider, TASK)
        assert (whole.stop, whole.message.calls[0].name) == ("tool_calls", "bash")


@needs_llama
async def test_a_template_that_knows_no_tools_is_told_of_them(tmp_path: Path) -> None:
    template = (
        "{% set ns = namespace(told=false) %}{% for message in messages %}"
        "{% if 'tool_call' in message.content and 'Be brief.' in message.content %}{% set ns.told = true %}{% endif %}"
        "{% endfor %}x<|reply_{{ 2 if ns.told else 1 }}|>"
    )
    path = write_model(tmp_path / "m.gguf", [["untold"], ["told"]], template=template)
    async with running(path) as provider:
        assert (await reply(provider, TASK)).message.text == "untold"
        assert (await reply(provider, TASK, tools=[BASH])).message.text == "told"


@needs_llama
async def test_a_template_may_refuse(tmp_path: Path) -> None:
    template = "{{ raise_exception('roles must alternate') }}"
    async with running(write_model(tmp_path / "m.gguf", [["x"]], template=template)) as provider:
        with pytest.raises(ProviderError, match="chat template refuses: roles must alternate"):
            await reply(provider, TASK)


@needs_llama
async def test_a_conversation_that_is_too_long_is_told_apart(tmp_path: Path) -> None:
    async with running(write_model(tmp_path / "m.gguf", [["x"], ["y"]], context_tokens=512)) as provider:
        with pytest.raises(ContextOverflow, match="the context has 512"):
            await reply(provider, Message(role="user", parts=(Text(text="long " * 500),)))
        assert (await reply(provider, TASK)).message.text == "x"


@needs_llama
async def test_a_file_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"not a model")
    async with running(tmp_path / "m.gguf") as provider:
        with pytest.raises(ProviderError, match=r"^can't load .*m\.gguf: ") as caught:
            await reply(provider, TASK)
    assert "\n" not in str(caught.value)


@needs_llama
async def test_an_abort_in_there_is_an_error_here_and_the_next_request_starts_anew(tmp_path: Path) -> None:
    async with running(write_model(tmp_path / "m.gguf", [["a", " b"]])) as provider:
        await reply(provider, TASK)
        (child,) = children()
        os.kill(child, signal.SIGSTOP)
        asked = asyncio.ensure_future(reply(provider, TASK))
        await asyncio.sleep(0.1)
        os.kill(child, signal.SIGABRT)
        os.kill(child, signal.SIGCONT)
        with pytest.raises(ProviderError, match=r"llama\.cpp's process died \(SIGABRT\)"):
            await asked
        assert (await reply(provider, TASK)).message.text == "a b"


@needs_llama
async def test_closing_leaves_no_process(tmp_path: Path) -> None:
    async with running(write_model(tmp_path / "m.gguf", [["a"]])) as provider:
        await reply(provider, TASK)
        assert len(children()) == 1
    assert children() == []


@needs_llama
async def test_an_invalid_call_in_the_history_is_taken(tmp_path: Path) -> None:
    bad = Message(role="assistant", parts=(ToolCall(id="1", name="bash", arguments={}, invalid='{"'),))
    answer = Message(role="user", parts=(ToolAnswer(call_id="1", content="not JSON", is_error=True),))
    async with running(write_model(tmp_path / "m.gguf", [["a"], ["b"]])) as provider:
        assert (await reply(provider, TASK, bad, answer, tools=[BASH])).message.text == "b"


def test_a_missing_package_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(ProviderError, match=r"needs llama-cpp-python: uv tool install 'bactrian\[llama\]'"):
        Llama(tmp_path / "m.gguf")


@needs_llama
def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"there is no model file .*m\.gguf"):
        Llama(tmp_path / "m.gguf")


def children() -> list[int]:
    """Return the workers that this process runs."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if b"agent.providers.llama_worker" in words and int(parent) == os.getpid():
            found.append(int(entry.name))
    return found
