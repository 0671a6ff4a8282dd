"""Formatting a file that was written and mending its imports, no further than one can be sure."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

from lsprotocol import types

from lang import lsp
from lang.base import FileEdit, Step
from lang.go.gopls_session import Session
from lang.go.gopls_symbols import edits

_IMPORT_BLOCK = re.compile(r"^import\s*\(.*?^\)|^import\s+[^(\n]*$", re.MULTILINE | re.DOTALL)
_SPEC = re.compile(r'^[ \t]*(?:import[ \t]+)?(?:(?P<name>[\w.]+)[ \t]+)?"(?P<path>[^"\n]+)"[^\n]*$', re.MULTILINE)
_REQUIRED = re.compile(r"^\s*(?:require\s+)?([\w.~-]+\.[\w./~-]+)\s+v\d", re.MULTILINE)
_MODULE = re.compile(r"^module\s+(\S+)", re.MULTILINE)
_VERSION = re.compile(r"^v\d+$")
_GENERATED = re.compile(r"^// Code generated .* DO NOT EDIT\.$", re.MULTILINE)

_EMPTY_BLOCK = re.compile(r"^import\s*\(\s*\)\n*", re.MULTILINE)

# Prints directories of the module that end in a name: packages that it may stand for.
_OWN = r"""
module=$(go list -m) || exit 0
find . -type d -name "$1" | grep -vE '/(testdata|vendor|[._][^/]*)(/|$)' | sed "s|^\.|$module|"
"""

# Prints those of the packages that have all the symbols which a file takes from them.
_EXPORTING = r"""
symbols=$1
shift
for package; do
    for symbol in $symbols; do go doc "$package.$symbol" 2>/dev/null | grep -qw "$symbol" || continue 2; done
    echo "$package"
done
"""


async def polished(session: Session, path: str, before: str | None) -> FileEdit | None:
    """Return a file formatted, with its imports right; None where nothing would change. Raises lsp.Refused.

    A file that had not been in gofmt's format keeps its own; its imports are mended all the same.
    """
    text = await session.text(path)
    if text is None or not path.endswith(".go") or _GENERATED.search(text):
        return None
    mended = await _with_imports(session, path, text)
    if before is None or await _gofmt(session, before) == before:
        mended = await _formatted(session, path, text, mended)
    return FileEdit(path=path, content=mended) if mended != text else None


async def _formatted(session: Session, path: str, text: str, mended: str) -> str:
    """Format by gofmt; by gofumpt, which only gopls has here, where the project asks for it and nothing was mended."""
    if session.gofumpt and mended == text:
        options = types.FormattingOptions(tab_size=8, insert_spaces=False)
        params = types.DocumentFormattingParams(text_document=session.document(path), options=options)
        found: Sequence[types.TextEdit] | None = await session.server.request(types.TEXT_DOCUMENT_FORMATTING, params)
        return lsp.edited(session.server.positions, text, found or ())
    return await _gofmt(session, mended) or mended


async def _gofmt(session: Session, text: str) -> str:
    """Return a text in gofmt's format; empty where it does not parse."""
    output = await session.bench.run(Step(argv=("gofmt",), stdin=text, timeout_s=10.0))
    return output.stdout if output.exit_code == 0 else ""


async def _with_imports(session: Session, path: str, text: str) -> str:
    """Drop unused imports and add missing ones, except those that could mean something else."""
    start = types.Position(line=0, character=0)
    params = types.CodeActionParams(
        text_document=session.document(path),
        range=types.Range(start=start, end=start),
        context=types.CodeActionContext(diagnostics=[], only=[types.CodeActionKind.SourceOrganizeImports]),
    )
    actions = await session.server.request(types.TEXT_DOCUMENT_CODE_ACTION, params)
    for action in actions or ():
        if isinstance(action, types.CodeAction) and action.edit:
            for edit in await edits(session, action.edit):
                if edit.path == path:
                    return await _without_guesses(session, text, edit.content)
    return text


async def _without_guesses(session: Session, text: str, organized: str) -> str:
    """Take the added imports out again that are not the only ones possible."""
    had, module = _imports(text), await session.module()
    added = {path: name for path, name in _imports(organized).items() if path not in had}
    certain = await asyncio.gather(
        *(_is_certain(session, organized, path, name, module) for path, name in added.items())
    )
    for path, sure in zip(added, certain, strict=True):
        if not sure:
            organized = _without(organized, path)
    return organized


async def _is_certain(session: Session, text: str, path: str, name: str, module: str) -> bool:
    """Whether an added import is of a module at hand, and no other package has the same name and what is used of it."""
    if "." in path.partition("/")[0] and not _is_at_hand(path, module):
        return False
    last = _package_name(path)
    own = await _printed(session, _OWN, last)
    others = {*own, *(one for one, called in session.standard.items() if called == last)} - {path}
    if not others:
        return True
    used = sorted(set(re.findall(rf"(?<![\w.]){re.escape(name or last)}\.([A-Z]\w*)", text)))
    return not await _printed(session, _EXPORTING, " ".join(used), *sorted(others))


async def _printed(session: Session, script: str, *arguments: str) -> Sequence[str]:
    argv = ("sh", "-c", script, "imports", *arguments)
    return (await session.bench.run(Step(argv=argv, cwd=session.project.root, timeout_s=8.0))).stdout.split()


def _is_at_hand(path: str, module: str) -> bool:
    """Whether a go.mod is of the module that holds a package, or requires it."""
    own = _MODULE.search(module)
    known = [*_REQUIRED.findall(module), *([own[1]] if own else [])]
    return any(path == one or path.startswith(f"{one}/") for one in known)


def _package_name(path: str) -> str:
    parts = path.split("/")
    return parts[-2] if _VERSION.match(parts[-1]) and len(parts) > 1 else parts[-1]


def _imports(text: str) -> Mapping[str, str]:
    """Return the imported paths of a file, each with the name it is given, mostly none."""
    blocks = (match[0] for match in _IMPORT_BLOCK.finditer(text))
    return {match["path"]: match["name"] or "" for block in blocks for match in _SPEC.finditer(block)}


def _without(text: str, path: str) -> str:
    """Remove an import by its path."""
    match = next(
        found
        for block in _IMPORT_BLOCK.finditer(text)
        for found in _SPEC.finditer(text, block.start(), block.end())
        if found["path"] == path
    )
    return _EMPTY_BLOCK.sub("", text[: match.start()] + text[match.end() :].removeprefix("\n"))
