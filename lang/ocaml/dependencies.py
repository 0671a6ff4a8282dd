"""Adding a library: which one a name means, whether it is there or opam has it, which build files get it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lang.analysis import Bench
from lang.base import Project, Step
from lang.dependencies import Addition, NotAdded, Wanted
from lang.ocaml import documentation, failures, inquiry, installing, libraries, recording
from lang.ocaml.layout import SWITCH

_OPAM_VERSION = re.compile(r"(?P<name>[^.@]+)[.@]v?(?P<version>\d.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """What is looked for, and what was found out on the way."""

    name: str
    """As somebody said it."""
    library: str
    package: str
    version: str = ""
    notes: tuple[str, ...] = ()
    locked: bool = False
    """Whether the version is the lock file's."""


@dataclass(frozen=True, slots=True)
class OCamlDependencies:
    """A dune project's dependencies; see `lang.dependencies.Dependencies`.

    The opam repository is that of the variable BACTRIAN_OPAM_REPOSITORY, address or directory, else the public one.
    """

    project: Project
    bench: Bench

    async def prepare(self, wanted: Wanted) -> Addition:
        """Find a library in findlib or install it with opam. Raises NotAdded."""
        search = _search(wanted)
        if search.library in libraries.IN_STDLIB:
            note = f"{search.name} is part of OCaml's standard library: nothing is to be added."
            return Addition(name=search.name, package="", notes=(note,))
        if search.library.partition(".")[0] in libraries.COMPILERS:
            return self._brought(search, wanted)
        search = _locked(search, wanted)
        found = installing.parse(await self.bench.run(installing.find(self.project, [search.library])))
        alike = "" if found.there else libraries.same(search.name, found.libraries)
        if alike:
            note = f"{search.name} is taken as {alike}, the library of nearly that name."
            search = _replaced(search, library=alike, package=libraries.opam_package(alike), note=note)
            found = installing.parse(await self.bench.run(installing.find(self.project, [alike])))
        if found.there and self._does(search, found.there[0][1]):
            return self._addition(search, found.there[0][1], wanted)
        return await self._installed(search, found, wanted)

    async def describe(self, addition: Addition) -> str:
        """Say what the library's modules hold."""
        if not addition.package or addition.name.startswith("ppx_"):
            return ""
        words = (inquiry.DOCUMENT, "sh", addition.name, addition.name, "library")
        output = await self.bench.run(Step(argv=("sh", "-c", *words), cwd=self.project.root, timeout_s=120.0))
        shown = documentation.parse_documentation(addition.name, output)
        return shown.text if shown.found else ""

    def _does(self, search: _Search, there: str) -> bool:
        """Whether an installed version will do; the lock's wish is no reason to leave the image's own."""
        return not search.version or search.locked or search.version.removeprefix("v") == there

    def _brought(self, search: _Search, wanted: Wanted) -> Addition:
        edits = recording.record(self.project, search.library, None, wanted.files)
        note = f"{search.library} came with the compiler: no opam package is needed, only dune's libraries name it."
        return Addition(name=search.library, package="", notes=(note,), edits=edits)

    def _addition(self, search: _Search, version: str, wanted: Wanted, *, fresh: bool = False) -> Addition:
        asked = None if search.locked else search.version or None
        edits = recording.record(self.project, search.library, asked, wanted.files, package=search.package)
        where = f"opam put it into the switch {SWITCH}." if fresh else "It is part of the container."
        notes = (*search.notes, *filter(None, [where, _lock_note(search, version, wanted)]))
        return Addition(name=search.library, package=search.package, version=version, notes=notes, edits=edits)

    async def _installed(self, search: _Search, found: installing.Told, wanted: Wanted) -> Addition:
        """Install with opam, under another name if that is what is meant. Raises NotAdded."""
        step = installing.install(self.project, search.package, search.library, search.version)
        output = await self.bench.run(step)
        told = installing.parse(output)
        if output.timed_out:
            raise NotAdded("failed", f"to install {search.package} took too long and was stopped.")
        if output.limit_note and output.exit_code:
            raise NotAdded("system", f"to install {search.package}: {output.limit_note}.")
        if told.failure == "unknown":
            meant = await self._meant(search, found, told, wanted)
            if meant.library in found.libraries:
                there = installing.parse(await self.bench.run(installing.find(self.project, [meant.library])))
                return self._addition(meant, there.there[0][1] if there.there else "", wanted)
            return await self._installed(meant, replace(found, libraries=()), replace(wanted, propose=None))
        if told.failure:
            raise failures.failure(search.package, search.version, told, output.stderr)
        library, version = told.there[0] if told.there else ("", "")
        search = _newer(_brings(search, library, told.libraries), version, told.versions)
        return self._addition(search, version, wanted, fresh=True)

    async def _meant(self, search: _Search, found: installing.Told, told: installing.Told, wanted: Wanted) -> _Search:
        """Return what a name means that neither findlib nor opam knows. Raises NotAdded."""
        known = {*found.libraries, *told.packages}
        alike = libraries.same(search.name, told.packages)
        if alike and alike != search.package:
            note = f"{search.name} is taken as {alike}, the opam package of nearly that name."
            return _replaced(search, library=libraries.library(alike), package=alike, note=note)
        said = await wanted.propose(libraries.question(search.name)) if wanted.propose else ()
        real = [name for name in libraries.cleaned(said) if name in known and name != search.package]
        if not real:
            near = libraries.near(search.name, known)
            tail = f" Near: {', '.join(near)}." if near else ""
            raise NotAdded("unknown", f"no library or opam package is called {search.name!r}.{tail}")
        others = f" Others: {', '.join(real[1:4])}." if real[1:] else ""
        note = f"{search.name} is taken as {real[0]}: proposed by a model, and it exists; see that it is what you want."
        package = real[0] if real[0] in told.packages else libraries.opam_package(real[0])
        return _replaced(search, library=libraries.library(real[0]), package=package, note=note + others)


def _search(wanted: Wanted) -> _Search:
    """Read what somebody asked for. Raises NotAdded where nothing of OCaml can be called that."""
    name, version = wanted.name.strip().strip("`\"'"), wanted.version.strip()
    opam = _OPAM_VERSION.fullmatch(name)
    if opam:
        name, version = opam["name"], version or opam["version"]
    if not libraries.can_be_one(name):
        raise NotAdded("foreign", f"nothing of OCaml can be called {wanted.name!r}.")
    library = libraries.library(name)
    notes = (f"{name} is the library {library}.",) if library != name else ()
    package = libraries.opam_package(library)
    return _Search(name=name, library=library, package=package, version=version.removeprefix("v"), notes=notes)


def _replaced(search: _Search, *, library: str, package: str, note: str) -> _Search:
    return replace(search, library=library, package=package, notes=(*search.notes, note))


def _brings(search: _Search, library: str, brought: tuple[str, ...]) -> _Search:
    """Name the library that a package turned out to bring."""
    if not library or library == search.library:
        return search
    several = f" ({', '.join(brought[:8])} are its libraries)" if len(brought) > 1 else ""
    return _replaced(
        search, library=library, package=search.package, note=f"{search.package} brings the library {library}{several}."
    )


def _newer(search: _Search, version: str, versions: tuple[str, ...]) -> _Search:
    """Say that the newest version was not taken, where nobody asked for another."""
    if search.version or not version or not versions or versions[-1] == version:
        return search
    return replace(search, notes=(*search.notes, f"{versions[-1]} is newer; it doesn't go with what is installed."))


def _locks(wanted: Wanted, package: str) -> dict[str, str]:
    """Return the version that each lock file has of a package; empty where it has none."""
    pattern = re.compile(rf'"{re.escape(package)}"\s*\{{[^}}]*=\s*"([^"]+)"')
    texts = {path: text for path, text in wanted.files.items() if path.endswith(".locked")}
    return {path: (found[1] if (found := pattern.search(text)) else "") for path, text in texts.items()}


def _locked(search: _Search, wanted: Wanted) -> _Search:
    """Take the lock file's version where nobody asked for another."""
    version = next(filter(None, _locks(wanted, search.package).values()), "")
    return replace(search, version=version, locked=True) if version and not search.version else search


def _lock_note(search: _Search, version: str, wanted: Wanted) -> str:
    for path, pinned in _locks(wanted, search.package).items():
        if not pinned:
            return f"{path} doesn't hold {search.package} yet: `opam lock` renews it."
        if pinned != version:
            return f"{path} pins {search.package} {pinned}, {version} is what is installed."
    return ""
