from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tools.base import ToolError
from tools.registry import PluginError, Registry, default_tools, plugin_tools


@pytest.fixture
def registry() -> Registry:
    return Registry(default_tools())


def test_good_arguments_come_back_unchanged(registry: Registry):
    given = {"path": "a.go", "edits": [{"old": "1", "new": "2", "replace_all": True}]}
    assert registry.arguments("edit_file", given) == given
    assert registry.arguments("check", {}) == {}


@pytest.mark.parametrize(
    ("name", "given", "want"),
    [
        (
            "read_file",
            {"file_path": "a", "start_line": "3", "end_line": 9.0},
            {"path": "a", "start_line": 3, "end_line": 9},
        ),
        ("read_file", {"path": "a", "start_line": None}, {"path": "a"}),
        ("bash", {"cmd": "ls", "timeout": "5"}, {"command": "ls", "timeout_s": 5}),
        ("check", {"packages": "./server"}, {"packages": ["./server"]}),
        ("check", {"packages": '["a", "b"]'}, {"packages": ["a", "b"]}),
        ("check", {"packages": None}, {}),
        ("search", {"query": "x"}, {"pattern": "x"}),
        (
            "edit_file",
            {"path": "a", "edits": '[{"old": "1", "new": "2"}]'},
            {"path": "a", "edits": [{"old": "1", "new": "2"}]},
        ),
        (
            "edit_file",
            {"path": "a", "edits": {"old": "1", "new": "2"}},
            {"path": "a", "edits": [{"old": "1", "new": "2"}]},
        ),
        (
            "edit_file",
            {"file_path": "a", "old_string": "1", "new_string": "2", "replace_all": "false"},
            {"path": "a", "edits": [{"old": "1", "new": "2", "replace_all": False}]},
        ),
        ("write_file", {"path": "a", "content": "5"}, {"path": "a", "content": "5"}),
    ],
)
def test_harmless_slips_are_mended(registry: Registry, name: str, given: Mapping[str, Any], want: Mapping[str, Any]):
    assert registry.arguments(name, given) == want


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("read_file", {}, ["path is missing", "Expected: {path: string, start_line?: integer, end_line?: integer}"]),
        ("read_file", {"path": "a", "start_line": 0}, ["start_line must be at least 1, not 0"]),
        ("read_file", {"path": "a", "start_line": "ten"}, ['start_line must be an integer, not "ten"']),
        ("bash", {"command": ""}, ["command must not be empty"]),
        ("bash", {"command": "x", "timeout_s": 5000}, ["timeout_s must be at most 1800, not 5000"]),
        ("bash", {"command": "x", "background": True}, ["background is not a parameter"]),
        ("edit_file", {"path": "a", "edits": []}, ["edits must not be empty"]),
        (
            "edit_file",
            {"path": "a", "edits": [{"old": 5}]},
            ["edits[0].new is missing", "edits[0].old must be a string, not 5"],
        ),
        ("edit_file", {"path": "a", "edits": "not json"}, ["edits[0] must be an object"]),
        ("write_file", {"path": "a", "content": {"b": 1}}, ['content must be a string, not {"b": 1}']),
    ],
)
def test_what_is_wrong_is_told_field_by_field(registry: Registry, name: str, given: Mapping[str, Any], told: list[str]):
    with pytest.raises(ToolError) as caught:
        registry.arguments(name, given)
    assert str(caught.value).startswith(f"{name} was not run: ")
    for part in told:
        assert part in str(caught.value)


def test_an_unknown_tool_is_told_with_the_names(registry: Registry):
    with pytest.raises(
        ToolError, match=r"no tool read_files\. Did you mean read_file\? The tools are: bash, read_file, "
    ):
        registry.get("read_files")
    with pytest.raises(ToolError, match="no tool browser"):
        registry.arguments("browser", {})


def test_malformed_arguments(registry: Registry):
    answer = str(registry.malformed("write_file", '{"path": "a", "content": "pack'))
    assert "not complete, valid JSON" in answer
    assert '{"path": "a"' in answer
    assert "Expected: {path: string, content: string}" in answer
    assert "a JSON object" in str(registry.malformed("nothing", ""))


def test_two_tools_of_one_name_are_refused():
    with pytest.raises(PluginError, match="two tools are called bash"):
        Registry([*default_tools(), default_tools()[0]])


def test_no_plugins_are_installed_here():
    assert plugin_tools() == ()
