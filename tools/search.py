"""The tool `search`: ripgrep, its hits ranked and grouped by file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from containers.base import WORKSPACE, Container, ExecResult
from tools.base import ToolContext, ToolError, ToolResult, ToolSpec
from tools.hits import Hit, Hits, ranked, read, shown
from tools.paths import READABLE, readable
from tools.sources import outlines, owner, texts
from tools.text import brief, plural

_TIMEOUT_S = 60.0
_CAPTURED_BYTES = 4 * 1024 * 1024
_PARSED_FILES = 200
_ENDED_WITHOUT_HIT = 1
_NOT_INSTALLED = 127


class Search:
    """Finds lines that match a regular expression."""

    spec = ToolSpec(
        name="search",
        description=(
            "Find lines that match a regular expression (ripgrep; ignored files are skipped). Returns `line:text` "
            "under each file's name, definitions first, 200 lines at most."
        ),
        parameters={
            "type": "object",
            "properties": {
                "pattern": {"type": "string", "minLength": 1},
                "path": {"type": "string", "description": "Default: the workspace."},
                "glob": {"type": "string", "description": "*.go or !vendor/**."},
            },
            "required": ["pattern"],
            "additionalProperties": False,
        },
        effect="read",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        where = [f"in {arguments[name]}" for name in ("path", "glob") if arguments.get(name)]
        return brief(arguments["pattern"], *where)

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        path = await _target(arguments.get("path") or ".", context)
        pattern, glob = arguments["pattern"], arguments.get("glob")
        result = await _ripgrep(context, pattern, path, glob)
        note = ""
        if "regex parse error" in result.stderr.text():
            note = f"[Not a regular expression ({_reason(result)}); searched for it as plain text.]\n"
            result = await _ripgrep(context, pattern, path, glob, "--fixed-strings")
        found = read(result.stdout.text())
        if not found.hits:
            return _nothing(result, arguments, note)
        content = shown(found, await _ranked(found, context))
        return ToolResult(
            content=note + content, display=f"{plural(found.lines, 'hit')} in {plural(found.files, 'file')}"
        )


async def _ranked(found: Hits, context: ToolContext) -> list[Hit]:
    """Rank the hits by what the files that they are in define."""
    owned = [path for path in dict.fromkeys(hit.path for hit in found.hits) if owner(context.languages, path)]
    sources = await texts(context.container, owned[:_PARSED_FILES])
    return ranked(found.hits, context.languages, await outlines(context.languages, sources))


async def _ripgrep(context: ToolContext, pattern: str, path: str, glob: str | None, *more: str) -> ExecResult:
    options = ["--json", "--sort=path", "--hidden", "--glob=!.git", *more]
    if glob:
        options.append(f"--glob={glob}")
    if "\n" in pattern or r"\n" in pattern:
        options.append("--multiline")
    argv = ["rg", *options, f"--regexp={pattern}", "--", path]
    result = await context.container.exec(argv, timeout_s=_TIMEOUT_S, limit_bytes=_CAPTURED_BYTES)
    if result.exit_code == _NOT_INSTALLED:
        raise ToolError("ripgrep is not installed in the container; use bash with grep -rn.")
    return result


async def _target(path: str, context: ToolContext) -> str:
    """Return what ripgrep is to be given: a path that leads nowhere else once its links are followed."""
    place = readable(path, context)
    if place.path == WORKSPACE:
        return "."
    real = await _real(context.container, place.path)
    allowed = (WORKSPACE, context.output_folder, *READABLE)
    roots = [await _real(context.container, root) if root == place.within else root for root in allowed]
    if not any(real == root or real.startswith(f"{root}/") for root in roots):
        raise ToolError(f"{path} leads outside the workspace by a symbolic link.")
    return place.shown


async def _real(container: Container, path: str) -> str:
    result = await container.exec(["realpath", "-e", "--", path])
    if result.exit_code:
        raise ToolError(f"{path} does not exist; leave path out to search the whole workspace.")
    return result.stdout.text().removesuffix("\n")


def _reason(result: ExecResult) -> str:
    said = re.findall(r"^error: (.*)$", result.stderr.text(), flags=re.MULTILINE)
    return said[-1] if said else "it does not parse"


def _nothing(result: ExecResult, arguments: Mapping[str, Any], note: str) -> ToolResult:
    if result.timed_out:
        raise ToolError(f"The search took more than {_TIMEOUT_S:.0f} s; give it a narrower path or glob.")
    if result.limit:
        raise ToolError(f"The search was ended ({result.limit_note}).")
    if result.exit_code > _ENDED_WITHOUT_HIT:
        raise ToolError(f"The search failed: {result.stderr.text().strip()[:500]}")
    where = "".join(f", {name} {arguments[name]}" for name in ("path", "glob") if arguments.get(name))
    return ToolResult(content=f"{note}No line matches {arguments['pattern']}{where}.", display="no hits")
