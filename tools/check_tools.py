"""The tools `check` and `test`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from tools.base import ToolContext, ToolError, ToolResult, ToolSpec
from tools.check import run_check
from tools.check_report import CheckReport
from tools.kept import keep
from tools.report import headline, render, table
from tools.text import brief

_PACKAGES: Mapping[str, Any] = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Directories or package names; default all.",
}


class Check:
    """Builds, vets and tests, as the harness does at the end."""

    spec = ToolSpec(
        name="check",
        description=(
            "Build, vet and run the tests. Returns only what is wrong: errors as file:line:column, failed tests "
            "with their output. The harness does the same after `finish`."
        ),
        parameters={"type": "object", "properties": {"packages": _PACKAGES}, "additionalProperties": False},
        effect="execute",
    )

    def __init__(self) -> None:
        self._numbers = count(1)

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(*(arguments.get("packages") or ["everything"]))

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        label = f"check-{next(self._numbers)}"
        report = await run_check(
            context.container,
            context.languages,
            packages=arguments.get("packages", ()),
            on_output=context.on_output,
            output_folder=context.output_folder,
            label=label,
            environment=context.environment,
        )
        return await answer(report, context, label)


class RunTests:
    """Runs tests only, all or some."""

    spec = ToolSpec(
        name="test",
        description="Run tests only, all or some. Returns the counts, and each failed test with its output.",
        parameters={
            "type": "object",
            "properties": {
                "packages": _PACKAGES,
                "run": {"type": "string", "description": "Only tests whose names match this regular expression."},
            },
            "additionalProperties": False,
        },
        effect="execute",
    )

    def __init__(self) -> None:
        self._numbers = count(1)

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(*(arguments.get("packages") or ["everything"]), arguments.get("run", ""))

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        label = f"test-{next(self._numbers)}"
        report = await run_check(
            context.container,
            context.languages,
            packages=arguments.get("packages", ()),
            run=arguments.get("run", ""),
            parts=("test",),
            on_output=context.on_output,
            output_folder=context.output_folder,
            label=label,
            environment=context.environment,
        )
        if arguments.get("run") and report.green and not report.cases:
            raise ToolError(f"No test matches {arguments['run']!r}; `run` is a regular expression for tests' names.")
        return await answer(report, context, label)


async def answer(report: CheckReport, context: ToolContext, label: str) -> ToolResult:
    """Return a report as a tool's result; where it had to be cut the whole is kept and named."""
    rendered = render(report)
    content = rendered.text
    if rendered.cut:
        kept = await keep(context, f"{label}.txt", render(report, limit=None).text)
        everything = f"Everything: {kept}" if kept else "The rest can't be kept: /tmp takes no more"
        content += f"\n\n[{everything}; the tools' own output: {context.output_folder}/{label}-*.log]"
    elif report.projects and not report.green:
        content += f"\n\n[The tools' own output: {context.output_folder}/{label}-*.log]"
    return ToolResult(content=content, display="\n".join(part for part in (headline(report), table(report)) if part))
