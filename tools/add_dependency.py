"""The tool `add_dependency`: fetches a library, records it and shows what it exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from containers.base import Container
from lang.base import Language, Project, StepOutput
from tools.base import ToolContext, ToolError, ToolResult, ToolSpec
from tools.paths import file_errors
from tools.steps import Runner
from tools.text import brief, clean, decode, encode, lines_of, shorten
from tools.tree import changes, files, projects, snapshot

_EXPORTS_CHARACTERS = 4000
_ERROR_LINES = 15
_LINE_CHARACTERS = 300


class AddDependency:
    """Adds a library to the project that can use it."""

    spec = ToolSpec(
        name="add_dependency",
        description=(
            "Fetch a library and record it in the build files (go get and go mod tidy; opam, dune-project and dune). "
            "Returns the version taken and what it exports."
        ),
        parameters={
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "description": "Go import path, or opam package."},
                "version": {"type": "string", "description": "Default the newest."},
            },
            "required": ["name"],
            "additionalProperties": False,
        },
        effect="network",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(arguments["name"], arguments.get("version", ""))

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        name, version = arguments["name"].strip(), arguments.get("version") or None
        targets = _targets(await projects(context.container, context.languages))
        if not targets:
            raise ToolError(f"{name} was not added: write go.mod or dune-project first, or earlier in the same reply.")
        before = await snapshot(context.container)
        runner = Runner(container=context.container, environment=context.environment)
        failures: list[str] = []
        # A language refuses at once a name that can't be one of its own, so to try each in turn costs next to nothing.
        for target in targets:
            failure = await _fetch(runner, target, name, version, context)
            if failure is None:
                await _record(context.container, target, name, version)
                return await _added(runner, target, name, before, context)
            failures.append(failure if len(targets) == 1 else f"{target.language.name}: {failure}")
        raise ToolError(f"{name} was not added.\n" + "\n".join(failures))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    language: Language
    project: Project
    others: int
    """How many more projects of that language there are."""


def _targets(found: Sequence[tuple[Language, Project]]) -> list[_Target]:
    """Return each language's outermost project."""
    targets: dict[str, _Target] = {}
    for language, project in found:
        count = sum(other.name == language.name for other, _ in found)
        targets.setdefault(language.name, _Target(language=language, project=project, others=count - 1))
    return list(targets.values())


async def _record(container: Container, target: _Target, name: str, version: str | None) -> None:
    """Write the build files' edits that the steps did not make themselves."""
    texts: dict[str, str] = {}
    for path in target.language.build_files(target.project, await files(container)):
        with file_errors(path):
            decoded = decode(await container.read(path))
        if decoded is not None:
            texts[path] = decoded.text
    for edit in target.language.record_dependency(target.project, name, version, texts):
        with file_errors(edit.path):
            await container.write(edit.path, encode(edit.content))


async def _fetch(runner: Runner, target: _Target, name: str, version: str | None, context: ToolContext) -> str | None:
    """Run the steps; return what the first that failed says, None if all went well."""
    steps = target.language.add_dependency(target.project, name, version)
    if not steps:
        return f"nothing of {target.language.name} can be called that; check the name."
    for step in steps:
        output = await runner.run(target.language, step)
        if output.stderr:
            context.on_output(clean(output.stderr))
        if output.timed_out:
            return f"it took more than {step.timeout_s:.0f} s and was stopped; try again, or look with bash."
        if output.exit_code:
            return _useful(output)
    return None


async def _added(runner: Runner, target: _Target, name: str, before: str, context: ToolContext) -> ToolResult:
    changed = await changes(context.container, before)
    exports = await runner.run(target.language, target.language.exports(target.project, name))
    shown = target.language.parse_documentation(name, exports).text.strip()
    if len(shown) > _EXPORTS_CHARACTERS:
        cut = shown[:_EXPORTS_CHARACTERS].rsplit("\n", 1)[0]
        shown = f"{cut}\n[{len(shown) - len(cut)} more characters; ask docs for a symbol.]"
    where = "" if target.project.root == "." else f" to {target.project.root}"
    others = (
        f" There are {target.others} more {target.language.name} projects; they don't have it." if target.others else ""
    )
    written = ", ".join(change.path for change in changed)
    head = f"Added {name}{where}.{others} " + (
        f"Changed: {written}." if written else "No file changed: it was there already."
    )
    return ToolResult(content=f"{head}\n\n{shown}".strip(), display=head, changes=changed)


def _useful(output: StepOutput) -> str:
    """Return the lines that say why a step failed: the last ones, downloads and blank lines left out."""
    lines = lines_of(clean(f"{output.stdout}\n{output.stderr}"))
    telling = [shorten(line, _LINE_CHARACTERS) for line in lines if line.strip() and not _is_progress(line)]
    return "\n".join(telling[-_ERROR_LINES:]) or f"exit code {output.exit_code}, and no word why"


def _is_progress(line: str) -> bool:
    return line.startswith(("go: downloading ", "<><> ", "Processing "))
