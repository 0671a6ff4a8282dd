"""The type errors of a file after its first, where the compiler stops: merlin goes on and finds the others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lang import names
from lang.base import Diagnostic
from lang.ocaml import syntax
from lang.ocaml.merlin import Fields, File, Merlin, as_fields, objects, word

if TYPE_CHECKING:
    from tree_sitter import Node

_MOST = 10
_BODIES = ("compilation_unit", "structure", "signature")
_WARNING = re.compile(r"(?:Error \((?:warning|alert)|Warning|Alert)\b")
_UNTYPED = re.compile(r"Syntax error|(?:warning|alert)\b")


async def further(merlin: Merlin, file: File, first: Diagnostic) -> tuple[Diagnostic, ...]:
    """Return what merlin finds wrong in a file below the compiler's own finding there, each message once.

    Only the first error of a definition counts, and none where a definition is used that has one: the others may come
    of it. `()` where the file doesn't parse, or types and only warns: merlin's guesses at what broken syntax means,
    and its warnings about code that doesn't type, are no findings.
    """
    if _UNTYPED.match(first.message):
        return ()
    found = list(objects(await merlin.ask(file, "errors")))
    if any(word(each, "type") != "typer" and word(each, "type") != "warning" for each in found):
        return ()
    definitions = _Definitions(file)
    spoilt = {definitions.at(first)}
    seen, kept = {_plain(first.message)}, list[Diagnostic]()
    for each in sorted(_readable(file, first, found), key=lambda one: (one.line, one.column)):
        definition = definitions.at(each)
        beyond = (each.line, each.column) > (first.line, first.column) and definition not in spoilt
        if beyond and _plain(each.message) not in seen and not definitions.uses(definition, spoilt):
            seen.add(_plain(each.message))
            kept.append(each)
        spoilt.add(definition)
    return tuple(kept[:_MOST])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Definition:
    start: int
    end: int
    text: str
    first_line: int
    last_line: int


class _Definitions:
    """The items of a file's structure, those of its submodules included."""

    def __init__(self, file: File) -> None:
        self._source = syntax.parsed(file.path, file.text)
        self._symbols = syntax.outline(file.path, file.text)

    def at(self, finding: Diagnostic) -> _Definition:
        """The smallest one around a finding."""
        point = (finding.line - 1, finding.column - 1)
        node = self._source.root.descendant_for_point_range(point, point) or self._source.root
        while node.parent is not None and node.parent.type not in _BODIES:
            node = node.parent
        return self._definition(node)

    def uses(self, definition: _Definition, others: set[_Definition]) -> bool:
        """Whether a definition names what one of the others defines."""
        defined = {
            re.escape(names.last(symbol.name).strip("()"))
            for symbol in self._symbols
            for other in others
            if symbol.place and other.first_line <= symbol.place.line <= other.last_line
        }
        return bool(defined) and re.search(rf"(?<![\w'])(?:{'|'.join(defined)})(?![\w'])", definition.text) is not None

    def _definition(self, node: Node) -> _Definition:
        return _Definition(
            start=node.start_byte,
            end=node.end_byte,
            text=self._source.text(node),
            first_line=node.start_point[0] + 1,
            last_line=node.end_point[0] + 1,
        )


def _readable(file: File, first: Diagnostic, found: Sequence[Fields]) -> Iterator[Diagnostic]:
    for each in found:
        place = file.place(as_fields(each.get("start")))
        message = word(each, "message").strip()
        if place is None or not message or word(each, "type") != "typer" or _WARNING.match(message):
            continue
        hints = [word(one, "message").strip() for one in objects(each.get("sub"))]
        yield Diagnostic(
            path=first.path,
            line=place.line,
            # As the compiler's own: in bytes.
            column=file.byte(place.line, place.column) + 1,
            severity="error",
            message="\n".join([message, *hints]),
            source=first.source,
            package=first.package,
        )


def _plain(message: str) -> str:
    return " ".join(message.split())
