"""OCaml's `Analysis`: one dune that watches, one merlin, a project."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Sequence

from lang.analysis import AnalysisUnavailable, Bench, Place, Symbol
from lang.base import Diagnostic, FileEdit, Project, Step
from lang.ocaml import polishing
from lang.ocaml.diagnostics import PACKAGE_MARK, packages_of, parse_text
from lang.ocaml.layout import in_workspace
from lang.ocaml.lookup import Lookup
from lang.ocaml.merlin import Merlin, WatchedBench
from lang.ocaml.remedies import remedy
from lang.ocaml.type_errors import further
from lang.ocaml.uses import Uses
from lang.ocaml.watch import CHECK, INDEX, Watch

_PACKAGES = rf"""
find . \( -name _build -o -name _opam -o -name duniverse -o -name node_modules -o -name '.?*' \) -prune \
    -o -type f -name dune -print 2>/dev/null | sed 's,/dune$,,; s,^\./,,; s,^,{PACKAGE_MARK},'
"""

_NOT_SEEN = re.compile(
    r"File unavailable: (?P<path>\S+)|Module \"?(?P<module>\w+)\"? doesn't exist|"
    r"Library \"(?P<library>[\w.-]+)\" not found"
)

_READ_FILES = 4
"""In so many files merlin looks for more errors; it takes some ten milliseconds for each."""


class OCamlAnalysis:
    """A project's analysis (see `lang.analysis.Analysis`).

    Findings are dune's word on the whole project: what it prints for `dune build @check`, in the same form as
    `OCaml.parse_build` gives. The compiler stops at a file's first type error; in files that were changed merlin,
    which goes on, names the others. It has no say where dune finds nothing wrong, nor where a file doesn't parse.
    Warnings that are no errors come once, from the build that compiled the file.
    """

    def __init__(self, project: Project, bench: Bench) -> None:
        self._project = project
        self._bench = WatchedBench(bench=bench, project=project)
        self._watch = Watch(project, bench)
        self._merlin = Merlin(project=project, bench=self._bench)
        self._lookup = Lookup(project=project, merlin=self._merlin)
        self._uses = Uses(lookup=self._lookup)
        self._packages: frozenset[str] | None = None
        self._found: tuple[Diagnostic, ...] | None = None
        self._touched: set[str] = set()

    async def start(self) -> None:
        """Start dune and build once. Raises AnalysisUnavailable."""
        await self._watch.start()
        await self.diagnostics(())

    async def changed(self, paths: Collection[str]) -> None:
        """Forget what was found; dune itself sees what has changed when it is asked to build."""
        self._found = None
        self._touched.update(paths)
        if any(posixpath.basename(path) == "dune" for path in paths):
            self._packages = None

    async def diagnostics(self, paths: Collection[str]) -> tuple[Diagnostic, ...]:
        """Return all findings in the project as its files are now. Raises AnalysisUnavailable."""
        if self._found is None:
            text = await self._watch.build(CHECK)
            found = parse_text(self._project, text, await self._known_packages())
            await self._look_again(found)
            self._found = tuple(sorted({*found, *await self._further(found)}))
        return self._found

    async def polished(self, path: str, before: str | None) -> FileEdit | None:
        """Return a file without unused opens, formatted if it is new or was before. Raises AnalysisUnavailable."""
        text = await self._bench.read(path)
        if text is None:
            return None
        better = polishing.without_unused_opens(path, text, await self.diagnostics((path,)))
        if before is None or await polishing.formatted(self._project, self._bench, path, before) == before:
            better = await polishing.formatted(self._project, self._bench, path, better) or better
        return None if better == text else FileEdit(path=path, content=better)

    async def remedy(self, diagnostic: Diagnostic) -> str:
        """Return what one needs to mend a finding."""
        return await remedy(diagnostic, self, self._bench, self._project)

    async def members(self, place: Place) -> tuple[Symbol, ...]:
        """See `Lookup.members`."""
        await self._built()
        return await self._lookup.members(place)

    async def describe(self, place: Place) -> Symbol | None:
        """See `Lookup.describe`."""
        await self._built()
        return await self._lookup.describe(place)

    async def find(self, name: str) -> tuple[Symbol, ...]:
        """See `Lookup.find`."""
        await self._built()
        return await self._lookup.find(name)

    async def outline(self, path: str) -> tuple[Symbol, ...]:
        """See `Lookup.outline`."""
        await self._built()
        return await self._lookup.outline(path)

    async def references(self, symbol: Symbol) -> tuple[Place, ...]:
        """Return where a symbol is used, in files that compile. Raises AnalysisUnavailable."""
        await self._watch.build(CHECK, INDEX)
        return await self._uses.references(symbol)

    async def rename(self, symbol: Symbol, to: str) -> Sequence[FileEdit]:
        """See `Uses.rename`. Raises AnalysisUnavailable; ValueError also where the project doesn't compile."""
        text = await self._watch.build(CHECK, INDEX)
        errors = [one for one in parse_text(self._project, text) if one.severity == "error"]
        if errors:
            where = f"{errors[0].path}:{errors[0].line}" if errors[0].path else errors[0].message.partition("\n")[0]
            raise ValueError(f"uses can't all be found while the project does not compile: {where}")
        return await self._uses.rename(symbol, to)

    async def close(self) -> None:
        """End dune and merlin."""
        await self._watch.close()
        await self._merlin.stop()

    async def _look_again(self, found: Sequence[Diagnostic]) -> None:
        """A watching dune loses a directory that was removed and made again: raise AnalysisUnavailable then."""
        for one in found:
            match = _NOT_SEEN.match(one.message)
            if match and await self._is_there(one.path, match):
                raise AnalysisUnavailable(f"dune has lost sight of {match[0].split()[-1]}")

    async def _is_there(self, path: str, missing: re.Match[str]) -> bool:
        """Whether what dune misses is in the tree."""
        if missing["library"]:
            script = r"""grep -rqE --include=dune --exclude-dir=_build "\\((public_)?name +$1\\)" ."""
            step = Step(argv=("sh", "-c", script, "sh", missing["library"]), cwd=self._project.root, timeout_s=10.0)
            return (await self._bench.run(step)).exit_code == 0
        file = f"{posixpath.dirname(path)}/{(missing['module'] or '').lower()}.ml"
        named = missing["path"]
        return await self._bench.read(in_workspace(self._project, named) if named else file) is not None

    async def _built(self) -> None:
        """Merlin knows other files by what dune made of them."""
        await self.diagnostics(())

    async def _known_packages(self) -> frozenset[str]:
        if self._packages is None:
            step = Step(argv=("sh", "-c", _PACKAGES), cwd=self._project.root, timeout_s=10.0)
            self._packages = packages_of(self._project, (await self._bench.run(step)).stdout)
        return self._packages

    async def _further(self, found: Sequence[Diagnostic]) -> list[Diagnostic]:
        """Type errors after the first, in files that have one and were changed: dependents follow from these."""
        firsts = {one.path: one for one in reversed(found) if one.severity == "error" and one.path in self._touched}
        more: list[Diagnostic] = []
        typed = [path for path in sorted(firsts) if path.endswith((".ml", ".mli"))]
        for path in typed[:_READ_FILES]:
            file, first = await self._lookup.file(path), firsts[path]
            more += await further(self._merlin, file, first) if file else ()
        return more
