"""What every `Tool` promises, held against Bactrian's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from containers.base import Container
from tools.base import Tool, ToolContext, ToolError
from tools.edit_record import EditFormat
from tools.registry import EDIT_TOOLS, FINISH, Registry, default_tools

CONTRACT: Mapping[str, tuple[str, ...]] = {
    "bash": ("command", "timeout_s?"),
    "read_file": ("path", "start_line?", "end_line?"),
    "write_file": ("path", "content"),
    "edit_file": ("path", "edits"),
    "search": ("pattern", "path?", "glob?"),
    "add_dependency": ("name", "version?"),
    "docs": ("symbol",),
    "outline": ("path",),
    "definition": ("symbol",),
    "references": ("symbol",),
    "rename": ("symbol", "to"),
    "check": ("packages?",),
    "test": ("packages?", "run?"),
    "finish": ("summary?",),
}
MOST_DESCRIPTION = 320
MOST_BYTES = 6000
TOOLS = default_tools()
EDITING: Mapping[EditFormat, tuple[str, tuple[str, ...]]] = {
    "edit": ("edit_file", ("path", "edits")),
    "one": ("edit_file", ("path", "old", "new")),
    "patch": ("apply_patch", ("patch",)),
    "text": ("edit_text", ("blocks",)),
}
every_format = pytest.mark.parametrize("form", list(EDITING))
every_tool = pytest.mark.parametrize(
    "tool",
    [*TOOLS, *(make() for form, make in EDIT_TOOLS.items() if form != "edit")],
    ids=lambda tool: f"{tool.spec.name}-{tool.spec.edit_format}" if tool.spec.edit_format else tool.spec.name,
)


def sample(schema: Mapping[str, Any], *, full: bool) -> Any:
    """Return a value that fits a schema: everything it may have, or only what it must."""
    match schema["type"]:
        case "object":
            names = schema["properties"] if full else schema.get("required", [])
            return {name: sample(schema["properties"][name], full=full) for name in names}
        case "array":
            return [sample(schema["items"], full=full)] * 2
        case "integer":
            return schema.get("minimum", 0)
        case "boolean":
            return True
        case kind:
            assert kind == "string"
            return "a b\nc"


def test_names_and_parameters_are_the_contract():
    found: dict[str, tuple[str, ...]] = {}
    for tool in TOOLS:
        schema = tool.spec.parameters
        required = schema.get("required", [])
        found[tool.spec.name] = tuple(name if name in required else f"{name}?" for name in schema["properties"])
    assert found == CONTRACT


@every_format
def test_every_edit_format_has_one_tool_in_the_place_of_the_others(form: EditFormat):
    name, parameters = EDITING[form]
    tools = default_tools(form)
    (tool,) = (tool for tool in tools if tool.spec.edit_format)
    assert (tool.spec.name, tool.spec.edit_format, tool.spec.effect) == (name, form, "write")
    assert tuple(tool.spec.parameters["properties"]) == parameters
    assert tool.spec.freeform in ("", *parameters)
    assert [tool.spec.name for tool in tools] == [name if known == "edit_file" else known for known in CONTRACT]


@every_format
def test_all_of_them_together_are_short(form: EditFormat):
    specs = [
        {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
        for spec in Registry(default_tools(form)).definitions()
    ]
    assert len(json.dumps(specs, ensure_ascii=False).encode()) < MOST_BYTES


@every_tool
def test_the_schema_is_a_closed_object(tool: Tool):
    schema = tool.spec.parameters
    Draft202012Validator.check_schema(schema)  # pyright: ignore[reportUnknownMemberType] the stubs leave a type open
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False


@every_tool
def test_the_description_is_short_plain_text(tool: Tool):
    assert 40 < len(tool.spec.description) <= MOST_DESCRIPTION
    assert "\n" not in tool.spec.description
    assert tool.spec.effect in ("read", "write", "execute", "network")


@every_tool
@pytest.mark.parametrize("full", [True, False])
def test_any_valid_call_has_a_summary_of_one_line(tool: Tool, full: bool):
    arguments = sample(tool.spec.parameters, full=full)
    assert Registry([tool]).arguments(tool.spec.name, arguments) == arguments
    summary = tool.summary(arguments)
    assert summary
    assert "\n" not in summary


@every_tool
async def test_any_valid_call_ends_in_a_result_or_a_tool_error(tool: Tool, bubblewrap_container: Container):
    context = ToolContext(container=bubblewrap_container, languages=())
    try:
        content = (await tool.run(sample(tool.spec.parameters, full=True), context)).content
    except ToolError as error:
        content = str(error)
    assert content


@pytest.mark.parametrize("path", ["../x", "/etc/shadow", "/proc/self/environ", "a/../../etc/passwd", "/workspacex/y"])
@pytest.mark.parametrize("name", ["read_file", "write_file", "edit_file", "search"])
async def test_paths_do_not_leave_the_workspace(name: str, path: str, bubblewrap_container: Container):
    registry = Registry(TOOLS)
    arguments = {**sample(registry.get(name).spec.parameters, full=False), "path": path}
    with pytest.raises(ToolError, match="outside the workspace"):
        await registry.get(name).run(arguments, ToolContext(container=bubblewrap_container, languages=()))


async def test_they_work_together_in_containers_of_both_kinds(container: Container):
    registry = Registry(default_tools())
    context = ToolContext(container=container, languages=())
    calls: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("write_file", {"path": "d/a.txt", "content": "one\ntwo\n"}, "Created d/a.txt, 2 lines."),
        ("edit_file", {"path": "d/a.txt", "edits": [{"old": "two", "new": "three"}]}, "     2\tthree"),
        ("search", {"pattern": "thr.e"}, "d/a.txt\n2:three"),
        ("bash", {"command": "seq 50000; ls -l d/a.txt"}, "[Whole output: /tmp/bactrian/bash-1.log]"),
        ("read_file", {"path": "/tmp/bactrian/bash-1.log", "start_line": 50000}, " 50000\t50000"),
        ("check", {}, "no project was found"),
    )
    for name, arguments, told in calls:
        result = await registry.get(name).run(registry.arguments(name, arguments), context)
        assert told in result.content


def test_the_loop_knows_finish_by_its_name():
    assert FINISH in Registry(TOOLS).names
