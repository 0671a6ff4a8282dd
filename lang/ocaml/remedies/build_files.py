"""dune and dune-project files: libraries that aren't there, fields and names that dune doesn't take, shared modules."""

from __future__ import annotations

import difflib
import posixpath
import re

from lang.base import Step
from lang.ocaml.layout import relative_to_project
from lang.ocaml.remedies.case import Case
from lang.ocaml.remedies.installed import installed
from lang.ocaml.remedies.stanzas import Stanza, Tree, joined, module_of

_FIELDS = {
    "dependencies": "libraries",
    "depends": "libraries",
    "library": "libraries",
    "requires": "libraries",
    "packages": "libraries",
    "source": "modules",
    "sources": "modules",
    "srcs": "modules",
    "files": "modules",
    "module": "modules",
    "main": "name",
    "ppx": "preprocess (pps …)",
    "pps": "preprocess (pps …)",
    "preprocessor": "preprocess (pps …)",
    "inline_test": "inline_tests",
    "flag": "flags",
    "dep": "deps",
    "visibility": "public_name",
}
_KNOWN = [
    "name",
    "names",
    "public_name",
    "public_names",
    "libraries",
    "modules",
    "preprocess",
    "preprocessor_deps",
    "flags",
    "ocamlopt_flags",
    "ocamlc_flags",
    "inline_tests",
    "wrapped",
    "synopsis",
    "deps",
    "action",
    "package",
    "optional",
    "kind",
    "foreign_stubs",
    "c_library_flags",
    "enabled_if",
    "modes",
    "link_flags",
    "virtual_modules",
    "implements",
    "default_implementation",
    "private_modules",
    "modules_without_implementation",
    "alias",
    "rule",
    "targets",
    "target",
    "mode",
    "install",
    "section",
    "executable",
    "executables",
    "library",
    "test",
    "tests",
    "cram",
    "include_subdirs",
    "ocamllex",
    "menhir",
    "documentation",
    "env",
    "copy_files",
    "dirs",
    "data_only_dirs",
    "vendored_dirs",
    "license",
    "authors",
    "maintainers",
    "source",
    "homepage",
    "bug_reports",
    "depends",
    "depopts",
    "description",
    "tags",
    "version",
    "lang",
    "generate_opam_files",
    "using",
    "cram",
]


async def no_library(case: Case, match: re.Match[str]) -> str:
    """`Library "x" not found`."""
    name = match["name"]
    tree = await case.tree()
    own = [word for one in tree.stanzas if one.kind == "library" for word in (*one.names, one.public) if word]
    known = await installed(case.bench)
    if name in known.providers and known.providers[name] != name:
        return f"Libraries go by their own names, modules don't: `{known.providers[name]}` gives the module {name}."
    near = known.near_library(name, own)
    mine = [word for word in near if word in own]
    if mine:
        return f"The project's own library is called `{mine[0]}`."
    there = f" Installed: {joined([f'`{word}`' for word in near])}." if near else ""
    return f"{name} is not installed.{there} `add_dependency {name}` installs it and writes it down."


async def unknown_field(case: Case, match: re.Match[str]) -> str:
    """`Unknown field "x"`, `Unknown constructor x`."""
    name = match["name"].strip('"')
    right = _FIELDS.get(name)
    if right:
        return f"dune calls it `({right} …)`." if "(" not in right else f"dune calls it `({right})`."
    near = difflib.get_close_matches(name, _KNOWN, n=3, cutoff=0.6)
    return f"Near: {joined([f'`{word}`' for word in near])}." if near else ""


async def no_module(case: Case, match: re.Match[str]) -> str:
    """`Module "App" doesn't exist`."""
    name = match["name"]
    directory = posixpath.dirname(relative_to_project(case.project, case.path))
    tree = await case.tree()
    here = [
        path for path in tree.files if posixpath.dirname(path) == directory and path.endswith((".ml", ".mll", ".mly"))
    ]
    file = posixpath.join(posixpath.dirname(case.path), f"{name[:1].lower()}{name[1:]}.ml")
    modules = [posixpath.basename(path).partition(".")[0] for path in here]
    said = f"There is no {file}."
    near = difflib.get_close_matches(name.lower(), modules, n=1, cutoff=0.6) or modules[:4]
    return (
        f"{said} The directory has {joined(near, 'and')}: write `(name {near[0]})`, or make that file."
        if near
        else said
    )


async def shared_modules(case: Case, match: re.Match[str]) -> str:
    """`Module "X" is used in several stanzas`, and what dune 3.24 says of two executables instead."""
    directory = posixpath.dirname(relative_to_project(case.project, case.path))
    tree = await case.tree()
    stanzas = [one for one in tree.stanzas if one.directory == directory]
    if len(stanzas) < 2:
        return ""
    return _parted(case, tree, directory, stanzas)


def _parted(case: Case, tree: Tree, directory: str, stanzas: list[Stanza]) -> str:
    file = case.within(stanzas[0].file)
    modules = [module_of(path).lower() for path in tree.files if posixpath.dirname(path) == directory and ".ml" in path]
    taken = {name for one in stanzas if one.kind != "library" for name in one.names}
    rest = sorted({module for module in modules if module not in taken})
    kinds = {one.kind.rstrip("s") for one in stanzas}
    if len(kinds) == 1 and kinds <= {"executable", "test"} and len({one.libraries for one in stanzas}) == 1:
        names = " ".join(name for one in stanzas for name in one.names)
        field = f" {stanzas[0].with_libraries()}" if stanzas[0].libraries else ""
        return (
            f"The stanzas of {file} each take all modules of the directory. Write one, `({kinds.pop()}s (names"
            f" {names}){field})`, or give each its own: {_fields(stanzas, rest)}."
        )
    return f"The stanzas of {file} each take all modules of the directory. Give each its own: {_fields(stanzas, rest)}."


def _fields(stanzas: list[Stanza], rest: list[str]) -> str:
    told: list[str] = []
    given = False
    for one in stanzas:
        own = list(one.names) if one.kind != "library" else []
        if not given and (one.kind == "library" or not any(other.kind == "library" for other in stanzas)):
            own, given = [*own, *(word for word in rest if word not in own)], True
        told.append(f"{one.title} `(modules {' '.join(own)})`")
    return ", ".join(told)


async def no_package(case: Case, match: re.Match[str]) -> str:
    """`public_name` without an opam package."""
    tree = await case.tree()
    name = next((one.public.partition(".")[0] for one in tree.stanzas if one.public), "shop")
    return (
        f"Add `(package (name {name}))` to {case.within('dune-project')} (a public name belongs to a package), or take"
        " `public_name` out: only what is to be installed needs one."
    )


async def no_rule(case: Case, match: re.Match[str]) -> str:
    """`No rule found for x`: a file that nothing makes."""
    name = posixpath.basename(match["name"])
    tree = await case.tree()
    made = [
        posixpath.join(one.directory, f"{word}.exe")
        for one in tree.stanzas
        if one.kind != "library"
        for word in one.names
    ]
    near = [path for path in (*made, *tree.files) if posixpath.basename(path) == name]
    near = near or difflib.get_close_matches(match["name"], made, n=2, cutoff=0.6)
    if not near:
        return "Nothing in the project makes that file."
    users = [file for file, text in tree.dune.items() if re.search(rf"(?<![\w./-])(?:[./]*/)?{re.escape(name)}", text)]
    asking = next(
        (file for file in users if posixpath.dirname(file) != posixpath.dirname(near[0])), users[0] if users else ""
    )
    told = joined([f"`{posixpath.relpath(path, posixpath.dirname(asking) or '.')}`" for path in near[:2]])
    return f"In {case.within(asking)} write {told}." if asking else f"The project makes {joined(near[:2])}."


async def no_language(case: Case, match: re.Match[str]) -> str:
    """A dune-project that doesn't say its version of dune's language."""
    output = await case.bench.run(Step(argv=("dune", "--version"), timeout_s=10.0))
    version = ".".join(output.stdout.strip().split(".")[:2]) or "3.0"
    return f"Begin dune-project with `(lang dune {version})`."


async def parentheses(case: Case, match: re.Match[str]) -> str:
    """`unclosed parenthesis at end of input`."""
    depth, opened = 0, 0
    for number, line in enumerate(case.lines, 1):
        for character in re.sub(r';.*|"[^"]*"', "", line):
            if character == "(":
                opened = number if depth == 0 else opened
                depth += 1
            elif character == ")":
                depth -= 1
    return (
        f"The stanza of line {opened} lacks {depth} closing parenthes{'is' if depth == 1 else 'es'}."
        if depth > 0
        else ""
    )


async def language_version(case: Case, match: re.Match[str]) -> str:
    """`Version 4.0 of the dune language is not supported`."""
    versions = re.findall(r"to (\d+\.\d+)", case.message)
    return f"Write `(lang dune {versions[-1]})`, the newest here, or an older one." if versions else ""


async def atom_expected(case: Case, match: re.Match[str]) -> str:
    """A constraint that stands beside its package."""
    before = case.line(case.diagnostic.line)[: case.diagnostic.column - 1].split()
    constraint = re.match(r"\([^()]*\)", case.rest)
    if case.path.endswith("dune-project") and before and constraint:
        name = before[-1].strip("()")
        return f"A package and its constraint stand in parentheses together: `({name} {constraint[0]})`."
    return ""


async def not_linked(case: Case, match: re.Match[str]) -> str:
    """`No implementations provided for the following modules`."""
    module = match["name"]
    known = await installed(case.bench)
    library = known.providers.get(module)
    tree = await case.tree()
    users = [one for one in tree.stanzas if one.kind != "library" and library not in one.libraries]
    if not library or not users:
        return ""
    user = next((one for one in users if one.directory and one.directory in case.message), users[0])
    field = user.with_libraries(library)
    return f"{module} comes from the library {library}: write `{field}` in {case.within(user.file)}."


async def auto_included(case: Case, match: re.Match[str]) -> str:
    """The alert that a directory of the compiler's was put on the search path."""
    return f"Add {match['name']} to the `libraries` of the stanza that uses it."
