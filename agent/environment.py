"""The variables of every command in a session's container."""

from __future__ import annotations

import os
from collections.abc import Sequence

from agent.config import Settings
from lang.base import Language

PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def environment(settings: Settings, languages: Sequence[Language]) -> dict[str, str]:
    """Return the variables of every command: the way through a proxy, what the languages need, what settings say."""
    inherited = (*PROXIES, *(name for language in languages for name in language.inherited))
    found = {name: os.environ[name] for name in inherited if os.environ.get(name)}
    found |= {name: value for language in languages for name, value in language.environment.items()}
    if settings.opam_repository:
        found["BACTRIAN_OPAM_REPOSITORY"] = settings.opam_repository
    return found
