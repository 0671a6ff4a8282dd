"""The tool `apply_patch`: edits in the form that some models were trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from tools.base import ToolContext, ToolError, ToolResult, ToolSpec
from tools.changeset import Changeset, all_or_nothing
from tools.edit import Attempt, tokens_of
from tools.edit_record import EditRecord
from tools.edits import EditFailed
from tools.hunks import apply_hunks
from tools.patches import GRAMMAR, Added, Deleted, FilePatch, PatchError, Updated, parse_patch
from tools.paths import writable
from tools.text import brief


class ApplyPatch:
    """Adds, deletes, moves and changes files, all that a patch says or nothing."""

    spec = ToolSpec(
        name="apply_patch",
        description=(
            "Change files. *** Begin Patch, then for each file *** Add File: PATH, *** Delete File: PATH or *** Update "
            "File: PATH (and *** Move to: PATH) with hunks: an @@ line, then lines that begin with a space, - or +; at "
            "last *** End Patch. All of it is done or nothing. Returns the changed places."
        ),
        parameters={
            "type": "object",
            "properties": {"patch": {"type": "string"}},
            "required": ["patch"],
            "additionalProperties": False,
        },
        effect="write",
        edit_format="patch",
        freeform="patch",
        grammar=GRAMMAR,
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        try:
            return brief(", ".join(dict.fromkeys(file.path for file in parse_patch(arguments["patch"]))))
        except PatchError:
            return "patch"

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        try:
            files = parse_patch(arguments["patch"])
        except PatchError as error:
            malformed = EditRecord(format="patch", failed=("malformed",))
            raise ToolError(f"The patch was not applied: {error}.", edits=malformed) from error
        attempt, changeset = Attempt(format="patch"), Changeset(container=context.container)
        for file in files:
            try:
                await _apply(file, attempt, changeset, context)
            except ToolError as error:
                attempt.failed_at(error)
        if attempt.failed:
            raise all_or_nothing(attempt.problems, attempt.record, several=len(attempt.matched + attempt.failed) > 1)
        await changeset.write()
        return changeset.result(attempt.record)


async def _apply(file: FilePatch, attempt: Attempt, changeset: Changeset, context: ToolContext) -> None:
    place = writable(file.path)
    match file:
        case Added():
            await changeset.put(place, file.content, whole=True)
        case Deleted():
            await changeset.remove(place)
        case Updated():
            before = await changeset.text(place)
            try:
                edited = apply_hunks(before, file.hunks, tokens_of(place.shown, context))
            except EditFailed as error:
                attempt.refused(place.shown, error)
                return
            attempt.matched += edited.matched
            await changeset.put(place, edited.text, edited.notes)
            if file.moved_to:
                await changeset.move(place, writable(file.moved_to))
        case _:
            assert_never(file)
