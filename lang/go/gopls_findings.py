"""What gopls has to say, made into findings as the go command words them: only errors, and what vet would find."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from lsprotocol import types

from lang import lsp
from lang.base import Diagnostic, Severity, Step
from lang.go.diagnostics import GO_TEST_ANALYZERS, VET, parse_build, parse_vet
from lang.go.gopls_session import Session

SOURCE = "gopls"

_VET_ANALYZERS = frozenset(
    (
        *("appends", "asmdecl", "assign", "atomic", "bools", "buildtag", "cgocall", "composites", "copylocks"),
        *("defers", "directive", "errorsas", "framepointer", "hostport", "httpresponse", "ifaceassert"),
        *("loopclosure", "lostcancel", "nilfunc", "printf", "shift", "sigchanyzer", "slog", "stdmethods"),
        *("stdversion", "stringintconv", "structtag", "testinggoroutine", "tests", "timeformat", "unmarshal"),
        *("unreachable", "unsafeptr", "unusedresult", "waitgroup"),
    )
)
"""What `go vet` runs: gopls has many more, which nag."""

_LOADER_CODES = ("BrokenImport", "MismatchedPkgName")
_LISTED_PACKAGES = 20
_UNLOADABLE = re.compile(r"found packages |import cycle ")
_UNKNOWN = re.compile(r"^undefined: |imported (?:as \w+ )?and not used$")
_VET_S = 4.0
"""Enough once the caches are warm; before that, errors must not wait for it."""
_LANGUAGE = re.compile(r"requires go1\.\d+ or later$")

# The loader's findings without compiling anything, and the syntax errors in the compiler's words.
_LIST = 'pwd; go list -e -test -json=ImportPath,ForTest,Match,Error,DepsErrors "$@"'
_COMPILE = 'pwd; for file; do go tool compile -p main -o /dev/null "$file"; done'
_VET = 'pwd; exec go vet -json "$@"'


async def findings(session: Session, paths: Collection[str]) -> tuple[Diagnostic, ...]:
    """Return the findings in the whole module, those of vet only around `paths`; for the state last told."""
    items = await _said(session, paths)
    unclear = {path for path, told in items.items() if any(map(_is_loaders, told))}
    suspects = {path for path, told in items.items() if path.endswith(".go") and any(map(_is_syntax, told))}
    listed, compiled = await asyncio.gather(_listed(session, unclear), _compiled(session, suspects))
    if unclear and not listed:
        await session.reload()
        items = await _said(session, paths)
    broken = {one.path for one in compiled}
    plain = [
        (path, one)
        for path, told in items.items()
        for one in told
        if _counts(one) and not (listed and _is_loaders(one)) and not (path in suspects and _is_syntax(one))
    ]
    found = [await _finding(session, path, one) for path, one in plain]
    unloadable = any(_UNLOADABLE.match(one.message) for one in listed)
    shown = (*(one for one in found if not _follows(one, broken, unloadable)), *listed, *compiled)
    vetted = await _vetted(session, paths, shown) if session.behind else ()
    return tuple(sorted({_key(one): one for one in (*shown, *vetted)}.values()))


async def _said(session: Session, paths: Collection[str]) -> Mapping[str, Sequence[types.Diagnostic]]:
    """Return what gopls says of each file, complete for the state last told."""
    pulled = await asyncio.gather(*(_pulled(session, path) for path in paths if _is_source(session, path)))
    await session.settled()
    items = {path: [*told] for path, told in session.published.items() if session.owns(path)}
    for path, told in pulled:
        items.setdefault(path, []).extend(told)
    return items


def _key(diagnostic: Diagnostic) -> tuple[str, int, str]:
    return diagnostic.path, diagnostic.line, diagnostic.message


def _is_source(session: Session, path: str) -> bool:
    return path.endswith(".go") and session.owns(path)


async def _pulled(session: Session, path: str) -> tuple[str, Sequence[types.Diagnostic]]:
    """Ask about one file, which also loads a package that is new; nothing where the build leaves it out."""
    if await session.text(path) is None or _is_ignored(path):
        return path, ()
    params = types.DocumentDiagnosticParams(text_document=session.document(path))
    try:
        report = await session.server.request(types.TEXT_DOCUMENT_DIAGNOSTIC, params)
    except lsp.Refused:
        return path, ()
    return path, report.items if isinstance(report, types.RelatedFullDocumentDiagnosticReport) else ()


def _is_ignored(path: str) -> bool:
    """Whether the go command looks past a file's directory."""
    parts = posixpath.dirname(path).split("/")
    return any(part in ("testdata", "vendor") or part.startswith(("_", ".")) for part in parts if part)


def _is_loaders(item: types.Diagnostic) -> bool:
    """Whether it comes from loading packages: gopls says such things of every file, the go command once and better."""
    return item.source == "go list" or item.code in _LOADER_CODES or item.message.startswith("expected 'package'")


def _is_syntax(item: types.Diagnostic) -> bool:
    """Whether the compiler has the last word on it: its parser knows the newest syntax, and people know its words."""
    return item.source == "syntax" and not _is_loaders(item)


def _counts(item: types.Diagnostic) -> bool:
    """Whether it is an error or one of vet's findings.

    What `go mod tidy` wants is done before each check; `see details` is a second word on what is said elsewhere.
    """
    if item.source == "go mod tidy" or item.message.endswith("(see details)"):
        return False
    return item.severity == types.DiagnosticSeverity.Error or item.source in _VET_ANALYZERS


def _follows(finding: Diagnostic, broken: Collection[str], unloadable: bool) -> bool:
    """Whether a finding may only follow from a syntax error or a package that can't be loaded.

    The compiler would not have come so far.
    """
    if finding.path in broken or finding.source != SOURCE:
        return False
    if unloadable and _UNKNOWN.search(finding.message):
        return True
    folders = {posixpath.dirname(path) for path in broken}
    names = {posixpath.basename(folder) for folder in folders}
    missing = re.match(r"undefined: (\w+)\.", finding.message)
    return posixpath.dirname(finding.path) in folders or (missing is not None and missing[1] in names)


async def _finding(session: Session, path: str, item: types.Diagnostic) -> Diagnostic:
    place = await session.place(session.uri(path), item.range.start)
    severity: Severity = "error"
    if item.source in _VET_ANALYZERS and item.source not in GO_TEST_ANALYZERS:
        severity = "warning"
    return Diagnostic(
        path=path,
        line=place.line,
        column=place.column,
        severity=severity,
        message=session.shorten(await _worded(session, item)).strip(),
        source=VET if item.source in _VET_ANALYZERS else SOURCE,
    )


async def _worded(session: Session, item: types.Diagnostic) -> str:
    """Return a message with what the compiler adds: the module's language, the other one of two declarations."""
    lines = [item.message]
    if _LANGUAGE.search(item.message) and (version := await session.language()):
        lines[0] += f" (-lang was set to go{version}; check go.mod)"
    for one in item.related_information or ():
        if one.message.startswith("other declaration of"):
            place = await session.place(one.location.uri, one.location.range.start)
            lines.append(f"\t{place.path}:{place.line}:{place.column}: {one.message}")
    return "\n".join(lines)


async def _listed(session: Session, paths: Collection[str]) -> tuple[Diagnostic, ...]:
    """Return what the go command finds wrong with the imports and package clauses in these files' directories."""
    if not paths:
        return ()
    folders = sorted({posixpath.dirname(posixpath.join(session.workspace, path)) for path in paths})
    return await _go(session, _LIST, folders[:_LISTED_PACKAGES])


async def _compiled(session: Session, paths: Collection[str]) -> tuple[Diagnostic, ...]:
    """Return the files' syntax errors as the compiler words them. It stops at these: imports mean it found none."""
    if not paths:
        return ()
    found = await _go(session, _COMPILE, sorted(posixpath.join(session.workspace, path) for path in paths))
    unbroken = {one.path for one in found if one.message.startswith("could not import")}
    return tuple(one for one in found if one.path not in unbroken)


async def _vetted(session: Session, paths: Collection[str], findings: Collection[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return what `go vet` finds in the files' packages; nothing where something else is wrong with them."""
    folders = {posixpath.dirname(path) for path in paths if _is_source(session, path) and not _is_ignored(path)}
    folders -= {posixpath.dirname(one.path) for one in findings if one.severity == "error"}
    if not folders or any(one.severity == "error" and not one.path for one in findings):
        return ()
    names = sorted(posixpath.join(session.workspace, folder) for folder in folders)
    step = Step(argv=("sh", "-c", _VET, "go", *names), cwd=session.project.root, timeout_s=_VET_S)
    return parse_vet(session.project, await session.bench.run(step)).diagnostics


async def _go(session: Session, script: str, names: Iterable[str]) -> tuple[Diagnostic, ...]:
    step = Step(argv=("sh", "-c", script, "go", *names), cwd=session.project.root, timeout_s=10.0)
    return parse_build(session.project, await session.bench.run(step)).diagnostics
