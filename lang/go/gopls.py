"""Go's `Analysis`: gopls, serving one module for as long as a session lasts."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager

from lang import lsp
from lang.analysis import AnalysisUnavailable, Bench, Place, Symbol
from lang.base import Diagnostic, FileEdit, Project
from lang.go import gopls_findings, gopls_polish, gopls_symbols, remedies
from lang.go.gopls_session import Session


@contextmanager
def _understood() -> Generator[None]:
    """Hold that answers are what they should be: not all of their types are checked as they come in."""
    try:
        yield
    except (TypeError, AttributeError, LookupError, RecursionError) as error:
        raise AnalysisUnavailable(f"gopls sent what is not LSP ({type(error).__name__})") from error


class Gopls:
    """A module's analysis. gopls reads the files where they lie, so what it says holds for what is on disk."""

    def __init__(self, project: Project, bench: Bench) -> None:
        self._project = project
        self._bench = bench
        self._session = Session(bench, project)

    async def start(self) -> None:
        with _understood():
            await self._session.start()

    async def changed(self, paths: Collection[str]) -> None:
        with _understood():
            await self._session.changed(paths)

    async def diagnostics(self, paths: Collection[str]) -> tuple[Diagnostic, ...]:
        """Return the findings of the whole module: which packages depend on a file is gopls' to know."""
        with _understood():
            return await gopls_findings.findings(self._session, paths)

    async def polished(self, path: str, before: str | None) -> FileEdit | None:
        try:
            with _understood():
                return await gopls_polish.polished(self._session, path, before)
        except lsp.Refused:
            return None  # it does not parse

    async def remedy(self, diagnostic: Diagnostic) -> str:
        with _understood():
            return await remedies.remedy(diagnostic, self, self._bench, self._project)

    async def members(self, place: Place) -> tuple[Symbol, ...]:
        with _understood():
            return await gopls_symbols.members(self._session, place)

    async def describe(self, place: Place) -> Symbol | None:
        with _understood():
            return await gopls_symbols.describe(self._session, place)

    async def find(self, name: str) -> tuple[Symbol, ...]:
        with _understood():
            return await gopls_symbols.find(self._session, name)

    async def outline(self, path: str) -> tuple[Symbol, ...]:
        with _understood():
            return await gopls_symbols.outline(self._session, path)

    async def references(self, symbol: Symbol) -> tuple[Place, ...]:
        with _understood():
            return await gopls_symbols.references(self._session, symbol)

    async def rename(self, symbol: Symbol, to: str) -> tuple[FileEdit, ...]:
        with _understood():
            return await gopls_symbols.rename(self._session, symbol, to)

    async def close(self) -> None:
        await self._session.close()
