"""The tools of a session: looked up by name, their arguments checked. Plug-ins come by entry points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from tools.add_dependency import AddDependency
from tools.apply_patch import ApplyPatch
from tools.arguments import faults, form, mend
from tools.base import Tool, ToolError, ToolSpec
from tools.bash import Bash
from tools.check_tools import Check, RunTests
from tools.definition import Definition
from tools.docs import Docs
from tools.edit import EditFile, EditOnce, EditText
from tools.edit_record import EditFormat, EditRecord
from tools.files import ReadFile, WriteFile
from tools.finish import FINISH, Finish
from tools.outline import Outline
from tools.references import References
from tools.rename import Rename
from tools.search import Search

__all__ = ["EDIT_TOOLS", "ENTRY_POINTS", "FINISH", "PluginError", "Registry", "default_tools", "plugin_tools"]

ENTRY_POINTS = "bactrian.tools"
"""Each entry point names a callable without parameters, a class or a function, that returns a `Tool`."""


class PluginError(Exception):
    """A plug-in's tool can't be loaded or takes a name that is in use; the message is one line that says which."""


class Registry:
    """A session's tools. The order given is the order in which the model sees them."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        """Raises PluginError when two tools have the same name."""
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if tool.spec.name in self._tools:
                raise PluginError(f"two tools are called {tool.spec.name}; remove the plug-in that brings the second")
            self._tools[tool.spec.name] = tool

    @property
    def names(self) -> tuple[str, ...]:
        """The tools' names, in order."""
        return tuple(self._tools)

    def definitions(self) -> tuple[ToolSpec, ...]:
        """Return what the model is told of each tool, in order."""
        return tuple(tool.spec for tool in self._tools.values())

    def get(self, name: str) -> Tool:
        """Return the tool of that name. Raises ToolError that lists the names."""
        tool = self._tools.get(name)
        if tool is None:
            near = get_close_matches(name.lower(), self._tools, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ToolError(f"There is no tool {name}.{hint} The tools are: {', '.join(self._tools)}.")
        return tool

    def arguments(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a call's arguments with harmless slips mended (see `tools.arguments`).

        Raises ToolError that names each field at fault, and the form expected; or that the tool doesn't exist.
        """
        schema = self.get(name).spec.parameters
        arguments: dict[str, Any] = mend(given, schema)
        wrong = faults(arguments, schema)
        if wrong:
            told = f"{name} was not run: {'; '.join(wrong)}. Expected: {form(schema)}"
            raise ToolError(told, edits=self._unread(name))
        return arguments

    def malformed(self, name: str, raw: str) -> ToolError:
        """Return what to answer to a call whose arguments are not a JSON object."""
        shape = form(self._tools[name].spec.parameters) if name in self._tools else "a JSON object"
        start = f" They begin: {raw[:80]}" if raw.strip() else ""
        told = f"{name} was not run: its arguments are not complete, valid JSON.{start}\nExpected: {shape}"
        return ToolError(told, edits=self._unread(name))

    def _unread(self, name: str) -> EditRecord | None:
        """Return the record of an edit that could not be read; None for a call that is no edit."""
        edit_format = self._tools[name].spec.edit_format if name in self._tools else None
        return EditRecord(format=edit_format, failed=("malformed",)) if edit_format else None


EDIT_TOOLS: Mapping[EditFormat, Callable[[], Tool]] = MappingProxyType(
    {"edit": EditFile, "one": EditOnce, "patch": ApplyPatch, "text": EditText}
)
"""The tool that takes edits in each format."""


def default_tools(edit_format: EditFormat = "edit") -> tuple[Tool, ...]:
    """Return Bactrian's own tools, new ones each time: they may count their calls."""
    return (
        Bash(),
        ReadFile(),
        WriteFile(),
        EDIT_TOOLS[edit_format](),
        Search(),
        AddDependency(),
        Docs(),
        Outline(),
        Definition(),
        References(),
        Rename(),
        Check(),
        RunTests(),
        Finish(),
    )


def plugin_tools() -> tuple[Tool, ...]:
    """Return the tools that installed plug-ins bring. Raises PluginError."""
    found: list[Tool] = []
    for point in entry_points(group=ENTRY_POINTS):
        try:
            tool: Tool = point.load()()
            tool.spec.name  # noqa: B018 a plug-in that is no tool shall fail here, under its name
        except Exception as error:  # a stranger's module may raise anything
            raise PluginError(f"the tool plug-in {point.value} can't be loaded: {error}") from error
        found.append(tool)
    return tuple(found)
