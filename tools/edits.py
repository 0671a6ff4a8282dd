"""The edit engine: finds the text that an edit means and replaces it; all edits of a call or none. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.edit_record import Failure, Stage
from tools.matching import Match, Splice, Tokens, matches, spliced
from tools.nearest import nearest
from tools.text import numbered

_SHOWN_LINES = 30
_SHOWN_PLACES = 20
_TELLING_CHARACTERS = 12
"""A shorter text may stand anywhere by chance."""

NOTES: Mapping[Stage, str] = {
    "exact": "",
    "trailing": "matched without regard to white space at line ends",
    "indentation": "matched without regard to indentation; the new text was indented as the file is",
    "line-numbers": "matched without the line numbers, which are not part of the file",
    "tokens": "matched by its tokens, white space between them aside",
}
"""What is said of an edit that was found in some other way than as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Put `new` in place of `old`, which must stand in the file once, or any number of times with `replace_all`.

    An empty `old` stands for an empty file.
    """

    old: str
    new: str
    replace_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The text after all edits. `notes` say which of them matched only loosely, and how."""

    text: str
    matched: tuple[Stage, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What the model calls the parts of an edit, and what helps where its old text is ambiguous."""

    old: str = "`old`"
    new: str = "`new`"
    several: str = "add neighbouring lines until it is unique, or set replace_all"
    edit: str = "edit"


BY_FIELDS = Wording()
"""The words of the tool that takes a list of edits."""


class EditFailed(ValueError):
    """Some edit has no place in the text, or several; the message says which, why and what is there instead."""

    def __init__(self, message: str, *, matched: Sequence[Stage], failures: Sequence[Failure]) -> None:
        super().__init__(message)
        self.matched = tuple(matched)
        self.failures = tuple(failures)


class Misplaced(Exception):
    """One edit can't be made; the message says why."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure: Failure = failure


def apply_edits(
    text: str, edits: Sequence[Edit], *, tokens: Tokens | None = None, wording: Wording = BY_FIELDS
) -> Edited:
    """Apply edits in order, each to what the one before left.

    Each is looked for as `tools.matching.matches` says, and made only where the strictest way that finds it finds it
    once. Line endings stay as the file has them.

    Raises EditFailed, with all the edits that can't be made, if there is one.
    """
    matched: list[Stage] = []
    notes: list[str] = []
    problems: list[str] = []
    failures: list[Failure] = []
    for number, edit in enumerate(edits, 1):
        label = f"{wording.edit} {number}: " if len(edits) > 1 else ""
        try:
            text, stage = _apply(text, edit, tokens, wording)
        except Misplaced as error:
            problems.append(f"{label}{error}")
            failures.append(error.failure)
        else:
            matched.append(stage)
            notes += [f"{label}{NOTES[stage]}"] if NOTES[stage] else []
    if failures:
        raise EditFailed("\n".join(problems), matched=matched, failures=failures)
    return Edited(text=text, matched=tuple(matched), notes=tuple(notes))


def _apply(text: str, edit: Edit, tokens: Tokens | None, wording: Wording) -> tuple[str, Stage]:
    old, new = edit.old.replace("\r\n", "\n"), edit.new.replace("\r\n", "\n")
    if old == new:
        raise Misplaced("unchanged", f"{wording.old} and {wording.new} are the same; there is nothing to change.")
    if not old and not text:
        return new, "exact"
    if not old:
        repeat = f"give the lines beside the place, and have {wording.new} repeat them"
        raise Misplaced("empty", f"{wording.old} is empty; {repeat}.")
    found = next(matches(text, old, new, tokens), None)
    if found is None:
        raise not_found(text, old, new, wording)
    if len(found.splices) > 1 and not edit.replace_all:
        raise ambiguous(text, found, wording)
    return spliced(text, found.splices), found.stage


def ambiguous(text: str, found: Match, wording: Wording) -> Misplaced:
    """Return the refusal of a match at several places, which it lists."""
    lines = [str(line_of(text, splice)) for splice in found.splices]
    shown = ", ".join(lines[:_SHOWN_PLACES]) + (", …" if len(lines) > _SHOWN_PLACES else "")
    told = f"{wording.old} stands there {len(lines)} times, at lines {shown}; {wording.several}."
    return Misplaced("ambiguous", told)


def line_of(text: str, splice: Splice) -> int:
    """Return the number of the line where a splice begins."""
    return text.count("\n", 0, splice.start) + 1


def not_found(text: str, old: str, new: str, wording: Wording) -> Misplaced:
    """Return the refusal of a text that nothing matches, with the region that is most like it."""
    region = nearest(text, old)
    made = _line_where(text, new)
    alone = region is None and len(new.strip()) >= _TELLING_CHARACTERS
    if made and (alone or (region and region.first - new.count("\n") <= made < region.first + len(region.lines))):
        told = f"{wording.old} is not in the file, but {wording.new} is, at line {made}"
        return Misplaced("made-already", f"{told}; the edit seems to have been made already.")
    if region is None:
        count = text.count("\n") + 1
        told = f"{wording.old} is not in the file ({count} lines), nor anything like it; read the file."
        return Misplaced("not-found", told)
    shown = region.lines[:_SHOWN_LINES]
    last = region.first + len(region.lines) - 1
    return Misplaced(
        "not-found",
        f"{wording.old} is not in the file. The nearest text is at lines {region.first}-{last}:\n"
        f"{numbered(shown, region.first)}\n"
        f"Copy {wording.old} from the text above, without the numbers.",
    )


def _line_where(text: str, new: str) -> int:
    """Return the line where a text begins; 0 if it is blank or nowhere."""
    place = text.find(new) if new.strip() else -1
    return text.count("\n", 0, place) + 1 if place >= 0 else 0
