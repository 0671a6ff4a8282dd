"""A client of any language server, over the streams of a process in the container. Languages say what to ask.

Importing this module loads pygls and lsprotocol, which takes a second: import it where an analysis is made, not before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from lsprotocol import types
from pygls.client import JsonRPCClient
from pygls.exceptions import JsonRpcException, JsonRpcInternalError, PyglsError
from pygls.io_ import run_async
from pygls.protocol import JsonRPCProtocol, default_converter
from pygls.uris import from_fs_path, to_fs_path
from pygls.workspace import PositionCodec

from lang.analysis import AnalysisUnavailable, Streams

_MESSAGE_BYTES = 64 * 1024 * 1024
_SHUTDOWN_S = 2.0

Listener = Callable[[Any], None]
"""Gets the parameters of a notification; must return at once."""

# What pygls has to say goes nowhere: an application has no place to show it, and failures reach callers anyway.
logging.getLogger("pygls").addHandler(logging.NullHandler())


class Refused(AnalysisUnavailable):
    """The server answered a request with an error; the message is its own, on one line."""


class _Protocol(JsonRPCProtocol):
    """LSP's message types without pygls' handlers for servers: with those, a peer could end this very program."""

    def get_message_type(self, method: str) -> type[Any] | None:
        return types.METHOD_TO_TYPES.get(method, (None,))[0]

    def get_result_type(self, method: str) -> type[Any] | None:
        return types.METHOD_TO_TYPES.get(method, (None, None))[1]

    def structure_message(self, data: dict[str, Any]) -> Any:
        # gopls leaves the kind of a diagnostic report empty, which no type of the protocol allows.
        if data.get("kind") == "" and "items" in data:
            data["kind"] = types.DocumentDiagnosticReportKind.Full.value
        return super().structure_message(data)


class _Client(JsonRPCClient):
    def __init__(self, on_fault: Callable[[Exception | None], None]) -> None:
        super().__init__(_Protocol, default_converter)
        self._on_fault = on_fault

    def report_server_error(self, error: Exception, source: type[PyglsError] | type[JsonRpcException]) -> None:
        """Two faults are fatal, as a request would wait for ever: what can't be read, and what we could not send."""
        if source is JsonRpcException:
            self._on_fault(None)
        elif source is JsonRpcInternalError:
            self._on_fault(error)


class _Writer:
    """Takes messages in order; one task sends them."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()

    def write(self, data: bytes) -> None:
        self.queue.put_nowait(data)

    def close(self) -> None:
        pass


class LanguageServer:
    """A running language server. Calls may overlap; all raise AnalysisUnavailable once it has died.

    The process's container may die: what `Streams` then raises comes out of every call.
    """

    def __init__(self, streams: Streams, *, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self.positions = PositionCodec()
        """Converts between columns in code points and the server's."""
        self._streams = streams
        self._settings = dict(settings)
        self._client = _Client(lambda error: self._end(f"{name} sent what is not LSP", error))
        self._writer = _Writer()
        self._reader = asyncio.StreamReader(limit=_MESSAGE_BYTES)
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []

    def listen(self, method: str, listener: Listener) -> None:
        """Hear a notification; before `start`, and one listener a method."""

        # pygls looks at a handler's annotations to see whether it wants the client as well.
        def heard(params: Any) -> None:
            listener(params)

        self._client.feature(method)(heard)

    async def start(self, root: str, options: types.ClientCapabilities) -> types.ServerCapabilities:
        """Shake hands over the folder `root` (absolute, in the container)."""
        self._answer_requests()
        self._client.protocol.set_writer(self._writer)
        for work in (self._send, self._receive, self._read_messages):
            task = asyncio.create_task(work(), name=f"{self.name} {work.__name__}")
            task.add_done_callback(self._on_end)
            self._tasks.append(task)
        folder = types.WorkspaceFolder(uri=uri(root), name="workspace")
        result: types.InitializeResult = await self.request(
            types.INITIALIZE,
            types.InitializeParams(
                capabilities=options,
                root_uri=folder.uri,
                workspace_folders=[folder],
                initialization_options=self._settings,
            ),
        )
        self.positions = PositionCodec(result.capabilities.position_encoding or types.PositionEncodingKind.Utf16)
        self.notify(types.INITIALIZED, types.InitializedParams())
        return result.capabilities

    async def request(self, method: str, params: object) -> Any:
        """Return a request's result. Raises AnalysisUnavailable, Refused."""
        self._require_life()
        answer = asyncio.ensure_future(self._client.protocol.send_request_async(method, params))
        try:
            await asyncio.wait((answer, self._ended), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # The answer may still come: the future must be there for it.
            answer.add_done_callback(_forget)
            raise
        if not answer.done():
            answer.add_done_callback(_forget)
            self._require_life()
        try:
            return answer.result()
        except JsonRpcException as error:
            raise Refused(" ".join(str(error.message).split()) or "it gave no reason") from error

    def notify(self, method: str, params: object) -> None:
        """Send a notification. Raises AnalysisUnavailable."""
        self._require_life()
        self._client.protocol.notify(method, params)

    async def until(self, event: asyncio.Event) -> None:
        """Wait for something that a listener sets. Raises AnalysisUnavailable."""
        waiting = asyncio.create_task(event.wait())
        try:
            await asyncio.wait((waiting, self._ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not event.is_set():
            self._require_life()

    async def close(self) -> None:
        """Ask it to end, then kill it."""
        try:
            if not self._ended.done():
                async with asyncio.timeout(_SHUTDOWN_S):
                    await self.request(types.SHUTDOWN, None)
                    self.notify(types.EXIT, None)
                    await self._streams.wait()
        except (TimeoutError, AnalysisUnavailable, Refused):
            pass  # it is killed below
        finally:
            await self._streams.kill()
            self._end(f"{self.name} is closed")
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _answer_requests(self) -> None:
        """What servers ask of editors: settings are known, registrations granted, edits refused, messages not read."""
        feature = self._client.feature

        def configuration(params: types.ConfigurationParams) -> list[Any]:
            return [self._settings for _ in params.items]

        def granted(_: Any) -> None:
            return None

        def refused(_: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            return types.ApplyWorkspaceEditResult(applied=False)

        feature(types.WORKSPACE_CONFIGURATION)(configuration)
        feature(types.WORKSPACE_APPLY_EDIT)(refused)
        for method in (
            types.CLIENT_REGISTER_CAPABILITY,
            types.CLIENT_UNREGISTER_CAPABILITY,
            types.WINDOW_WORK_DONE_PROGRESS_CREATE,
            types.WINDOW_SHOW_MESSAGE_REQUEST,
            types.WINDOW_SHOW_MESSAGE,
            types.WINDOW_LOG_MESSAGE,
        ):
            feature(method)(granted)

    def _require_life(self) -> None:
        if self._ended.done():
            self._ended.result()

    def _end(self, reason: str, cause: BaseException | None = None) -> None:
        if not self._ended.done():
            self._ended.set_exception(cause or AnalysisUnavailable(reason))
            self._ended.exception()  # nobody need be waiting

    async def _send(self) -> None:
        while True:
            await self._streams.write(await self._writer.queue.get())

    async def _receive(self) -> None:
        try:
            while data := await self._streams.read():
                self._reader.feed_data(data)
            self._end(f"{self.name} has ended")
        finally:
            self._reader.feed_eof()

    async def _read_messages(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ValueError):
            await run_async(
                stop_event=threading.Event(),
                reader=self._reader,
                protocol=self._client.protocol,
                error_handler=self._client.report_server_error,
            )

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """Without any of its tasks it is dead; what ended one, the container's death say, every caller gets."""
        if not task.cancelled():
            self._end(f"{self.name} sent what is not LSP", task.exception())


def _forget(answer: asyncio.Future[Any]) -> None:
    if not answer.cancelled():
        answer.exception()


def uri(path: str) -> str:
    """Return the URI of an absolute path in the container."""
    return from_fs_path(path) or ""


@cache
def path_of(file_uri: str) -> str:
    """Return the absolute path that a file URI names; empty for others."""
    return (to_fs_path(file_uri) or "") if file_uri.startswith("file:") else ""


def point(codec: PositionCodec, lines: Sequence[str], position: types.Position) -> tuple[int, int]:
    """Return a position as line and column from 1, in code points."""
    copy = types.Position(line=position.line, character=position.character)
    found = codec.position_from_client_units(lines, copy)
    return found.line + 1, found.character + 1


def position(codec: PositionCodec, lines: Sequence[str], line: int, column: int) -> types.Position:
    """Return what `point` was made of; a spot beyond the end stands for the end."""
    if line > len(lines):
        return types.Position(line=len(lines), character=0)
    return codec.position_to_client_units(lines, types.Position(line=line - 1, character=max(column - 1, 0)))


def edited(codec: PositionCodec, text: str, edits: Sequence[types.TextEdit]) -> str:
    """Return a text with edits applied, which don't overlap and all count from the text as it was."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)

    def offset(at: types.Position) -> int:
        line, column = point(codec, lines, at)
        return min(starts[line - 1] + column - 1, len(text)) if at.line < len(lines) else len(text)

    placed = [(offset(edit.range.start), offset(edit.range.end), edit.new_text) for edit in edits]
    for start, end, new in reversed(sorted(placed, key=lambda one: one[:2])):
        text = text[:start] + new + text[end:]
    return text
