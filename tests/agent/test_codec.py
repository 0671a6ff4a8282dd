"""Events as JSON: every kind, any text, one published schema."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agent.codec import DecodeError, UnknownKind, decode, decode_known, encode, kinds, schema
from agent.events import Event, MessageAdded, Stamp, Stamped, TextDelta, ToolStarted
from agent.messages import Message, Text, ToolCall

SCHEMA = Path(__file__).parents[1] / "data" / "schema" / "events.json"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(st.text(), JSON, max_size=3)
STAMPS = st.builds(Stamp, seq=st.integers(1, 2**53), time=st.just("2026-11-20T10:00:00.000Z"), session=st.text())


def some(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type as events use it: finite numbers, and JSON where a mapping holds anything."""
    return st.from_type(hint)


@pytest.fixture(autouse=True, scope="module")
def number_and_mapping_strategies() -> None:
    st.register_type_strategy(float, st.floats(0, 1e6))
    st.register_type_strategy(ToolCall, st.builds(ToolCall, arguments=ARGUMENTS))
    st.register_type_strategy(ToolStarted, st.builds(ToolStarted, arguments=ARGUMENTS))


@cache
def validator() -> Any:
    return Draft202012Validator(schema())


def stamped(event: Event) -> Stamped:
    return Stamped(stamp=Stamp(seq=1, time="2026-11-20T10:00:00.000Z", session="s"), event=event)


@pytest.mark.parametrize("kind", kinds())
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_every_kind_comes_back_as_it_was_and_fits_the_schema(kind: str, data: st.DataObject) -> None:
    whole = Stamped(stamp=data.draw(STAMPS), event=data.draw(some(kinds()[kind])))
    line = encode(whole)
    assert decode(line) == whole
    assert decode(line.encode()) == whole
    row = json.loads(line)
    assert row["kind"] == kind
    validator().validate(row)


def test_a_line_is_one_flat_object_that_begins_with_its_stamp() -> None:
    assert encode(stamped(TextDelta(text="hello"))) == (
        '{"kind":"text_delta","seq":1,"time":"2026-11-20T10:00:00.000Z","session":"s","text":"hello"}'
    )


def test_parts_of_a_message_say_their_type() -> None:
    message = Message(
        role="assistant", parts=(Text(text="a"), ToolCall(id="1", name="bash", arguments={"command": "ls"}))
    )
    row = json.loads(encode(stamped(MessageAdded(message=message))))
    assert row["message"]["parts"] == [
        {"type": "text", "text": "a"},
        {"type": "tool_call", "id": "1", "name": "bash", "arguments": {"command": "ls"}, "invalid": None},
    ]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(text=st.text(st.characters(codec=None)))
def test_any_text_makes_one_valid_line(text: str) -> None:
    line = encode(stamped(TextDelta(text=text)))
    assert len(line.splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", line)
    event = decode(line.encode()).event
    assert isinstance(event, TextDelta)
    assert event.text == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_a_lone_surrogate_and_nul_do_not_break_the_line() -> None:
    event = ToolStarted(call="1", tool="bash", arguments={"\udcff": ["\0", "a\ud800b"]}, summary="")
    line = encode(stamped(event))
    assert json.loads(line)["arguments"] == {"\ufffd": ["\0", "a\ufffdb"]}


def test_numbers_that_json_lacks_become_null() -> None:
    arguments = MappingProxyType(
        {"a": [math.nan, 1.5, {"b": math.inf}], "c": -math.inf, "d": True, "e": None, "f": "x"}
    )
    event = ToolStarted(call="1", tool="bash", arguments=arguments, summary="")
    row = json.loads(encode(stamped(event)))
    assert row["arguments"] == {"a": [None, 1.5, {"b": None}], "c": None, "d": True, "e": None, "f": "x"}


def test_what_is_no_json_value_is_refused() -> None:
    event = ToolStarted(call="1", tool="bash", arguments={"a": Path("x")}, summary="")
    with pytest.raises(TypeError, match="PosixPath can't be part of an event"):
        encode(stamped(event))


def test_unknown_fields_are_ignored() -> None:
    line = '{"kind":"text_delta","seq":1,"time":"2026-11-20T10:00:00.000Z","session":"s","text":"a","colour":"red"}'
    assert decode(line) == stamped(TextDelta(text="a"))
    validator().validate(json.loads(line))


def test_an_unknown_kind_is_an_error_or_nothing() -> None:
    line = '{"kind":"tea_served","seq":1,"time":"t","session":"s"}'
    with pytest.raises(UnknownKind, match=r"unknown event kind 'tea_served': written by a newer version\?"):
        decode(line)
    assert decode_known(line) is None
    assert not validator().is_valid(json.loads(line))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "not JSON: Expecting value at column 1"),
        ("{", "not JSON: Expecting property name enclosed in double quotes at column 2"),
        ("[1]", "not an event: a JSON object is needed, this is list"),
        ("{}", "not an event: it has no kind"),
        ('{"kind":["text_delta"]}', "not an event: it has no kind"),
        ("[" * 100_000, "not an event: nested too deeply"),
        (b"\xff", "not UTF-8 at byte 0"),
        ('{"kind":"text_delta","time":"t","session":"s","text":"a"}', "malformed event at seq: Field required"),
        (
            '{"kind":"turn_started","seq":1,"time":"t","session":"s","turn":"1"}',
            "malformed event at turn_started.turn: Input should be a valid integer",
        ),
        (
            '{"kind":"text_delta","seq":1,"time":"t","session":"s","text":"\\ud800"}',
            "malformed event: Invalid JSON",
        ),
        (
            '{"kind":"message_added","seq":1,"time":"t","session":"s","message":{"role":"user","parts":[{"type":"tea"}]}}',
            "malformed event at message_added.message.parts.0",
        ),
    ],
)
def test_what_is_no_event_is_named_in_one_line(line: str | bytes, problem: str) -> None:
    with pytest.raises(DecodeError, match="^" + re.escape(problem)) as caught:
        decode(line)
    assert "\n" not in str(caught.value)


def test_the_schema_is_valid_and_names_every_kind() -> None:
    Draft202012Validator.check_schema(schema())
    definitions = schema()["$defs"]
    for kind, cls in kinds().items():
        definition = definitions[cls.__name__]
        assert definition["properties"]["kind"]["const"] == kind
        assert definition["required"][:4] == ["kind", "seq", "time", "session"]


def test_the_published_schema_is_the_one_on_record(golden: Callable[[Path, str], None]) -> None:
    golden(SCHEMA, json.dumps(schema(), indent=2) + "\n")


def test_writing_does_not_load_pydantic() -> None:
    code = (
        "import sys; from agent.codec import encode; from agent.events import *;"
        "print(encode(Stamped(stamp=Stamp(seq=1, time='t', session='s'), event=TextDelta(text='a'))));"
        "print('pydantic' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ['{"kind":"text_delta","seq":1,"time":"t","session":"s","text":"a"}', "False"]
