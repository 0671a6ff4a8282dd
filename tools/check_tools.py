"""The tools `check` and `test`: the harness's own check, when the model asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from containers.git import RepositoryError
from tools.base import ToolContext, ToolError, ToolResult, ToolSpec
from tools.check import ALL_PARTS, Part, run_check
from tools.checks import Checked
from tools.comparison import Comparison, alone
from tools.kept import keep
from tools.report import headline, render, table
from tools.text import brief

_PACKAGES: Mapping[str, Any] = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Directories or package names.",
}


class Check:
    """Builds, vets and tests what differs from the base, or what it is told to."""

    spec = ToolSpec(
        name="check",
        description=(
            "Build, vet and test what you changed and all that depends on it, or the packages named. Shows what is "
            "worse than before you. It runs by itself after every reply that writes files."
        ),
        parameters={"type": "object", "properties": {"packages": _PACKAGES}, "additionalProperties": False},
        effect="execute",
    )

    def __init__(self) -> None:
        self._numbers = count(1)

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(*(arguments.get("packages") or ["what changed"]))

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        label = f"check-{next(self._numbers)}"
        scope, compared = await _check(arguments, context, ALL_PARTS, label)
        return await _answer(scope, compared, context, label)


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
        scope, compared = await _check(arguments, context, ("test",), label)
        if arguments.get("run") and compared.green and not compared.report.cases:
            raise ToolError(f"No test matches {arguments['run']!r}; `run` is a regular expression for tests' names.")
        return await _answer(scope, compared, context, label)


async def _check(
    arguments: Mapping[str, Any], context: ToolContext, parts: Sequence[Part], label: str
) -> tuple[str, Comparison]:
    """Check as the arguments say; return what was looked at, and what it was like."""
    packages, run = arguments.get("packages", ()), arguments.get("run", "")
    if context.checks is None:
        report = await run_check(
            context.container,
            context.languages,
            packages=packages,
            run=run,
            parts=parts,
            on_output=context.on_output,
            output_folder=context.output_folder,
            label=label,
        )
        return "", alone(report)
    try:
        checked: Checked = await context.checks.check(
            packages=packages,
            whole=parts != ALL_PARTS,
            run=run,
            parts=parts,
            on_output=context.on_output,
            output_folder=context.output_folder,
            label=label,
        )
    except RepositoryError as error:
        raise ToolError(f"Not checked: {error}.") from error
    doubt = "" if checked.base_known else " (the base is still being checked: some of it may be old)"
    return checked.scope + doubt, checked.comparison


async def _answer(scope: str, compared: Comparison, context: ToolContext, label: str) -> ToolResult:
    """Return a check as a tool's result; where it had to be cut the whole is kept and named."""
    rendered = render(compared)
    content = await context.review.in_words(compared) if context.review else rendered.text
    if scope and compared.report.projects:
        content = f"Checked {scope}: {content}"
    if rendered.cut:
        kept = await keep(context, f"{label}.txt", render(compared, limit=None).text)
        everything = f"Everything: {kept}" if kept else "The rest can't be kept: /tmp takes no more"
        content += f"\n\n[{everything}; the tools' own output: {context.output_folder}/{label}-*.log]"
    elif compared.report.projects and not compared.green:
        content += f"\n\n[The tools' own output: {context.output_folder}/{label}-*.log]"
    shown = "\n".join(part for part in (headline(compared), table(compared)) if part)
    return ToolResult(content=content, display=shown)
