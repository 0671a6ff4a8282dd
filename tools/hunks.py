"""Applies the hunks of a patch to a file's text, each at the one place that it can mean; all of them or none. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tools.edit_record import Failure, Stage
from tools.edits import NOTES, Edited, EditFailed, Misplaced, Wording, ambiguous, not_found
from tools.matching import Match, Splice, Tokens, matches, spliced
from tools.patches import Hunk

WORDING = Wording(
    old="the hunk's old text",
    new="its new text",
    several="add context lines, or an @@ line with the function or type that it is in",
    edit="hunk",
)


def apply_hunks(text: str, hunks: Sequence[Hunk], tokens: Tokens | None = None) -> Edited:
    """Apply hunks in order. Whole lines are looked for as `tools.matching.matches` says.

    Of several places one below the hunk before is meant, and the first one below the anchors; where that still leaves
    several, the hunk is refused. Anchors that are not in the file do not matter where the place is plain without them.

    Raises EditFailed, with all the hunks that can't be applied, if there is one.
    """
    matched: list[Stage] = []
    notes: list[str] = []
    problems: list[str] = []
    failures: list[Failure] = []
    cursor = 0
    for number, hunk in enumerate(hunks, 1):
        label = f"{WORDING.edit} {number}: " if len(hunks) > 1 else ""
        try:
            splice, stage = _place(text, hunk, cursor, tokens)
        except Misplaced as error:
            problems.append(f"{label}{error}")
            failures.append(error.failure)
            continue
        behind = len(text) - splice.end
        text = spliced(text, [splice])
        cursor = len(text) - behind
        matched.append(stage)
        notes += [f"{label}{NOTES[stage]}"] if NOTES[stage] else []
    if failures:
        raise EditFailed("\n".join(problems), matched=matched, failures=failures)
    return Edited(text=text, matched=tuple(matched), notes=tuple(notes))


def _place(text: str, hunk: Hunk, cursor: int, tokens: Tokens | None) -> tuple[Splice, Stage]:
    if not hunk.old:
        return _insertion(text, hunk, cursor), "exact"
    old, new = "".join(f"{line}\n" for line in hunk.old), "".join(f"{line}\n" for line in hunk.new)
    starts = _anchored(text, hunk.anchors)
    for match in matches(text, old, new, tokens):
        splices = [splice for splice in match.splices if _whole_lines(text, splice)]
        chosen = _chosen(text, splices, hunk, starts, cursor)
        if len(chosen) > 1:
            raise ambiguous(text, Match(stage=match.stage, splices=tuple(chosen)), WORDING)
        if chosen:
            return chosen[0], match.stage
    raise not_found(text, old, new, WORDING)


def _chosen(text: str, splices: Sequence[Splice], hunk: Hunk, starts: Sequence[int], cursor: int) -> Sequence[Splice]:
    """Return the places that a hunk can mean of those that match."""
    if hunk.at_end:
        splices = [splice for splice in splices if not text[splice.end :].strip()] or splices
    splices = [splice for splice in splices if splice.start >= cursor] or splices
    firsts = (next((splice for splice in splices if splice.start >= start), None) for start in starts)
    below = list(dict.fromkeys(splice for splice in firsts if splice))
    return below or splices


def _insertion(text: str, hunk: Hunk, cursor: int) -> Splice:
    """Return where lines go that come without any beside them: below the anchor, else at the end of the file."""
    new = "".join(f"{line}\n" for line in hunk.new)
    starts = _anchored(text, hunk.anchors)
    starts = [start for start in starts if start >= cursor] or starts
    if not hunk.anchors or hunk.at_end:
        complete = not text or text.endswith("\n")
        return Splice(start=len(text), end=len(text), new=new if complete else f"\n{new}")
    if len(starts) != 1:
        where = "is not in the file" if not starts else f"stands there {len(starts)} times"
        failure: Failure = "ambiguous" if starts else "not-found"
        raise Misplaced(
            failure, f"the line `{hunk.anchors[-1]}` {where}; give the lines beside the new ones as context."
        )
    end = text.find("\n", starts[0]) + 1
    return Splice(start=end, end=end, new=new) if end else Splice(start=len(text), end=len(text), new=f"\n{new}")


def _anchored(text: str, anchors: Sequence[str]) -> list[int]:
    """Return where the lines begin that the last anchor names, each the first below one that the anchor before names.

    None where one of the anchors is missing.
    """
    if not anchors:
        return []
    starts = _lines_like(text, anchors[0])
    for anchor in anchors[1:]:
        lines = _lines_like(text, anchor)
        below = (next((line for line in lines if line > start), None) for start in starts)
        starts = list(dict.fromkeys(start for start in below if start is not None))
    return starts


def _lines_like(text: str, anchor: str) -> list[int]:
    """Return where lines begin that are `anchor` but for white space around, else those that have it in them."""
    same: list[int] = []
    inside: list[int] = []
    start = 0
    for line in text.split("\n"):
        if line.strip() == anchor:
            same.append(start)
        elif anchor in line:
            inside.append(start)
        start += len(line) + 1
    return same or inside


def _whole_lines(text: str, splice: Splice) -> bool:
    """Whether nothing but white space stands on the same lines."""
    line = text.rfind("\n", 0, splice.start) + 1
    end = splice.end if text.endswith("\n", 0, splice.end) else text.find("\n", splice.end)
    return not text[line : splice.start].strip() and not text[splice.end : end if end >= 0 else None].strip()
