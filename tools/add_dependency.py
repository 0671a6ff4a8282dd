"""The tool `add_dependency`: finds a library by a loose name, records it and shows what it exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lang.base import Language, Project
from lang.dependencies import UNCHECKED, Addition, Dependencies, NotAdded, Wanted
from tools.base import ToolContext, ToolError, ToolResult, ToolSpec
from tools.bench import ContainerBench
from tools.dependencies import clear, put, shown, texts
from tools.system_packages import advice
from tools.text import brief
from tools.tree import files, projects

_EXPORTS_CHARACTERS = 3500
_SLACK_CHARACTERS = 300
"""So little is not cut: saying so and asking for it would cost more."""


class AddDependency:
    """Adds a library to the project that can use it."""

    spec = ToolSpec(
        name="add_dependency",
        description=(
            "Find a library (a name like brotli will do), fetch a version that the toolchain can use and record it in "
            "the build files. Returns what was taken, the changed lines, warnings (vulnerable, deprecated) and exports."
        ),
        parameters={
            "type": "object",
            "properties": {
                "name": {
                    "type": "string",
                    "minLength": 1,
                    "description": "Go import path, opam package, or its usual name.",
                },
                "version": {"type": "string", "description": "Default the newest that fits."},
            },
            "required": ["name"],
            "additionalProperties": False,
        },
        effect="network",
    )

    def __init__(self) -> None:
        self._unchecked: set[str] = set()

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(arguments["name"], arguments.get("version", ""))

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        name, version = arguments["name"].strip(), arguments.get("version") or ""
        targets = _targets(await projects(context.container, context.languages))
        if not targets:
            wanted = " or ".join(language.project_file for language in context.languages) or "a project"
            raise ToolError(f"{name} was not added: write {wanted} first, or earlier in the same reply.")
        try:
            target, addition = await _prepared(targets, name, version, context)
            return await _recorded(target, addition, name, context, self._unchecked)
        finally:
            await clear(context.container)


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


async def _prepared(
    targets: Sequence[_Target], name: str, version: str, context: ToolContext
) -> tuple[_Target, Addition]:
    """Let each language look for the name, by what is certain, then by what a model proposes. Raises ToolError."""
    known = await files(context.container)
    failures: dict[str, NotAdded] = {}
    for propose in (None, context.propose) if context.propose else (None,):
        for target in targets:
            earlier = failures.get(target.language.name)
            if earlier is not None and earlier.kind != "unknown":
                continue
            held = await texts(context.container, target.language.build_files(target.project, known))
            wanted = Wanted(name=name, version=version, files=held, propose=propose)
            try:
                return target, await _dependencies(target, context).prepare(wanted)
            except NotAdded as failure:
                failures[target.language.name] = failure
    raise ToolError(_refusal(name, targets, failures))


def _dependencies(target: _Target, context: ToolContext) -> Dependencies:
    bench = ContainerBench(container=context.container, language=target.language, environment=context.environment)
    return target.language.dependencies(target.project, bench)


def _refusal(name: str, targets: Sequence[_Target], failures: Mapping[str, NotAdded]) -> str:
    """Return what to tell when nobody has it: each language's word, but not that a name isn't its own."""
    titles = {target.language.name: target.language.title for target in targets}
    telling = {key: each for key, each in failures.items() if each.kind != "foreign"} or failures
    lines = [f"{titles[key]}: {each}" if len(telling) > 1 else str(each) for key, each in telling.items()]
    lacks = " ".join(package for each in telling.values() for package in each.lacks)
    if lacks:
        lines.append(advice(lacks))
    return "\n".join([f"{name} was not added, and no build file changed.", *lines])


async def _recorded(
    target: _Target, addition: Addition, name: str, context: ToolContext, unchecked: set[str]
) -> ToolResult:
    before = await texts(context.container, [edit.path for edit in addition.edits])
    changes = await put(context.container, addition)
    exported = without_repeated(await _dependencies(target, context).describe(addition), unchecked).strip()
    head = _head(target, addition, name, bool(changes))
    diff = shown(addition, before)
    parts = [" ".join(filter(None, [head, *addition.notes])), diff, _cut(exported)]
    display = f"{head} {', '.join(change.path for change in changes)}".strip()
    return ToolResult(content="\n\n".join(part for part in parts if part), display=display, changes=changes)


def _head(target: _Target, addition: Addition, name: str, changed: bool) -> str:
    if not addition.package:
        return "Recorded." if changed else ""
    what = f"{addition.name} {addition.version}".strip()
    what += f" of {addition.package}" if addition.package != addition.name else ""
    where = "" if target.project.root == "." else f" to {target.project.root}"
    if not changed:
        return f"{what} was there already, no file changed."
    others = (
        f" There are {target.others} more {target.language.title} projects; they don't have it."
        if target.others
        else ""
    )
    return f"Added {what}{where}.{others}"


def without_repeated(described: str, unchecked: set[str]) -> str:
    """Leave out what could not be checked and was said before; remembers it."""
    lines: list[str] = []
    for line in described.split("\n"):
        if line.startswith(UNCHECKED) and line in unchecked:
            continue
        if line.startswith(UNCHECKED):
            unchecked.add(line)
        lines.append(line)
    return "\n".join(lines)


def _cut(exported: str) -> str:
    if len(exported) <= _EXPORTS_CHARACTERS + _SLACK_CHARACTERS:
        return exported
    cut = exported[:_EXPORTS_CHARACTERS].rsplit("\n", 1)[0]
    return f"{cut}\n[{len(exported) - len(cut)} more characters of what it exports: docs of a symbol.]"
