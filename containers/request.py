"""What a command asks the proxy for: the head of its one request; and the answers that are the proxy's own."""

from __future__ import annotations

import re
from dataclasses import dataclass

import h11

from containers.destinations import NoDestination, parse_authority
from containers.gate import Destination
from containers.routes import HEAD_BYTES
from containers.streams import Duplex

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


class NoRequest(Exception):
    """What came is no request that a proxy answers."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request's head, and what reads the rest of it."""

    destination: Destination
    head: h11.Request
    path: bytes
    """In origin form; empty for a tunnel."""
    talk: h11.Connection


async def read_request(client: Duplex) -> Request:
    """Read a request's head. Raises NoRequest, ConnectionError."""
    talk = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
    try:
        while (event := talk.next_event()) is h11.NEED_DATA:
            talk.receive_data(await client.read())
    except h11.RemoteProtocolError as error:
        status = error.error_status_hint if error.error_status_hint in _PHRASES else 400
        raise NoRequest(status, f"this is an HTTP proxy: {error}") from error
    if not isinstance(event, h11.Request):  # closed without a word
        raise ConnectionResetError("no request")
    try:
        destination, path = _destination(event)
    except NoDestination as error:
        raise NoRequest(400, f"{error}: {event.target.decode('ascii', 'replace')[:200]}") from error
    # What follows the head is the tunnel's.
    if destination.scheme == "tunnel" and not isinstance(talk.next_event(), h11.EndOfMessage):
        raise NoRequest(400, "a CONNECT with a body")
    return Request(destination=destination, head=event, path=path, talk=talk)


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


def answer(status: int, reason: str) -> bytes:
    """Return a whole answer. Its reason is in the status line too, which is all that many programs show."""
    line = re.sub(r"[^ -~]+", " ", reason)[:REASON_CHARACTERS].strip() or "no reason is given"
    body = f"Bactrian's proxy: {line}\n".encode()
    head = [f"HTTP/1.1 {status} {_PHRASES[status]}: {line}"]
    if kind := _KINDS.get(status):
        details = line.replace("\\", "\\\\").replace('"', '\\"')
        head.append(f'Proxy-Status: bactrian; error={kind}; details="{details}"')
    head += ["Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(head).encode() + body
