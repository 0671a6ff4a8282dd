"""Package names as people and models write them, made into what the go command takes."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from lang.base import Project

EVERYTHING = "./..."


def patterns(project: Project, packages: Sequence[str]) -> tuple[str, ...]:
    """Return the go command's patterns for names such as `./server`, `server`, `server/server.go` or an import path.

    Relative names may be relative to the project or to the workspace. None named is all of the project.
    """
    named = (pattern(project, name) for name in packages)
    return tuple(dict.fromkeys(named)) or (EVERYTHING,)


def pattern(project: Project, name: str) -> str:
    """Return one name as a pattern; see `patterns`."""
    name = name.strip().removesuffix("/")
    if name in ("", "all", "..."):
        return EVERYTHING
    if name.startswith("/"):
        return _directory(name)
    if not name.startswith(".") and _is_import_path(name):
        return name
    relative = _directory(_below(project.root, posixpath.normpath(name)))
    if relative == "." or relative.startswith("../"):
        return relative
    return f"./{relative}"


def _is_import_path(name: str) -> bool:
    """A first element with a dot is a host, unless it is a file's name."""
    return "." in name.split("/", 1)[0] and not name.endswith(".go")


def _below(root: str, name: str) -> str:
    if name == root:
        return "."
    return name.removeprefix(f"{root}/")


def _directory(name: str) -> str:
    return (posixpath.dirname(name) or ".") if name.endswith(".go") else name
