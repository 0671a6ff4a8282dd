"""The proxy without a container: what it makes of requests, of gates and of those who break off."""

from __future__ import annotations

import asyncio

import h11
import pytest
from duplexes import Script, cut
from hypothesis import given
from hypothesis import strategies as st
from origins import RecordingGate, head_of, serving, web

from containers.gate import Admission, Destination
from containers.proxy import Proxy
from containers.routes import Routes

REFUSING = Admission(allowed=False, reason='no: "x\\y"\r\nSet-Cookie: a=b\x00 é')


async def answered(*pieces: bytes, gate: RecordingGate | None = None, ends: bool = True) -> bytes:
    """Return what the proxy says to a client that says this."""
    client = Script(*pieces, ends=ends)
    await Proxy(gate or RecordingGate(), Routes(proxies={})).serve(client)
    return bytes(client.heard)


def parsed(said: bytes) -> tuple[h11.Response, bytes]:
    """Read an answer as a client does, which must find it whole."""
    talk = h11.Connection(h11.CLIENT)
    talk.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    talk.send(h11.EndOfMessage())
    talk.receive_data(said)
    talk.receive_data(b"")
    response, body = talk.next_event(), b""
    assert isinstance(response, h11.Response)
    while isinstance(event := talk.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    return response, body


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET ftp://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET http://me:secret@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET http://a.example/#there HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET http:///etc/passwd HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET http://0x7f.1/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"CONNECT a.example HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"CONNECT http://a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        b"CONNECT a.example:443 HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET http://a.example/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST http://a.example/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-x\r\n\r\n",
        b"GET http://b\xc3\xbccher.example/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a.example/\r\nX: y\r\n\r\n",
    ],
)
async def test_what_is_no_request(head: bytes) -> None:
    gate = RecordingGate()
    response, body = parsed(await answered(head, gate=gate))
    assert response.status_code == 400
    assert body.startswith(b"Bactrian's proxy: ")
    assert not gate.asked
    assert not gate.told


async def test_a_head_without_end() -> None:
    response, _ = parsed(await answered(b"GET http://a.example/ HTTP/1.1\r\nX: ", *[b"a" * 10_000] * 20))
    assert response.status_code == 431


async def test_silence_is_no_request() -> None:
    with pytest.raises(ConnectionResetError):
        await answered()


async def test_a_reason_cannot_forge_a_header() -> None:
    gate = RecordingGate(admission=REFUSING)
    response, body = parsed(await answered(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n", gate=gate))
    assert response.status_code == 403
    assert response.reason == b'Forbidden: no: "x\\y" Set-Cookie: a=b'
    assert b"set-cookie" not in dict(response.headers)
    assert dict(response.headers)[b"proxy-status"].endswith(rb'details="no: \"x\\y\" Set-Cookie: a=b"')
    assert body == b'Bactrian\'s proxy: no: "x\\y" Set-Cookie: a=b\n'


METHODS = [b"GET", b"CONNECT", b"POST", b"get", b"OPTIONS", b"", b"\x00"]
TARGETS = [b"http://a.example/", b"a.example:443", b"/", b"http://[::1]:80", b"[::1]:1", b"http://", b"*"]
VERSIONS = [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9.9", b"", b"HTTP/1.1 "]
LINES = [b"Host: a", b"Host: b", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Connection: host", b" x"]


@st.composite
def likely(draw: st.DrawFn) -> bytes:
    """Draw what looks like a head more than any bytes do."""
    odd = st.text("htp:/.[]@#?%0x1a", max_size=30).map(str.encode)
    target = draw(st.sampled_from(TARGETS) | st.binary(max_size=40) | odd)
    lines = draw(st.lists(st.sampled_from(LINES) | st.binary(max_size=30), max_size=4))
    first = b" ".join((draw(st.sampled_from(METHODS)), target, draw(st.sampled_from(VERSIONS))))
    return b"\r\n".join((first, *lines, b"", draw(st.binary(max_size=40))))


@given(likely() | st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=4))
def test_any_bytes_have_a_whole_answer(head: bytes, at: list[int]) -> None:
    async def run() -> None:
        gate = RecordingGate(admission=REFUSING)
        try:
            said = await answered(*cut(head, at), gate=gate)
        except ConnectionResetError:
            assert not head.strip(b"\r\n")
            return
        response, _ = parsed(said)
        assert response.status_code in (400, 403, 431)
        assert len(gate.asked) == len(gate.told) == (response.status_code == 403)

    asyncio.run(run())


async def test_a_client_that_says_more_is_not_asked_for_it() -> None:
    """One request for each connection: a second one would go where the gate was not asked about."""
    gate = RecordingGate()
    async with serving(web) as port:
        one = f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: elsewhere\r\nConnection: keep-alive\r\n\r\n".encode()
        two = b"GET http://other.example/ HTTP/1.1\r\nHost: a\r\n\r\n"
        response, body = parsed(await answered(one + two, gate=gate, ends=False))
    assert body.splitlines()[:2] == [b"GET / HTTP/1.1", f"Host: 127.0.0.1:{port}".encode()]
    assert b"elsewhere" not in body
    assert dict(response.headers)[b"connection"] == b"close"
    assert b"keep-alive" not in dict(response.headers)
    assert len(gate.asked) == 1


async def test_headers_for_one_connection_stay_behind() -> None:
    async with serving(web) as port:
        head = (
            f"GET http://127.0.0.1:{port}/x HTTP/1.0\r\nConnection: X-Hop, Host\r\nX-Hop: 1\r\nTE: trailers\r\n"
            "Upgrade: websocket\r\nProxy-Connection: keep-alive\r\nX-Stays: 2\r\n\r\n"
        )
        _, body = parsed(await answered(head.encode()))
    names = {line.partition(b":")[0].lower() for line in body.splitlines()[1:]}
    assert names == {b"host", b"x-stays", b"connection"}


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 101 Go\r\n\r\n",
        b"\0" * 70_000,
    ],
)
async def test_an_answer_that_is_none(said: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(said)

    async with serving(handler) as port:
        response, body = parsed(await answered(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a\r\n\r\n".encode()))
    assert response.status_code == 502
    assert b"does not answer in HTTP" in body


async def test_an_answer_that_breaks_off_is_not_whole() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    gate = RecordingGate()
    async with serving(handler) as port:
        with pytest.raises(ConnectionError):
            await answered(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a\r\n\r\n".encode(), gate=gate)
    assert gate.told[0].problem


async def test_a_body_that_breaks_off_ends_the_request() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await reader.read()

    gate = RecordingGate()
    async with serving(handler) as port:
        head = f"POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf".encode()
        with pytest.raises(ConnectionError):
            await answered(head, gate=gate)
    assert [told.problem for told in gate.told] == ["the request broke off"]


async def test_an_early_answer_need_not_wait_for_the_body() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with serving(handler) as port:
        head = f"POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf".encode()
        response, _ = parsed(await answered(head, ends=False))
    assert response.status_code == 413


async def test_what_precedes_an_answer_comes_too() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(4)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + body)

    async with serving(handler) as port:
        head = f"PUT http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        said = await answered(head.encode(), b"body")
    assert said.startswith(b"HTTP/1.1 100 ")
    assert said.endswith(b"\r\n\r\nbody")


class Failing(RecordingGate):
    """A gate that breaks its contract."""

    async def admit(self, destination: Destination) -> Admission:
        await super().admit(destination)
        raise RuntimeError("a defect")


async def test_a_gate_that_fails_opens_nothing() -> None:
    gate = Failing()
    with pytest.raises(RuntimeError):
        await answered(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: a\r\n\r\n", gate=gate)
    assert [told.allowed for told in gate.told] == [False]
