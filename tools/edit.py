"""The tools that replace text: `edit_file` in its two forms, and `edit_text` for blocks among a model's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.base import ToolContext, ToolError, ToolResult, ToolSpec
from tools.blocks import EDIT_TEXT, BlockError, parse_blocks
from tools.changeset import Changeset, all_or_nothing
from tools.edit_record import EditFormat, EditRecord, Failure, Stage
from tools.edits import BY_FIELDS, Edit, EditFailed, Wording, apply_edits
from tools.matching import Tokens
from tools.paths import writable
from tools.text import brief, plural

_UNIQUE = Wording(several="add neighbouring lines until it is unique")
_BLOCKS = Wording(
    old="the SEARCH part", new="the REPLACE part", several="add neighbouring lines until it is unique", edit="block"
)


@dataclass(slots=True, kw_only=True)
class Attempt:
    """What came of a call's edits so far."""

    format: EditFormat
    matched: list[Stage] = field(default_factory=list[Stage])
    failed: list[Failure] = field(default_factory=list[Failure])
    problems: list[str] = field(default_factory=list[str])

    @property
    def record(self) -> EditRecord:
        """What is written down of it."""
        return EditRecord(format=self.format, matched=tuple(self.matched), failed=tuple(self.failed))

    def refused(self, path: str, error: EditFailed) -> None:
        """Some edits of a file have no place."""
        self.matched += error.matched
        self.failed += error.failures
        self.problems.append(f"{path}: {error}")

    def failed_at(self, error: ToolError) -> None:
        """A file can't be edited."""
        self.failed.append("file")
        self.problems.append(str(error))


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
        edit_format="edit",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        count = len(arguments["edits"])
        return brief(arguments["path"], "" if count == 1 else f"({plural(count, 'edit')})")

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        edits = [Edit(old=e["old"], new=e["new"], replace_all=e.get("replace_all", False)) for e in arguments["edits"]]
        return await _edit("edit", [(arguments["path"], edits)], context, BY_FIELDS)


class EditOnce:
    """Replaces one part of a file: fewer brackets for a small model to get right."""

    spec = ToolSpec(
        name="edit_file",
        description=(
            "Replace a part of a file. `old` is copied exactly from the file and must occur once in it, else add lines "
            "around it. Returns the changed place, so there is no need to read the file again."
        ),
        parameters={
            "type": "object",
            "properties": {"path": {"type": "string"}, "old": {"type": "string"}, "new": {"type": "string"}},
            "required": ["path", "old", "new"],
            "additionalProperties": False,
        },
        effect="write",
        edit_format="one",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(arguments["path"])

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        edits = [Edit(old=arguments["old"], new=arguments["new"])]
        return await _edit("one", [(arguments["path"], edits)], context, _UNIQUE)


class EditText:
    """Makes the edits that stand among a model's words, for models whose calls can't be relied on."""

    spec = ToolSpec(
        name=EDIT_TEXT,
        description="Make the edits of SEARCH/REPLACE blocks; called by the harness for blocks among the words.",
        parameters={
            "type": "object",
            "properties": {"blocks": {"type": "string"}},
            "required": ["blocks"],
            "additionalProperties": False,
        },
        effect="write",
        edit_format="text",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        try:
            paths = dict.fromkeys(block.path for block in parse_blocks(arguments["blocks"]))
        except BlockError:
            return "blocks"
        return brief(", ".join(paths))

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        try:
            blocks = parse_blocks(arguments["blocks"])
        except BlockError as error:
            malformed = EditRecord(format="text", failed=("malformed",))
            raise ToolError(f"No edit was made: {error}", edits=malformed) from error
        by_path: dict[str, list[Edit]] = {}
        for block in blocks:
            by_path.setdefault(block.path, []).append(block.edit)
        return await _edit("text", list(by_path.items()), context, _BLOCKS)


def tokens_of(path: str, context: ToolContext) -> Tokens | None:
    """Return how to find a file's tokens; None where no language owns it."""
    language = next((language for language in context.languages if language.owns(path)), None)
    if language is None:
        return None
    return lambda text: language.tokens(path, text)


async def _edit(
    form: EditFormat, wanted: Sequence[tuple[str, Sequence[Edit]]], context: ToolContext, wording: Wording
) -> ToolResult:
    attempt, changeset = Attempt(format=form), Changeset(container=context.container)
    for path, edits in wanted:
        try:
            await _edit_file(path, edits, attempt, changeset, context, wording)
        except ToolError as error:
            attempt.failed_at(error)
    if attempt.failed:
        several = sum(len(edits) for _, edits in wanted) > 1
        raise all_or_nothing(attempt.problems, attempt.record, several=several)
    await changeset.write()
    return changeset.result(attempt.record)


async def _edit_file(
    path: str,
    edits: Sequence[Edit],
    attempt: Attempt,
    changeset: Changeset,
    context: ToolContext,
    wording: Wording,
) -> None:
    place = writable(path)
    creates = not edits[0].old and not await changeset.exists(place)
    before = "" if creates else await changeset.text(place)
    try:
        edited = apply_edits(before, edits, tokens=tokens_of(place.shown, context), wording=wording)
    except EditFailed as error:
        attempt.refused(place.shown, error)
        return
    attempt.matched += edited.matched
    await changeset.put(place, edited.text, edited.notes)
