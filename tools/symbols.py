"""Finds what a symbol's name means: by the analyses where they can answer, by syntax alone where they can't."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from lang.analysis import Analysis, AnalysisUnavailable, Symbol
from lang.base import Language
from lang.names import Name, best, last, parse
from tools.base import ToolContext, ToolError
from tools.files import missing as file_missing
from tools.paths import readable
from tools.sources import holding, outlines, owner, texts
from tools.tree import files

SYMBOL: Mapping[str, Any] = {
    "type": "object",
    "properties": {"symbol": {"type": "string"}},
    "required": ["symbol"],
    "additionalProperties": False,
}
"""The parameters of a tool that takes a symbol's name."""

BY_SYNTAX = "[by syntax only]"
_CANDIDATES = 20
_ALSO = 5
_NEAR_FILES = 150
_NEAR = 5
_NEAR_LETTERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One thing that a name may mean. It has several symbols where it is declared and defined, or built in variants."""

    symbols: tuple[Symbol, ...]
    language: Language
    analysis: Analysis | None = None
    """The analysis that found it."""

    @property
    def name(self) -> str:
        """Its qualified name."""
        return self.symbols[0].name

    @property
    def depth(self) -> int:
        """How far down from its package or module it is."""
        return self.name.count(".")

    def __str__(self) -> str:
        return f"{self.symbols[0].kind} {self.name} {', '.join(where(symbol) for symbol in self.symbols)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a name may mean: one thing that it means first, and others."""

    name: Name
    meanings: tuple[Meaning, ...]
    by_syntax: bool

    @property
    def first(self) -> Meaning | None:
        """What the name means; None where it may mean several things that are equally near."""
        least = min((one.depth for one in self.meanings), default=0)
        nearest = [one for one in self.meanings if one.depth == least]
        return nearest[0] if len(nearest) == 1 else None

    @property
    def note(self) -> str:
        """What the model should know of how it was found; empty or with a line's end."""
        return f"{BY_SYNTAX}\n" if self.by_syntax else ""

    @property
    def also(self) -> str:
        """What else the name may mean than its first meaning; empty or with a line's beginning."""
        others = [str(one) for one in self.meanings if one is not self.first]
        more = " …" if len(others) > _ALSO else ""
        return f"\n[Also called {self.name.word}: {'; '.join(others[:_ALSO])}{more}]" if others else ""

    def candidates(self) -> str:
        """Return all that it may mean, a line each."""
        shown = [str(one) for one in self.meanings[:_CANDIDATES]]
        left = len(self.meanings) - len(shown)
        return "\n".join([*shown, *([f"[{left} more]"] if left else [])])


def where(symbol: Symbol) -> str:
    """Return a symbol's place as `path:line`."""
    return f"{symbol.place.path}:{symbol.place.line}" if symbol.place else "?"


async def look_up(context: ToolContext, written: str) -> Found:
    """Return what a name means; no meanings where there are none. Raises ToolError if it is no name."""
    name = parse(written)
    if name is None:
        raise ToolError(f"{written!r} names no symbol; write Server.Shutdown, Module.value or path/to/file:Name.")
    if name.within.startswith("/"):
        return await _in_library(context, name)
    meanings = await _analysed(context, name)
    if meanings:
        return Found(name=name, meanings=meanings, by_syntax=False)
    paths = await holding(context.container, context.languages, name.word)
    found = await outlines(context.languages, await texts(context.container, paths))
    return Found(name=name, meanings=_grouped(context.languages, name, found), by_syntax=True)


async def missing(context: ToolContext, found: Found) -> str:
    """Say that a name means nothing here, and what is near."""
    name = found.name
    place = name.within if name.within.startswith("/") else "the workspace"
    paths = await _near(context, name)
    outlined = await outlines(context.languages, await texts(context.container, paths[:_NEAR_FILES]))
    known = {last(symbol.name).lower(): symbol for symbols in outlined.values() for symbol in symbols}
    near = [known[close] for close in get_close_matches(name.word.lower(), known, n=_NEAR, cutoff=0.7)]
    told = f" Near: {', '.join(f'{symbol.name} ({where(symbol)})' for symbol in near)}." if near else ""
    return f"Nothing in {place} defines {name.dotted}.{told} Libraries are in docs."


async def _near(context: ToolContext, name: Name) -> list[str]:
    """Return the files that may define what was meant."""
    if name.within.startswith("/"):
        return await _library_files(context, name)
    for word in (name.word, name.word[: max(_NEAR_LETTERS, len(name.word) // 2)]):
        if paths := await holding(context.container, context.languages, word, loosely=True):
            return paths
    return [path for path in await files(context.container) if owner(context.languages, path)]


async def located(meaning: Meaning, sources: Mapping[str, str]) -> Meaning:
    """Return it with the lines, documentation and signatures that its files show."""
    outlined = await outlines((meaning.language,), sources)
    return replace(meaning, symbols=tuple(_located(symbol, outlined) for symbol in meaning.symbols))


def _located(symbol: Symbol, outlined: Mapping[str, Sequence[Symbol]]) -> Symbol:
    if symbol.place is None:
        return symbol
    word = last(symbol.name)
    for seen in outlined.get(symbol.place.path, ()):
        if seen.place and seen.place.line == symbol.place.line and last(seen.name) == word:
            return replace(
                symbol,
                signature=symbol.signature or seen.signature,
                doc=symbol.doc or seen.doc,
                first_line=seen.first_line,
                end_line=seen.end_line,
            )
    return symbol


async def _analysed(context: ToolContext, name: Name) -> tuple[Meaning, ...]:
    if context.analyses is None:
        return ()
    asked = await context.analyses.symbols()
    answers = await asyncio.gather(*(_answered(language, analysis, name) for language, _, analysis in asked))
    return tuple(one for answer in answers for one in answer)


async def _answered(language: Language, analysis: Analysis, name: Name) -> list[Meaning]:
    try:
        symbols = [symbol for symbol in await analysis.find(name.dotted) if symbol.place]
    except AnalysisUnavailable:
        return []
    return _groups(best(name, symbols), language, analysis)


async def _in_library(context: ToolContext, name: Name) -> Found:
    """Look a name up in one absolute file or directory."""
    found = await outlines(context.languages, await texts(context.container, await _library_files(context, name)))
    return Found(name=name, meanings=_grouped(context.languages, name, found), by_syntax=True)


async def _library_files(context: ToolContext, name: Name) -> list[str]:
    """Raises ToolError where a file or directory isn't there or may not be read."""
    place = readable(name.within, context)
    argv = ["find", "-L", place.path, "-maxdepth", "1", "-type", "f", "-print0"]
    listed = await context.container.exec(argv, timeout_s=30.0, limit_bytes=1024 * 1024)
    if listed.exit_code:
        raise ToolError(await file_missing(context.container, place))
    return [path for path in listed.stdout.text().split("\0") if path and owner(context.languages, path)]


def _grouped(
    languages: Sequence[Language], name: Name, outlined: Mapping[str, Sequence[Symbol]]
) -> tuple[Meaning, ...]:
    found: list[Meaning] = []
    symbols = best(name, [symbol for part in outlined.values() for symbol in part])
    for language in languages:
        found += _groups([symbol for symbol in symbols if symbol.place and language.owns(symbol.place.path)], language)
    return tuple(found)


def _groups(symbols: Sequence[Symbol], language: Language, analysis: Analysis | None = None) -> list[Meaning]:
    """Put together what is one thing: the same name in one directory."""
    groups: dict[tuple[str, str], list[Symbol]] = {}
    for symbol in symbols:
        folder = posixpath.dirname(symbol.place.path) if symbol.place else ""
        groups.setdefault((symbol.name, folder), []).append(symbol)
    ordered = sorted(
        groups.values(), key=lambda group: (language.is_test(where(group[0]).rpartition(":")[0]), where(group[0]))
    )
    return [Meaning(symbols=tuple(group), language=language, analysis=analysis) for group in ordered]
