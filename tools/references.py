"""The tool `references`: where a symbol is used."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lang.analysis import AnalysisUnavailable, Place
from lang.base import Language
from lang.names import last
from tools.base import ToolContext, ToolError, ToolResult, ToolSpec
from tools.sources import holding, outlines, texts
from tools.symbols import BY_SYNTAX, SYMBOL, Meaning, look_up, missing
from tools.text import brief, lines_of, plural, shorten

_LIMIT_LINES = 120
_LINE_CHARACTERS = 200
_NAMED_FILES = 20
_NAMED_UNRESOLVED = 5


class References:
    """Lists the lines that use a symbol."""

    spec = ToolSpec(
        name="references",
        description="Every use of a symbol by file, tests last.",
        parameters=SYMBOL,
        effect="read",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(arguments["symbol"])

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        found = await look_up(context, arguments["symbol"])
        if not found.meanings:
            return ToolResult(content=await missing(context, found), display="not found")
        meant = found.first
        if meant is None:
            raise ToolError(f"{found.name.dotted} may mean several; name one:\n{found.candidates()}")
        places = await _known(meant)
        if places is None:
            note = f"{BY_SYNTAX} other symbols of this name are among them.\n"
            result = await _rendered(context, meant, await _mentions(context, meant))
            return replace(result, content=note + result.content + found.also)
        result = await _rendered(context, await _declared(context, meant, places), places)
        return replace(result, content=result.content + await _unresolved(context, meant, places) + found.also)


async def _known(meant: Meaning) -> list[Place] | None:
    """Return where an analysis knows it is used; None where none can say."""
    if meant.analysis is None:
        return None
    found: list[Place] = []
    for symbol in meant.symbols:
        try:
            found += await meant.analysis.references(symbol)
        except AnalysisUnavailable:
            return None
    return found


async def _declared(context: ToolContext, meant: Meaning, places: Sequence[Place]) -> Meaning:
    """Return it with those uses among its symbols that declare it once more, in an interface say."""
    sources = await texts(context.container, sorted({place.path for place in places}))
    outlined = await outlines((meant.language,), sources)
    known, word = set(places), last(meant.name)
    again = [one for part in outlined.values() for one in part if one.place in known and last(one.name) == word]
    seen = {symbol.place for symbol in meant.symbols}
    return replace(meant, symbols=(*meant.symbols, *(one for one in again if one.place not in seen)))


async def _unresolved(context: ToolContext, meant: Meaning, places: Sequence[Place]) -> str:
    """Name the files that have the word and none of the uses: a server may not see what does not compile."""
    resolved = {place.path for place in places}
    counts: dict[str, int] = {}
    for place in await _mentions(context, meant):
        if place.path not in resolved:
            counts[place.path] = counts.get(place.path, 0) + 1
    if not counts:
        return ""
    if len(counts) > _NAMED_UNRESOLVED:
        return f"\n[{len(counts)} other files have the word, not known to mean this.]"
    named = ", ".join(f"{path} {count}" for path, count in counts.items())
    return f"\n[The word, not known to mean this, is in {named}.]"


async def _mentions(context: ToolContext, meant: Meaning) -> list[Place]:
    """Return where its word stands as an identifier."""
    word = last(meant.name)
    sources = await texts(context.container, await holding(context.container, (meant.language,), word))
    return await asyncio.to_thread(_mentioned, meant.language, sources, word)


def _mentioned(language: Language, sources: Mapping[str, str], word: str) -> list[Place]:
    return [place for path, text in sources.items() for place in language.mentions(path, text, word)]


async def _rendered(context: ToolContext, meant: Meaning, places: Sequence[Place]) -> ToolResult:
    defined = {(symbol.place.path, symbol.place.line) for symbol in meant.symbols if symbol.place}
    lines: dict[str, set[int]] = {}
    for place in places:
        if (place.path, place.line) not in defined:
            lines.setdefault(place.path, set()).add(place.line)
    tests = {path for path in lines if meant.language.is_test(path)}
    ordered = {path: sorted(lines[path]) for path in sorted(lines, key=lambda path: (path in tests, path))}
    head = f"{meant}: used on {plural(sum(map(len, ordered.values())), 'line')} in {plural(len(ordered), 'file')}"
    tested = sum(len(lines[path]) for path in tests)
    head += f", {tested} of them in tests" if tested else ""
    shown = _lines(ordered, await texts(context.container, list(ordered)))
    content = "\n".join([f"{head}.", *shown])
    return ToolResult(content=content, display=head)


def _lines(ordered: Mapping[str, Sequence[int]], sources: Mapping[str, str]) -> list[str]:
    """Return the uses under their files' names, and which are too many to show."""
    shown: list[str] = []
    hidden: list[str] = []
    left = _LIMIT_LINES
    for path, numbers in ordered.items():
        text = lines_of(sources.get(path, ""))
        here = [line for line in numbers if line <= len(text)][:left]
        if here:
            shown += [path, *(f"{line}:{shorten(text[line - 1].strip(), _LINE_CHARACTERS)}" for line in here)]
        if len(here) < len(numbers):
            hidden.append(f"{path} {len(numbers) - len(here)}")
        left -= len(here)
    if hidden:
        shown.append(f"[Not shown: {', '.join(hidden[:_NAMED_FILES])}{' …' if len(hidden) > _NAMED_FILES else ''}]")
    return shown
