"""`Refusals`: what the model is told of requests that did not get out. Pure; every word is paid for on later turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.hosts import pattern_for, place
from containers.gate import Traffic

SHOWN = 5
"""Hosts of one call that are named; a hostile program could ask for any number."""
LONGEST = 80
"""Characters of a host's name; it comes from the container."""
WORDS = 200
"""Characters of a reason."""
REMEMBERED = 500

_Place = tuple[str, int]
_Said = tuple[str, int, str]
_Say = Callable[[Sequence[_Place], str], str]


@dataclass(slots=True, kw_only=True)
class Refusals:
    """Collects refusals and failures. Each is told once in full, later only that it happened again."""

    rules: Mapping[str, str] = field(default_factory=dict[str, str])
    """Clauses that say more than the reasons of refusals that they stand for."""
    advice: bool = True
    """Whether a person could allow what was refused, by a flag."""
    _refused: dict[_Place, str] = field(default_factory=dict[_Place, str])
    _failed: dict[_Place, str] = field(default_factory=dict[_Place, str])
    _more: int = 0
    _told: set[_Said] = field(default_factory=set[_Said])
    _ruled: set[str] = field(default_factory=set[str])

    def add(self, traffic: Traffic) -> None:
        """Take note of a request that has ended."""
        why = traffic.problem if traffic.allowed else traffic.reason or traffic.problem
        if not why or traffic.received_bytes:  # what broke off later is for who reads it
            return
        where = (_shown(traffic.destination.host), traffic.destination.port)
        among = self._failed if traffic.allowed else self._refused
        if where in among or len(self._refused) + len(self._failed) < SHOWN:
            among[where] = why
        else:
            self._more += 1

    def told(self) -> str:
        """Return what has come since the last time, a line for each kind; empty if nothing has."""
        lines = [*self._of(self._refused, self._refusal, "refused again"), *self._of(self._failed, _failure, "again")]
        if self._more:
            lines.append(f"Network: {self._more} more requests were refused or failed.")
        self._refused.clear()
        self._failed.clear()
        self._more = 0
        return "\n".join(lines)

    def _of(self, found: Mapping[_Place, str], say: _Say, again: str) -> Iterator[str]:
        """Sentences for what is new, grouped by its reason, and one for all that was told before."""
        new: dict[str, list[_Place]] = {}
        known: list[_Place] = []
        for where, why in found.items():
            if (*where, why) in self._told:
                known.append(where)
                continue
            new.setdefault(why, []).append(where)
            if len(self._told) < REMEMBERED:
                self._told.add((*where, why))
        for why, places in new.items():
            yield say(places, why)
        if known:
            yield f"Network: {_listed(known)} {again}."

    def _refusal(self, places: Sequence[_Place], why: str) -> str:
        verb = "was" if len(places) == 1 else "were"
        flags = _flags(places) if self.advice and why in self.rules else ""
        if why in self._ruled:
            return f"Network: {_listed(places)} {verb} refused too{flags and f' ({flags})'}."
        self._ruled.add(why)
        allow = f" A person can allow it: bactrian run {flags}." if flags else ""
        return (
            f"Network: {_listed(places)} {verb} refused: {self.rules.get(why) or _fit(why)}.{allow} "
            "Go on without it, or say in your last words what needs it."
        )


def _failure(places: Sequence[_Place], why: str) -> str:
    # What the user names may be private.
    hint = f" A person can name it: bactrian run {_flags(places)}." if "private network" in why else ""
    return f"Network: {_listed(places)} could not be reached: {_fit(why)}.{hint}"


def _flags(places: Sequence[_Place]) -> str:
    return " ".join(f"--allow {pattern_for(*each)}" for each in places)


def _listed(places: Sequence[_Place]) -> str:
    return ", ".join(place(*each) for each in places)


def _fit(text: str) -> str:
    """A few words on one line; a host's name may be among them."""
    return "".join(char if char.isprintable() else "?" for char in text)[:WORDS]


def _shown(host: str) -> str:
    safe = "".join(char if char.isalnum() or char in ".-_:" else "?" for char in host)
    return safe if len(safe) <= LONGEST else f"{safe[:LONGEST]}…"
