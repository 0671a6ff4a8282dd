"""Failed tests that say the same: told once, the others by name. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lang.base import TestCase

_NAMED = 3
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed test, and the names of those in its package that fail at the same place in the same words."""

    case: TestCase
    alike: tuple[str, ...] = ()

    @property
    def count(self) -> str:
        """`39 more like it: TestParse/1, TestParse/2, …`; empty where there is no other."""
        named = ", ".join(self.alike[:_NAMED]) + (", …" if len(self.alike) > _NAMED else "")
        return f"{len(self.alike)} more like it: {named}" if self.alike else ""


def folded(cases: Sequence[TestCase]) -> tuple[Failure, ...]:
    """Return the failures to tell of, in their order. Numbers count as the same.

    A test that says nothing and fails for what runs inside of it (`TestParse` for `TestParse/empty`) is left out.
    """
    firsts: dict[tuple[str, str, int, str], TestCase] = {}
    names: dict[tuple[str, str, int, str], list[str]] = {}
    for case in cases:
        if not case.output.strip() and _has_inner(case, cases):
            continue
        said = _NUMBER.sub("N", case.output)
        # Of two silent tests nobody knows whether they fail for the same reason.
        key = (case.package, case.path, case.line, said if said.strip() else f"\0{case.name}")
        firsts.setdefault(key, case)
        names.setdefault(key, []).append(case.name)
    return tuple(Failure(case=case, alike=tuple(names[key][1:])) for key, case in firsts.items())


def _has_inner(case: TestCase, cases: Sequence[TestCase]) -> bool:
    prefix = f"{case.name}/"
    return any(one.package == case.package and one.name.startswith(prefix) for one in cases)
