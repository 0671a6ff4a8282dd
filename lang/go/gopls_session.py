"""A running `gopls serve`: what it is told, what it has published, and when that is complete."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from lsprotocol import types

from lang import lsp
from lang.analysis import AnalysisUnavailable, Bench, Place
from lang.base import Project, Step

_WORKS = frozenset(
    ("diagnosing files changed on disk", "diagnosing initial workspace load", "diagnosing regenerate cgo")
)
"""What gopls calls looking at everything after it was told something, once each."""
_READ_AT_ONCE = 200
_DOWNLOAD_S = 20.0

# The module cache is filled first, by the go command: gopls itself works without a network, so that a module that
# nobody has takes no time. Its own cache is filled once, beside everything else, with what most programs import: on
# first use a package like net/http takes it seconds. That takes most memory of all it does: let it collect garbage
# twice as often, which costs no time that shows. gofumpt is a matter of the whole project, said where it configures
# its linter.
_SURVEY = r"""
COMMON='bufio bytes context database/sql embed encoding/base64 encoding/binary encoding/csv encoding/hex
encoding/json errors flag fmt go/ast html/template io io/fs log log/slog maps math/big math/rand/v2 net/http
net/http/httptest net/url os os/exec os/signal path/filepath reflect regexp slices sort strconv strings sync
sync/atomic testing testing/fstest text/tabwriter text/template time unicode/utf8'
pwd
go env GOVERSION
go version "$(command -v gopls)"
(cd / && go list -find -f 'std {{.Name}} {{.ImportPath}}' std)
go list -e -deps -test ./... >/dev/null 2>&1
warm=${HOME:-/tmp}/.cache/bactrian-gopls-$(gopls version | cksum | cut -c1-9)
[ -e "$warm" ] || (
    mkdir -p "$warm" && cd "$warm" || exit
    echo 'module warm' > go.mod
    { echo 'package warm'; printf 'import _ "%s"\n' $COMMON; } > warm.go
    GOGC=50 exec nice gopls check warm.go
) >/dev/null 2>&1 </dev/null &
grep -ls gofumpt .golangci.y*ml .golangci.toml .golangci.json || true
"""
_FETCH = Step(argv=("sh", "-c", "go list -e -deps -test ./... >/dev/null 2>&1"), timeout_s=_DOWNLOAD_S)

_SETTINGS: Mapping[str, Any] = {
    "diagnosticsDelay": "0s",
    "verboseWorkDoneProgress": True,  # tells when the diagnostics for a change are complete
    "analysisProgressReporting": False,
    "vulncheck": "Off",
    "staticcheck": False,
    "hoverKind": "Structured",
    "symbolScope": "workspace",
    "symbolStyle": "Package",
    "completionBudget": "0s",
    "deepCompletion": False,
    "experimentalPostfixCompletions": False,
    "env": {"GOPROXY": "off"},
}

_MODULE_FILES = frozenset(("go.mod", "go.sum", "go.work", "go.work.sum"))


class Session:
    """One gopls over one module. Nothing is ever opened in it: it reads the files where they lie."""

    def __init__(self, bench: Bench, project: Project) -> None:
        self.bench = bench
        self.project = project
        self.root = ""
        """The module's directory, absolute; so is the workspace's."""
        self.workspace = ""
        self.standard: Mapping[str, str] = {}
        """The names of the standard library's packages by their paths."""
        self.gofumpt = False
        self.behind = False
        """Whether gopls was built by an older Go than the one in use, whose standard library it then can't vet with."""
        self.published: dict[str, Sequence[types.Diagnostic]] = {}
        self._server: lsp.LanguageServer | None = None
        self._works: dict[int | str, str] = {}
        self._begun = 0
        """How many changes have been told."""
        self._done = 0
        self._progress = asyncio.Event()
        self._texts: dict[str, str | None] = {}

    @property
    def server(self) -> lsp.LanguageServer:
        """The connection. Raises AnalysisUnavailable before `start`."""
        if self._server is None:
            raise AnalysisUnavailable("gopls has not been started")
        return self._server

    async def start(self) -> None:
        """Start gopls and wait until it has looked at the whole module. Raises AnalysisUnavailable."""
        surveyed = await self.bench.run(Step(argv=("sh", "-c", _SURVEY), cwd=self.project.root))
        lines = surveyed.stdout.splitlines()
        if len(lines) < 3 or not lines[0].startswith("/"):
            raise AnalysisUnavailable("there is no gopls, or no go command")
        self.root = lines[0]
        self.workspace = self.root.removesuffix(f"/{self.project.root}") if self.project.root != "." else self.root
        packages = [line.split()[1:] for line in lines[3:] if line.startswith("std ")]
        self.standard = {path: name for name, path in packages if "internal" not in path and "vendor/" not in path}
        self.gofumpt = len(lines) > 3 + len(packages)
        self.behind = _minor(lines[2].rpartition(" ")[2]) < _minor(lines[1])
        streams = await self.bench.open(Step(argv=("gopls", "serve"), cwd=self.project.root))
        settings = {**_SETTINGS, "gofumpt": self.gofumpt}
        self._server = server = lsp.LanguageServer(streams, name="gopls", settings=settings)
        server.listen(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, self._publish)
        server.listen(types.PROGRESS, self._advance)
        self._begun = 1
        await server.start(self.root, _CAPABILITIES)
        await self.settled()

    async def changed(self, paths: Collection[str]) -> None:
        """Tell of files that were written, made or removed."""
        if any(posixpath.basename(path) in _MODULE_FILES for path in paths):
            await self.bench.run(Step(argv=_FETCH.argv, cwd=self.project.root, timeout_s=_FETCH.timeout_s))
        known = self._texts.keys() & set(paths)
        for path in paths:
            self._texts.pop(path, None)
        if len(paths) <= _READ_AT_ONCE:
            await asyncio.gather(*(self.text(path) for path in paths if path.endswith(".go")))
        events = [types.FileEvent(uri=self.uri(path), type=self._kind(path, path in known)) for path in paths]
        self._begun += 1
        self.server.notify(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, types.DidChangeWatchedFilesParams(changes=events))

    async def settled(self) -> None:
        """Wait until `published` holds for everything that gopls was told."""
        while self._done < self._begun:
            self._progress.clear()
            await self.server.until(self._progress)

    async def reload(self) -> None:
        """Let gopls load the module anew, and wait for it: it does not always see that an import has come to exist."""
        self._begun += 1
        arguments = [{"URI": lsp.uri(posixpath.join(self.root, "go.mod"))}]
        # Named after cgo, but all it does is to drop what was loaded.
        params = types.ExecuteCommandParams(command="gopls.regenerate_cgo", arguments=arguments)
        await self.server.request(types.WORKSPACE_EXECUTE_COMMAND, params)
        await self.settled()

    async def text(self, path: str) -> str | None:
        """Return a file's text as it was at the last change."""
        if path not in self._texts:
            self._texts[path] = await self.bench.read(path)
        return self._texts[path]

    async def module(self) -> str:
        """Return the text of go.mod; empty where it can't be read."""
        return await self.text("go.mod" if self.project.root == "." else f"{self.project.root}/go.mod") or ""

    async def language(self) -> str:
        """Return the version of Go (`1.25`) that go.mod is written for; empty where it names none."""
        match = re.search(r"^go (1\.\d+)", await self.module(), re.MULTILINE)
        return match[1] if match else ""

    async def lines(self, path: str) -> Sequence[str]:
        """Return a file's lines; none where it can't be read."""
        return (await self.text(path) or "").split("\n")

    def uri(self, path: str) -> str:
        """Return a path's URI."""
        return lsp.uri(posixpath.join(self.workspace, path))

    def path(self, uri: str) -> str:
        """Return a URI's path, relative to the workspace where it lies in there."""
        return lsp.path_of(uri).removeprefix(f"{self.workspace}/")

    def shorten(self, text: str) -> str:
        """Return a text with every absolute path into the workspace made relative."""
        return text.replace(f"{self.workspace}/", "")

    def owns(self, path: str) -> bool:
        """Whether a path lies in the module's directory."""
        return not path.startswith("/") and (self.project.root == "." or path.startswith(f"{self.project.root}/"))

    def document(self, path: str) -> types.TextDocumentIdentifier:
        """Return a path as requests name documents."""
        return types.TextDocumentIdentifier(uri=self.uri(path))

    async def position(self, place: Place) -> types.Position:
        """Return a place in gopls' units."""
        return lsp.position(self.server.positions, await self.lines(place.path), place.line, place.column)

    async def place(self, uri: str, position: types.Position) -> Place:
        """Return a position in ours."""
        path = self.path(uri)
        line, column = lsp.point(self.server.positions, await self.lines(path), position)
        return Place(path=path, line=line, column=column)

    async def close(self) -> None:
        """End gopls."""
        if self._server is not None:
            await self._server.close()

    def _kind(self, path: str, known: bool) -> types.FileChangeType:
        if path in self._texts and self._texts[path] is None:
            return types.FileChangeType.Deleted
        return types.FileChangeType.Changed if known else types.FileChangeType.Created

    def _publish(self, params: types.PublishDiagnosticsParams) -> None:
        self.published[self.path(params.uri)] = params.diagnostics
        if not params.diagnostics:
            del self.published[self.path(params.uri)]

    def _advance(self, params: types.ProgressParams) -> None:
        """Count the changes that gopls is done with. One that a later one overtook ends early, without a result."""
        value = _fields(params.value)
        if value.get("kind") == "begin":
            self._works[params.token] = str(value.get("title"))
        elif value.get("kind") == "end" and self._works.pop(params.token, "") in _WORKS:
            self._done += 1
            self._progress.set()


def _minor(version: str) -> int:
    """Return the 27 of `go1.27.3`; 0 for a version of another form."""
    match = re.match(r"go1\.(\d{1,4})", version)
    return int(match[1]) if match else 0


def _fields(value: object) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else vars(value)


_CAPABILITIES = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(
        publish_diagnostics=types.PublishDiagnosticsClientCapabilities(related_information=True),
        diagnostic=types.DiagnosticClientCapabilities(),
        document_symbol=types.DocumentSymbolClientCapabilities(hierarchical_document_symbol_support=True),
        rename=types.RenameClientCapabilities(prepare_support=True),
        code_action=types.CodeActionClientCapabilities(
            code_action_literal_support=types.ClientCodeActionLiteralOptions(
                code_action_kind=types.ClientCodeActionKindOptions(
                    value_set=[types.CodeActionKind.SourceOrganizeImports]
                )
            )
        ),
    ),
    workspace=types.WorkspaceClientCapabilities(
        configuration=True,
        workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True),
        did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True),
    ),
    window=types.WindowClientCapabilities(work_done_progress=True),
)
