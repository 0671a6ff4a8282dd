"""docs/events.md tells the truth: every kind, every field, examples that are real lines, the exit codes."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from agent.codec import decode, encode, kinds, schema
from agent.errors import ExitCode, exit_code
from agent.events import SCHEMA_VERSION, Status

DOCUMENT = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")


def section(kind: str) -> str:
    found = re.search(rf"^### {kind}\n(.*?)(?=^### |\Z)", DOCUMENT, re.M | re.S)
    assert found is not None, f"docs/events.md says nothing of {kind}"
    return found[1]


def example(kind: str) -> str:
    found = re.search(r"^```json\n(.*)\n```$", section(kind), re.M)
    assert found is not None, f"docs/events.md has no example of {kind}"
    return found[1]


def test_every_kind_has_its_section_in_the_order_of_the_union() -> None:
    assert re.findall(r"^### (.*)$", DOCUMENT, re.M) == list(kinds())


@pytest.mark.parametrize("kind", kinds())
def test_every_field_is_described(kind: str) -> None:
    described = re.findall(r"^- `(\w+)`: \S", section(kind), re.M)
    assert described == [field.name for field in fields(kinds()[kind]) if field.name != "kind"]


@pytest.mark.parametrize("kind", kinds())
def test_every_example_is_a_line_as_it_is_written(kind: str) -> None:
    line = example(kind)
    stamped = decode(line)
    assert stamped.event.kind == kind
    assert encode(stamped) == line
    validator: Any = Draft202012Validator(schema())
    validator.validate(json.loads(line))


def test_the_exit_codes_are_the_ones_in_use() -> None:
    table = {int(code): status for code, status in re.findall(r"^\| (\d+) \| (?:`(\w+)`)? ?\| ", DOCUMENT, re.M)}
    assert table == {2: ""} | {int(exit_code(status)): status for status in get_args(Status)}
    assert set(table) == set(ExitCode)


def test_the_version_is_the_one_in_use() -> None:
    assert f"`schema_version`, now {SCHEMA_VERSION}." in DOCUMENT
