"""Which hosts opam asks: those of its repository."""

from __future__ import annotations

from collections.abc import Mapping

from lang.registries import Registry, registry

_REPOSITORY = "https://opam.ocaml.org"


def registries(environment: Mapping[str, str]) -> tuple[Registry, ...]:
    """Return the host of the repository that `BACTRIAN_OPAM_REPOSITORY` names, else of the public one.

    The public repository has a cache of all archives (`archive-mirrors`), which opam asks before the archives' own
    hosts. A repository without one sends opam to those: they aren't registries.
    """
    found = registry(environment.get("BACTRIAN_OPAM_REPOSITORY") or _REPOSITORY)
    return (found,) if found else ()
