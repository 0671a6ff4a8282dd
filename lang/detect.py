"""Which languages there are, built in and plugged in, and which projects a tree holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib.metadata import entry_points

from lang.base import Language, Project

GROUP = "bactrian.languages"
"""The entry-point group of plug-ins: each names a class that takes no arguments and fulfils `Language`."""


def languages() -> tuple[Language, ...]:
    """Return Go, OCaml and what other installed distributions bring; a plug-in with a built-in's name replaces it.

    Raises what the import of a broken plug-in raises: a language that was installed must not go missing in silence.
    """
    # Imported here: `lang.detect` is on the way to --help, and no command needs every language.
    from lang.go import Go
    from lang.ocaml import OCaml

    builtin: tuple[Language, ...] = (Go(), OCaml())
    found: dict[str, Language] = {}
    found.update((language.name, language) for language in builtin)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        language: Language = entry.load()()
        found[language.name] = language
    return tuple(found.values())


def detect(paths: Collection[str], languages: Iterable[Language]) -> tuple[Project, ...]:
    """Return every language's projects among a tree's file paths, outermost first, in the languages' order."""
    projects = [project for language in languages for project in language.detect(paths)]
    return tuple(sorted(projects, key=lambda project: 0 if project.root == "." else project.root.count("/") + 1))
