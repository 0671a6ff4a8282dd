"""Which of some names a model may have meant, and how they are listed within a few hundred characters."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from difflib import SequenceMatcher

from lang.go.remedies.declarations import Declaration

REMEDY_CHARACTERS = 500
SHOWN = 4
"""How many near names are shown with signature and documentation."""
_PLUMBING = re.compile(
    r"ProtoReflect|ProtoMessage|ProtoInternal|Descriptor|XXX_\w+|Reset|String|GoString|Enum(Descriptor|String)|"
    r"(Unm|M)arshal\w*|Size|state|sizeCache|unknownFields"
)
"""Members that generated code has for its library's sake."""
_GENERATED = ("ProtoReflect", "ProtoMessage")
_KINDS = ("field", "method")
LEAST_LIKENESS = 0.55
_SPREAD = 0.25
"""How much less alike than the most alike a name may be to be shown beside it."""
CLEAR_LIKENESS = 0.85
"""From here on a name is taken for a slip of the pen."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words(name: str) -> list[str]:
    """Return a camel-case name's words in lower case."""
    return [word.lower() for word in _WORD.findall(name)]


def likeness(wanted: str, name: str) -> float:
    """Return from 0 to 1 how likely a name was meant: by its letters, its words, and how it begins."""
    one, other = wanted.lower(), name.lower()
    if one == other:
        return 1.0
    letters = SequenceMatcher(None, one, other, autojunk=False).ratio()
    mine, theirs = words(wanted), words(name)
    shared = len(set(mine) & set(theirs))
    by_words = 2 * shared / (len(mine) + len(theirs)) if mine and theirs else 0.0
    begins = 0.1 if mine[:1] == theirs[:1] and mine else 0.0
    prefix = 0.75 if len(min(one, other, key=len)) > 2 and (one.startswith(other) or other.startswith(one)) else 0.0
    return min(0.99, max(letters, by_words * 0.9, prefix) + begins * (1 - letters))


def nearest(wanted: str, declarations: Iterable[Declaration], least: float = LEAST_LIKENESS) -> list[Declaration]:
    """Return the few declarations whose names are most like a name, the likeliest first."""
    scored = [(likeness(wanted, one.name), one) for one in declarations if one.name != wanted]
    best = max((ratio for ratio, _ in scored), default=0.0)
    least = max(least, best - (_SPREAD if best < CLEAR_LIKENESS else _SPREAD / 2))
    likely = sorted((pair for pair in scored if pair[0] >= least), key=lambda pair: -pair[0])
    # Files for other systems declare the same once more.
    return list({one.signature: one for _, one in likely}.values())[:SHOWN]


def useful(members: Collection[Declaration]) -> list[Declaration]:
    """Return a type's members: of generated messages fields and getters only, fields and what they get first."""
    if not any(one.name in _GENERATED for one in members):
        return list(members)
    kept = [one for one in members if not _PLUMBING.fullmatch(one.name)]
    return sorted(kept, key=lambda one: (one.kind != "field", not one.name.startswith("Get")))


def listing(title: str, near: Sequence[Declaration], others: Collection[Declaration] = ()) -> str:
    """Return a title, a line for each near declaration, and the names of others as far as there is room.

    Without any declaration it is empty.
    """
    lines = [title]
    room = REMEDY_CHARACTERS - len(title)
    for one in near:
        line = f"  {one.line}" if len(one.line) < room else f"  {one.signature}"
        if len(line) > room and len(lines) > 1:
            break
        lines.append(line)
        room -= len(line) + 1
    told = {one.name for one in near}
    signatures = [one.signature for one in others if one.name not in told and (not near or one.kind in _KINDS)]
    if signatures and sum(map(len, signatures)) + 4 * len(signatures) < room:
        return "\n".join((*lines, *(f"  {signature}" for signature in signatures)))
    rest = _names(others, told, room - 10)
    if rest:
        lines.append(f"  {'also ' if near else ''}{rest}")
    return "\n".join(lines) if len(lines) > 1 else ""


def _names(declarations: Collection[Declaration], told: Collection[str], room: int) -> str:
    names: list[str] = []
    for one in declarations:
        if one.name in told or one.name in names:
            continue
        room -= len(one.name) + 2
        if room < 0:
            return f"{', '.join(names)}…" if names else ""
        names.append(one.name)
    return ", ".join(names)
