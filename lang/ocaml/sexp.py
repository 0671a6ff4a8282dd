"""S-expressions as dune writes them, with positions, so that an edit leaves comments and layout alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An atom or string (`items` is None) or a list, and where it stands in the text."""

    start: int
    end: int
    """One past its last character."""
    text: str = ""
    """An atom's word, a string's contents as written."""
    items: tuple[Node, ...] | None = None

    @property
    def head(self) -> str:
        """The word that a list starts with; `""` for anything else."""
        return self.items[0].text if self.items else ""

    def fields(self, name: str) -> tuple[Node, ...]:
        """The lists directly inside that start with a word."""
        return tuple(item for item in self.items or () if item.head == name)


_TOKEN = re.compile(
    r"""(?P<space>\s+|;[^\n]*|\#\|.*?\|\#)
      | (?P<open>\()
      | (?P<close>\))
      | (?P<block>"\\[|>][^\n]*(?:\n[^\S\n]*"\\[|>][^\n]*)*)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<atom>[^\s()";]+)""",
    re.VERBOSE | re.DOTALL,
)


_COMMENT = re.compile(r"[^\S\n]*;[^\n]*")


@dataclass(slots=True)
class _Open:
    start: int
    items: list[Node] = field(default_factory=list[Node])


def parse(text: str) -> tuple[Node, ...] | None:
    """The top-level nodes of a file; None where it isn't well-formed (a dune file in OCaml syntax, say)."""
    stack = [_Open(0)]
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            return None
        position = token.end()
        if token.lastgroup == "open":
            stack.append(_Open(token.start()))
        elif token.lastgroup == "close":
            if len(stack) == 1:
                return None
            opened = stack.pop()
            stack[-1].items.append(Node(start=opened.start, end=position, items=tuple(opened.items)))
        elif token.lastgroup != "space":
            word = token.group().strip('"') if token.lastgroup == "string" else token.group()
            stack[-1].items.append(Node(start=token.start(), end=position, text=word))
    return tuple(stack[0].items) if len(stack) == 1 else None


def append(text: str, target: Node, addition: str) -> str:
    """The text with an item more at the end of a list, laid out like the items before it."""
    items = target.items or ()
    if len(items) < 2:
        return _insert(text, target.end - 1, " " + addition)
    last = items[-1]
    line = text.rfind("\n", 0, last.start) + 1
    indent = text[line : last.start]
    if indent.strip():
        return _insert(text, last.end, " " + addition)
    # A comment at the end of its line stays with the item that it follows.
    comment = _COMMENT.match(text, last.end)
    return _insert(text, comment.end() if comment else last.end, f"\n{indent}{addition}")


def _insert(text: str, at: int, addition: str) -> str:
    return text[:at] + addition + text[at:]
