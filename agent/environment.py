"""The variables of every command in a session's container."""

from __future__ import annotations

import os
from collections.abc import Sequence

from agent.config import Settings
from lang.base import Language


def environment(settings: Settings, languages: Sequence[Language]) -> dict[str, str]:
    """Return the variables of every command: what the languages need, what settings say."""
    inherited = [name for language in languages for name in language.inherited]
    found = {name: os.environ[name] for name in inherited if os.environ.get(name)}
    found |= {name: value for language in languages for name, value in language.environment.items()}
    if settings.opam_repository:
        found["BACTRIAN_OPAM_REPOSITORY"] = settings.opam_repository
    return found
