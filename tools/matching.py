"""Finds a text that a model remembers only nearly: exactly, or without regard to some white space. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tools.edit_record import Stage
from tools.indentation import Indentation

Tokens = Callable[[str], Sequence[tuple[int, int]]]
"""Where the tokens of a text begin and end."""

_NUMBERED = re.compile(r"^ *\d+\t")


@dataclass(frozen=True, slots=True, kw_only=True)
class Splice:
    """Put `new`, whose lines end with `\\n`, in place of the text from `start` to `end`."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """All the places, at least one, that a stage finds, in order; they may overlap."""

    stage: Stage
    splices: tuple[Splice, ...]


def matches(text: str, old: str, new: str, tokens: Tokens | None = None) -> Iterator[Match]:
    """Yield where `old` stands in `text`, the strictest way of looking first.

    It is looked for as it stands; without regard to white space at line ends; without regard to indentation (`new` is
    re-indented alike); without the line numbers that `read_file` shows; as the same tokens, if the text's language has
    them. The second and the third match whole lines. `old` and `new` have plain line ends.
    """
    ways: tuple[tuple[Stage, Callable[[], list[Splice]]], ...] = (
        ("exact", lambda: _exact(text, old, new)),
        ("trailing", lambda: _trailing(text, old, new)),
        ("indentation", lambda: _indented(text, old, new)),
        ("line-numbers", lambda: _unnumbered(text, old, new)),
        ("tokens", lambda: _same_tokens(text, old, new, tokens) if tokens else []),
    )
    for stage, look in ways:
        if splices := look():
            yield Match(stage=stage, splices=tuple(splices))


def spliced(text: str, splices: Sequence[Splice]) -> str:
    """Return the text with the splices made, in order, but for those that reach into one before them.

    Line ends are those in use at each place.
    """
    pieces: list[str] = []
    done = 0
    for splice in splices:
        if splice.start < done:
            continue
        pieces += [text[done : splice.start], splice.new.replace("\n", ending(text, splice.start))]
        done = splice.end
    return "".join([*pieces, text[done:]])


def ending(text: str, position: int) -> str:
    """Return the line ending in use at a place: the next one, or the last of the text."""
    index = text.find("\n", position)
    if index < 0:
        index = text.rfind("\n")
    return "\r\n" if index > 0 and text[index - 1] == "\r" else "\n"


def _exact(text: str, old: str, new: str) -> list[Splice]:
    found = _occurrences(text, old, new)
    if not found and "\r\n" in text and "\n" in old:
        found = _occurrences(text, old.replace("\n", "\r\n"), new)
    return found


def _occurrences(text: str, old: str, new: str) -> list[Splice]:
    found: list[Splice] = []
    start = text.find(old)
    while start >= 0:
        found.append(Splice(start=start, end=start + len(old), new=new))
        start = text.find(old, start + 1)
    return found


def _trailing(text: str, old: str, new: str) -> list[Splice]:
    return _whole_lines(text, old, str.rstrip, lambda _theirs, _ours: new)


def _indented(text: str, old: str, new: str) -> list[Splice]:
    def reindent(theirs: Sequence[str], ours: Sequence[str]) -> str | None:
        indentation = Indentation.learn(theirs, ours, more=new.split("\n"))
        return None if indentation is None else "\n".join(indentation.apply(line) for line in new.split("\n"))

    return _whole_lines(text, old, str.strip, reindent)


def _unnumbered(text: str, old: str, new: str) -> list[Splice]:
    bare = _without_numbers(old)
    if not bare or not bare.strip():
        return []
    fresh = _without_numbers(new)
    return _exact(text, bare, new if fresh is None else fresh)


def _without_numbers(text: str) -> str | None:
    lines = text.split("\n")
    if not all(_NUMBERED.match(line) for line in lines if line):
        return None
    return "\n".join(_NUMBERED.sub("", line) for line in lines)


def _same_tokens(text: str, old: str, new: str, tokens: Tokens) -> list[Splice]:
    wanted = [old[start:end] for start, end in tokens(old)]
    if not wanted:
        return []
    places = tokens(text)
    words = [text[start:end] for start, end in places]
    new = _without_margin(old, new)
    found: list[Splice] = []
    for index in range(len(words) - len(wanted) + 1):
        after = index + len(wanted)
        if words[index] == wanted[0] and words[index:after] == wanted:
            found.append(Splice(start=places[index][0], end=places[after - 1][1], new=new))
    return found


def _without_margin(old: str, new: str) -> str:
    """Return `new` without the white space around it that `old` has too: the text's own stays."""
    before = old[: len(old) - len(old.lstrip())]
    behind = old[len(old.rstrip()) :]
    if before:
        new = new.removeprefix(before) if new.startswith(before) else new.lstrip(" \t")
    if behind:
        new = new.removesuffix(behind) if new.endswith(behind) else new.rstrip(" \t")
    return new


def _whole_lines(
    text: str, old: str, plain: Callable[[str], str], make: Callable[[Sequence[str], Sequence[str]], str | None]
) -> list[Splice]:
    """Find where `old`'s lines stand, compared by `plain`; `make` gives the replacement, None to pass a place over."""
    wanted = old.removesuffix("\n").split("\n")
    lines = text.removesuffix("\n").split("\n")
    offsets = _offsets(lines)
    plain_wanted, plain_lines = [plain(line) for line in wanted], [plain(line) for line in lines]
    if not any(plain_wanted):
        return []
    found: list[Splice] = []
    for index in range(len(lines) - len(wanted) + 1):
        after = index + len(wanted)
        here = plain_lines[index] == plain_wanted[0] and plain_lines[index:after] == plain_wanted
        new = make(wanted, lines[index:after]) if here else None
        if new is not None:
            end = offsets[after - 1] + len(lines[after - 1])
            found.append(_line_splice(text, offsets[index], end, new, old.endswith("\n")))
    return found


def _offsets(lines: Sequence[str]) -> list[int]:
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    return offsets


def _line_splice(text: str, start: int, end: int, new: str, takes_newline: bool) -> Splice:
    if takes_newline and end < len(text):
        return Splice(start=start, end=end + 1, new=new)
    if takes_newline:
        return Splice(start=start, end=end, new=new.removesuffix("\n"))
    return Splice(start=start, end=end - text.endswith("\r", start, end), new=new)
