"""The tree as an outline: as much detail as a budget allows. Pure."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence


def tree(files: Sequence[str], budget: int) -> str:
    """Return a tree's files by directory in at most about `budget` characters.

    With all names; where that is too long with counts of file types by directory, then of fewer levels; the last
    resort is cut.
    """
    depths = [max((path.count("/") for path in files), default=0)]
    depths += [depth for depth in (4, 3, 2, 1) if depth < depths[0]]
    views = ["\n".join(_named(files))]
    views += ["\n".join(_counted(files, depth)) for depth in depths]
    chosen = next((view for view in views if len(view) <= budget), "")
    return chosen or views[-1][:budget].rpartition("\n")[0] + "\n[and more]"


def _named(files: Sequence[str]) -> Iterator[str]:
    for directory, names in _directories(files, None).items():
        listed = " ".join(f"'{name}'" if " " in name else name for name in names)
        yield f"{directory}/: {listed}" if directory else listed


def _counted(files: Sequence[str], depth: int) -> Iterator[str]:
    """The top's files by name, for other directories how many files of which type."""
    for directory, names in _directories(files, depth).items():
        if not directory:
            yield " ".join(names)
            continue
        kinds = Counter(posixpath.splitext(name)[1] or posixpath.basename(name) for name in names)
        yield f"{directory}/: {', '.join(f'{count} {kind}' for kind, count in kinds.most_common(6))}"


def _directories(files: Sequence[str], depth: int | None) -> dict[str, list[str]]:
    """Names by directory, the top first; directories deeper than `depth` count with those above them."""
    found: dict[str, list[str]] = {"": []}
    for path in sorted(files):
        parts = path.split("/")
        cut = len(parts) - 1 if depth is None else min(depth, len(parts) - 1)
        found.setdefault("/".join(parts[:cut]), []).append("/".join(parts[cut:]))
    if not found[""]:
        del found[""]
    return found
