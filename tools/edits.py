"""The edit engine: finds the text that an edit means and replaces it; all edits of a call or none. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.indentation import Indentation
from tools.nearest import nearest
from tools.text import numbered

_NUMBERED = re.compile(r"^ *\d+\t")
_SHOWN_LINES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Put `new` in place of `old`, which must stand in the file once, or any number of times with `replace_all`."""

    old: str
    new: str
    replace_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """The text after all edits. `notes` say which of them matched only loosely, and how."""

    text: str
    notes: tuple[str, ...] = ()


class EditFailed(ValueError):
    """Some edit has no place in the text, or several; the message says which, why and what is there instead."""


class _Misplaced(Exception):
    """One edit can't be made; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Splice:
    start: int
    end: int
    new: str


_Stage = Callable[[str, str, str], list[_Splice]]


def apply_edits(text: str, edits: Sequence[Edit]) -> Edited:
    """Apply edits in order, each to what the one before left.

    An edit is looked for as it stands; then without regard to white space at line ends; then without regard to
    indentation (`new` is re-indented alike); then without the line numbers that `read_file` shows. Only the first is
    tried within lines, the others match whole lines. Line endings stay as the file has them.

    Raises EditFailed, with all the edits that can't be made, if there is one.
    """
    notes: list[str] = []
    failures: list[str] = []
    for number, edit in enumerate(edits, 1):
        label = f"edit {number}: " if len(edits) > 1 else ""
        try:
            text, note = _apply(text, edit)
        except _Misplaced as error:
            failures.append(f"{label}{error}")
        else:
            notes += [f"{label}{note}"] if note else []
    if failures:
        raise EditFailed("\n".join(failures))
    return Edited(text=text, notes=tuple(notes))


def _apply(text: str, edit: Edit) -> tuple[str, str]:
    old, new = edit.old.replace("\r\n", "\n"), edit.new.replace("\r\n", "\n")
    if not old:
        raise _Misplaced("`old` is empty; give the lines beside the place, and have `new` repeat them.")
    if old == new:
        raise _Misplaced("`old` and `new` are the same; there is nothing to change.")
    for stage, note in _STAGES:
        splices = stage(text, old, new)
        if len(splices) > 1 and not edit.replace_all:
            raise _Misplaced(_several(text, splices))
        if splices:
            return _splice(text, splices), note
    raise _Misplaced(_not_found(text, old, new))


def _splice(text: str, splices: Sequence[_Splice]) -> str:
    pieces: list[str] = []
    done = 0
    for splice in splices:
        ending = _ending(text, splice.start)
        pieces += [text[done : splice.start], splice.new.replace("\n", ending)]
        done = splice.end
    return "".join([*pieces, text[done:]])


def _ending(text: str, position: int) -> str:
    """Return the line ending in use at a place: the next one, or the last of the text."""
    index = text.find("\n", position)
    if index < 0:
        index = text.rfind("\n")
    return "\r\n" if index > 0 and text[index - 1] == "\r" else "\n"


def _exact(text: str, old: str, new: str) -> list[_Splice]:
    found = _occurrences(text, old, new)
    if not found and "\r\n" in text and "\n" in old:
        found = _occurrences(text, old.replace("\n", "\r\n"), new)
    return found


def _occurrences(text: str, old: str, new: str) -> list[_Splice]:
    found: list[_Splice] = []
    start = text.find(old)
    while start >= 0:
        found.append(_Splice(start=start, end=start + len(old), new=new))
        start = text.find(old, start + len(old))
    return found


def _trailing(text: str, old: str, new: str) -> list[_Splice]:
    return _whole_lines(text, old, str.rstrip, lambda _theirs, _ours: new)


def _indented(text: str, old: str, new: str) -> list[_Splice]:
    def reindent(theirs: Sequence[str], ours: Sequence[str]) -> str | None:
        indentation = Indentation.learn(theirs, ours, more=new.split("\n"))
        return None if indentation is None else "\n".join(indentation.apply(line) for line in new.split("\n"))

    return _whole_lines(text, old, str.strip, reindent)


def _unnumbered(text: str, old: str, new: str) -> list[_Splice]:
    bare = _without_numbers(old)
    if not bare or not bare.strip():
        return []
    fresh = _without_numbers(new)
    return _exact(text, bare, new if fresh is None else fresh)


_STAGES: tuple[tuple[_Stage, str], ...] = (
    (_exact, ""),
    (_trailing, "matched without regard to white space at line ends"),
    (_indented, "matched without regard to indentation; `new` was indented as the file is"),
    (_unnumbered, "matched without the line numbers, which are not part of the file"),
)


def _without_numbers(text: str) -> str | None:
    lines = text.split("\n")
    if not all(_NUMBERED.match(line) for line in lines if line):
        return None
    return "\n".join(_NUMBERED.sub("", line) for line in lines)


def _whole_lines(
    text: str, old: str, plain: Callable[[str], str], make: Callable[[Sequence[str], Sequence[str]], str | None]
) -> list[_Splice]:
    """Find where `old`'s lines stand, compared by `plain`; `make` gives the replacement, None to pass a place over."""
    wanted = old.removesuffix("\n").split("\n")
    lines = text.removesuffix("\n").split("\n")
    offsets = _offsets(lines)
    plain_wanted, plain_lines = [plain(line) for line in wanted], [plain(line) for line in lines]
    if not any(plain_wanted):
        return []
    found: list[_Splice] = []
    index = 0
    while index + len(wanted) <= len(lines):
        after = index + len(wanted)
        here = plain_lines[index] == plain_wanted[0] and plain_lines[index:after] == plain_wanted
        new = make(wanted, lines[index:after]) if here else None
        if new is None:
            index += 1
            continue
        end = offsets[after - 1] + len(lines[after - 1])
        found.append(_line_splice(text, offsets[index], end, new, old.endswith("\n")))
        index = after
    return found


def _offsets(lines: Sequence[str]) -> list[int]:
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    return offsets


def _line_splice(text: str, start: int, end: int, new: str, takes_newline: bool) -> _Splice:
    if takes_newline and end < len(text):
        return _Splice(start=start, end=end + 1, new=new)
    if takes_newline:
        return _Splice(start=start, end=end, new=new.removesuffix("\n"))
    return _Splice(start=start, end=end - text.endswith("\r", start, end), new=new)


def _several(text: str, splices: Sequence[_Splice]) -> str:
    lines = [str(text.count("\n", 0, splice.start) + 1) for splice in splices]
    shown = ", ".join(lines[:20]) + (", …" if len(lines) > 20 else "")
    return (
        f"`old` stands there {len(lines)} times, at lines {shown}; "
        "add neighbouring lines until it is unique, or set replace_all."
    )


def _not_found(text: str, old: str, new: str) -> str:
    if new.strip() and (place := text.find(new)) >= 0:
        line = text.count("\n", 0, place) + 1
        return f"`old` is not in the file, but `new` is, at line {line}; the edit seems to have been made already."
    region = nearest(text, old)
    if region is None:
        return f"`old` is not in the file ({text.count(chr(10)) + 1} lines), nor anything like it; read the file."
    shown = region.lines[:_SHOWN_LINES]
    last = region.first + len(region.lines) - 1
    return (
        f"`old` is not in the file. The nearest text is at lines {region.first}-{last}:\n"
        f"{numbered(shown, region.first)}\n"
        "Copy `old` from the text above, without the numbers."
    )
