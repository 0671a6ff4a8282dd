"""Scripts: the format, expectations, captured names, errors that say what is wrong."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from agent.messages import Message, Part, Text, ToolAnswer
from agent.providers.base import Completed, ModelRequest, TextChunk
from agent.providers.script import ScriptError, heard, parse, read
from agent.providers.scripted import Scripted

SCRIPT = dedent(
    r"""
    [[turn]]
    expect = ['^please (?P<verb>\w+)']
    thinking = "which verb?"
    text = "I will {{verb}}."
    [[turn.call]]
    name = "write_file"
    [turn.call.input]
    path = "{{verb}}.go"
    content = '''
    package main // {{verb}} {{other}}
    '''

    [[turn]]
    expect = ['wrote (\S+)', 'as (?P<verb>\w+)']
    text = "Now {{verb}}."

    [[turn]]
    text = "Still {{verb}}."
    """
)


def user(*parts: Part) -> Message:
    return Message(role="user", parts=parts)


def model(text: str) -> Message:
    return Message(role="assistant", parts=(Text(text=text),))


TASK = user(Text(text="hello\nplease build it"))
ANSWERED = user(ToolAnswer(call_id="call_1_1", content="wrote build.go"), Text(text="as test"))


async def play(script: str, *messages: Message) -> Completed:
    chunks = [chunk async for chunk in Scripted(parse(script)).stream(ModelRequest(system="", messages=messages))]
    last = chunks[-1]
    assert isinstance(last, Completed)
    assert "".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk)) == last.message.text
    return last


async def test_names_that_were_captured_fill_text_and_inputs() -> None:
    reply = await play(SCRIPT, TASK)
    assert reply.message.text == "I will build."
    assert reply.stop == "tool_calls"
    (call,) = reply.message.calls
    assert (call.id, call.name) == ("call_1_1", "write_file")
    assert call.arguments == {"path": "build.go", "content": "package main // build {{other}}\n"}


async def test_place_and_names_follow_from_the_messages_alone() -> None:
    assert (await play(SCRIPT, TASK, model("…"), ANSWERED)).message.text == "Now test."
    again = await play(SCRIPT, TASK, model("…"), ANSWERED, model("…"), user(Text(text="go on")))
    assert again.message.text == "Still test."


async def test_words_come_in_pieces_and_all_of_them() -> None:
    script = '[[turn]]\ntext = """\\n  two  words\\n"""\n'
    chunks = [chunk async for chunk in Scripted(parse(script)).stream(ModelRequest(system="", messages=(TASK,)))]
    assert [chunk.text for chunk in chunks if isinstance(chunk, TextChunk)] == ["\n  two", "  words", "\n"]


async def test_a_missed_expectation_shows_the_pattern_and_what_was_said() -> None:
    with pytest.raises(ScriptError) as caught:
        await play(SCRIPT, TASK, model("…"), user(Text(text="exit status 1\nundefined: x")))
    lines = str(caught.value).splitlines()
    assert lines[0] == r"script: turn 2 expected /wrote (\S+)/ and /as (?P<verb>\w+)/; what was said ends in:"
    assert lines[1:] == ["  | exit status 1", "  | undefined: x"]
    assert not caught.value.retryable


async def test_only_the_last_part_of_what_was_said_is_searched() -> None:
    script = "[[turn]]\n[[turn]]\nexpect = ['please']\n"
    with pytest.raises(ScriptError, match=r"turn 2 expected /please/"):
        await play(script, TASK, model("…"), user(Text(text="no")))


async def test_a_script_ends() -> None:
    with pytest.raises(ScriptError, match=r"script: the script has no more turns \(1 played\)"):
        await play("[[turn]]\n", TASK, model("…"), user(Text(text="and now?")))


async def test_a_name_that_no_turn_captured_yet_is_an_error() -> None:
    with pytest.raises(ScriptError, match=r"turn 1 uses \{\{late\}\}"):
        await play("[[turn]]\ntext = '{{late}}'\n[[turn]]\nexpect = ['(?P<late>x)']\n", TASK)


async def test_arguments_that_are_not_json_make_an_invalid_call() -> None:
    script = "[[turn]]\nstop = 'length'\n[[turn.call]]\nname = 'bash'\narguments = '{\"command\": \"go te'\n"
    reply = await play(script, TASK)
    assert reply.stop == "length"
    assert (reply.message.calls[0].arguments, reply.message.calls[0].invalid) == ({}, '{"command": "go te')


async def test_the_model_table_sets_capabilities_and_usage_is_counted() -> None:
    scripted = Scripted(parse("[model]\ncontext_tokens = 1000\ninput_price = 1.0\noutput_price = 2.0\n[[turn]]\n"))
    assert scripted.capabilities.context_tokens == 1000
    reply = await play(SCRIPT, TASK, model("…"), ANSWERED)
    assert reply.usage.input_tokens == 6
    assert reply.usage.cache_read_tokens == 6
    assert scripted.capabilities.cost(reply.usage) == pytest.approx((6 + 6 + 2 * reply.usage.output_tokens) / 1e6)


def test_what_was_said_is_words_and_answers() -> None:
    assert heard([TASK, model("ignored"), ANSWERED]) == ["hello\nplease build it", "wrote build.go\nas test"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[turn]\n", r"^script: .*line 1"),
        ("[[turn]]\ntxt = 'x'\n", r"^script: turn 1: .*'txt' was unexpected"),
        ("[[turn]]\n[[turn]]\n[[turn.call]]\n", r"^script: turn 2: call 1: 'name' is a required property"),
        ("[[turn]]\nexpect = ['(']\n", r"^script: turn 1: '\(' is not a regular expression"),
        ("[[turn]]\n[[turn.call]]\nname='x'\narguments='{}'\ninput={}\n", r"turn 1: a call has `input` or `arguments`"),
        ("[[turn]]\n[[turn.call]]\nname='x'\ninput={day=2026-11-20}\n", r"turn 1: the input of x is not JSON"),
    ],
)
def test_a_script_that_is_none_is_told_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ScriptError, match=message) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"can't read the script .*none\.toml: No such file"):
        read(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ScriptError, match=r"bad\.toml: it is not UTF-8 text"):
        read(tmp_path / "bad.toml")
