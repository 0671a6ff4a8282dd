"""Finds the lines of a text that are most like some other lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import nlargest

from tools.text import lines_of

_LEAST_RATIO = 0.5
_CANDIDATES = 8
_ANCHORS = 5
_COMPARED_CHARACTERS = 400
"""Of each line; the time that comparing takes grows with the square of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Some lines of a text; `first` counts from 1."""

    first: int
    lines: tuple[str, ...]


def nearest(text: str, wanted: str) -> Region | None:
    """Return the region most like `wanted`, as many lines long; None where nothing is half alike."""
    targets = [_plain(line) for line in lines_of(wanted.strip("\r\n"))]
    lines = lines_of(text)
    if not any(targets) or not lines:
        return None
    plain = [_plain(line) for line in lines]
    anchors = nlargest(_ANCHORS, range(len(targets)), key=lambda index: len(targets[index]))
    starts = {start for index in anchors for start in _starts(plain, targets[index], index, len(targets))}
    best = max(((_alike(plain, start, targets), -start) for start in starts), default=(0.0, 0))
    if best[0] < _LEAST_RATIO:
        return None
    start = -best[1]
    return Region(first=start + 1, lines=tuple(lines[start : start + len(targets)]))


def _plain(line: str) -> str:
    return line.strip()[:_COMPARED_CHARACTERS]


def _starts(plain: Sequence[str], target: str, index: int, length: int) -> list[int]:
    """Return where the wanted lines would begin if line `index` of them were one of the lines most like it."""
    if len(target) < 3:
        return []
    matcher = SequenceMatcher(None, "", target, autojunk=False)
    scored: list[tuple[float, int]] = []
    for number, line in enumerate(plain):
        matcher.set_seq1(line)
        if line == target:
            scored.append((1.0, number))
        elif matcher.real_quick_ratio() > _LEAST_RATIO and matcher.quick_ratio() > _LEAST_RATIO:
            scored.append((matcher.quick_ratio() * 0.99, number))
    last = max(0, len(plain) - length)
    return [min(max(0, number - index), last) for _, number in nlargest(_CANDIDATES, scored)]


def _alike(plain: Sequence[str], start: int, targets: Sequence[str]) -> float:
    """Return how alike the lines from `start` are, 0 to 1, long lines counting for more."""
    here = plain[start : start + len(targets)]
    weights = [max(len(one), len(other)) for one, other in zip(here, targets, strict=False)]
    ratios = [
        SequenceMatcher(None, one, other, autojunk=False).ratio() for one, other in zip(here, targets, strict=False)
    ]
    missing = sum(len(target) for target in targets[len(here) :])
    return sum(weight * ratio for weight, ratio in zip(weights, ratios, strict=True)) / (sum(weights) + missing or 1)
