"""Which directories of a dune project a change can have broken: read from the stanzas of its dune files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lang.base import Project, Scope, Step, StepOutput
from lang.ocaml import layout, sexp

_FILE = "bactrian-file: "

_LIST = r"""
find . \( -name _build -o -name _opam -o -name duniverse -o -name node_modules -o -name '.?*' \) -prune \
    -o -name '*.t' -print -o -type f -name dune -print | sort | while read -r path; do
    printf 'bactrian-file: %s\n' "${path#./}"
    case $path in */dune) cat "$path"; echo ;; esac
done
"""

_WHOLE_FILES = frozenset({"dune-project", "dune-workspace", "dune.inc"})
_RELATIVE = re.compile(r"(?:%\{[a-z_]+:)?(\.{1,2}/[^}\s]+)\}?")
_BINARY = re.compile(r"%\{(?:bin|exe|libexec):([^}/\s]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directory:
    provides: frozenset[str]
    """Names of libraries and programs."""
    uses: frozenset[str]
    """Names of libraries and programs, and directories."""


def scope_step(project: Project) -> Step:
    """Return the step that prints all dune files and names the cram tests."""
    return Step(argv=("sh", "-c", _LIST), cwd=project.root, timeout_s=30.0)


def parse_scope(project: Project, paths: Sequence[str], output: StepOutput) -> Scope:
    """Read the stanzas; what they can't tell (a change of dune-project, a dune file in OCaml) concerns everything."""
    texts, crams = _files(output.stdout)
    trees = {posixpath.dirname(path) or ".": sexp.parse(text) for path, text in texts.items()}
    inner = [layout.relative_to_project(project, path) for path in paths if layout.inside(path, project.root)]
    if not trees or None in trees.values() or any(_concerns_all(path) for path in inner):
        return Scope(whole=True)
    directories = {name: _directory(name, nodes or ()) for name, nodes in trees.items()}
    changed = {home for path in inner if (home := _home(path, directories)) is not None}
    affected = _closure(changed, directories)
    programs = any("executable" in node.head for name in affected for node in trees[name] or ())
    if programs:  # a cram test runs programs without saying which
        affected |= {home for path in crams if (home := _home(path, directories)) is not None}
    if affected >= directories.keys():
        return Scope(whole=True)
    prefix = "" if project.root == "." else f"{project.root}/"
    return Scope(packages=tuple(sorted(posixpath.normpath(prefix + name) for name in affected)))


def _concerns_all(path: str) -> bool:
    return posixpath.basename(path) in _WHOLE_FILES or path.endswith((".opam", ".opam.template"))


def _files(printed: str) -> tuple[Mapping[str, str], Sequence[str]]:
    """The dune files' texts by path, and the cram tests."""
    pieces = re.split(rf"^{_FILE}", printed, flags=re.MULTILINE)[1:]
    pairs = [piece.partition("\n")[::2] for piece in pieces]
    return {path: text for path, text in pairs if not path.endswith(".t")}, [p for p, _ in pairs if p.endswith(".t")]


def _home(path: str, directories: Collection[str]) -> str | None:
    above = [name for name in directories if layout.inside(path, name)]
    return max(above, key=lambda name: 0 if name == "." else len(name), default=None)


def _directory(name: str, nodes: Sequence[sexp.Node]) -> _Directory:
    named = ("name", "names", "public_name", "public_names")
    fields = [field for node in nodes for each in named for field in node.fields(each)]
    provides = {word for field in fields for item in (field.items or ())[1:] for word in _words(item)}
    words = {word for node in nodes for word in _words(node)}
    return _Directory(provides=frozenset(provides), uses=frozenset(_uses(name, words)))


def _uses(directory: str, words: Collection[str]) -> Iterator[str]:
    """All words count: a library may be named under `libraries`, `pps`, `select`, a program in an action."""
    for word in words:
        yield word
        if match := _BINARY.search(word):
            yield match[1].removesuffix(".exe")
        if match := _RELATIVE.search(word):
            yield posixpath.dirname(posixpath.normpath(posixpath.join(directory, match[1]))) or "."


def _words(node: sexp.Node) -> Iterator[str]:
    if node.items is None:
        yield node.text
    for item in node.items or ():
        yield from _words(item)


def _closure(changed: Collection[str], directories: Mapping[str, _Directory]) -> set[str]:
    reached = set(changed)
    while True:
        names = {name for each in reached for name in directories[each].provides} | {f"{each}" for each in reached}
        more = {name for name, each in directories.items() if name not in reached and each.uses & names}
        if not more:
            return reached
        reached |= more
