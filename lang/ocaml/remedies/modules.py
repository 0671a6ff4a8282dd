"""Modules that are not in scope: of the project, of installed libraries, of no library at all."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lang.ocaml.layout import relative_to_project
from lang.ocaml.remedies.case import Case
from lang.ocaml.remedies.equivalents import MODULES
from lang.ocaml.remedies.installed import Installed, installed
from lang.ocaml.remedies.stanzas import Stanza, Tree, joined


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What a file may see."""

    case: Case
    tree: Tree
    home: Stanza | None

    def where(self, stanza: Stanza) -> str:
        return self.case.within(stanza.file)


async def unbound_module(case: Case, match: re.Match[str]) -> str:
    """`Unbound module M` or `M.N`."""
    tree = await case.tree()
    view = _View(case=case, tree=tree, home=tree.home(relative_to_project(case.project, case.path)))
    name = match["name"]
    if "." in name:
        return await _inner(view, name)
    local = list(_local(view, name))
    if local:
        return " ".join(local[:2])
    known = await installed(case.bench)
    return _of_library(view, name, known) or _absent(view, name, known)


def _local(view: _View, name: str) -> Iterator[str]:
    """Ways to reach a module of the project."""
    for found, path, stanza in view.tree.modules():
        if found != name or stanza is None:
            continue
        place = view.case.within(path)
        if stanza is view.home:
            directory = path.rpartition("/")[0]
            if directory != stanza.directory and "(include_subdirs" not in view.tree.dune.get(stanza.file, ""):
                yield (
                    f"{name} is {place}, in a directory that no dune file covers: write `(include_subdirs unqualified)`"
                    f" at the top of {view.where(stanza)}, or give {view.case.within(directory)} a dune file."
                )
            elif stanza.modules is not None and name.lower() not in (word.lower() for word in stanza.modules):
                where = view.where(stanza)
                yield f"{name} is {place}, which the `(modules …)` of `{stanza.title}` in {where} leaves out."
        elif stanza.kind == "library":
            yield _across(view, name, stanza)
        else:
            yield f"{name} is {place}, a module of the {stanza.title}: only a library's modules can be used elsewhere."
    yield from _libraries(view, name)


def _across(view: _View, name: str, stanza: Stanza) -> str:
    full = f"{stanza.module}.{name}" if stanza.module and stanza.module != name else name
    said = f"From outside of the library {stanza.names[0]} its module is `{full}`."
    return said if _uses(view.home, stanza) else f"{said} {_listed(view, stanza.public or stanza.names[0])}"


def _libraries(view: _View, name: str) -> Iterator[str]:
    """A library of the project that is called like the module."""
    for stanza in view.tree.stanzas:
        if stanza.kind == "library" and stanza.module == name and not _uses(view.home, stanza):
            if stanza is view.home:
                yield f"{name} is this library itself: inside it, its modules go without that name."
            else:
                yield _listed(view, stanza.public or stanza.names[0])


def _uses(home: Stanza | None, library: Stanza) -> bool:
    return home is not None and bool({library.public, *library.names} & set(home.libraries))


def _listed(view: _View, library: str) -> str:
    if view.home is None:
        return f"Add {library} to the `libraries` of its stanza."
    return (
        f"{library} is not among the libraries of the {view.home.title}:"
        f" write `{view.home.with_libraries(library)}` in {view.where(view.home)}."
    )


async def _inner(view: _View, name: str) -> str:
    """`M.N`, where M exists."""
    module, _, last = name.rpartition(".")
    for found, path, stanza in view.tree.modules():
        if found != last or stanza is None or stanza.module != module.rpartition(".")[2]:
            continue
        main = f"{stanza.directory}/{stanza.names[0]}.ml".lstrip("/")
        if main in view.tree.files:
            interface = f"{main}i"
            also = f" (and `module {last} : module type of {last}` to {view.case.within(interface)})"
            return (
                f"{view.case.within(main)} is the library's main module: what it doesn't define is hidden from outside,"
                f" {view.case.within(path)} too. Add `module {last} = {last}` to it"
                f"{also if interface in view.tree.files else ''}, or offer what is needed there."
            )
    members = [entry.name for entry in await view.case.members(module) if entry.kind == "Module"]
    near = difflib.get_close_matches(last, members, n=4, cutoff=0.6) or members[:12]
    return f"{module} has no module {last}. It has: {', '.join(near)}." if near else ""


def _of_library(view: _View, name: str, known: Installed) -> str:
    """What library has the module, or what modules the library has that the word rather names."""
    library = known.providers.get(name)
    have = view.home.libraries if view.home else ()
    if library and library not in have:
        return _listed(view, library)
    named = name.lower()
    if named in known.libraries and known.modules(named):
        said = f"The library {named} has no module {name}; its modules: {', '.join(known.modules(named)[:12])}."
        return said if named in have else f"{said} {_listed(view, named)}"
    return ""


def _absent(view: _View, name: str, known: Installed) -> str:
    told = MODULES.get(name, "")
    if told and (" not in OCaml 5" in told or told.startswith("Define")):
        return told
    own = {found: stanza for found, _, stanza in view.tree.modules()}
    near = difflib.get_close_matches(name, own, n=2, cutoff=0.7)
    if near:
        return f"Near: {joined([_reached(view, one, own[one]) for one in near])}."
    close = [f"{one} (library {known.providers[one]})" for one in known.near_module(name)]
    said = f"{name} is not installed, nor a module of this project. {told}".rstrip()
    if close:
        return f"{said} Near: {joined(close)}."
    return f"{said} `add_dependency {name.lower()}` if it is a library to be installed."


def _reached(view: _View, name: str, stanza: Stanza | None) -> str:
    if stanza is None or stanza is view.home or not stanza.module:
        return name
    return f"{stanza.module}.{name}"


async def own_library(case: Case, match: re.Match[str]) -> str:
    """`Module Parser in directory _build/default/lib depends on Calc`: its own library's name."""
    main = match["main"]
    return (
        f"{match['user']} belongs to the library {main}: inside of it, modules of the same library are named without"
        f" `{main}.` (`{main}.Lexer` is just `Lexer`), and only {main}'s main module may depend on the others. Drop"
        f" every `{main}.` and `open {main}` in that file."
    )


async def cycle(case: Case, match: re.Match[str]) -> str:
    """`Dependency cycle between:` modules or libraries."""
    flat = " ".join(case.message.split())
    libraries = re.findall(r'library "([^"]+)" in (?:_build/\w+/)?(\S+)', flat)
    if libraries:
        return _library_cycle(libraries)
    units = re.findall(r"transitive deps of (\S+?)\.(?:impl|intf) in (?:_build/\w+/)?(\S+)", flat)
    names = list(dict.fromkeys((unit.rpartition("__")[2], directory) for unit, directory in units))
    if not names:
        return ""
    ring = " → ".join(name[:1].upper() + name[1:] for name, _ in [*names, names[0]])
    return (
        f"The modules use each other: {ring}. Break the ring: move what both need (usually the types) into a third"
        " module that uses neither, or pass the function in as an argument, or join the modules."
    )


def _library_cycle(libraries: list[tuple[str, str]]) -> str:
    order = list(dict.fromkeys(libraries))
    ring = " → ".join([*(name for name, _ in order), order[0][0]])
    files = ", ".join(f"{directory}/dune" for _, directory in order)
    return (
        f"The libraries depend on each other: {ring} (see `libraries` in {files}). Take one of these dependencies out:"
        " move what both need into a third library."
    )
