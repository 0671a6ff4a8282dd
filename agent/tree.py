"""The tree as an outline: as much detail as a budget allows. Pure."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence

_NAMES_CHARACTERS = 700
"""A directory whose names take more is counted."""


def tree(files: Sequence[str], budget: int) -> str:
    """Return a tree's files by directory, a line each, in at most about `budget` characters.

    Directories lie as deep as half of the budget allows; what is left of it goes to names instead of counts, for
    directories near the top first.
    """
    deepest = max((path.count("/") for path in files), default=0)
    lines: dict[str, str] = {}
    names: Mapping[str, Sequence[str]] = {}
    for depth in range(deepest, 0, -1):
        names = _directories(files, depth)
        lines = {directory: _counted(directory, found) for directory, found in names.items()}
        if _size(lines) <= budget // 2:
            break
    left = budget - _size(lines)
    for directory in sorted(lines, key=lambda name: (name.count("/"), len(names[name]))):
        named = _named(directory, names[directory])
        growth = len(named) - len(lines[directory])
        if growth <= left and len(named) <= _NAMES_CHARACTERS:
            lines[directory] = named
            left -= growth
    text = "\n".join(lines.values())
    return text if len(text) <= budget else f"{text[:budget].rpartition(chr(10))[0]}\n[and more]"


def _size(lines: Mapping[str, str]) -> int:
    return sum(len(line) + 1 for line in lines.values())


def _named(directory: str, names: Sequence[str]) -> str:
    listed = " ".join(f"'{name}'" if " " in name else name for name in names)
    return f"{directory}/: {listed}" if directory else listed


def _counted(directory: str, names: Sequence[str]) -> str:
    kinds = Counter(posixpath.splitext(name)[1] or posixpath.basename(name) for name in names)
    counts = [f"{count} {kind}" if count > 1 or kind.startswith(".") else kind for kind, count in kinds.most_common(6)]
    return f"{directory or '.'}/: {', '.join(counts)}{' …' if len(kinds) > 6 else ''}"


def _directories(files: Sequence[str], depth: int) -> dict[str, list[str]]:
    """Names by directory, the top first; directories deeper than `depth` count with those above them."""
    found: dict[str, list[str]] = {}
    for path in sorted(files, key=lambda path: (path.split("/")[:-1], path)):
        parts = path.split("/")
        cut = min(depth, len(parts) - 1)
        found.setdefault("/".join(parts[:cut]), []).append("/".join(parts[cut:]))
    return found
