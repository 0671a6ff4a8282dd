"""Which files make a dune project, which are its tests, and where the container keeps what opam installed."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Sequence

from lang.base import Project

WORKSPACE = "/workspace"
"""Where the session's clone lies in a container (`lang` may not ask `containers`)."""

CACHE = "/cache"
"""Where the caches lie in a container."""

SWITCH = "bactrian"
"""The opam switch that holds what the image's own packages lack."""

PREFIX = f"{CACHE}/opam/{SWITCH}"

ENVIRONMENT = {
    # The cache setting is part of what dune rebuilds for: every command of a session must have the same.
    "DUNE_CACHE": "enabled",
    "DUNE_CACHE_ROOT": f"{CACHE}/dune",
    # The workspace and the cache are mounts of their own: links between them fail, which dune does not foresee.
    "DUNE_CACHE_STORAGE_MODE": "copy",
    "OCAML_COLOR": "never",
    "OPAMROOT": f"{CACHE}/opam",
    "OPAMSWITCH": SWITCH,
    "OPAMYES": "1",
    "OPAMCOLOR": "never",
    "OPAMNOENVNOTICE": "1",
    "OPAMNODEPEXTS": "1",
    # Debian's findlib knows nothing of opam's switches, with or without `opam env`.
    "OCAMLPATH": f"{PREFIX}/lib",
    "CAML_LD_LIBRARY_PATH": f"{PREFIX}/lib/stublibs",
}

_ROOT_FILES = ("dune-project", "dune-workspace")
_NOT_OURS = frozenset({"_build", "_opam", "duniverse", "node_modules"})
_BUILD_FILES = frozenset({"dune", "dune.inc", "dune-project", "dune-workspace", "opam", ".ocamlformat"})
_SUFFIXES = (".ml", ".mli", ".mll", ".mly", ".mld", ".mlt", ".eliom", ".eliomi", ".opam", ".opam.template", ".t")
_TEST_DIRECTORIES = frozenset({"test", "tests"})


def detect(paths: Collection[str]) -> tuple[Project, ...]:
    """The outermost directories with a `dune-project` or `dune-workspace`; nested ones belong to them.

    A tree with `*.opam` files only is no project: nothing says how to build it. `_build`, `_opam`,
    vendored `duniverse` trees and directories that dune skips (`_…`, `.…`) don't count.
    """
    roots: list[str] = []
    for root in sorted({posixpath.dirname(path) for path in paths if _marks_project(path)}, key=lambda r: (len(r), r)):
        if not any(inside(root, outer) for outer in roots):
            roots.append(root)
    return tuple(Project(language="ocaml", root=root or ".") for root in roots)


def _marks_project(path: str) -> bool:
    directories = path.split("/")[:-1]
    skipped = any(part in _NOT_OURS or part.startswith(("_", ".")) for part in directories)
    return posixpath.basename(path) in _ROOT_FILES and not skipped


def inside(path: str, directory: str) -> bool:
    """Whether a relative path is a directory (`""` and `.` are the top) or lies below it."""
    return directory in ("", ".") or path == directory or path.startswith(directory + "/")


def owns(path: str) -> bool:
    """Whether it is a source, interface, cram test or build file of OCaml; nothing under `_build` is."""
    name = posixpath.basename(path)
    generated = not _NOT_OURS.isdisjoint(path.split("/")[:-1])
    return not generated and (name in _BUILD_FILES or name.endswith(_SUFFIXES))


def is_test(path: str) -> bool:
    """Whether it is a cram test, lies in a `test` or `tests` directory, or is called `test_….ml` or `…_test(s).ml`.

    Inline tests stand among the code they test, so their files don't count.
    """
    directories = path.split("/")[:-1]
    name = posixpath.basename(path)
    if name.endswith(".t") or any(part.endswith(".t") for part in directories):
        return True
    stem, suffix = posixpath.splitext(name)
    named = suffix in (".ml", ".mli") and (
        stem.startswith("test_") or stem.endswith(("_test", "_tests")) or stem == "test"
    )
    return owns(path) and (named or not _TEST_DIRECTORIES.isdisjoint(directories))


def directories(project: Project, packages: Sequence[str]) -> tuple[str, ...]:
    """The packages a user named, as directories relative to the project.

    `lib`, `./bin`, `src/foo.ml`, `/workspace/lib`, `lib/...` are understood. A name with no directory of that
    name (a library's) stays: only the file system can tell, and the steps fall back to the whole project.
    """
    found = [_directory(project, package) for package in packages]
    return tuple(dict.fromkeys(found))


def _directory(project: Project, package: str) -> str:
    path = package.strip().removeprefix("@").removesuffix("/...").removesuffix("/runtest")
    if path in ("...", "runtest", "default", "all", "check", WORKSPACE):
        return "."
    path = posixpath.normpath(path.removeprefix(WORKSPACE + "/") or ".")
    if posixpath.basename(path) in _BUILD_FILES or path.endswith(_SUFFIXES[:6]):
        path = posixpath.dirname(path) or "."
    return relative_to_project(project, path)


def relative_to_project(project: Project, path: str) -> str:
    """A path relative to the workspace as one relative to the project, where it lies in it."""
    if project.root == "." or not inside(path, project.root):
        return path
    return path[len(project.root) + 1 :] or "."


def in_workspace(project: Project, path: str) -> str:
    """A path that dune printed, relative to the workspace and outside `_build`; `""` stays.

    A file of an installed library stays absolute.
    """
    if not path or (path.startswith("/") and not path.startswith(WORKSPACE + "/")):
        return path
    if path.startswith("/"):
        return posixpath.normpath(without_build(path.removeprefix(WORKSPACE + "/")))
    return posixpath.normpath(posixpath.join(project.root, without_build(path)))


def without_build(path: str) -> str:
    """A path under `_build/CONTEXT` or a sandbox of it as the source's path."""
    parts = path.split("/")
    if "_build" not in parts:
        return path
    at = parts.index("_build")
    drop = 4 if parts[at + 1 : at + 2] == [".sandbox"] else 2
    return "/".join(parts[:at] + parts[at + drop :]) or "."
