"""Reading thoughts, words and calls out of a local model's text, however it is cut into pieces."""

from __future__ import annotations

import pytest

from agent.messages import Part, Text, Thinking, ToolCall
from agent.providers.base import TextChunk
from agent.providers.tagged import TaggedText

REPLY = (
    "<think>\nfirst, look</think>\n\nI look: a < b.\n"
    '<tool_call>\n{"name": "bash", "arguments": {"command": "cat <<E\\n</think>"}}\n</tool_call>\n'
    '<tool_call>{"name": "docs", "arguments": "{\\"symbol\\": \\"fmt\\"}"}</tool_call>'
)


def read(*pieces: str, cut: bool = False, inside: str = "") -> tuple[tuple[Part, ...], str]:
    """Return the parts and the words that were streamed."""
    text = TaggedText(vendor="llama", call_prefix="c", inside=inside)
    chunks = [chunk for piece in pieces for chunk in text.feed(piece)]
    chunks += text.finish(cut=cut)
    return tuple(text.parts), "".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_any_cut_gives_the_same_parts(size: int) -> None:
    pieces = [REPLY[start : start + size] for start in range(0, len(REPLY), size)]
    parts, streamed = read(*pieces)
    assert parts == (
        Thinking(text="first, look", vendor="llama"),
        Text(text="I look: a < b.\n"),
        ToolCall(id="c_1", name="bash", arguments={"command": "cat <<E\n</think>"}),
        ToolCall(id="c_2", name="docs", arguments={"symbol": "fmt"}),
    )
    assert streamed == "I look: a < b.\n"


def test_a_template_may_have_opened_the_thoughts() -> None:
    parts, _ = read("hm", "</think>", "yes", inside="</think>")
    assert parts == (Thinking(text="hm", vendor="llama"), Text(text="yes"))


def test_what_only_looks_like_a_tag_is_words() -> None:
    assert read("if a <", "t", " b <tool", "box>") == ((Text(text="if a <t b <toolbox>"),), "if a <t b <toolbox>")


def test_a_call_that_is_no_json_is_invalid_if_it_has_a_name() -> None:
    parts, streamed = read('<tool_call>{"name": "bash", "arguments": {"command": }}</tool_call>')
    (call,) = parts
    assert isinstance(call, ToolCall)
    assert (call.name, call.invalid) == ("bash", '{"name": "bash", "arguments": {"command": }}')
    assert streamed == ""


def test_a_call_without_a_name_is_words() -> None:
    assert read("<tool_call>ls -l</tool_call>") == ((Text(text="ls -l"),), "ls -l")


def test_a_call_that_was_cut_is_invalid() -> None:
    parts, _ = read('Now: <tool_call>{"name": "bash", "argum', cut=True)
    assert parts[1] == ToolCall(id="c_1", name="bash", arguments={}, invalid='{"name": "bash", "argum')


def test_a_call_that_the_model_forgot_to_close_counts() -> None:
    parts, _ = read('<tool_call>{"name": "bash", "arguments": {}}')
    assert parts == (ToolCall(id="c_1", name="bash", arguments={}),)
