"""What ripgrep found: its JSON read, hits ranked and shown under their files' names. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from lang.analysis import Symbol
from lang.base import Language
from lang.names import last
from tools.sources import owner
from tools.text import lines_of, plural, shorten

_ELSEWHERES = frozenset({"vendor", "third_party", "node_modules"})
_OTHER = 4
_LIMIT_LINES = 200
_LIMIT_CHARACTERS = 16_000
_LINE_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Lines that one match spans: `spans` are where it matched, in characters of `text`."""

    path: str
    line: int
    text: str
    spans: tuple[tuple[int, int], ...] = ()
    defines: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What a search found; `lines` and `files` count all of it, `hits` may be cut."""

    hits: tuple[Hit, ...]
    lines: int
    files: int


def read(output: str) -> Hits:
    """Read what `rg --json` printed; a line that was cut or is no JSON is left out."""
    hits: list[Hit] = []
    lines = files = 0
    for message in map(_message, output.splitlines()):
        match message:
            case {"type": "match", "data": {"path": path, "lines": found, "line_number": int(number)} as data}:
                name = _text(path).decode(errors="replace").removeprefix("./")
                if content := _text(found):
                    hits.append(_hit(name, number, content, cast("Mapping[str, Any]", data).get("submatches")))
            case {
                "type": "summary",
                "data": {"stats": {"matched_lines": int(lines), "searches_with_match": int(files)}},
            }:
                pass
            case _:
                pass
    counted = sum(len(lines_of(hit.text)) for hit in hits)
    return Hits(hits=tuple(hits), lines=max(lines, counted), files=max(files, len({hit.path for hit in hits})))


def _message(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _text(value: Any) -> bytes:
    """Return a text as ripgrep writes it: in base64 where it is not UTF-8."""
    match value:
        case {"text": str(text)}:
            return text.encode(errors="replace")
        case {"bytes": str(data)}:
            try:
                return base64.b64decode(data)
            except binascii.Error:
                return b""
        case _:
            return b""


def _hit(path: str, line: int, data: bytes, matched: object) -> Hit:
    spans: list[tuple[int, int]] = []
    for one in cast("list[object]", matched) if isinstance(matched, list) else ():
        match one:
            case {"start": int(start), "end": int(end)}:
                spans.append((_characters(data, start), _characters(data, end)))
            case _:
                pass
    return Hit(path=path, line=line, text=data.decode(errors="replace"), spans=tuple(spans))


def _characters(data: bytes, offset: int) -> int:
    return offset if data.isascii() else len(data[:offset].decode(errors="replace"))


def ranked(hits: Sequence[Hit], languages: Sequence[Language], outlined: Mapping[str, Sequence[Symbol]]) -> list[Hit]:
    """Put definitions before mentions, then code before tests, and both before all else: prose, vendored code.

    Within a rank the order stays.
    """
    names: dict[tuple[str, int], list[Symbol]] = {}
    for symbols in outlined.values():
        for symbol in symbols:
            if symbol.place:
                names.setdefault((symbol.place.path, symbol.place.line), []).append(symbol)
    ranks = {path: _rank(path, languages) for path in {hit.path for hit in hits}}
    marked = [replace(hit, defines=True) if _defines(hit, names) else hit for hit in hits]
    return sorted(marked, key=lambda hit: ranks[hit.path] - (2 if hit.defines and ranks[hit.path] < _OTHER else 0))


def _rank(path: str, languages: Sequence[Language]) -> int:
    """Return what a mention in a file is worth; less comes first."""
    language = owner(languages, path)
    if language is None or not _ELSEWHERES.isdisjoint(path.split("/")):
        return _OTHER
    return 2 + language.is_test(path)


def _defines(hit: Hit, names: Mapping[tuple[str, int], Sequence[Symbol]]) -> bool:
    """Whether a match touches the name of what is defined there."""
    offset = 0
    for number, line in enumerate(hit.text.splitlines(keepends=True), hit.line):
        for symbol in names.get((hit.path, number), ()):
            start = offset + (symbol.place.column - 1 if symbol.place else 0)
            end = start + len(last(symbol.name))
            if any(first < end and after > start for first, after in hit.spans):
                return True
        offset += len(line)
    return False


def shown(found: Hits, ordered: Sequence[Hit]) -> str:
    """Return the hits as `line:text` under their files' names, as many as fit, and how many are left out."""
    pieces: list[str] = []
    path = ""
    size = kept = 0
    for hit in ordered:
        for number, line in enumerate(lines_of(hit.text), hit.line):
            cut = f"{number}:{shorten(line, _LINE_CHARACTERS)}"
            size += len(cut) + 1
            if kept == _LIMIT_LINES or size > _LIMIT_CHARACTERS:
                break
            pieces += [cut] if hit.path == path else [hit.path, cut]
            path, kept = hit.path, kept + 1
    if kept < found.lines:
        left, files = found.lines - kept, plural(found.files, "file")
        pieces.append(f"[{left} more hits, in {files} in all; narrow the pattern, path or glob.]")
    return "\n".join(pieces)
