"""A clash of two types: what has which, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lang.ocaml.remedies.case import Case, application
from lang.ocaml.remedies.merlin import plain

if TYPE_CHECKING:
    from tree_sitter import Node

_END = (
    r"(?=$|\s(?:Type |because |The (?:second|first) |Hint: |File |This |These |The method|It has no|line \d+, column"
    r"|Definition of|The type (?:variable|constructor)|Module types|One ))"
)
_CLASH = re.compile(
    r"(?:This (?P<this>\w+)|The (?P<what>\w+) (?P<name>\S+)) has type (?P<have>.+?) "
    r"but an? (?:expression|pattern|term) was expected of type (?P<want>.+?)" + _END
)
_INFIX = ("int", "float", "string", "bool", "unit")
"""Types that operators give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """An expression of one type where another was expected."""

    case: Case
    have: str
    want: str
    name: str
    """The value that the compiler names; empty for other expressions."""
    what: str
    """`expression`, `constant`, `value`…: what the compiler calls it."""

    @property
    def node(self) -> Node | None:
        """The expression that has the wrong type, as far as its beginning tells."""
        nodes = [node for node in self.case.nodes if node.is_named]
        if not nodes or self.what != "expression":
            return nodes[0] if nodes else None
        call = [node for node in nodes if application(node) is not None]
        infix = self.case.node("infix_expression") if self.have in _INFIX else None
        return next(iter(call[-1:]), None) or infix or self.case.node("application_expression") or nodes[0]

    @property
    def words(self) -> str:
        """The expression, in parentheses where one needs them."""
        if self.name:
            return self.name
        found = self.node
        if found is None:
            return "…"
        text = self.case.words(found, 40)
        bare = found.type in ("parenthesized_expression", "number", "string", "character") or re.fullmatch(
            r"[\w.']+", text
        )
        return text if bare else f"({text})"

    @property
    def before(self) -> str:
        """Its line up to it."""
        return self.case.line(self.case.diagnostic.line)[: max(self.case.diagnostic.column - 1, 0)]

    @property
    def operator(self) -> str:
        """The operator that it is an operand of; empty for none."""
        for node in self.case.nodes:
            parent = node.parent
            if parent is not None and parent.type == "infix_expression":
                sign = parent.child_by_field_name("operator")
                if sign is not None:
                    return self.case.source.text(sign)
        return ""


def read(case: Case) -> Clash | None:
    """The clash that a message tells of."""
    said = _CLASH.search(" ".join(case.message.split()))
    if said is None:
        return None
    what = said["what"] or said["this"]
    name = (said["name"] or "") if what in ("value", "function") else ""
    return Clash(case=case, have=plain(said["have"]), want=plain(said["want"]), name=name, what=what)


def top(kind: str) -> str:
    """A type without what stands in parentheses."""
    while True:
        shorter = re.sub(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>-]*>", "_", kind)
        if shorter == kind:
            return kind
        kind = shorter
