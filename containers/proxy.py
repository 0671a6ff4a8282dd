"""The proxy that commands find at `http_proxy`: asks the gate, connects, carries bytes, tells the gate."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import h11

from containers.destinations import NoDestination, parse_authority
from containers.gate import Admission, Destination, Gate, Traffic
from containers.routes import CHUNK, HEAD_BYTES, Route, Routes, Unreachable
from containers.streams import Duplex

HEAD_S = 30.0
IDLE_S = 300.0
"""How long a connection may carry nothing."""
REASON_CHARACTERS = 300

_PHRASES = {
    400: "Bad Request",
    403: "Forbidden",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
    504: "Gateway Timeout",
}
# RFC 9209's words.
_KINDS = {403: "http_request_denied", 502: "destination_unavailable", 504: "connection_timeout"}
_HOP_BY_HOP = {
    *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
    *(b"te", b"trailer", b"upgrade"),
}
_FRAMING = {b"content-length", b"transfer-encoding", b"host"}

_Headers = list[tuple[bytes, bytes]]


class _NoRequest(Exception):
    """What came is no request that a proxy answers."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request's head, and what reads the rest of it."""

    destination: Destination
    request: h11.Request
    path: bytes
    """In origin form; empty for a tunnel."""
    talk: h11.Connection


class _Ledger:
    """What `Traffic` will say of a request."""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self.started = time.monotonic()
        self.allowed = False
        self.reason = ""
        self.problem = ""
        self.sent_bytes = 0
        self.received_bytes = 0

    def traffic(self) -> Traffic:
        return Traffic(
            destination=self.destination,
            allowed=self.allowed,
            reason=self.reason,
            sent_bytes=self.sent_bytes,
            received_bytes=self.received_bytes,
            seconds=time.monotonic() - self.started,
            problem=self.problem,
        )


class _Origin:
    """A route's two directions as a `Duplex`: counted, and ended when nothing comes or goes for long."""

    def __init__(self, route: Route, ledger: _Ledger, idle: asyncio.Timeout) -> None:
        self._route = route
        self._early = route.early
        self._ledger = ledger
        self._idle = idle

    async def read(self) -> bytes:
        data, self._early = self._early or await self._route.reader.read(CHUNK), b""
        self._ledger.received_bytes += len(data)
        self._stir()
        return data

    async def write(self, data: bytes) -> None:
        self._route.writer.write(data)
        self._ledger.sent_bytes += len(data)
        self._stir()
        await self._route.writer.drain()

    async def end(self) -> None:
        if self._route.writer.can_write_eof():
            self._route.writer.write_eof()

    def _stir(self) -> None:
        self._idle.reschedule(asyncio.get_running_loop().time() + IDLE_S)


class Proxy:
    """Serves the connections of one container."""

    def __init__(self, gate: Gate, routes: Routes | None = None) -> None:
        self._gate = gate
        self._routes = routes or Routes()

    async def serve(self, client: Duplex) -> None:
        """Answer the one request of a connection, to its end. The caller closes the connection.

        Raises ConnectionError when either side breaks off before the end: the other must not take it for the end.
        """
        try:
            async with asyncio.timeout(HEAD_S):
                asked = await _read_head(client)
        except TimeoutError:
            await client.write(_answer(408, f"no request came in {HEAD_S:.0f} s"))
        except _NoRequest as error:
            await client.write(_answer(error.status, str(error)))
        else:
            await self._handle(client, asked)

    async def _handle(self, client: Duplex, asked: _Asked) -> None:
        ledger = _Ledger(asked.destination)
        try:
            admission = await self._admit(client, asked.destination)
            ledger.allowed, ledger.reason = admission.allowed, admission.reason
            if not admission.allowed:
                await client.write(_answer(403, admission.reason))
                return
            try:
                route = await self._routes.open(asked.destination, private=admission.private)
            except Unreachable as error:
                ledger.problem = str(error)
                await client.write(_answer(error.status, str(error)))
                return
            try:
                await _carry(client, asked, route, ledger)
            finally:
                await route.close()
        except ConnectionError as error:
            ledger.problem = ledger.problem or str(error) or type(error).__name__
            raise
        except asyncio.CancelledError:
            ledger.problem = ledger.problem or "the container was closed"
            raise
        finally:
            self._gate.on_traffic(ledger.traffic())

    async def _admit(self, client: Duplex, destination: Destination) -> Admission:
        """Ask the gate, for as long as the command waits: nobody need answer a question that has no asker left."""
        asking = asyncio.create_task(self._gate.admit(destination))
        leaving = asyncio.create_task(client.until_ended())
        try:
            await asyncio.wait((asking, leaving), return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            raise ConnectionResetError("the command did not wait for an answer")
        finally:
            await _cancel(asking, leaving)


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    """End tasks whose outcome counts no more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _carry(client: Duplex, asked: _Asked, route: Route, ledger: _Ledger) -> None:
    """Carry a request and its answer. Raises ConnectionError."""
    try:
        async with asyncio.timeout(IDLE_S) as idle:
            origin = _Origin(route, ledger, idle)
            if asked.destination.scheme == "tunnel":
                await _tunnel(client, asked, origin)
            else:
                await _forward(client, asked, origin, route)
    except TimeoutError:
        raise ConnectionAbortedError(f"idle for {IDLE_S:.0f} s") from None
    except OSError as error:
        # Whatever else a socket raises (no route any more, a timeout of its own) is a broken connection too.
        raise error if isinstance(error, ConnectionError) else ConnectionAbortedError(error.strerror or "") from error


async def _tunnel(client: Duplex, asked: _Asked, origin: _Origin) -> None:
    await client.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    if early := asked.talk.trailing_data[0]:
        await origin.write(early)
    await _both(_copy(client, origin), _copy(origin, client))


async def _copy(source: Duplex | _Origin, sink: Duplex | _Origin) -> None:
    while data := await source.read():
        await sink.write(data)
    await sink.end()


async def _both(one: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None]) -> None:
    """Run both; the first that fails ends the other. Raises OSError."""
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(one)
            tasks.create_task(other)
    except* OSError as group:
        failure: BaseException = group
        while isinstance(failure, BaseExceptionGroup):
            failure = failure.exceptions[0]
        raise failure from None


# Plain requests


async def _forward(client: Duplex, asked: _Asked, origin: _Origin, route: Route) -> None:
    """Send a plain request on and its answer back: one of each, whatever either side may hope for."""
    talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
    await origin.write(_sent(talk, _request_to_origin(asked, route)))
    body = asyncio.create_task(_send_body(client, asked, origin, talk))
    answer = asyncio.create_task(_return_answer(client, asked, origin, talk))
    try:
        await asyncio.wait((body, answer), return_when=asyncio.FIRST_COMPLETED)
        if body.done() and (failure := body.exception()):
            raise ConnectionAbortedError("the request broke off") from failure
        await answer
    finally:
        await _cancel(body, answer)


async def _send_body(client: Duplex, asked: _Asked, origin: _Origin, talk: h11.Connection) -> None:
    """Send a request's body on. Raises ConnectionError, h11.ProtocolError: the command has sent it no further."""
    async for event in _events(asked.talk, client):
        try:
            await origin.write(_sent(talk, event))
        except OSError:  # it takes no more: its answer may say why
            return
        if isinstance(event, h11.EndOfMessage):
            return


async def _return_answer(client: Duplex, asked: _Asked, origin: _Origin, talk: h11.Connection) -> None:
    started = False
    try:
        async for event in _events(talk, origin):
            if isinstance(event, h11.Response | h11.InformationalResponse):
                event = _answer_to_client(event)
                started = started or isinstance(event, h11.Response)
            await client.write(_sent(asked.talk, event))
            if isinstance(event, h11.EndOfMessage):
                return
        raise h11.RemoteProtocolError("it has closed the connection")
    except h11.ProtocolError as error:
        text = f"{asked.destination.host} does not answer in HTTP: {error}"
        if started:
            raise ConnectionAbortedError(text) from error
        await client.write(_answer(502, text))


async def _events(talk: h11.Connection, source: Duplex | _Origin) -> AsyncGenerator[h11.Event]:
    """Yield a message's events up to its end. Raises h11.ProtocolError, ConnectionError."""
    while True:
        event = talk.next_event()
        if event is h11.NEED_DATA:
            talk.receive_data(await source.read())
        elif isinstance(event, h11.Event):
            yield event
        else:
            return


def _sent(talk: h11.Connection, event: h11.Event) -> bytes:
    return talk.send(event) or b""


def _request_to_origin(asked: _Asked, route: Route) -> h11.Request:
    host, port = asked.destination.host, asked.destination.port
    name = (f"[{host}]" if ":" in host else host) + (f":{port}" if port != 80 else "")
    target = f"http://{name}".encode() + asked.path if route.relayed else asked.path
    kept = [(key, value) for key, value in _kept(asked.request.headers) if key != b"host"]
    added = [(key.encode(), value.encode()) for key, value in route.headers]
    headers = [(b"Host", name.encode()), *kept, (b"Connection", b"close"), *added]
    return h11.Request(method=asked.request.method, target=target, headers=headers)


def _answer_to_client(event: h11.Response | h11.InformationalResponse) -> h11.Response | h11.InformationalResponse:
    if isinstance(event, h11.InformationalResponse):
        return h11.InformationalResponse(status_code=event.status_code, headers=_kept(event.headers))
    headers = [*_kept(event.headers), (b"Connection", b"close")]
    return h11.Response(status_code=event.status_code, headers=headers, reason=event.reason)


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> _Headers:
    """Return the headers that are not for this connection alone."""
    found = list(headers)
    named = {name.strip() for key, value in found for name in value.lower().split(b",") if key == b"connection"}
    dropped = (_HOP_BY_HOP | named) - _FRAMING
    return [(key, value) for key, value in found if key not in dropped]


# The head


async def _read_head(client: Duplex) -> _Asked:
    """Read a request's head. Raises _NoRequest, ConnectionError."""
    talk = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
    try:
        while (event := talk.next_event()) is h11.NEED_DATA:
            talk.receive_data(await client.read())
    except h11.RemoteProtocolError as error:
        status = error.error_status_hint if error.error_status_hint in _PHRASES else 400
        raise _NoRequest(status, f"this is an HTTP proxy: {error}") from error
    if not isinstance(event, h11.Request):  # closed without a word
        raise ConnectionResetError("no request")
    try:
        destination, path = _destination(event)
    except NoDestination as error:
        raise _NoRequest(400, f"{error}: {event.target.decode('ascii', 'replace')[:200]}") from error
    # What follows the head is the tunnel's.
    if destination.scheme == "tunnel" and not isinstance(talk.next_event(), h11.EndOfMessage):
        raise _NoRequest(400, "a CONNECT with a body")
    return _Asked(destination=destination, request=event, path=path, talk=talk)


def _destination(request: h11.Request) -> tuple[Destination, bytes]:
    """Return where a request goes, and the path there. Raises NoDestination."""
    target = request.target.decode("ascii")
    if request.method == b"CONNECT":
        host, port = parse_authority(target, default_port=None)
        return Destination(host=host, port=port, scheme="tunnel"), b""
    found = re.fullmatch(r"http://([^/?#]*)([^#]*)", target, re.IGNORECASE)
    if not found:
        raise NoDestination("not a request to a proxy: CONNECT host:port, or http://host/…")
    host, port = parse_authority(found[1], default_port=80)
    path = found[2] or ("*" if request.method == b"OPTIONS" else "/")
    if path.startswith("?"):
        path = f"/{path}"
    return Destination(host=host, port=port, scheme="http"), path.encode()


def _answer(status: int, reason: str) -> bytes:
    """Return a whole answer. Its reason is in the status line too, which is all that many programs show."""
    line = re.sub(r"[^ -~]+", " ", reason)[:REASON_CHARACTERS].strip() or "no reason is given"
    body = f"Bactrian's proxy: {line}\n".encode()
    head = [f"HTTP/1.1 {status} {_PHRASES[status]}: {line}"]
    if kind := _KINDS.get(status):
        details = line.replace("\\", "\\\\").replace('"', '\\"')
        head.append(f'Proxy-Status: bactrian; error={kind}; details="{details}"')
    head += ["Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(head).encode() + body
