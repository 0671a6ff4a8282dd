"""The loopback server: HTTP on 127.0.0.1, answers from a script, and the failures that a test asks for."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from agent.providers.loopback.chat import Chat
from agent.providers.loopback.messages import Messages
from agent.providers.loopback.responses import Responses
from agent.providers.loopback.wire import Answer, Json, Quirk, Wire, custom_tools, fault_of, heard
from agent.providers.script import Script, ScriptError

_WIRES: dict[str, Wire] = {
    "/v1/messages": Messages(),
    "/v1/chat/completions": Chat(),
    "/v1/responses": Responses(),
}
_AT_ONCE = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing drops the connection with a reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Answer with an HTTP error in the protocol's form."""

    status: int
    message: str = "refused"
    code: str = ""
    retry_after_s: float | None = None


How = Literal["cut", "reset", "end", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Send `after_events` events of the stream, then: `cut` the connection in the middle of the body, `reset` it,
    `end` the body as if it were whole, or send an `error` event with `code` as its type.
    """

    how: How
    after_events: int = 0
    code: str = "overloaded_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Say nothing for `seconds` after `after_events` events, then go on."""

    seconds: float
    after_events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Answer 200 with a body that is not the protocol: a web page, or an event stream of no JSON."""

    streamed: bool = False


Fault = Refuse | Break | Stall | Garbage


@dataclass(slots=True, kw_only=True)
class Recorded:
    """A request that came in. `outcome` is set when the server is done with it."""

    path: str
    headers: dict[str, str]
    body: Json
    outcome: Literal["", "answered", "failed", "left"] = ""
    """`left`: the client went away before the end."""
    finished: threading.Event = field(default_factory=threading.Event)


class Loopback:
    """A server that plays `script` to whoever speaks the Messages, Chat Completions or Responses API.

    Use it as a context manager. The first request meets the first of `faults`, and so on (None: no fault); requests
    after them go well. `pause_s` is slept between events. With `tls` it speaks HTTPS.
    """

    def __init__(
        self,
        script: Script,
        *,
        faults: Iterable[Fault | None] = (),
        quirks: Iterable[Quirk] = (),
        pause_s: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.script = script
        self.quirks = frozenset(quirks)
        self.pause_s = pause_s
        self.requests: list[Recorded] = []
        self.complaints: list[str] = []
        """Why the script refused a request, whole."""
        self._faults = list(faults)
        self._tls = tls
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base URL for an Anthropic client."""
        if self._server is None:
            raise RuntimeError("the loopback server is not running: use it in a `with` statement")
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.server_port}"

    @property
    def openai_url(self) -> str:
        """The base URL for an OpenAI client, which has the version in it."""
        return f"{self.url}/v1"

    def __enter__(self) -> Loopback:
        server = _Server(("127.0.0.1", 0), _Handler)
        server.loopback = self
        if self._tls is not None:
            server.socket = self._tls.wrap_socket(server.socket, server_side=True)
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def sleep(self, seconds: float) -> None:
        """Sleep, but not longer than the server runs."""
        if seconds > 0:
            self._stopping.wait(seconds)

    def record(self, request: Recorded) -> Fault | None:
        """Keep the request; return what shall go wrong with it."""
        with self._lock:
            self.requests.append(request)
            return self._faults.pop(0) if self._faults else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    loopback: Loopback

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _loopback(self) -> Loopback:
        return cast("_Server", self.server).loopback

    def log_message(self, format: str, *args: Any) -> None:
        """Standard error belongs to the user."""

    def do_POST(self) -> None:
        path = urlsplit(self.path).path  # a client that takes us for its proxy sends the whole URL
        body = cast("Json", json.loads(self.rfile.read(int(self.headers["content-length"]))))
        request = Recorded(path=path, headers={key.lower(): value for key, value in self.headers.items()}, body=body)
        fault = self._loopback.record(request)
        try:
            request.outcome = self._answer(request, fault)
        except OSError:
            request.outcome = "left"
            self.close_connection = True
        finally:
            request.finished.set()

    def _answer(self, request: Recorded, fault: Fault | None) -> Literal["answered", "failed"]:
        wire = _WIRES.get(request.path)
        if wire is None:
            self._send_json(404, {"error": {"message": f"no such path: {request.path}", "code": "not_found"}})
            return "failed"
        match fault:
            case Refuse():
                self._send_json(fault.status, wire.refusal(fault.message, fault.code), fault.retry_after_s)
                return "failed"
            case Garbage():
                body = b"event: message_start\ndata: {not json\n\n" if fault.streamed else b"<html>Welcome!</html>"
                self._send(200, "text/event-stream" if fault.streamed else "text/html", body)
                return "failed"
            case _:
                return self._play(wire, request, fault)

    def _play(self, wire: Wire, request: Recorded, fault: Break | Stall | None) -> Literal["answered", "failed"]:
        loopback = self._loopback
        try:
            conversation = wire.conversation(request.body)
            if problem := fault_of(conversation):
                raise ValueError(problem)
            said = heard(conversation)
            turn = loopback.script.reply(said)
        except (ScriptError, KeyError, TypeError, ValueError) as error:
            loopback.complaints.append(str(error))
            self._send_json(400, wire.refusal(str(error), ""))
            return "failed"
        usage = loopback.script.usage(said, turn)
        answer = Answer(
            turn=turn,
            usage=usage,
            model=str(request.body["model"]),
            quirks=loopback.quirks,
            custom_tools=custom_tools(request.body),
        )
        loopback.sleep(turn.delay_s)
        if request.body.get("stream"):
            return self._stream(list(wire.frames(answer)), fault)
        self._send_json(200, wire.whole(answer))
        return "answered"

    def _stream(self, frames: Sequence[bytes], fault: Break | Stall | None) -> Literal["answered", "failed"]:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, frame in enumerate(frames):
            if fault is not None and number == fault.after_events:
                match fault:
                    case Stall():
                        self._loopback.sleep(fault.seconds)
                    case Break():
                        self._break(fault)
                        return "failed"
            self._send_chunk(frame)
            self._loopback.sleep(self._loopback.pause_s)
        self._send_chunk(b"")
        return "answered"

    def _break(self, fault: Break) -> None:
        self.close_connection = True
        match fault.how:
            case "cut":
                self.wfile.write(b"400\r\ndata: {")
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                self.connection.close()
            case "end":
                self._send_chunk(b"")
            case "error":
                error = {"type": "error", "error": {"type": fault.code, "code": fault.code, "message": "in the stream"}}
                self._send_chunk(f"event: error\ndata: {json.dumps(error)}\n\n".encode())
                self._send_chunk(b"")

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _send_json(self, status: int, body: Json, retry_after_s: float | None = None) -> None:
        self._send(status, "application/json", json.dumps(body).encode(), retry_after_s)

    def _send(self, status: int, kind: str, body: bytes, retry_after_s: float | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        if retry_after_s is not None:
            self.send_header("retry-after", f"{retry_after_s:g}")
        self.end_headers()
        self.wfile.write(body)
