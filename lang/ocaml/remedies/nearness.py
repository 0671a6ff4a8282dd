"""Which of a module's values a name may have meant: by its letters, its words and those that mean the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from lang.ocaml.remedies.merlin import Entry

SHOWN = 4
_LEAST, _SPREAD = 0.5, 0.25
"""How like a name another must be to be shown, and how much less than the likeliest."""
_ALIKE = (
    frozenset({"parse", "from", "of", "read", "decode", "load", "input"}),
    frozenset({"print", "to", "show", "write", "encode", "dump", "pp", "output", "format"}),
    frozenset({"make", "create", "init", "v", "new", "empty"}),
    frozenset({"get", "find", "lookup", "member", "nth"}),
    frozenset({"size", "length", "count", "cardinal"}),
    frozenset({"remove", "delete", "drop"}),
    frozenset({"exists", "mem", "contains", "has", "is"}),
    frozenset({"iter", "foreach", "each"}),
    frozenset({"concat", "append", "join"}),
    frozenset({"add", "insert", "put", "push", "set"}),
)
"""Words that libraries use for one thing, each its own."""


def near(name: str, entries: Sequence[Entry]) -> list[Entry]:
    """Return the few values whose names are most like a name, the likeliest first; of the equally alike the shorter."""
    values = {
        entry.name: entry for entry in entries if entry.kind in ("Value", "Label", "Method") and "__" not in entry.name
    }
    scored = sorted((-_likeness(name, one), len(one), one) for one in values)
    least = max(_LEAST, -scored[0][0] - _SPREAD) if scored else 1.0
    return [values[one] for score, _, one in scored[:SHOWN] if -score >= least]


def _likeness(wanted: str, name: str) -> float:
    """From 0 to 1."""
    letters = SequenceMatcher(None, wanted, name, autojunk=False).ratio()
    prefix = 0.75 if min(len(wanted), len(name)) > 3 and (wanted.startswith(name) or name.startswith(wanted)) else 0.0
    return max(letters if letters >= 0.7 else letters * 0.8, prefix, _by_words(wanted, name))


def _by_words(wanted: str, name: str) -> float:
    mine, theirs = _words(wanted), _words(name)
    shared = sum(_weight(one) * max((_same(one, other) for other in theirs), default=0.0) for one in mine)
    # What a name has more is less telling than what it lacks.
    spare = max(0, len(theirs) - len(mine))
    return shared / (sum(map(_weight, mine)) + 0.4 * spare) if mine else 0.0


def _weight(word: str) -> float:
    return 1.0 if len(word) > 2 else 0.4


def _words(name: str) -> list[str]:
    return [part for part in re.split(r"_|\d", name) if part]


def _same(one: str, other: str) -> float:
    if one == other:
        return 1.0
    return 0.8 if any(one in group and other in group for group in _ALIKE) else 0.0
