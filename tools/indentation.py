"""Carries indentation over: given how some lines are indented in an edit and in the file, re-indents others alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

DEFAULT_WIDTH = 4


def leading(line: str) -> str:
    """Return a line's indentation, as it stands."""
    return line[: len(line) - len(line.lstrip(" \t"))]


class Indentation:
    """How one text's indentation maps to another's, learnt from lines that are otherwise the same."""

    def __init__(self, known: dict[str, str], *, tabs: bool, width: int) -> None:
        self._known = known
        self._tabs = tabs
        self._width = width

    @classmethod
    def learn(cls, theirs: Sequence[str], ours: Sequence[str], more: Iterable[str] = ()) -> Indentation | None:
        """Learn from pairs of lines. None where one indentation of `theirs` stands for two of `ours`.

        `more` are further lines in their indentation; they tell its width where the pairs don't.
        """
        known: dict[str, str] = {}
        for their, our in zip(theirs, ours, strict=True):
            if their.strip() and known.setdefault(leading(their), leading(our)) != leading(our):
                return None
        tabs = any("\t" in ours for ours in known.values())
        return cls(known, tabs=tabs, width=_width(known, [*theirs, *more]))

    def apply(self, line: str) -> str:
        """Return the line indented as the file would have it; a blank one comes back empty."""
        body = line.lstrip(" \t")
        return self._map(leading(line)) + body if body.strip() else body

    def _map(self, indent: str) -> str:
        if indent in self._known:
            return self._known[indent]
        below = [known for known in self._known if indent.startswith(known)]
        if below:
            base = max(below, key=len)
            return self._known[base] + self._convert(indent[len(base) :])
        above = [known for known in self._known if known.startswith(indent)]
        if above:
            base = min(above, key=len)
            return self._known[base].removesuffix(self._convert(base[len(indent) :]))
        return self._convert(indent)

    def _convert(self, extra: str) -> str:
        if self._tabs and extra.strip(" ") == "":
            return "\t" * round(len(extra) / self._width)
        if not self._tabs and "\t" in extra:
            return extra.replace("\t", " " * self._width)
        return extra


def _width(known: dict[str, str], lines: Iterable[str]) -> int:
    """Return how many spaces on one side stand for a tab on the other."""
    pairs = sorted({_spaces_and_tabs(their, our) for their, our in known.items()})
    if len(pairs) == 1:
        pairs.insert(0, (0, 0))
    for (fewer, outer), (spaces, tabs) in pairwise(pairs):
        if tabs > outer and spaces > fewer:
            return max(1, round((spaces - fewer) / (tabs - outer)))
    indents = [len(leading(line)) for line in lines if line.startswith(" ")]
    return min(indents, default=DEFAULT_WIDTH)


def _spaces_and_tabs(their: str, our: str) -> tuple[int, int]:
    spaces = their.count(" ") + our.count(" ")
    return spaces, their.count("\t") + our.count("\t")
