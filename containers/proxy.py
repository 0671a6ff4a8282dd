"""The proxy that commands find at `http_proxy`: asks the gate, connects, carries bytes, tells the gate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine, Iterable
from typing import Any

import h11

from containers.gate import Admission, Destination, Gate, Traffic
from containers.request import NoRequest, Request, answer, read_request
from containers.routes import CHUNK, HEAD_BYTES, Route, Routes, Unreachable
from containers.streams import Duplex

HEAD_S = 30.0
IDLE_S = 300.0
"""How long a connection may carry nothing."""

_HOP_BY_HOP = {
    *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
    *(b"te", b"trailer", b"upgrade"),
}
_FRAMING = {b"content-length", b"transfer-encoding", b"host"}

_Headers = list[tuple[bytes, bytes]]


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
        if not self._idle.expired():
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
                asked = await read_request(client)
        except TimeoutError:
            await client.write(answer(408, f"no request came in {HEAD_S:.0f} s"))
        except NoRequest as error:
            await client.write(answer(error.status, str(error)))
        else:
            await self._handle(client, asked)

    async def _handle(self, client: Duplex, asked: Request) -> None:
        ledger = _Ledger(asked.destination)
        try:
            admission = await self._admit(client, asked.destination)
            ledger.allowed, ledger.reason = admission.allowed, admission.reason
            if not admission.allowed:
                await client.write(answer(403, admission.reason))
                return
            try:
                route = await self._routes.open(asked.destination, private=admission.private)
            except Unreachable as error:
                ledger.problem = str(error)
                await client.write(answer(error.status, str(error)))
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


async def _carry(client: Duplex, asked: Request, route: Route, ledger: _Ledger) -> None:
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


async def _tunnel(client: Duplex, asked: Request, origin: _Origin) -> None:
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


async def _forward(client: Duplex, asked: Request, origin: _Origin, route: Route) -> None:
    """Send a plain request on and its answer back: one of each, whatever either side may hope for."""
    talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
    await origin.write(_sent(talk, _request_to_origin(asked, route)))
    body = asyncio.create_task(_send_body(client, asked, origin, talk))
    returned = asyncio.create_task(_return_answer(client, asked, origin, talk))
    try:
        await asyncio.wait((body, returned), return_when=asyncio.FIRST_COMPLETED)
        if not returned.done() and (failure := body.exception()):
            raise ConnectionAbortedError("the request broke off") from failure
        await returned
    finally:
        await _cancel(body, returned)


async def _send_body(client: Duplex, asked: Request, origin: _Origin, talk: h11.Connection) -> None:
    """Send a request's body on. Raises ConnectionError, h11.ProtocolError: the command has sent it no further."""
    async for event in _events(asked.talk, client):
        try:
            await origin.write(_sent(talk, event))
        except OSError:  # it takes no more: its answer may say why
            return
        if isinstance(event, h11.EndOfMessage):
            return


async def _return_answer(client: Duplex, asked: Request, origin: _Origin, talk: h11.Connection) -> None:
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
        await client.write(answer(502, text))


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


def _request_to_origin(asked: Request, route: Route) -> h11.Request:
    host, port = asked.destination.host, asked.destination.port
    name = (f"[{host}]" if ":" in host else host) + (f":{port}" if port != 80 else "")
    target = f"http://{name}".encode() + asked.path if route.relayed else asked.path
    kept = [(key, value) for key, value in _kept(asked.head.headers) if key != b"host"]
    added = [(key.encode(), value.encode()) for key, value in route.headers]
    headers = [(b"Host", name.encode()), *kept, (b"Connection", b"close"), *added]
    return h11.Request(method=asked.head.method, target=target, headers=headers)


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
