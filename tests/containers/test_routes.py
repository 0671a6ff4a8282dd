"""The host's way out: addresses that were checked, and the proxy that the host itself uses."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import trustme
from duplexes import Script
from origins import Handler, RecordingGate, head_of, serving

from containers.gate import Admission, Destination
from containers.proxy import Proxy
from containers.routes import Address, Resolve, Route, Routes, Unreachable, is_own

NAME = "a.example"


def tunnel(host: str, port: int = 443) -> Destination:
    return Destination(host=host, port=port, scheme="tunnel")


def resolving(names: Mapping[str, Sequence[str]], asked: list[str] | None = None) -> Resolve:
    async def resolve(host: str, port: int) -> Sequence[Address]:
        if asked is not None:
            asked.append(host)
        if host in names:
            return [
                (socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))
                for ip in names[host]
            ]
        raise socket.gaierror(-2, "Name or service not known")

    return resolve


async def send(route: Route, data: bytes) -> bytes:
    """Send bytes, end, and return all that comes."""
    route.writer.write(data)
    route.writer.write_eof()
    said = route.early + await route.reader.read()
    await route.close()
    return said


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())


def relay(seen: list[list[str]], status: str = "200 Fine") -> Handler:
    """Return the handler of a small proxy that knows CONNECT only, and answers other requests by itself."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = await head_of(reader)
        seen.append(lines)
        writer.write(f"HTTP/1.1 {status}\r\nX: y\r\n\r\n".encode())
        if lines[0].startswith("CONNECT") and status.startswith("200"):
            host, _, port = lines[0].split()[1].rpartition(":")
            there, away = await asyncio.open_connection("127.0.0.1" if host == NAME else host, int(port))
            away.write(await reader.read())
            away.write_eof()
            writer.write(await there.read())
            away.close()

    return handler


# Straight


async def test_only_addresses_that_were_checked_are_connected_to() -> None:
    """The name is looked up once, and means what it meant then."""
    asked: list[str] = []
    async with serving(echo) as port:
        routes = Routes(proxies={}, resolve=resolving({NAME: ["127.0.0.1"]}, asked))
        with pytest.raises(Unreachable) as refused:
            await routes.open(tunnel(NAME, port), private=False)
        assert refused.value.status == 403
        assert asked == [NAME]
        assert await send(await routes.open(tunnel(NAME, port), private=True), b"hello") == b"hello"
    assert asked == [NAME, NAME]


async def test_private_addresses_among_public_ones_are_left_out() -> None:
    routes = Routes(proxies={}, resolve=resolving({NAME: ["127.0.0.1", "10.0.0.1", "::1"], "b.example": []}))
    for name, status in ((NAME, 403), ("b.example", 502), ("c.example", 502)):
        with pytest.raises(Unreachable) as refused:
            await routes.open(tunnel(name), private=False)
        assert refused.value.status == status


async def test_the_next_address_is_tried() -> None:
    async with serving(echo) as port:
        routes = Routes(proxies={}, resolve=resolving({NAME: ["::1", "127.0.0.2", "127.0.0.1"]}))
        assert await send(await routes.open(tunnel(NAME, port), private=True), b"hello") == b"hello"


async def test_the_hosts_own_public_address_is_not_public() -> None:
    """A stand-in: this machine may have no public address, but binding tells any of its own apart."""
    assert is_own(socket.AF_INET, "127.0.0.1")
    assert not is_own(socket.AF_INET, "1.1.1.1")
    assert not is_own(socket.AF_INET6, "2606:4700::1111")


async def test_a_private_name_is_not_even_looked_up() -> None:
    asked: list[str] = []
    routes = Routes(proxies={}, resolve=resolving({}, asked))
    with pytest.raises(Unreachable) as refused:
        await routes.open(tunnel("metadata.google.internal"), private=False)
    assert refused.value.status == 403
    assert asked == []


# By the host's own proxy


async def test_a_tunnel_through_the_hosts_proxy() -> None:
    seen: list[list[str]] = []
    async with serving(echo) as port, serving(relay(seen)) as proxy:
        proxies = {"https": f"http://me:a%40b@localhost:{proxy}", "http": "http://127.0.0.1:9"}
        routes = Routes(proxies=proxies, resolve=resolving({"localhost": ["127.0.0.1"]}))
        assert await send(await routes.open(tunnel(NAME, port), private=False), b"hello") == b"hello"
    (lines,) = seen
    assert lines[0] == f"CONNECT {NAME}:{port} HTTP/1.1"
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'me:a@b').decode()}" in lines


async def test_a_plain_request_names_its_destination_to_the_hosts_proxy() -> None:
    seen: list[list[str]] = []
    gate = RecordingGate(admission=Admission(allowed=True, reason="any"))
    async with serving(relay(seen, "200 OK\r\nContent-Length: 0")) as proxy:
        routes = Routes(proxies={"all": f"me:x@127.0.0.1:{proxy}"}, resolve=resolving({"127.0.0.1": ["127.0.0.1"]}))
        client = Script(f"GET http://{NAME}/a?b HTTP/1.1\r\nHost: x\r\nProxy-Authorization: mine\r\n\r\n".encode())
        await Proxy(gate, routes).serve(client)
    (lines,) = seen
    assert lines[0] == f"GET http://{NAME}/a?b HTTP/1.1"
    assert [line for line in lines if "authorization" in line.lower()] == ["Proxy-Authorization: Basic bWU6eA=="]
    assert client.heard.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_proxy_that_speaks_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate = tmp_path / "certificate.pem"
    issued = authority.issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    context.load_cert_chain(certificate)
    seen: list[list[str]] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await head_of(reader))
        writer.write(b"HTTP/1.1 200 Fine\r\n\r\nearly")
        await writer.drain()
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context)
    async with server:
        proxies = {"https": f"https://localhost:{server.sockets[0].getsockname()[1]}"}
        routes = Routes(proxies=proxies, resolve=resolving({"localhost": ["127.0.0.1"]}))
        route = await routes.open(tunnel(NAME), private=False)
        assert (route.early or await route.reader.read(5)) == b"early"
        await route.close()
    assert seen[0][0] == f"CONNECT {NAME}:443 HTTP/1.1"


async def test_exceptions_go_straight() -> None:
    async with serving(echo) as port:
        proxies = {"https": "http://127.0.0.1:9", "no": f"{NAME}, 10.0.0.0/8"}
        routes = Routes(proxies=proxies, resolve=resolving({NAME: ["127.0.0.1"]}))
        assert await send(await routes.open(tunnel(NAME, port), private=True), b"hello") == b"hello"


async def test_the_hosts_proxy_leads_to_no_private_place_either() -> None:
    seen: list[list[str]] = []
    async with serving(relay(seen)) as proxy:
        both = "both.example"
        names = {
            "127.0.0.1": ["127.0.0.1"],
            NAME: ["10.0.0.7"],
            "10.0.0.7": ["10.0.0.7"],
            both: ["1.1.1.1", "10.0.0.7"],
        }
        routes = Routes(proxies={"https": f"http://127.0.0.1:{proxy}"}, resolve=resolving(names))
        for name in (NAME, both, "10.0.0.7", "wiki.corp", "nas"):
            with pytest.raises(Unreachable) as refused:
                await routes.open(tunnel(name), private=False)
            assert refused.value.status == 403
    assert seen == []


@pytest.mark.parametrize(
    ("proxy", "status", "told"),
    [
        ("http://127.0.0.1:{}", "407 Proxy Authentication Required", "refuses a.example:443: 407"),
        ("http://127.0.0.1:{}", "nonsense", "does not answer as a proxy"),
        ("socks5://127.0.0.1:{}", "", "of a kind that Bactrian can't use: socks5"),
        ("http://", "", "of a kind that Bactrian can't use"),
        ("http://127.0.0.1:1", "", "the host's proxy 127.0.0.1:1 can't be reached"),
        ("http://127.0.0.1:x", "", "of a kind that Bactrian can't use"),
    ],
)
async def test_a_proxy_that_is_of_no_use(proxy: str, status: str, told: str) -> None:
    async with serving(relay([], status)) as port:
        secret = proxy.format(port).replace("://", "://me:secret@")
        routes = Routes(proxies={"https": secret}, resolve=resolving({"127.0.0.1": ["127.0.0.1"]}))
        with pytest.raises(Unreachable, match=told) as refused:
            await routes.open(tunnel(NAME), private=False)
    assert refused.value.status == 502
    assert "secret" not in str(refused.value)


async def test_the_environment_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with serving(echo) as port, serving(relay([])) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy}")
        assert await send(await Routes().open(tunnel(NAME, port), private=True), b"hello") == b"hello"


async def test_the_real_resolver() -> None:
    async with serving(echo) as port:
        routes = Routes(proxies={})
        assert await send(await routes.open(tunnel("localhost", port), private=True), b"hello") == b"hello"
        with pytest.raises(Unreachable, match=r"no such host: nothing\.invalid"):
            await routes.open(tunnel("nothing.invalid"), private=False)
