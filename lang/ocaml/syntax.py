"""What an OCaml implementation or interface defines, by its syntax alone: signatures as written, no inferred types."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lang.analysis import Place, Symbol
from lang.syntax import Source, first_sentence, piecewise, squeezed

if TYPE_CHECKING:
    from tree_sitter import Node

_OPERATORS = (
    "add_operator", "and_operator", "assign_operator", "concat_operator", "hash_operator", "indexing_operator",
    "let_and_operator", "let_operator", "match_operator", "mult_operator", "or_operator", "pow_operator",
    "prefix_operator", "rel_operator", "sign_operator",
)  # fmt: skip
_VALUES = ("value_name", "value_pattern", *_OPERATORS)
_IDENTIFIERS = (
    *_VALUES, "class_name", "class_type_name", "constructor_name", "field_name", "instance_variable_name",
    "label_name", "method_name", "module_name", "module_type_name", "tag", "type_constructor",
)  # fmt: skip
_BODIES = ("structure", "signature")
_KEPT_FILES = 512
"""An outline takes milliseconds, a look-up hundreds of them: most files are as they were at the last one."""
_ITEM = re.compile(r"(let|val|type|module|exception|external|class|open|include)\b")
_DEPTH = 40
"""Modules nested deeper than anyone writes them are left out: the walk is recursive."""


@lru_cache(maxsize=_KEPT_FILES)
def outline(path: str, text: str) -> tuple[Symbol, ...]:
    """Return a file's definitions, a type's constructors and fields and a module's contents after it.

    `()` for files that are neither `.ml` nor `.mli`.
    """
    if not path.endswith((".ml", ".mli")):
        return ()
    word = posixpath.splitext(posixpath.basename(path))[0]
    module = word[:1].upper() + word[1:]
    source = parsed(path, text)
    if source.root.has_error:
        return piecewise(text, _ITEM, lambda piece: _symbols(path, parsed(path, piece), module))
    return _symbols(path, source, module)


def mentions(path: str, text: str, name: str) -> tuple[Place, ...]:
    """Return where an identifier stands in a file, comments and strings left out; an operator may have parentheses."""
    if not path.endswith((".ml", ".mli")):
        return ()
    return parsed(path, text).mentions(path, name.strip("() "), _IDENTIFIERS)


def _symbols(path: str, source: Source, module: str) -> tuple[Symbol, ...]:
    return tuple(_File(path=path, source=source).items(source.root, (module,)))


def parsed(path: str, text: str) -> Source:
    """Return a file parsed: an interface by `.mli`, anything else as an implementation."""
    return Source(text, _interface if path.endswith(".mli") else _implementation)


def _implementation() -> object:
    import tree_sitter_ocaml

    return tree_sitter_ocaml.language_ocaml()


def _interface() -> object:
    import tree_sitter_ocaml

    return tree_sitter_ocaml.language_ocaml_interface()


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    path: str
    source: Source

    def items(self, node: Node, scope: Sequence[str]) -> Iterator[Symbol]:
        """Yield what a structure or signature defines, also what the parser put below an error."""
        if len(scope) > _DEPTH:
            return
        for item in node.named_children:
            match item.type:
                case "ERROR":
                    yield from self.items(item, scope) if node.type != "ERROR" else ()
                case "value_definition":
                    yield from self._values(item, scope)
                case "value_specification" | "external":
                    yield from self._declared(item, scope)
                case "type_definition":
                    yield from self._bindings(item, "type_binding", "type", scope)
                case "exception_definition":
                    yield from self._constructors(item, scope)
                case "module_definition":
                    yield from self._bindings(item, "module_binding", "module", scope)
                case "module_type_definition":
                    yield from self._module(item, _extent(item), "module type", scope)
                case "class_definition":
                    yield from self._bindings(item, "class_binding", "class", scope)
                case "class_type_definition":
                    yield from self._bindings(item, "class_type_binding", "class type", scope)
                case _:
                    pass

    def _values(self, item: Node, scope: Sequence[str]) -> Iterator[Symbol]:
        for binding, whole in _parts(item, "let_binding"):
            pattern = binding.child_by_field_name("pattern")
            body = binding.child_by_field_name("body")
            if pattern is None:
                continue
            end = body.start_byte if body else binding.end_byte
            header = self.source.without_comments(binding.start_byte, end, binding).rstrip().removesuffix("=")
            for name in _names(pattern):
                yield self._symbol(name, scope, kind="value", signature=f"let {squeezed(header)}", whole=whole)

    def _declared(self, item: Node, scope: Sequence[str]) -> Iterator[Symbol]:
        names = [child for child in item.named_children if child.type in ("value_name", "parenthesized_operator")]
        text = squeezed(self._text(item))
        for name in names[:1]:
            yield self._symbol(name, scope, kind="value", signature=text, whole=_extent(item))

    def _bindings(self, item: Node, part: str, kind: str, scope: Sequence[str]) -> Iterator[Symbol]:
        for binding, whole in _parts(item, part):
            if kind == "module":
                yield from self._module(binding, whole, kind, scope)
                continue
            name = binding.child_by_field_name("name") or _first(binding, ("class_name", "class_type_name"))
            if name is None:
                continue
            signature = f"{kind} {squeezed(self._text(binding))}"
            extends = name.type == "type_constructor_path"
            if not extends:
                yield self._symbol(name, scope, kind=kind, signature=signature, whole=whole)
            yield from self._members(binding, scope if extends else (*scope, self.source.text(name)), scope)

    def _members(self, binding: Node, owned: Sequence[str], scope: Sequence[str]) -> Iterator[Symbol]:
        """Yield a type's constructors, which one writes without the type's name, its fields or a class's methods."""
        body = binding.child_by_field_name("body")
        if body is None:
            return
        yield from self._constructors(body, scope)
        for member in body.named_children:
            name = _first(member, ("field_name", "method_name"))
            if name:
                kind = "field" if name.type == "field_name" else "method"
                signature = squeezed(self._text(member))
                yield self._symbol(name, owned, kind=kind, signature=signature, whole=_extent(member))

    def _constructors(self, parent: Node, scope: Sequence[str]) -> Iterator[Symbol]:
        for member in parent.named_children:
            name = _first(member, ("constructor_name",)) if member.type == "constructor_declaration" else None
            if name:
                kind, whole = (
                    ("exception", parent) if parent.type == "exception_definition" else ("constructor", member)
                )
                signature = squeezed(self._text(whole))
                yield self._symbol(name, scope, kind=kind, signature=signature, whole=_extent(whole))

    def _module(self, binding: Node, whole: _Extent, kind: str, scope: Sequence[str]) -> Iterator[Symbol]:
        name = _first(binding, ("module_name", "module_type_name"))
        if name is None:
            return
        inner = [child for child in binding.named_children if child.type in _BODIES]
        end = inner[0].start_byte if inner else binding.end_byte
        header = squeezed(self.source.without_comments(name.start_byte, end, binding))
        signature = f"{kind} {header} …" if inner else f"{kind} {header}"
        yield self._symbol(name, scope, kind=kind, signature=signature, whole=whole)
        for body in inner[-1:]:
            yield from self.items(body, (*scope, self.source.text(name)))

    def _text(self, node: Node) -> str:
        return self.source.without_comments(node.start_byte, node.end_byte, node)

    def _symbol(self, name: Node, scope: Sequence[str], *, kind: str, signature: str, whole: _Extent) -> Symbol:
        word = self.source.text(name)
        if name.type == "parenthesized_operator":
            word = "".join(word.split())
            name = _first(name, _OPERATORS) or name
        before, after = _comments_before(whole.first), _comment_after(whole.last)
        told = before[-1:] or ([after] if after else [])
        return Symbol(
            name=".".join((*scope, word)),
            kind=kind,
            signature=signature,
            doc=first_sentence(_plain("".join(self.source.text(comment) for comment in told))),
            place=self.source.place(self.path, name),
            first_line=(before[0] if before else whole.first).start_point[0] + 1,
            end_line=(after or whole.last).end_point[0] + 1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extent:
    """The first and the last node of a definition."""

    first: Node
    last: Node


def _extent(node: Node) -> _Extent:
    return _Extent(first=node, last=node)


def _parts(item: Node, kind: str) -> Iterator[tuple[Node, _Extent]]:
    """Yield the bindings of `let … and …`: the first begins with the item, the others with their `and`."""
    bindings = [child for child in item.named_children if child.type == kind]
    ands = [child for child in item.children if child.type == "and"]
    for number, binding in enumerate(bindings):
        first = item if number == 0 else ands[number - 1] if number <= len(ands) else binding
        yield binding, _Extent(first=first, last=item if len(bindings) == 1 else binding)


def _names(pattern: Node) -> Iterator[Node]:
    """Yield the names that a pattern binds."""
    pending = [pattern]
    while pending:
        node = pending.pop()
        if node.type in ("value_name", "value_pattern", "parenthesized_operator"):
            yield node
        else:
            pending += reversed(node.named_children)


def _first(node: Node, kinds: Sequence[str]) -> Node | None:
    return next((child for child in node.named_children if child.type in kinds), None)


def _is_documentation(comment: Node | None) -> bool:
    return bool(comment and comment.type == "comment" and (comment.text or b"").startswith(b"(**"))


def _comments_before(node: Node) -> list[Node]:
    """Return the comments that end on the line above or before it on its line, each next to the other."""
    found: list[Node] = []
    at, before = node.start_point[0], node.prev_sibling
    while before and before.type == "comment" and before.end_point[0] >= at - 1 and not _ends_a_line(before):
        found.insert(0, before)
        at, before = before.start_point[0], before.prev_sibling
    return found if any(_is_documentation(comment) for comment in found[-1:]) else []


def _comment_after(node: Node) -> Node | None:
    """Return the documentation behind or below it, where that is not the next one's."""
    after = node.next_sibling
    while after and after.type in (";", ";;"):
        after = after.next_sibling
    if not after or not _is_documentation(after) or after.start_point[0] > node.end_point[0] + 1:
        return None
    following = after.next_named_sibling
    beside = after.start_point[0] == node.end_point[0]
    between = following and following.start_point[0] <= after.end_point[0] + 1
    return after if beside or not between else None


def _ends_a_line(comment: Node) -> bool:
    """Whether a comment stands behind code on its line."""
    before = comment.prev_sibling
    return bool(before and before.type != "comment" and before.end_point[0] == comment.start_point[0])


def _plain(comment: str) -> str:
    text = re.sub(r"^\(\*+|\*+\)$", "", comment.strip())
    return re.sub(r"\{![^}]*?([\w.]+)\}|\{[a-z]+ ([^{}]*)\}|[\[\]]", lambda found: found[1] or found[2] or "", text)
