"""The tool `outline`: what a file or a package declares."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lang.analysis import AnalysisUnavailable, Symbol
from lang.names import last
from tools.base import ToolContext, ToolError, ToolResult, ToolSpec
from tools.files import missing
from tools.paths import Place, readable
from tools.sources import outlines, owner, texts
from tools.text import brief, lines_of, plural, shorten
from tools.tree import files

_LIMIT_CHARACTERS = 12_000
_MEMBERS = frozenset({"field", "constructor"})
"""Kinds that their type's signature shows already."""
_INFERRED = "value"
"""The kind whose type may be inferred; functions, methods and types write theirs."""
_SHORT_CHARACTERS = 40
_JOINED_CHARACTERS = 160
_NAMES_CHARACTERS = 400
_FOLDERS = 60


class Outline:
    """Lists declarations with their signatures and lines."""

    spec = ToolSpec(
        name="outline",
        description="Declarations of a file or directory, libraries too, with signatures and lines.",
        parameters={
            "type": "object",
            "properties": {"path": {"type": "string"}},
            "required": ["path"],
            "additionalProperties": False,
        },
        effect="read",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(arguments["path"])

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        place = readable(arguments["path"], context)
        listed = await _listed(context, place)
        owned = [path for path in listed if owner(context.languages, path)]
        here = [path for path in owned if posixpath.dirname(path) == _folder(place, listed)]
        sources = await texts(context.container, here)
        outlined = {path: symbols for path, symbols in (await outlines(context.languages, sources)).items() if symbols}
        if not outlined and not owned:
            return _nothing(context, place, listed)
        whole = [path for path in outlined if listed == [place.shown] or not _is_test(context, path)]
        typed = {path: await _typed(context, path, outlined[path]) for path in whole}
        parts = [_rendered(path, sources[path], symbols) for path, symbols in typed.items()]
        if len(parts) > 1 and sum(map(len, parts)) > _LIMIT_CHARACTERS:
            parts = [_named(path, sources[path], symbols) for path, symbols in typed.items()]
        parts += [_named(path, sources[path], outlined[path]) for path in outlined if path not in typed]
        content = _cut("\n".join([*parts, *_folders(owned, here)])) or f"{place.shown} declares nothing."
        count = sum(len(symbols) for symbols in outlined.values())
        return ToolResult(content=content, display=f"{plural(count, 'symbol')} in {plural(len(outlined), 'file')}")


async def _listed(context: ToolContext, place: Place) -> list[str]:
    """Return the file, or what lies in and below the directory: relative to the workspace, absolute elsewhere."""
    found = await context.container.exec(["find", place.path, "-maxdepth", "0", "-printf", "%y"])
    if found.exit_code:
        raise ToolError(await missing(context.container, place))
    if found.stdout.text() != "d":
        return [place.shown]
    if place.shown != place.path:
        known = await files(context.container)
        return [path for path in known if place.shown == "." or path.startswith(f"{place.shown}/")]
    argv = ["find", place.path, "-maxdepth", "2", "-type", "f", "-print0"]
    result = await context.container.exec(argv, timeout_s=30.0, limit_bytes=1024 * 1024)
    return sorted(path for path in result.stdout.text().split("\0") if path)


def _folder(place: Place, listed: Sequence[str]) -> str:
    """Return the directory whose own files are outlined."""
    if listed == [place.shown]:
        return posixpath.dirname(place.shown)
    return "" if place.shown == "." else place.shown


def _nothing(context: ToolContext, place: Place, listed: Sequence[str]) -> ToolResult:
    kinds = " or ".join(language.title for language in context.languages) or "code"
    if listed == [place.shown]:
        raise ToolError(f"{place.shown} is no {kinds} source; use read_file.")
    return ToolResult(content=f"There is no {kinds} source in {place.shown}.")


async def _typed(context: ToolContext, path: str, symbols: Sequence[Symbol]) -> Sequence[Symbol]:
    """Return the symbols with the types that an analysis infers, where the source does not write them."""
    if context.analyses is None or path.startswith("/") or not any(symbol.kind == _INFERRED for symbol in symbols):
        return symbols
    for _, _, analysis in await context.analyses.symbols(path):
        try:
            known = {
                (symbol.place.line, last(symbol.name)): symbol
                for symbol in await analysis.outline(path)
                if symbol.place
            }
        except AnalysisUnavailable:
            continue
        return [_with_type(symbol, known) for symbol in symbols]
    return symbols


def _with_type(symbol: Symbol, known: Mapping[tuple[int, str], Symbol]) -> Symbol:
    found = known.get((symbol.place.line, last(symbol.name))) if symbol.place and symbol.kind == _INFERRED else None
    return replace(symbol, signature=found.signature) if found and found.signature else symbol


def _rendered(path: str, text: str, symbols: Sequence[Symbol]) -> str:
    """Return a file's symbols, each on a line with its own lines; short ones that follow each other share one."""
    shown: list[str] = []
    around: list[Symbol] = []
    before: Symbol | None = None
    for symbol in symbols:
        while around and around[-1].end_line < _line(symbol):
            around.pop()
        inside = around[-1] if around else None
        if symbol.kind in _MEMBERS or (
            inside and symbol.kind == "method" and symbol.name.startswith(f"{inside.name}.")
        ):
            continue
        if before and _together(before, symbol) and len(shown[-1]) + len(symbol.signature) < _JOINED_CHARACTERS:
            shown[-1] += f"; {symbol.signature}"
        else:
            shown.append(f"{'  ' * len(around)}{_lines(symbol)} {symbol.signature}")
        before = symbol
        if symbol.end_line > _line(symbol):
            around.append(symbol)
    return "\n".join([_head(path, text), *shown])


def _named(path: str, text: str, symbols: Sequence[Symbol]) -> str:
    """Return a file's symbols by name only: for tests, and where there are too many for more."""
    words = [last(symbol.name) for symbol in symbols if symbol.kind not in _MEMBERS]
    return f"{_head(path, text)}: {shorten(', '.join(dict.fromkeys(words)), _NAMES_CHARACTERS)}"


def _head(path: str, text: str) -> str:
    return f"{path} ({plural(len(lines_of(text)), 'line')})"


def _is_test(context: ToolContext, path: str) -> bool:
    language = owner(context.languages, path)
    return bool(language and language.is_test(path))


def _together(before: Symbol, symbol: Symbol) -> bool:
    single = symbol.first_line == symbol.end_line and before.end_line >= symbol.first_line - 1
    return single and before.kind == symbol.kind and len(symbol.signature) <= _SHORT_CHARACTERS and not symbol.doc


def _line(symbol: Symbol) -> int:
    return symbol.place.line if symbol.place else symbol.first_line


def _lines(symbol: Symbol) -> str:
    start = _line(symbol)
    return f"{start}-{symbol.end_line}" if symbol.end_line > start else f"{start}"


def _folders(owned: Sequence[str], here: Sequence[str]) -> list[str]:
    """Name the directories below that hold more."""
    counts: dict[str, int] = {}
    for path in owned:
        if path not in here:
            counts[posixpath.dirname(path)] = counts.get(posixpath.dirname(path), 0) + 1
    named = [f"{folder}/ ({plural(count, 'file')})" for folder, count in list(counts.items())[:_FOLDERS]]
    return [", ".join(named) + (" …" if len(counts) > _FOLDERS else "")] if named else []


def _cut(text: str) -> str:
    if len(text) <= _LIMIT_CHARACTERS:
        return text
    head = text[:_LIMIT_CHARACTERS].rsplit("\n", 1)[0]
    return f"{head}\n[{text[len(head) :].count(chr(10))} more lines; ask for one file, or for a definition.]"
