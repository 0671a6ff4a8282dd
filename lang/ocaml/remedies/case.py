"""One finding under treatment: its source, the syntax around it, and what can be asked about it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lang.analysis import Bench, Symbols
from lang.base import Diagnostic, Project
from lang.ocaml.remedies.merlin import Entry, Questions
from lang.ocaml.remedies.stanzas import Tree, survey
from lang.ocaml.syntax import parsed
from lang.syntax import Source, squeezed

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True, kw_only=True)
class Case:
    """A finding with what a remedy needs. Its methods raise nothing but the container's death."""

    diagnostic: Diagnostic
    text: str
    """The file's source; empty where the finding names none."""
    symbols: Symbols
    bench: Bench
    project: Project

    @property
    def path(self) -> str:
        return self.diagnostic.path

    @property
    def message(self) -> str:
        return self.diagnostic.message

    @cached_property
    def lines(self) -> list[str]:
        """The source by lines."""
        return self.text.split("\n")

    def line(self, number: int) -> str:
        """A line of the source, from 1; empty outside of it."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    @property
    def rest(self) -> str:
        """The source from the finding to the end of its line."""
        return self.line(self.diagnostic.line)[max(self.diagnostic.column - 1, 0) :]

    @cached_property
    def source(self) -> Source:
        """The syntax of the file."""
        return parsed(self.path, self.text)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The syntax nodes that begin at the finding, the smallest first."""
        point = (self.diagnostic.line - 1, max(self.diagnostic.column - 1, 0))
        node = self.source.root.descendant_for_point_range(point, point) if self.diagnostic.line else None
        found: list[Node] = []
        while node is not None and tuple(node.start_point) == point:
            found.append(node)
            node = node.parent
        return tuple(found)

    def node(self, *kinds: str) -> Node | None:
        """The smallest node of one of these types that begins at the finding."""
        return next((node for node in self.nodes if node.type in kinds), None)

    def above(self, *kinds: str) -> Node | None:
        """The smallest node of one of these types around the finding."""
        node = self.nodes[0] if self.nodes else None
        while node is not None and node.type not in kinds:
            node = node.parent
        return node

    def words(self, node: Node, limit: int = 60) -> str:
        """A node's source on one line."""
        return squeezed(self.source.text(node), limit)

    @property
    def questions(self) -> Questions:
        """Merlin, for this file."""
        return Questions(
            bench=self.bench, path=self.path, line=self.diagnostic.line, column=max(self.diagnostic.column - 1, 0)
        )

    async def members(self, module: str) -> tuple[Entry, ...]:
        """What a module, or a record after its dot, holds as seen from the finding."""
        (entries,) = await self.questions.complete([f"{module}."])
        return tuple(entry for entry in entries if "__" not in entry.name)

    async def tree(self) -> Tree:
        """The project's files and stanzas."""
        return await survey(self.bench, self.project)

    async def read(self, path: str) -> str:
        """A file's text; empty where there is none."""
        return await self.bench.read(path) or ""

    def within(self, path: str) -> str:
        """A path relative to the project as one relative to the workspace."""
        return posixpath.normpath(posixpath.join(self.project.root, path))


def application(node: Node) -> Node | None:
    """The call that a node is an argument of, parentheses and labels between them aside."""
    child, parent = node, node.parent
    while parent is not None and parent.type in ("parenthesized_expression", "labeled_argument"):
        child, parent = parent, parent.parent
    if parent is None or parent.type != "application_expression" or _callee(parent) == child:
        return None
    return parent


def callee(call: Node) -> Node | None:
    """What a call calls."""
    return _callee(call)


def arguments(call: Node) -> Sequence[Node]:
    """A call's arguments in order."""
    return call.children_by_field_name("argument")


def ancestors(node: Node) -> Iterator[Node]:
    """The nodes around a node, the nearest first."""
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _callee(call: Node) -> Node | None:
    return call.child_by_field_name("function")
