"""What changed between two versions of a file: counts, a unified diff for people, snippets for the model. Pure."""

from __future__ import annotations

from difflib import SequenceMatcher, unified_diff

from tools.base import Change
from tools.text import lines_of, numbered

_DIFF_LINES = 400


def change(path: str, before: str, after: str) -> Change:
    """Count the lines added and removed."""
    old, new = lines_of(before), lines_of(after)
    added = removed = 0
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new).get_opcodes():
        if tag != "equal":
            removed, added = removed + i2 - i1, added + j2 - j1
    return Change(path=path, added=added, removed=removed)


def unified(path: str, before: str, after: str) -> str:
    """Return a unified diff without a newline at its end; its middle is left out if it is very long."""
    old, new = lines_of(before), lines_of(after)
    lines = list(unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm=""))
    if len(lines) > _DIFF_LINES:
        lines = [*lines[:_DIFF_LINES], f"[... {len(lines) - _DIFF_LINES} more lines ...]"]
    return "\n".join(lines)


def snippets(before: str, after: str, *, context: int = 2, limit: int = 60) -> str:
    """Return the changed places of `after` with line numbers and `context` lines around each, `limit` lines in all."""
    new = lines_of(after)
    groups = SequenceMatcher(None, lines_of(before), new).get_grouped_opcodes(context)
    shown: list[str] = []
    left = limit
    for group in groups:
        first, last = group[0][3], group[-1][4]
        if left <= 0:
            shown.append("   ... and more")
            break
        shown.append(numbered(new[first : min(last, first + left)], first + 1))
        if last - first > left:
            shown.append(f"   ... to line {last}")
        left -= last - first
    return "\n   ...\n".join(part for part in shown if part)


def changed_lines(before: str, after: str, *, limit: int) -> str:
    """Return what a change took out (`- text`) and put in (`+ text`), `limit` lines at most, no blank ones."""
    old, new = lines_of(before), lines_of(after)
    shown: list[str] = []
    for _, i1, i2, j1, j2 in (code for code in SequenceMatcher(None, old, new).get_opcodes() if code[0] != "equal"):
        shown += [f"- {line.strip()}" for line in old[i1:i2] if line.strip()]
        shown += [f"+ {line.strip()}" for line in new[j1:j2] if line.strip()]
    more = f"\n… {len(shown) - limit} more lines" if len(shown) > limit else ""
    return "\n".join(shown[:limit]) + more
