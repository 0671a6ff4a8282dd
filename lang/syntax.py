"""Source text as tree-sitter sees it: places, cut-out signatures, documentation. Node types stand in each
language's own module. Source that does not parse gives what can be made out of it; nothing here raises on any text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from lang.analysis import Place, Symbol

if TYPE_CHECKING:
    from tree_sitter import Language as Grammar
    from tree_sitter import Node

LoadGrammar = Callable[[], object]
"""Returns what a grammar's wheel exports; called once."""

SIGNATURE_CHARACTERS = 240
_LIMIT_BYTES = 2 * 1024 * 1024
"""Longer texts are generated ones: nobody asks for their outline, and parsing them takes seconds."""

_SENTENCE = re.compile(r"(.*?[.!?])(?:\s|$)", re.DOTALL)


class Source:
    """A parsed text."""

    def __init__(self, text: str, load: LoadGrammar) -> None:
        from tree_sitter import Parser

        # A lone surrogate becomes one byte as it is one character: columns stay right.
        data = text.encode(errors="replace")
        self.data = data if len(data) <= _LIMIT_BYTES else b""
        self.root: Node = Parser(_grammar(load)).parse(self.data).root_node
        self._lines = self.data.split(b"\n")

    def text(self, node: Node) -> str:
        """Return a node's source."""
        return self.between(node.start_byte, node.end_byte)

    def between(self, start: int, end: int) -> str:
        """Return the source between two bytes."""
        return self.data[start:end].decode(errors="replace")

    def place(self, path: str, node: Node) -> Place:
        """Return where a node begins."""
        row, column = node.start_point
        before = self._lines[row][:column] if row < len(self._lines) else b""
        return Place(path=path, line=row + 1, column=len(before.decode(errors="replace")) + 1)

    def without_comments(self, start: int, end: int, within: Node) -> str:
        """Return the source between two bytes of a node with its comments left out."""
        pieces: list[str] = []
        for comment in _comments(within, start, end):
            pieces.append(self.between(start, comment.start_byte))
            start = max(start, comment.end_byte)
        return "".join([*pieces, self.between(start, end)])

    def mentions(self, path: str, name: str, kinds: Collection[str]) -> tuple[Place, ...]:
        """Return where a word is a node of one of these types."""
        word = name.encode(errors="replace")
        found: list[Place] = []
        at = self.data.find(word) if word else -1
        while at >= 0:
            node = self.root.descendant_for_byte_range(at, at + len(word))
            if node and node.type in kinds and (node.start_byte, node.end_byte) == (at, at + len(word)):
                found.append(self.place(path, node))
            at = self.data.find(word, at + len(word))
        return tuple(found)


def squeezed(text: str, limit: int = SIGNATURE_CHARACTERS) -> str:
    """Return source on one line, cut to a length, without the spaces that line breaks leave inside of brackets."""
    line = re.sub(r",?\s+([)\]])", r"\1", re.sub(r"([(\[])\s+", r"\1", " ".join(text.split())))
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def first_sentence(documentation: str) -> str:
    """Return the first sentence of the first paragraph, on one line."""
    paragraph = " ".join(documentation.strip().split("\n\n")[0].split())
    sentence = _SENTENCE.match(paragraph)
    return squeezed(sentence[1] if sentence else paragraph)


def piecewise(text: str, item: re.Pattern[str], outline: Callable[[str], tuple[Symbol, ...]]) -> tuple[Symbol, ...]:
    """Return the outline of a text that does not parse: each part that begins where `item` matches a line, by itself.

    So one mistake spoils one definition, not all that follow.
    """
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if item.match(line)]
    starts = [0, *(_above(lines, start) for start in starts[1:])]
    found: list[Symbol] = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        found += (_lower(symbol, start) for symbol in outline("\n".join(lines[start:end])))
    return tuple(found)


def _above(lines: Sequence[str], start: int) -> int:
    """Return the line where the text above a line that no blank one parts from it begins, if that's a comment."""
    at = start
    while at > 1 and lines[at - 1].strip() and not lines[at - 1].startswith((" ", "\t")):
        at -= 1
    return at if lines[at].startswith(("//", "/*", "(*")) else start


def _lower(symbol: Symbol, lines: int) -> Symbol:
    place = symbol.place and replace(symbol.place, line=symbol.place.line + lines)
    return replace(symbol, place=place, first_line=symbol.first_line + lines, end_line=symbol.end_line + lines)


@cache
def _grammar(load: LoadGrammar) -> Grammar:
    from tree_sitter import Language

    return Language(load())


def _comments(node: Node, start: int, end: int) -> Iterator[Node]:
    """Yield the comments below a node that lie between two bytes, in order."""
    pending = [node]
    while pending:
        child = pending.pop()
        if child.end_byte <= start or child.start_byte >= end:
            continue
        if child.type == "comment":
            yield child
        else:
            pending += reversed(child.children)
