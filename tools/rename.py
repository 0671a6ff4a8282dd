"""The tool `rename`: a symbol gets another name everywhere, in one go or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lang.analysis import AnalysisUnavailable
from lang.base import FileEdit
from tools.base import Change, ToolContext, ToolError, ToolResult, ToolSpec
from tools.changeset import Changeset
from tools.diff import change, unified
from tools.paths import writable
from tools.symbols import Meaning, look_up, missing
from tools.text import brief, plural

_NAMED_FILES = 40


class Rename:
    """Renames a symbol through a language server, which knows what is meant where."""

    spec = ToolSpec(
        name="rename",
        description="Rename a symbol and all its uses, in every file.",
        parameters={
            "type": "object",
            "properties": {"symbol": {"type": "string"}, "to": {"type": "string", "minLength": 1}},
            "required": ["symbol", "to"],
            "additionalProperties": False,
        },
        effect="write",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(arguments["symbol"], "to", arguments["to"])

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        found = await look_up(context, arguments["symbol"])
        if not found.meanings:
            raise ToolError(await missing(context, found))
        meant, *others = found.meanings
        if others:
            raise ToolError(f"{found.name.dotted} may mean several; name one:\n{found.candidates()}")
        to = str(arguments["to"]).strip()
        edits = sorted(await _edits(meant, to), key=lambda edit: edit.path)
        changeset = Changeset(container=context.container)
        changes: list[Change] = []
        diffs: list[str] = []
        for edit in edits:
            place = writable(edit.path)
            before = await changeset.text(place)
            await changeset.put(place, edit.content)
            if edit.content != before:
                changes.append(change(place.shown, before, edit.content))
                diffs.append(unified(place.shown, before, edit.content))
        await changeset.write()
        return ToolResult(content=_told(meant, to, changes), display="\n".join(diffs), changes=tuple(changes))


async def _edits(meant: Meaning, to: str) -> Sequence[FileEdit]:
    if meant.analysis is None:
        raise ToolError(
            f"{meant} can't be renamed: no {meant.language.title} analysis knows its uses now. "
            "Take them from references and edit the files."
        )
    try:
        edits = await meant.analysis.rename(meant.symbols[0], to)
    except AnalysisUnavailable as error:
        raise ToolError(f"{meant.name} was not renamed: {error}. Take its uses from references.") from error
    except ValueError as error:
        raise ToolError(f"{meant.name} was not renamed: {error}") from error
    if not edits:
        raise ToolError(f"{meant.name} was not renamed: nothing would change.")
    return edits


def _told(meant: Meaning, to: str, changes: Sequence[Change]) -> str:
    shown = [f"{one.path} {plural(one.added, 'line')}" for one in changes[:_NAMED_FILES]]
    more = [f"{len(changes) - len(shown)} more files"] if len(changes) > len(shown) else []
    return f"Renamed {meant.name} to {to}: {', '.join([*shown, *more])}."
