from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from lsprotocol import types
from pygls.workspace import PositionCodec

from lang import lsp
from lang.analysis import AnalysisUnavailable

UTF16 = PositionCodec()
READY: Mapping[str, Any] = {"capabilities": {}}


class Server:
    """Answers by a table of method → result; what is no answer is sent by the test."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers: dict[str, Any] = {"initialize": READY, "shutdown": None, **answers}
        self.heard: list[Mapping[str, Any]] = []
        self.killed = False
        self._ended = asyncio.Event()
        self._output: asyncio.Queue[bytes] = asyncio.Queue()

    async def write(self, data: bytes) -> None:
        message = json.loads(data.partition(b"\r\n\r\n")[2])
        self.heard.append(message)
        method = message.get("method")
        if method == "exit":
            self._ended.set()
            self._output.put_nowait(b"")
        elif "id" in message and method in self.answers:
            answer = self.answers[method]
            key = "error" if isinstance(answer, dict) and "code" in answer else "result"
            self.send({"id": message["id"], key: answer})

    def send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.send_raw(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def send_raw(self, data: bytes) -> None:
        self._output.put_nowait(data)

    async def read(self) -> bytes:
        return await self._output.get()

    async def wait(self) -> int:
        await self._ended.wait()
        return 0

    async def kill(self) -> None:
        self.killed = True


class Broken(Server):
    async def read(self) -> bytes:
        raise ConnectionError("the container has ended")


async def started(server: Server) -> lsp.LanguageServer:
    client = lsp.LanguageServer(server, name="fake", settings={"answer": 42})
    await client.start("/workspace", types.ClientCapabilities())
    return client


def hover() -> types.HoverParams:
    document = types.TextDocumentIdentifier(uri="file:///workspace/a.go")
    return types.HoverParams(text_document=document, position=types.Position(line=0, character=0))


def rename() -> types.PrepareRenameParams:
    return types.PrepareRenameParams(text_document=hover().text_document, position=hover().position)


async def until(condition: Callable[[], object]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came")


async def test_requests_are_typed_and_errors_are_refusals():
    server = Server(
        {
            "textDocument/hover": {"contents": "x"},
            "textDocument/prepareRename": {"code": -32603, "message": "no identifier"},
        }
    )
    client = await started(server)
    found = await client.request("textDocument/hover", hover())
    assert isinstance(found, types.Hover)
    with pytest.raises(lsp.Refused, match="no identifier"):
        await client.request("textDocument/prepareRename", rename())
    await client.close()
    assert [message.get("method") for message in server.heard][-2:] == ["shutdown", "exit"]
    with pytest.raises(AnalysisUnavailable, match="closed"):
        await client.request("textDocument/hover", hover())


async def test_what_a_server_asks_is_answered_and_edits_are_refused():
    server = Server({})
    client = await started(server)
    server.send({"id": 1, "method": "workspace/configuration", "params": {"items": [{"section": "x"}, {}]}})
    server.send({"id": 2, "method": "client/registerCapability", "params": {"registrations": []}})
    server.send({"id": 3, "method": "workspace/applyEdit", "params": {"edit": {}}})
    server.send({"id": 4, "method": "window/unheardOf", "params": {}})
    await until(lambda: len([message for message in server.heard if "method" not in message]) == 4)
    answers = {message["id"]: message for message in server.heard if "method" not in message}
    assert answers[1]["result"] == [{"answer": 42}, {"answer": 42}]
    assert answers[2].get("result") is None
    assert answers[3]["result"] == {"applied": False}
    assert "error" in answers[4]
    await client.close()


async def test_notifications_reach_listeners():
    server = Server({})
    client = lsp.LanguageServer(server, name="fake", settings={})
    heard: list[str] = []
    client.listen("textDocument/publishDiagnostics", lambda params: heard.append(params.uri))
    await client.start("/workspace", types.ClientCapabilities())
    server.send({"method": "textDocument/publishDiagnostics", "params": {"uri": "file:///a", "diagnostics": []}})
    await until(lambda: heard)
    assert heard == ["file:///a"]
    await client.close()


async def test_a_death_ends_what_waits():
    server = Server({})
    client = await started(server)
    waiting = asyncio.create_task(client.request("textDocument/hover", hover()))
    event = asyncio.create_task(client.until(asyncio.Event()))
    await asyncio.sleep(0)
    server.send_raw(b"")
    for task in (waiting, event):
        with pytest.raises(AnalysisUnavailable, match="fake has ended"):
            await task
    await client.close()
    assert server.killed


@pytest.mark.parametrize(
    "garbage", [b"Content-Length: 5\r\n\r\n{{{{{", b'Content-Length: 2\r\n\r\n[]Content-Length: 9\r\n\r\n{"id": 1}']
)
async def test_garbage_is_a_death(garbage: bytes):
    server = Server({})
    client = await started(server)
    waiting = asyncio.create_task(client.request("textDocument/hover", hover()))
    await asyncio.sleep(0)
    server.send_raw(garbage)
    with pytest.raises(AnalysisUnavailable, match="not LSP"):
        await waiting
    await client.close()


async def test_a_server_can_not_end_this_program():
    server = Server({"textDocument/hover": None})
    client = await started(server)
    server.send({"method": "exit"})
    server.send({"id": 9, "method": "shutdown"})
    assert await client.request("textDocument/hover", hover()) is None
    await client.close()


async def test_the_containers_death_comes_through():
    client = lsp.LanguageServer(Broken({}), name="fake", settings={})
    with pytest.raises(ConnectionError, match="the container has ended"):
        await client.start("/workspace", types.ClientCapabilities())


async def test_an_abandoned_request_does_no_harm():
    server = Server({"textDocument/hover": None})
    client = await started(server)
    waiting = asyncio.create_task(client.request("textDocument/prepareRename", rename()))
    await until(lambda: server.heard[-1].get("method") == "textDocument/prepareRename")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    server.send({"id": server.heard[-1]["id"], "result": None})
    assert await client.request("textDocument/hover", hover()) is None
    await client.close()


async def test_what_can_not_be_sent_is_our_own_fault():
    client = await started(Server({}))
    with pytest.raises(AttributeError):
        await client.request("textDocument/prepareRename", types.InitializedParams())
    await client.close()


def edit(start: tuple[int, int], end: tuple[int, int], text: str) -> types.TextEdit:
    return types.TextEdit(
        range=types.Range(
            start=types.Position(line=start[0], character=start[1]), end=types.Position(line=end[0], character=end[1])
        ),
        new_text=text,
    )


def test_edits_count_from_the_text_as_it_was():
    text = "one\ntwo 😀 three\n"
    edits = [
        edit((0, 0), (0, 3), "1"),
        edit((1, 7), (1, 12), "3"),
        edit((2, 0), (2, 0), "end"),
        edit((2, 0), (2, 0), "!"),
    ]
    assert lsp.edited(UTF16, text, edits) == "1\ntwo 😀 3\nend!"
    assert lsp.edited(UTF16, text, [edit((0, 0), (9, 0), "all")]) == "all"


def test_columns_are_code_points():
    lines = ['x := "😀😀" + y', ""]
    assert lsp.point(UTF16, lines, types.Position(line=0, character=15)) == (1, 14)
    assert lsp.position(UTF16, lines, 1, 14) == types.Position(line=0, character=15)
    assert lsp.position(UTF16, lines, 9, 1) == types.Position(line=2, character=0)


def test_uris():
    assert lsp.uri("/workspace/a b.go") == "file:///workspace/a%20b.go"
    assert lsp.path_of("file:///workspace/a%20b.go") == "/workspace/a b.go"
    assert lsp.path_of("untitled:1") == ""
