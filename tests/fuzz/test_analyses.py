"""A language server, dune or merlin answers anything: an analysis gives results or AnalysisUnavailable, and soon."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import pytest
from fuzzing import altered, explained, fuzz, mutated, one_line
from hypothesis import strategies as st

from lang.analysis import AnalysisUnavailable, Place, Symbol
from lang.base import Project, Step, StepOutput
from lang.go.gopls import Gopls
from lang.ocaml.bridge import READY, answer, packed, unpacked
from lang.ocaml.lookup import Lookup
from lang.ocaml.merlin import Merlin, WatchedBench
from lang.ocaml.uses import Uses
from lang.ocaml.watch import CHECK, Watch

GO = 'package main\n\nimport "fmt"\n\n// Serve serves.\nfunc Serve(port int) { fmt.Println(port) }\n'
OCAML = "open Shop\n\nlet serve port = Shop.print port\n"
SURVEYED = "/workspace\ngo1.25.1\ngopls: go1.25.1\nstd fmt fmt\n"
URI = "file:///workspace/main.go"
HERE = Place(path="main.go", line=6, column=6)
FOUND = Symbol(name="main.Serve", kind="func", place=HERE)


def span(line: int, start: int, end: int) -> dict[str, Any]:
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}


NAMED = span(5, 5, 10)
CHANGED = {"textDocument": {"uri": URI, "version": 1}, "edits": [{"range": NAMED, "newText": "Run"}]}
HOVER = {"signature": "func Serve(port int)", "singleLine": "func Serve(port int)", "symbolName": "main.Serve"}
PROBLEM = {"range": NAMED, "severity": 1, "source": "compiler", "message": "undefined: x", "code": "UndeclaredName"}
SERVED: Mapping[str, Any] = {
    "initialize": {"capabilities": {"positionEncoding": "utf-16"}},
    "textDocument/hover": {"contents": {"kind": "markdown", "value": json.dumps(HOVER)}, "range": NAMED},
    "textDocument/definition": [{"uri": URI, "range": NAMED}],
    "textDocument/references": [{"uri": URI, "range": NAMED}],
    "textDocument/documentSymbol": [
        {"name": "Serve", "detail": "func(port int)", "kind": 12, "range": NAMED, "selectionRange": NAMED}
    ],
    "textDocument/completion": {
        "isIncomplete": False,
        "items": [{"label": "Println", "kind": 3, "detail": "func(a ...any)", "documentation": "Prints."}],
    },
    "textDocument/diagnostic": {"kind": "full", "items": [PROBLEM]},
    "textDocument/prepareRename": {"range": NAMED, "placeholder": "Serve"},
    "textDocument/rename": {"documentChanges": [CHANGED]},
    "textDocument/codeAction": [
        {"title": "Organize", "kind": "source.organizeImports", "edit": {"documentChanges": [CHANGED]}}
    ],
    "workspace/symbol": [
        {"name": "main.Serve", "kind": 12, "location": {"uri": URI, "range": NAMED}, "containerName": "main"}
    ],
    "shutdown": None,
    "publish": {"uri": URI, "diagnostics": [PROBLEM]},
    "begin": {"token": "1", "value": {"kind": "begin", "title": "diagnosing initial workspace load"}},
    "end": {"token": "1", "value": {"kind": "end"}},
    "ask": {"id": 7, "method": "workspace/configuration", "params": {"items": [{"section": "gopls"}]}},
}


def framed(message: object) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


class Far:
    """A process that answers by `respond`; it ends once it has been asked nothing for a while."""

    def __init__(self, respond: Callable[[bytes], bytes], greeting: bytes) -> None:
        self._respond = respond
        self._said: asyncio.Queue[bytes] = asyncio.Queue()
        if greeting:
            self._said.put_nowait(greeting)

    async def write(self, data: bytes) -> None:
        if said := self._respond(data):
            self._said.put_nowait(said)

    async def read(self) -> bytes:
        try:
            return await asyncio.wait_for(self._said.get(), 0.02)
        except TimeoutError:
            return b""

    async def wait(self) -> int:
        return 0

    async def kill(self) -> None:
        return


class Bench:
    """Has one file, prints one text, starts one process."""

    def __init__(
        self, text: str, printed: Callable[[], str], respond: Callable[[bytes], bytes], greeting: bytes = b""
    ) -> None:
        self._text, self._printed, self._respond, self._greeting = text, printed, respond, greeting

    async def run(self, step: Step) -> StepOutput:
        return StepOutput(exit_code=0, stdout=self._printed(), stderr="")

    async def open(self, step: Step) -> Far:
        return Far(self._respond, self._greeting)

    async def read(self, path: str) -> str | None:
        return self._text


def served(table: Any, damage: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Answer a client by a table like `SERVED`, and tell of all that it should hear after each change."""
    told = cast("dict[str, Any]", table) if isinstance(table, dict) else {}

    def respond(data: bytes) -> bytes:
        asked = json.loads(data.partition(b"\r\n\r\n")[2])
        method = asked.get("method")
        if method in ("initialized", "workspace/didChangeWatchedFiles"):
            notes = ("publish", "textDocument/publishDiagnostics"), ("begin", "$/progress"), ("end", "$/progress")
            said = [{"method": name, "params": told.get(key)} for key, name in notes]
            return damage(b"".join(framed({"jsonrpc": "2.0", **one}) for one in said) + framed(told.get("ask")))
        if "id" not in asked or method is None:
            return b""
        result: dict[str, Any] = (
            {"result": told[method]} if method in told else {"error": {"code": -32601, "message": "no"}}
        )
        return damage(framed({"jsonrpc": "2.0", "id": asked["id"], **result}))

    return respond


async def each(*asked: Callable[[], Awaitable[object]]) -> None:
    for ask in asked:
        try:
            await ask()
        except AnalysisUnavailable as error:
            one_line(error)


async def use_gopls(respond: Callable[[bytes], bytes]) -> None:
    bench = Bench(GO, lambda: SURVEYED, respond)
    gopls = Gopls(Project(language="go", root="."), bench)

    async def rename() -> None:
        try:
            await gopls.rename(FOUND, "Run")
        except ValueError as error:
            explained(error)

    await each(
        gopls.start,
        lambda: gopls.changed(["main.go"]),
        lambda: gopls.diagnostics(["main.go"]),
        lambda: gopls.outline("main.go"),
        lambda: gopls.find("Serve"),
        lambda: gopls.describe(HERE),
        lambda: gopls.members(HERE),
        lambda: gopls.references(FOUND),
        rename,
        lambda: gopls.polished("main.go", None),
    )
    await gopls.close()


CRASHED: list[Mapping[str, Any]] = [
    {**SERVED, "initialize": {"capabilities": {"positionEncoding": {}}}},
    {"shutdown": None},
]


def test_gopls(request: pytest.FixtureRequest) -> None:
    def check(given: tuple[Any, bytes]) -> None:
        table, tail = given
        asyncio.run(use_gopls(served(table, lambda data: data + tail)))

    tables = altered([json.dumps(SERVED)])
    tails = mutated([framed({"jsonrpc": "2.0", "method": "window/logMessage", "params": {"type": 3, "message": "x"}})])
    values = st.one_of(
        st.tuples(tables, st.just(b"")), st.tuples(tables, st.just(b"")), st.tuples(st.just(SERVED), tails)
    )
    fuzz(request, values, check, inputs=40, always=[(SERVED, b""), *((table, b"") for table in CRASHED)])


ANSWERS: list[Any] = [
    {"entries": [{"name": "print", "kind": "Value", "desc": "int -> unit", "info": "(** Prints. *)"}]},
    [{"start": {"line": 3, "col": 4}, "end": {"line": 3, "col": 9}, "type": "int -> unit", "tail": "no"}],
    {"file": "/workspace/main.ml", "pos": {"line": 3, "col": 4}},
    [{"start": {"line": 3, "col": 4}, "end": {"line": 3, "col": 9}, "file": "/workspace/main.ml", "stale": False}],
    [{"name": "serve", "kind": "Value", "type": "int -> unit", "children": [], "start": {"line": 3, "col": 0}}],
    "(** Prints. *)",
]
MERLIN = [json.dumps({"class": "return", "value": value, "notifications": []}) for value in ANSWERS]


async def use_merlin(printed: str) -> None:
    project = Project(language="ocaml", root=".")
    bench = Bench(OCAML, lambda: printed, lambda _: b"")
    merlin = Merlin(project=project, bench=WatchedBench(bench=bench, project=project))
    lookup = Lookup(project=project, merlin=merlin)
    here = Place(path="main.ml", line=3, column=5)
    await lookup.members(here)
    await lookup.describe(here)
    await lookup.find("serve")
    await lookup.outline("main.ml")
    uses = Uses(lookup=lookup)
    await uses.references(Symbol(name="serve", kind="value", place=here))


def test_merlin(request: pytest.FixtureRequest) -> None:
    values = st.one_of(altered(MERLIN).map(json.dumps), mutated([row.encode() for row in MERLIN]).map(_text))
    fuzz(request, values, lambda printed: asyncio.run(use_merlin(printed)), inputs=120)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


async def use_watch(said: bytes) -> None:
    def respond(data: bytes) -> bytes:
        return said.replace(b"TOKEN", data.split(b"\t")[0])

    watch = Watch(Project(language="ocaml", root="."), Bench("", str, respond, greeting=said))
    await each(watch.start, lambda: watch.build(CHECK))
    await watch.close()


def test_a_watching_dune(request: pytest.FixtureRequest) -> None:
    ready = f"bactrian-built: {READY} build\n".encode()
    error = b'File "main.ml", line 1, characters 0-3:\nError: Unbound value x\n'
    seeds = [ready + error + b"Had 1 error, waiting for filesystem changes...\n\nbactrian-built: TOKEN Failure\n"]
    values = mutated([*seeds, ready + b"\nbactrian-built: TOKEN Success\n"])
    fuzz(request, values, lambda said: asyncio.run(use_watch(said)), inputs=100)


PACKETS = [
    packed([[b"id", b"a1"], [b"result", [b"ok", [b"Success", []]]]]),
    packed([[b"id", b"a1"], [b"result", [b"error", [[b"kind", b"Code_error"]]]]]),
]


def test_packets_of_dune(request: pytest.FixtureRequest) -> None:
    def check(data: bytes) -> None:
        try:
            packet = unpacked(io.BytesIO(data))
        except (EOFError, RecursionError):
            return
        identity, outcome = answer(packet or [])
        assert bool(identity) or not outcome

    fuzz(request, mutated(PACKETS), check, inputs=300)
