"""Where a dependency is written down: dune files, dune-project and opam files, edited in place."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping

from lang.base import FileEdit, Project
from lang.ocaml import sexp
from lang.ocaml.layout import inside
from lang.ocaml.libraries import COMPILERS, opam_package

_TEST_LIBRARIES = re.compile(r"(alcotest|ounit|qcheck|qtest|crowbar|mdx|junit)")
_PREPROCESSOR = re.compile(r"ppx_")
_INLINE = frozenset({"ppx_inline_test", "ppx_expect", "ppx_jane"})
_TOOLS = frozenset(
    {"dune", "menhir", "ocamlformat", "odoc", "utop", "merlin", "opam", "ocamlfind", "ocaml-lsp-server", "bisect_ppx"}
)
"""Packages that stanzas don't name among their libraries."""
_PLUGINS = {"ppx_deriving": "ppx_deriving.std"}
_TESTS = ("test", "tests")
_PROGRAMS = ("executable", "executables")
_DEPENDS = re.compile(r"^depends:\s*\[", re.MULTILINE)


def build_files(project: Project, paths: Collection[str]) -> tuple[str, ...]:
    """The dune, dune-project, opam and lock files among a tree's paths that belong to a project."""
    mine = (path for path in paths if inside(path, project.root) and not _skipped(path))
    wanted = ("dune", "dune-project")
    opam = (".opam", ".opam.locked")
    return tuple(sorted(path for path in mine if posixpath.basename(path) in wanted or path.endswith(opam)))


def _skipped(path: str) -> bool:
    parts = path.split("/")[:-1]
    return any(part.startswith(("_", ".")) or part in ("duniverse", "vendor", "node_modules") for part in parts)


def record(
    project: Project, name: str, version: str | None, files: Mapping[str, str], *, package: str = ""
) -> tuple[FileEdit, ...]:
    """The edits that write a dependency down in a project's build files.

    A test framework goes into every `test` stanza, a preprocessor into the libraries' `preprocess`, anything else
    into every `library`, or where there is none into the executables; where a stanza names it already, who needs it
    is settled and dune files stay as they are. The package goes into the `depends` of dune-project's packages; only
    without any into those of the opam files; one that came with the compiler goes into neither. What is there stays.
    `package` is the opam package that holds the library, where the name doesn't tell.
    """
    kinds = () if _named(name, files) else _kinds(name, files)
    edited = {path: _edit_stanzas(text, name, kinds) for path, text in files.items() if _is_dune(path)}
    project_file = posixpath.normpath(posixpath.join(project.root, "dune-project"))
    package = package or opam_package(name)
    if name.partition(".")[0] in COMPILERS:
        pass
    elif "(package" in files.get(project_file, ""):
        edited[project_file] = _edit_project(files[project_file], package, version)
    else:
        opam = (path for path in files if path.endswith(".opam"))
        edited |= {path: _edit_opam(files[path], package, version) for path in opam}
    return tuple(FileEdit(path=path, content=text) for path, text in sorted(edited.items()) if text != files.get(path))


def _is_dune(path: str) -> bool:
    return posixpath.basename(path) == "dune"


def _named(name: str, files: Mapping[str, str]) -> bool:
    """Whether some stanza asks for the library or one of its sublibraries."""
    nodes = (node for path, text in files.items() if _is_dune(path) for node in sexp.parse(text) or ())
    words = {word for node in nodes for field in node.fields("libraries") for word in _words(field)}
    return any(word == name or word.startswith(f"{name}.") for word in words)


def _kinds(name: str, files: Mapping[str, str]) -> tuple[str, ...]:
    """The kinds of stanza that a library goes into."""
    if name in _TOOLS:
        return ()
    if _TEST_LIBRARIES.match(name):
        return _TESTS
    nodes = (sexp.parse(text) or () for path, text in files.items() if _is_dune(path))
    libraries = any(node.head == "library" for tree in nodes for node in tree)
    return ("library",) if libraries else _PROGRAMS


def _edit_stanzas(text: str, name: str, kinds: tuple[str, ...]) -> str:
    # Each edit shifts what follows, so the text is read again after it.
    count = sum(node.head in kinds for node in sexp.parse(text) or ())
    for at in range(count):
        text = _edit_stanza(text, name, kinds, at)
    return text


def _edit_stanza(text: str, name: str, kinds: tuple[str, ...], at: int) -> str:
    if not _PREPROCESSOR.match(name):
        return _add_to_field(text, _stanza(text, kinds, at), "libraries", name)
    text = _preprocess(text, _stanza(text, kinds, at), _PLUGINS.get(name, name))
    stanza = _stanza(text, kinds, at)
    if name in _INLINE and stanza.head == "library" and not stanza.fields("inline_tests"):
        return sexp.append(text, stanza, "(inline_tests)")
    return text


def _stanza(text: str, kinds: tuple[str, ...], at: int) -> sexp.Node:
    return [node for node in sexp.parse(text) or () if node.head in kinds][at]


def _add_to_field(text: str, stanza: sexp.Node, field: str, name: str) -> str:
    fields = stanza.fields(field)
    if not fields:
        return sexp.append(text, stanza, f"({field} {name})")
    return text if name in _words(fields[0]) else sexp.append(text, fields[0], name)


def _words(node: sexp.Node) -> set[str]:
    """The atoms of a field, those of `(re_export x)` and `(select …)` among them."""
    words = {node.text} if node.items is None else set[str]()
    for item in node.items or ():
        words |= _words(item)
    return words


def _preprocess(text: str, stanza: sexp.Node, name: str) -> str:
    fields = stanza.fields("preprocess")
    if not fields:
        return sexp.append(text, stanza, f"(preprocess (pps {name}))")
    pps = fields[0].fields("pps")
    if not pps or name in _words(pps[0]):
        return text
    return sexp.append(text, pps[0], name)


def _edit_project(text: str, package: str, version: str | None) -> str:
    count = sum(node.head == "package" for node in sexp.parse(text) or ())
    for at in range(count):
        stanza = _stanza(text, ("package",), at)
        depends = stanza.fields("depends")
        entry = _entry(package, version)
        if not depends:
            text = sexp.append(text, stanza, f"(depends {entry})")
        elif package not in {item.text or item.head for item in depends[0].items or ()}:
            text = sexp.append(text, depends[0], entry)
    return text


def _entry(package: str, version: str | None) -> str:
    bounds = [f"(>= {version})"] if version else []
    test = [":with-test"] if _TEST_LIBRARIES.match(package) else []
    if not bounds and not test:
        return package
    condition = " ".join([*test, *bounds])
    return f"({package} (and {condition}))" if bounds and test else f"({package} {condition})"


def _edit_opam(text: str, package: str, version: str | None) -> str:
    opened = _DEPENDS.search(text)
    condition = [*(["with-test"] if _TEST_LIBRARIES.match(package) else []), *([f'>= "{version}"'] if version else [])]
    entry = f'"{package}"' + (f" {{{' & '.join(condition)}}}" if condition else "")
    if opened is None:
        return text.rstrip("\n") + f"\ndepends: [\n  {entry}\n]\n"
    closed = text.find("]", opened.end())
    inner = text[opened.end() : closed]
    if closed < 0 or f'"{package}"' in inner:
        return text
    if "\n" not in inner:
        return text[: opened.end()] + f"{inner.rstrip()} {entry} ".replace("  ", " ") + text[closed:]
    return text[: opened.end()] + f"{inner.rstrip()}\n  {entry}\n" + text[closed:]
