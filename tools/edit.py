"""The tool `edit_file`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.base import ToolContext, ToolError, ToolResult, ToolSpec
from tools.diff import change, snippets, unified
from tools.edits import Edit, EditFailed, apply_edits
from tools.files import missing
from tools.paths import Place, file_errors, writable
from tools.text import Decoded, brief, decode, encode, plural


class EditFile:
    """Replaces parts of a file, all edits of a call or none."""

    spec = ToolSpec(
        name="edit_file",
        description=(
            "Replace parts of a file. `old` is copied exactly from the file and must occur once in it (else add lines "
            "around it, or set replace_all). Put all changes to a file into one call; they apply in order, all or "
            "none. Returns the changed places, so there is no need to read the file again."
        ),
        parameters={
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "edits": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "properties": {
                            "old": {"type": "string"},
                            "new": {"type": "string"},
                            "replace_all": {"type": "boolean"},
                        },
                        "required": ["old", "new"],
                        "additionalProperties": False,
                    },
                },
            },
            "required": ["path", "edits"],
            "additionalProperties": False,
        },
        effect="write",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        count = len(arguments["edits"])
        return brief(arguments["path"], "" if count == 1 else f"({plural(count, 'edit')})")

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        place = writable(arguments["path"])
        edits = [Edit(old=e["old"], new=e["new"], replace_all=e.get("replace_all", False)) for e in arguments["edits"]]
        before = await _text(place, context)
        try:
            edited = apply_edits(before.text, edits)
        except EditFailed as error:
            others = "\nNone of the edits was made." if len(edits) > 1 else ""
            raise ToolError(f"{place.shown}: {error}{others}") from error
        if edited.text == before.text:
            return ToolResult(content=f"{place.shown}: the edits cancel out; nothing was written.")
        with file_errors(place.shown):
            await context.container.write(place.path, encode(edited.text))
        after = Decoded(text=edited.text, utf8=before.utf8).shown
        changed = change(place.shown, before.shown, after)
        head = f"Edited {place.shown} (+{changed.added} -{changed.removed})."
        content = "\n".join(part for part in (head, *edited.notes, snippets(before.shown, after)) if part)
        return ToolResult(content=content, display=unified(place.shown, before.shown, after), changes=(changed,))


async def _text(place: Place, context: ToolContext) -> Decoded:
    with file_errors(place.shown):
        try:
            data = await context.container.read(place.path)
        except FileNotFoundError as error:
            near = await missing(context.container, place)
            raise ToolError(f"{near} To create it use write_file.") from error
    decoded = decode(data)
    if decoded is None:
        raise ToolError(f"{place.shown} is a binary file and can't be edited; use bash.")
    return decoded
