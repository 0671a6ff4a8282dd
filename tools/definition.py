"""The tool `definition`: a symbol's source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lang.analysis import Symbol
from lang.syntax import squeezed
from tools.base import ToolContext, ToolResult, ToolSpec
from tools.sources import texts
from tools.symbols import SYMBOL, located, look_up, missing
from tools.text import brief, lines_of, shorten

_LIMIT_LINES = 80
_LINE_CHARACTERS = 300
_SHOWN = 3


class Definition:
    """Shows where a symbol is defined, with its documentation and source."""

    spec = ToolSpec(
        name="definition",
        description="Where a symbol (Server.Stop, Lib.Mod.f, file:Name) is defined, and its source.",
        parameters=SYMBOL,
        effect="read",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(arguments["symbol"])

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        found = await look_up(context, arguments["symbol"])
        if not found.meanings:
            return ToolResult(content=await missing(context, found), display="not found")
        first = found.first
        if first is None:
            told = f"{found.name.dotted} may mean:\n{found.candidates()}"
            return ToolResult(content=found.note + told, display=told)
        sources = await texts(context.container, [symbol.place.path for symbol in first.symbols if symbol.place])
        first = await located(first, sources)
        shown = [_source(symbol, sources, typed=first.analysis is not None) for symbol in first.symbols[:_SHOWN]]
        return ToolResult(content=found.note + "\n".join(shown) + found.also, display=str(first))


def _source(symbol: Symbol, sources: Mapping[str, str], *, typed: bool) -> str:
    """Return a symbol's lines under its place."""
    path, line = (symbol.place.path, symbol.place.line) if symbol.place else ("", 0)
    first, last = (symbol.first_line, symbol.end_line) if symbol.end_line else (line, line)
    lines = lines_of(sources.get(path, ""))[first - 1 : last]
    head = f"{path}:{first}-{last} {symbol.kind} {symbol.name}" if last > first else f"{path}:{first} {symbol.name}"
    inferred = [symbol.signature] if typed and symbol.kind == "value" and _says_more(symbol, lines) else []
    more = len(lines) - _LIMIT_LINES
    cut = [f"[{more} more lines: read_file from {first + _LIMIT_LINES}.]"] if more > 0 else []
    return "\n".join([head, *inferred, *(shorten(text, _LINE_CHARACTERS) for text in lines[:_LIMIT_LINES]), *cut])


def _says_more(symbol: Symbol, lines: Sequence[str]) -> bool:
    """Whether its signature has a type that was inferred, or is written elsewhere."""
    return bool(symbol.signature) and symbol.signature not in squeezed(" ".join(lines), 10_000)
