"""The variables of every command in a session's container."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from agent.config import Settings
from lang.base import Language

_USER_INFO = re.compile(r"(?<=://)[^/?#,|\s]*@")
"""A name and perhaps a password before an address's host; `,` and `|` part the addresses of a list."""


def environment(settings: Settings, languages: Sequence[Language]) -> dict[str, str]:
    """Return the variables of every command: what the languages need, what settings say. No address has a password."""
    found = {name: _USER_INFO.sub("", value) for name, value in _given(settings, languages).items()}
    return found | {name: value for language in languages for name, value in language.environment.items()}


def withheld(settings: Settings, languages: Sequence[Language]) -> tuple[str, ...]:
    """Name the variables whose addresses have lost a name or a password: no secret goes into a container."""
    return tuple(name for name, value in _given(settings, languages).items() if _USER_INFO.search(value))


def _given(settings: Settings, languages: Sequence[Language]) -> dict[str, str]:
    inherited = [name for language in languages for name in language.inherited]
    found = {name: os.environ[name] for name in inherited if os.environ.get(name)}
    if settings.opam_repository:
        found["BACTRIAN_OPAM_REPOSITORY"] = settings.opam_repository
    return found
