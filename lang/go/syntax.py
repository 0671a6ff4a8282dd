"""What a Go file declares, by its syntax alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from lang.analysis import Place, Symbol
from lang.syntax import Source, first_sentence, piecewise, squeezed

if TYPE_CHECKING:
    from tree_sitter import Node

_IDENTIFIERS = ("identifier", "type_identifier", "field_identifier", "package_identifier")
_GROUPS = ("type_declaration", "const_declaration", "var_declaration")
_TYPES = ("type_spec", "type_alias")
_KEPT_FILES = 512
"""An outline takes milliseconds, a look-up hundreds of them: most files are as they were at the last one."""
_ITEM = re.compile(r"(func|type|const|var|import|package)\b")
_VALUE_CHARACTERS = 60
_DIRECTIVE = re.compile(r"//(go:|line |export |extern |lint:|nolint)")


@lru_cache(maxsize=_KEPT_FILES)
def outline(path: str, text: str) -> tuple[Symbol, ...]:
    """Return a file's declarations, each type's fields and methods of interfaces after it; `()` for other files."""
    if not path.endswith(".go"):
        return ()
    source = _parsed(text)
    package = _package(source)
    if source.root.has_error:
        return piecewise(text, _ITEM, lambda piece: _symbols(path, _parsed(piece), package))
    return _symbols(path, source, package)


def mentions(path: str, text: str, name: str) -> tuple[Place, ...]:
    """Return where an identifier stands in a file, comments and strings left out."""
    return _parsed(text).mentions(path, name, _IDENTIFIERS) if path.endswith(".go") else ()


def _symbols(path: str, source: Source, package: str) -> tuple[Symbol, ...]:
    return tuple(_File(path=path, source=source, package=package).symbols())


def _package(source: Source) -> str:
    clauses = [child for child in source.root.named_children if child.type == "package_clause"]
    return source.text(clauses[0]).removeprefix("package").strip() if clauses else ""


def _parsed(text: str) -> Source:
    return Source(text, _grammar)


def _grammar() -> object:
    import tree_sitter_go

    return tree_sitter_go.language()


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    path: str
    source: Source
    package: str

    def symbols(self) -> Iterator[Symbol]:
        for node in _declarations(self.source.root):
            if node.type in _GROUPS:
                yield from self._group(node)
            elif name := node.child_by_field_name("name"):
                yield self._function(node, name)

    def _function(self, node: Node, name: Node) -> Symbol:
        body = node.child_by_field_name("body")
        end = body.start_byte if body else node.end_byte
        receiver = node.child_by_field_name("receiver")
        owner = _receiver(self.source.text(receiver)) if receiver else ""
        return self._symbol(
            name,
            qualified=_joined(self.package, owner, self.source.text(name)),
            kind="method" if receiver else "func",
            signature=squeezed(self.source.without_comments(node.start_byte, end, node)),
            whole=node,
        )

    def _group(self, node: Node) -> Iterator[Symbol]:
        keyword = node.type.removesuffix("_declaration")
        grouped = any(child.type in ("(", "var_spec_list") for child in node.children)
        for spec in _specs(node):
            whole = spec if grouped else node
            if spec.type in _TYPES:
                yield from self._type(spec, whole)
                continue
            for name in spec.children_by_field_name("name"):
                if name.type in _IDENTIFIERS:
                    yield self._symbol(
                        name,
                        qualified=_joined(self.package, self.source.text(name)),
                        kind=keyword,
                        signature=self._value(keyword, spec, name),
                        whole=whole,
                    )

    def _value(self, keyword: str, spec: Node, name: Node) -> str:
        declared = spec.child_by_field_name("type")
        value = spec.child_by_field_name("value")
        words = [keyword, self.source.text(name), *([squeezed(self.source.text(declared))] if declared else [])]
        if value and len(spec.children_by_field_name("name")) == 1:
            text = squeezed(self.source.without_comments(value.start_byte, value.end_byte, value), _VALUE_CHARACTERS)
            words += ["=", text]
        return " ".join(words)

    def _type(self, spec: Node, whole: Node) -> Iterator[Symbol]:
        name = spec.child_by_field_name("name")
        if name is None:
            return
        qualified = _joined(self.package, self.source.text(name))
        text = self.source.without_comments(spec.start_byte, spec.end_byte, spec)
        text = re.sub(r"`[^`\n]*`[ \t]*$", "", text, flags=re.MULTILINE)
        signature = f"type {squeezed(_on_one_line(text))}"
        yield self._symbol(name, qualified=qualified, kind="type", signature=signature, whole=whole)
        body = spec.child_by_field_name("type")
        for member in _members(body) if body else ():
            yield from self._member(member, qualified)

    def _member(self, node: Node, owner: str) -> Iterator[Symbol]:
        names = node.children_by_field_name("name")
        kind = "method" if node.type == "method_elem" else "field"
        declared = node.child_by_field_name("type")
        if kind == "field" and not names and declared:
            names = [_last_identifier(declared)]
        tag = node.child_by_field_name("tag")
        start = declared.start_byte if declared and node.children_by_field_name("name") else node.start_byte
        typed = squeezed(self.source.without_comments(start, tag.start_byte if tag else node.end_byte, node))
        for name in names:
            word = self.source.text(name)
            signature = typed if kind == "method" else f"{word} {typed}"
            yield self._symbol(name, qualified=_joined(owner, word), kind=kind, signature=signature, whole=node)

    def _symbol(self, name: Node, *, qualified: str, kind: str, signature: str, whole: Node) -> Symbol:
        comments = _comments_before(whole)
        beside = _comment_beside(whole)
        told = comments or ([beside] if beside else [])
        return Symbol(
            name=qualified,
            kind=kind,
            signature=signature,
            doc=first_sentence(_plain("\n".join(self.source.text(comment) for comment in told))),
            place=self.source.place(self.path, name),
            first_line=(comments[0] if comments else whole).start_point[0] + 1,
            end_line=whole.end_point[0] + 1,
        )


def _declarations(root: Node) -> Iterator[Node]:
    """Yield the top declarations, also those that the parser put below an error."""
    for child in root.named_children:
        if child.is_error:
            yield from _declarations(child)
        elif child.type in (*_GROUPS, "function_declaration", "method_declaration"):
            yield child


def _specs(node: Node) -> Iterator[Node]:
    for child in node.named_children:
        if child.type == "var_spec_list":
            yield from _specs(child)
        elif child.type in (*_TYPES, "const_spec", "var_spec"):
            yield child


def _members(body: Node) -> Iterator[Node]:
    if body.type == "struct_type":
        for fields in body.named_children:
            yield from (child for child in fields.named_children if child.type == "field_declaration")
    elif body.type == "interface_type":
        yield from (child for child in body.named_children if child.type == "method_elem")


def _last_identifier(declared: Node) -> Node:
    """Return what names an embedded field: the type without package, star and type arguments."""
    name = declared.child_by_field_name("name") or declared.child_by_field_name("type")
    return _last_identifier(name) if name else declared


def _receiver(text: str) -> str:
    """Return the type's name of `(s *Server[T])`."""
    words = re.findall(r"\w+", text.partition("[")[0])
    return words[-1] if words else ""


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _on_one_line(text: str) -> str:
    """Put the semicolons where line ends mean them."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    joined = ""
    for line, following in zip(lines, [*lines[1:], "}"], strict=True):
        goes_on = line.endswith(("{", "(", ",", ";", "[", "|")) or following[0] in "})"
        joined += line + (" " if goes_on else "; ")
    return joined


def _comments_before(node: Node) -> list[Node]:
    """Return the comments that end on the line above, each next to the other."""
    found: list[Node] = []
    at, before = node.start_point[0], node.prev_sibling
    while before and before.type == "comment" and before.end_point[0] == at - 1 and not _is_beside(before):
        found.insert(0, before)
        at, before = before.start_point[0], before.prev_sibling
    return found


def _comment_beside(node: Node) -> Node | None:
    after = node.next_sibling
    while after and after.type in ("\n", ";"):
        after = after.next_sibling
    same_line = after and after.type == "comment" and after.start_point[0] == node.end_point[0]
    return after if same_line else None


def _is_beside(comment: Node) -> bool:
    """Whether a comment ends a line of code."""
    before = comment.prev_sibling
    while before and before.type in ("\n", ";"):
        before = before.prev_sibling
    return bool(before and before.type != "comment" and before.end_point[0] == comment.start_point[0])


def _plain(comments: str) -> str:
    lines = [line for line in comments.splitlines() if not _DIRECTIVE.match(line)]
    text = "\n".join(re.sub(r"^\s*//\s?", "", line) for line in lines)
    return re.sub(r"/\*|\*/", "", text)
