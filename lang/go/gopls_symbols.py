"""Looking code up in gopls: what stands at a place, what a name means, where it is used, renaming it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from lsprotocol import types

from lang import lsp
from lang.analysis import Place, Symbol
from lang.base import FileEdit
from lang.go.gopls_session import Session

_FOUND = 20

_KINDS: Mapping[types.SymbolKind, str] = {
    types.SymbolKind.Function: "func",
    types.SymbolKind.Method: "method",
    types.SymbolKind.Field: "field",
    types.SymbolKind.Constant: "const",
    types.SymbolKind.Variable: "var",
    types.SymbolKind.Package: "package",
    types.SymbolKind.Module: "package",
}
_ITEM_KINDS: Mapping[int | None, str] = {
    types.CompletionItemKind.Function: "func",
    types.CompletionItemKind.Method: "method",
    types.CompletionItemKind.Field: "field",
    types.CompletionItemKind.Constant: "const",
    types.CompletionItemKind.Variable: "var",
    types.CompletionItemKind.Module: "package",
}
_SELECTED = re.compile(r"([\w\])}]+)\s*\.\s*\w*$")
_PACKAGE = re.compile(r"^\s*package\s+(\w+)", re.MULTILINE)
_VARIABLE_TYPE = re.compile(r"^(?:var|field|const) \w+ \*?(?:\[\]\*?)?([\w./]+)")
_LAYOUT = re.compile(r" // size=.*$", re.MULTILINE)


async def members(session: Session, place: Place) -> tuple[Symbol, ...]:
    """Complete at a place, which stands behind a dot or between a literal's braces."""
    params = types.CompletionParams(text_document=session.document(place.path), position=await session.position(place))
    try:
        result = await session.server.request(types.TEXT_DOCUMENT_COMPLETION, params)
    except lsp.Refused:
        return ()
    items: Sequence[types.CompletionItem] = result.items if isinstance(result, types.CompletionList) else result or ()
    left = await _left_side(session, place)
    return tuple(_member(item, left) for item in items if "." not in item.label)


def _member(item: types.CompletionItem, left: str) -> Symbol:
    kind = _ITEM_KINDS.get(item.kind, "type")
    detail = item.detail or ""
    if detail.startswith("func("):
        signature = f"func {item.label}{detail.removeprefix('func')}"
    else:
        signature = f"{kind} {item.label} {detail}".strip() if kind == "type" else f"{item.label} {detail}".strip()
    documentation = item.documentation
    doc = documentation.value if isinstance(documentation, types.MarkupContent) else documentation or ""
    return Symbol(
        name=f"{left}.{item.label}" if left else item.label, kind=kind, signature=signature, doc=sentence(doc)
    )


async def _left_side(session: Session, place: Place) -> str:
    """Return what the names behind a dot belong to: the package or the type before it; empty where none is."""
    lines = await session.lines(place.path)
    before = lines[place.line - 1][: place.column - 1] if place.line <= len(lines) else ""
    match = _SELECTED.search(before)
    if not match:
        return ""
    hover = await _hover(session, Place(path=place.path, line=place.line, column=match.start(1) + 1))
    signature = str(hover.get("signature", ""))
    if signature.startswith("package "):
        return signature.split()[1]
    variable = _VARIABLE_TYPE.match(signature)
    return variable[1] if variable else ""


async def describe(session: Session, place: Place) -> Symbol | None:
    """Return what a place's identifier stands for."""
    hover = await _hover(session, place)
    if not hover.get("signature"):
        return None
    where = await _definition(session, place)
    return _described(hover, where, await _extent(session, where) if where else (0, 0))


def _described(hover: Mapping[str, Any], where: Place | None, extent: tuple[int, int]) -> Symbol:
    signature = str(hover["singleLine"] or hover["signature"])
    path, anchor = str(hover.get("linkPath", "")), str(hover.get("linkAnchor", ""))
    told = str(hover.get("symbolName", ""))
    package = told.removeprefix("(").partition(".")[0]
    return Symbol(
        name=f"{package or path.rpartition('/')[2]}.{anchor}" if anchor else re.sub(r"[()]", "", told),
        kind=_kind(signature),
        signature=_LAYOUT.sub("", signature),
        doc=str(hover.get("synopsis", "")),
        place=where,
        first_line=extent[0],
        end_line=extent[1],
    )


def _kind(signature: str) -> str:
    return "method" if signature.startswith("func (") else signature.partition(" ")[0]


async def _hover(session: Session, place: Place) -> Mapping[str, Any]:
    """Return gopls' structured hover, which is JSON; empty where there is nothing to say."""
    params = types.HoverParams(text_document=session.document(place.path), position=await session.position(place))
    try:
        hover: types.Hover | None = await session.server.request(types.TEXT_DOCUMENT_HOVER, params)
        told = json.loads(hover.contents.value) if hover and isinstance(hover.contents, types.MarkupContent) else None
    except (lsp.Refused, ValueError):
        return {}
    return cast(Mapping[str, Any], told) if isinstance(told, dict) else {}


async def _definition(session: Session, place: Place) -> Place | None:
    position = await session.position(place)
    params = types.DefinitionParams(text_document=session.document(place.path), position=position)
    try:
        found = await session.server.request(types.TEXT_DOCUMENT_DEFINITION, params)
    except lsp.Refused:
        return None
    locations = [one for one in _listed(found) if isinstance(one, types.Location)]
    return await session.place(locations[0].uri, locations[0].range.start) if locations else None


async def _extent(session: Session, where: Place) -> tuple[int, int]:
    """Return the first line, comment included, and the last of the innermost definition whose name stands on a line."""
    named = [one for one in await _tree(session, where.path) if _names(one, where.line)]
    if not named:
        return 0, 0
    inner = min(named, key=lambda one: one.range.end.line)
    return _first_line(await session.lines(where.path), inner.range.start.line) + 1, inner.range.end.line + 1


def _first_line(lines: Sequence[str], line: int) -> int:
    """Return where the comment right above a line begins, or the line itself; both from 0."""
    while line > 0 and lines[line - 1].strip().startswith("//"):
        line -= 1
    return line


def _names(one: types.DocumentSymbol, line: int) -> bool:
    return one.selection_range.start.line == line - 1


async def find(session: Session, name: str) -> tuple[Symbol, ...]:
    """Return definitions in the module by name: `Shutdown`, `Server.Shutdown`, `pkg.New`, `path/pkg.New`."""
    wanted = re.sub(r"[()*\s`]", "", name)
    if not wanted:
        return ()
    # `$` in gopls' query language: the name ends so, exactly.
    ending = wanted.rpartition("/")[2].partition(".")[2] if "/" in wanted else wanted
    query = f"{ending}$" if "." in ending else f".{ending}$"
    try:
        found = await session.server.request(types.WORKSPACE_SYMBOL, types.WorkspaceSymbolParams(query=query))
    except lsp.Refused:
        return ()
    called = [one for one in _listed(found) if isinstance(one, types.SymbolInformation) and _is_called(one, wanted)]
    return tuple(await asyncio.gather(*(_found(session, one) for one in called[:_FOUND])))


def _is_called(one: types.SymbolInformation, wanted: str) -> bool:
    """Whether a symbol (`pkg.Type.Method`) has that name, with or without its package or the package's path."""
    full = f"{one.container_name}.{one.name.partition('.')[2]}"
    return any(whole == wanted or whole.endswith((f".{wanted}", f"/{wanted}")) for whole in (one.name, full))


async def _found(session: Session, one: types.SymbolInformation) -> Symbol:
    place = await session.place(one.location.uri, one.location.range.start)
    hover = await _hover(session, place)
    first, last = await _extent(session, place)
    return Symbol(
        name=one.name,
        kind=_kind(str(hover.get("signature", ""))) or _KINDS.get(one.kind, "type"),
        signature=_LAYOUT.sub("", str(hover.get("singleLine", ""))),
        doc=str(hover.get("synopsis", "")),
        place=place,
        first_line=first,
        end_line=last,
    )


async def outline(session: Session, path: str) -> tuple[Symbol, ...]:
    """Return a file's definitions in order, the fields and methods of a type behind it."""
    lines = await session.lines(path)
    match = _PACKAGE.search("\n".join(lines))
    package = f"{match[1]}." if match else ""
    return tuple([await _outlined(session, path, package, lines, one) for one in await _tree(session, path)])


async def _outlined(
    session: Session, path: str, package: str, lines: Sequence[str], one: types.DocumentSymbol
) -> Symbol:
    return Symbol(
        name=package + re.sub(r"[()*]", "", one.name),
        kind=_KINDS.get(one.kind, "type"),
        signature=_declared(one),
        doc=_comment(lines, one.range.start.line),
        place=await session.place(session.uri(path), one.selection_range.start),
        first_line=_first_line(lines, one.range.start.line) + 1,
        end_line=one.range.end.line + 1,
    )


def _declared(one: types.DocumentSymbol) -> str:
    detail = one.detail or ""
    if detail.startswith("func("):
        name = one.name.replace(").", ") ")  # a method's receiver stands in parentheses
        return f"func {name}{detail.removeprefix('func')}"
    kind = _KINDS.get(one.kind, "type")
    return f"{kind} {one.name.rpartition('.')[2]} {detail}".strip()


def _comment(lines: Sequence[str], line: int) -> str:
    """Return the first sentence of the comment right above a line (from 0)."""
    above = lines[_first_line(lines, line) : line]
    return sentence("\n".join(one.strip().removeprefix("//").strip() for one in above))


async def _tree(session: Session, path: str) -> Sequence[types.DocumentSymbol]:
    """Return a file's symbols with those inside them, named after what holds them; flat, in order."""
    params = types.DocumentSymbolParams(text_document=session.document(path))
    try:
        found = await session.server.request(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, params)
    except lsp.Refused:
        return ()
    return [inner for one in _listed(found) if isinstance(one, types.DocumentSymbol) for inner in _flat(one, "")]


def _flat(one: types.DocumentSymbol, prefix: str) -> Iterator[types.DocumentSymbol]:
    one.name = prefix + one.name
    yield one
    for child in one.children or ():
        yield from _flat(child, f"{one.name}.")


async def references(session: Session, symbol: Symbol) -> tuple[Place, ...]:
    """Return a symbol's uses and its definition."""
    if symbol.place is None:
        return ()
    params = types.ReferenceParams(
        text_document=session.document(symbol.place.path),
        position=await session.position(symbol.place),
        context=types.ReferenceContext(include_declaration=True),
    )
    try:
        found = await session.server.request(types.TEXT_DOCUMENT_REFERENCES, params)
    except lsp.Refused:
        return ()
    places = {await session.place(one.uri, one.range.start) for one in _listed(found)}
    return tuple(sorted(places, key=lambda place: (place.path, place.line, place.column)))


async def rename(session: Session, symbol: Symbol, to: str) -> tuple[FileEdit, ...]:
    """Return the files with a symbol renamed. Raises ValueError."""
    if symbol.place is None:
        raise ValueError(f"{symbol.name} has no definition here")
    document, position = session.document(symbol.place.path), await session.position(symbol.place)
    try:
        await session.server.request(
            types.TEXT_DOCUMENT_PREPARE_RENAME, types.PrepareRenameParams(text_document=document, position=position)
        )
        edit: types.WorkspaceEdit | None = await session.server.request(
            types.TEXT_DOCUMENT_RENAME, types.RenameParams(text_document=document, position=position, new_name=to)
        )
    except lsp.Refused as error:
        raise ValueError(session.shorten(str(error))) from error
    return await edits(session, edit)


async def edits(session: Session, edit: types.WorkspaceEdit | None) -> tuple[FileEdit, ...]:
    """Return a workspace edit as new contents. Raises ValueError where it would move files, too."""
    found: list[FileEdit] = []
    for change in (edit.document_changes if edit else None) or ():
        if not isinstance(change, types.TextDocumentEdit):
            raise ValueError("it would move files")
        path = session.path(change.text_document.uri)
        text = await session.text(path)
        if text is None:
            raise ValueError(f"{path} can't be read")
        plain = [one for one in change.edits if isinstance(one, types.TextEdit)]
        found.append(FileEdit(path=path, content=lsp.edited(session.server.positions, text, plain)))
    return tuple(found)


def sentence(doc: str) -> str:
    """Return the first sentence of a doc comment on one line."""
    paragraph = " ".join(doc.strip().partition("\n\n")[0].split())
    end = re.search(r"[.!?](?=\s|$)", paragraph)
    return paragraph[: end.end()] if end else paragraph


def _listed(found: Any) -> Sequence[Any]:
    """Return a result that may be one thing, several or none as several."""
    if found is None:
        return ()
    return cast(Sequence[Any], found) if isinstance(found, (list, tuple)) else [found]
