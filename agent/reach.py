"""`Reach`: what a session's commands may reach without anybody's yes. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from agent.config import NetworkChoice, Settings
from agent.environment import environment
from agent.hosts import HostPattern, is_address, parse_pattern, pattern_for, plain_host
from containers.destinations import is_private_name, is_public
from containers.gate import Admission, Destination
from lang.base import Language
from lang.registries import Registry

NO_NETWORK = "this session has no network"
NOT_LISTED = "this host is not among those that may be reached"
PRIVATE = "this host and private networks are reached only by name"
OPENED_BY_NAME = (NOT_LISTED, PRIVATE)
"""Reasons of refusals that end where a person names the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What commands may reach by themselves."""

    mode: NetworkChoice
    registries: tuple[Registry, ...] = ()
    named: tuple[HostPattern, ...] = ()
    """By the user, in settings and flags."""
    decided: tuple[HostPattern, ...] = ()
    """By the user, when a command asked for them. A name that a command came up with may lead anywhere."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """All that is open, in words; `full` opens more than that."""
        registries = (pattern_for(each.host, each.port) for each in self.registries)
        return (
            tuple(dict.fromkeys((*registries, *map(str, (*self.named, *self.decided))))) if self.mode != "none" else ()
        )

    @property
    def in_words(self) -> str:
        """What the model is told before it tries; empty where everything is open."""
        match self.mode:
            case "none":
                return "There is no network."
            case "registries":
                named = ", ".join(dict.fromkeys(map(str, (*self.named, *self.decided))))
                return f"Of the network, package registries{f' and {named}' if named else ''} can be reached, no more."
            case "full":
                return ""
            case _:
                assert_never(self.mode)

    def admission(self, destination: Destination) -> Admission:
        """Return what holds without anybody's yes."""
        host, port = plain_host(destination.host), destination.port
        if self.mode == "none":
            return Admission(allowed=False, reason=NO_NETWORK)
        if any(pattern.covers(host, port) for pattern in self.named):
            return Admission(allowed=True, reason="the user named it", private=True)
        if any((plain_host(each.host), each.port) == (host, port) for each in self.registries):
            # Where the user's own resolver leads: many a company has its own.
            return Admission(allowed=True, reason="a registry", private=True)
        private = is_private(destination)
        if any(pattern.covers(host, port) for pattern in self.decided):
            return Admission(allowed=True, reason="a person said yes", private=private)
        if self.mode == "full":
            return Admission(allowed=not private, reason=PRIVATE if private else "the network is open")
        return Admission(allowed=False, reason=NOT_LISTED)


NOTHING = Reach(mode="none")


def reach_of(settings: Settings, languages: Sequence[Language], decided: Sequence[str] = ()) -> Reach:
    """Return what settings allow, and what the user decided for the repository (patterns)."""
    variables = environment(settings, languages)
    return Reach(
        mode=settings.network,
        registries=tuple(each for language in languages for each in language.registries(variables)),
        named=_patterns(settings.network_allow),
        decided=_patterns(decided),
    )


def is_private(destination: Destination) -> bool:
    """Whether a host is by itself, without asking for its address, this one or in a private network."""
    host = plain_host(destination.host)
    if is_address(host):
        return not is_public(host)
    return is_private_name(replace(destination, host=host))


def _patterns(texts: Sequence[str]) -> tuple[HostPattern, ...]:
    """Read patterns; what is none is left out."""
    found: list[HostPattern] = []
    for text in texts:
        with contextlib.suppress(ValueError):
            found.append(parse_pattern(text))
    return tuple(found)
