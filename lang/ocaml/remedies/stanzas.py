"""A project's files and the stanzas of its dune files, for advice on what to write where."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lang.analysis import Bench
from lang.base import Project, Step
from lang.ocaml import sexp
from lang.ocaml.layout import inside

_LIST = r"""
find . \( -name _build -o -name _opam -o -name duniverse -o -name node_modules -o -name '.?*' \) -prune -o -type f \
    \( -name dune -o -name dune-project -o -name '*.ml' -o -name '*.mli' -o -name '*.mll' -o -name '*.mly' \
    -o -name '*.opam' \) -print | sort | head -n 3000 | while read -r path; do
    printf 'bactrian-file: %s\n' "${path#./}"
    case $path in */dune | */dune-project) head -c 20000 "$path"; echo ;; esac
done
"""
_FILE = re.compile(r"^bactrian-file: (.*)\n", re.MULTILINE)
_KINDS = ("library", "executable", "executables", "test", "tests")
_SOURCES = (".ml", ".mll", ".mly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stanza:
    """A library, program or test of a dune file."""

    kind: str
    file: str
    """Its dune file, relative to the project."""
    names: tuple[str, ...]
    public: str = ""
    libraries: tuple[str, ...] = ()
    rewriters: tuple[str, ...] = ()
    modules: tuple[str, ...] | None = None
    """None: all of its directory's."""
    text: str = ""

    @property
    def directory(self) -> str:
        """Where it stands, `""` for the project's top."""
        return posixpath.dirname(self.file)

    @property
    def title(self) -> str:
        """`library shop`, `test test_shop`."""
        return f"{self.kind.removesuffix('s')} {self.names[0] if self.names else ''}".rstrip()

    @property
    def module(self) -> str:
        """The module that its other modules are wrapped in; empty for programs and unwrapped libraries."""
        wrapped = self.kind == "library" and "(wrapped false)" not in self.text
        return capital(self.names[0]) if wrapped and self.names else ""

    def with_libraries(self, *more: str) -> str:
        """Its `libraries` field with some more, as one would write it."""
        return f"(libraries {' '.join(dict.fromkeys((*self.libraries, *more)))})"

    def with_rewriters(self, *more: str) -> str:
        """Its `preprocess` field with some more rewriters."""
        return f"(preprocess (pps {' '.join(dict.fromkeys((*self.rewriters, *more)))}))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A project's OCaml and build files, paths relative to the project."""

    files: tuple[str, ...] = ()
    stanzas: tuple[Stanza, ...] = ()
    dune: Mapping[str, str] = field(default_factory=dict[str, str])
    """Texts of dune files and dune-project."""

    def home(self, path: str) -> Stanza | None:
        """The stanza that a source file (relative to the project) belongs to."""
        stem = module_of(path).lower()
        directory = posixpath.dirname(path)
        near = [one for one in self.stanzas if inside(directory, one.directory)]
        deepest = max((len(one.directory) for one in near), default=0)
        near = [one for one in near if len(one.directory) == deepest]
        listing = [one for one in near if one.modules and stem in (word.lower() for word in one.modules)]
        named = [one for one in near if stem in one.names]
        return next(iter((*listing, *named, *(one for one in near if one.modules is None), *near)), None)

    def modules(self) -> Iterator[tuple[str, str, Stanza | None]]:
        """The project's modules: name, file, stanza."""
        for path in self.files:
            if path.endswith(_SOURCES):
                yield module_of(path), path, self.home(path)


def module_of(path: str) -> str:
    """The module that a file defines."""
    return capital(posixpath.basename(path).partition(".")[0])


def capital(word: str) -> str:
    """A word with its first letter in upper case."""
    return word[:1].upper() + word[1:]


async def survey(bench: Bench, project: Project) -> Tree:
    """Read a project's layout; empty where it can't be read."""
    output = await bench.run(Step(argv=("sh", "-c", _LIST), cwd=project.root, timeout_s=15.0))
    _, *parts = _FILE.split(output.stdout)
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    dune = {path: text for path, text in texts.items() if text.strip()}
    found = [stanza for path, text in dune.items() if path.endswith("dune") for stanza in _stanzas(path, text)]
    return Tree(files=tuple(texts), stanzas=tuple(found), dune=dune)


def _stanzas(path: str, text: str) -> Iterator[Stanza]:
    for node in sexp.parse(text) or ():
        if node.head not in _KINDS:
            continue
        yield Stanza(
            kind=node.head,
            file=path,
            names=_words(node, "name") + _words(node, "names"),
            public=next(iter(_words(node, "public_name")), ""),
            libraries=_words(node, "libraries"),
            rewriters=_rewriters(node),
            modules=_words(node, "modules") if node.fields("modules") else None,
            text=text[node.start : node.end],
        )


def _words(node: sexp.Node, name: str) -> tuple[str, ...]:
    return tuple(item.text for each in node.fields(name) for item in (each.items or ())[1:] if item.items is None)


def _rewriters(node: sexp.Node) -> tuple[str, ...]:
    found: list[str] = []
    for preprocess in node.fields("preprocess"):
        for pps in preprocess.fields("pps"):
            found += [item.text for item in (pps.items or ())[1:]]
    return tuple(found)


def joined(names: Sequence[str], last: str = "or") -> str:
    """Names in a phrase: `a, b or c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}" if names else ""
