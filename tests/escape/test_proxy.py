"""Attempts to reach by the proxy what the gate lets nobody reach: the host and its network, in every spelling."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from escapes import Outside, addresses
from origins import serving
from records import record

from containers.base import Container
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.docker import session_user
from containers.gate import Admission, Destination, Traffic

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPELLINGS = (
    *("127.0.0.1", "127.1", "0x7f000001", "0x7f.0.0.1", "2130706433", "017700000001", "0177.0.0.1"),
    *("127.000.000.001", "127.255.255.254", "0", "0.0.0.0", "①27.0.0.1"),
    *("localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "x.localhost", "ip6-localhost"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]"),
    *("[::127.0.0.1]", "[2002:7f00:1::]", "[::1%25lo]", "127.0.0.1%00.example.com"),
    *("user@127.0.0.1", "example.com@127.0.0.1", "host.docker.internal", "HOSTNAME", "ADDRESS"),
)
"""Of this host; the last two stand for its name and for each of its addresses."""
METADATA = (
    *("169.254.169.254", "[::ffff:169.254.169.254]", "0xa9fea9fe", "2852039166", "metadata.google.internal"),
    *("[fd00:ec2::254]", "100.100.100.200", "168.63.129.16", "192.0.0.192", "metadata"),
)
"""Where clouds tell machines about themselves."""

ASK = r"""
import os, socket, sys
from urllib.parse import urlsplit
proxy = urlsplit(os.environ["http_proxy"])
connection = socket.create_connection((proxy.hostname, proxy.port))
connection.settimeout(20)
connection.sendall(sys.stdin.buffer.read())
connection.shutdown(socket.SHUT_WR)
while data := connection.recv(65536):
    sys.stdout.buffer.write(data)
"""


async def ask(container: Container, request: bytes, python: str = "python3") -> str:
    """Send bytes to the proxy from inside; return all of the answer."""
    result = await container.exec([python, "-I", "-S", "-c", ASK], stdin=request, timeout_s=60)
    return result.stdout.text()


def requests(host: str, port: int) -> tuple[bytes, bytes]:
    """Return a tunnel's request and a plain one."""
    place = f"{host}:{port}"
    tunnel = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n"
    return tunnel.encode(), f"GET http://{place}/ HTTP/1.1\r\nHost: {place}\r\n\r\n".encode()


@pytest.fixture(scope="module", params=["bubblewrap"])
def kind(request: pytest.FixtureRequest) -> str:
    """One will do: the proxy is the host's, and the same for each."""
    return request.param


@pytest.mark.parametrize("host", SPELLINGS)
async def test_this_host_in_every_spelling(
    request: pytest.FixtureRequest, host: str, kind: str, cell: Container, outside: Outside
) -> None:
    hosts = {"HOSTNAME": [str(outside.facts()["hostname"])]}
    hosts["ADDRESS"] = [f"[{each}]" if ":" in each else each for each in addresses()]
    answers = [
        (await ask(cell, asked)).partition("\r\n")[0]
        for each in hosts.get(host, [host])
        for asked in requests(each, outside.port)
    ]
    evidence = outside.evidence()
    record(request, "escape", (f"{kind}: {host} by the proxy", evidence))
    assert evidence == []
    assert all(answer.split()[1] in ("400", "403", "502") for answer in answers), answers


@pytest.mark.parametrize("host", METADATA)
async def test_what_a_cloud_tells_its_machines(
    request: pytest.FixtureRequest, host: str, kind: str, cell: Container
) -> None:
    answers = [(await ask(cell, asked)).partition("\r\n")[0] for asked in requests(host, 80)]
    # 502 stands for a name that nobody knows; an address that was tried would have answered, or not in time.
    refused = [answer.split()[1] in ("400", "403") for answer in answers]
    record(request, "escape", (f"{kind}: {host} by the proxy", [] if all(refused) else answers))
    assert all(refused), answers


# A gate that lets one port of the host through, and what would smuggle something to another past it


@dataclass(slots=True)
class OnePort:
    """A gate."""

    port: int

    async def admit(self, destination: Destination) -> Admission:
        return Admission(allowed=destination.port == self.port, reason="one port", private=True)

    def on_traffic(self, traffic: Traffic) -> None:
        return


@dataclass(slots=True)
class Server:
    """What the open port was sent, a connection each."""

    port: int = 0
    got: list[bytes] = field(default_factory=list[bytes])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.got)
        self.got.append(b"")
        while data := await reader.read(65536):
            self.got[number] += data
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * data.count(b"\r\n\r\n"))
            await writer.drain()


@asynccontextmanager
async def _served() -> AsyncGenerator[Server]:
    server = Server()
    async with serving(server.serve) as port:
        server.port = port
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def narrow(
    rootfs: Path, outside: Outside, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Container, Server, OnePort]]:
    """A sandbox from which one port of the host can be reached, and the server there."""
    cache = tmp_path_factory.mktemp("cache")
    os.chown(cache, *session_user())
    async with _served() as server:
        gate = OnePort(server.port)
        spec = BubblewrapSpec(workspace=outside.workspace, cache=cache, root=rootfs, gate=gate)
        async with await BubblewrapContainer.start(spec) as container:
            yield container, server, gate


GET_A = "GET http://A/first HTTP/1.1\r\nHost: A\r\n"
GET_B = "GET http://B/second HTTP/1.1\r\nHost: B\r\n\r\n"
SMUGGLED: Mapping[str, str] = {
    "a second request behind the first": GET_A + "\r\n" + GET_B,
    "a second request in a body that has no length": GET_A + "Connection: keep-alive\r\n\r\n" + GET_B,
    "two lengths": GET_A + "Content-Length: 0\r\nContent-Length: 60\r\n\r\n" + GET_B,
    "a length and chunks": GET_A + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET_B,
    "chunks in another spelling": GET_A + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + GET_B,
    "chunks behind a folded line": GET_A + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + GET_B,
    "a length with a sign": GET_A + "Content-Length: +0\r\n\r\n" + GET_B,
    "a chunk with an odd size": GET_A + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + GET_B,
    "another host in the header": GET_A.replace("Host: A", "Host: B") + "\r\n",
    "two hosts in the header": GET_A + "Host: B\r\n\r\n",
    "a line's end in the target": "GET http://A/%0d%0aHost:%20B\r\n HTTP/1.1\r\nHost: A\r\n\r\n",
    "a bare line feed": GET_A.replace("\r\n", "\n") + "\n" + GET_B.replace("\r\n", "\n"),
    "a null in the target": "GET http://A\0@B/ HTTP/1.1\r\nHost: A\r\n\r\n",
    "a name before the host": "GET http://A@B/ HTTP/1.1\r\nHost: A\r\n\r\n",
    "a backslash in the host": "GET http://B\\@A/ HTTP/1.1\r\nHost: A\r\n\r\n",
    "a fragment in the host": "GET http://B#@A/ HTTP/1.1\r\nHost: A\r\n\r\n",
    "a tab in the host": "GET http://A\t.B/ HTTP/1.1\r\nHost: A\r\n\r\n",
    "no host but a header": "GET / HTTP/1.1\r\nHost: B\r\n\r\n",
    "another protocol": "GET ftp://B/ HTTP/1.1\r\nHost: B\r\n\r\n",
    "an old version": "GET http://B/ HTTP/0.9\r\n\r\n",
    "a tunnel and a plain request in it": "CONNECT B HTTP/1.1\r\nHost: A\r\n\r\n" + GET_B,
    "an upgrade": GET_A + "Connection: Upgrade, X\r\nUpgrade: websocket\r\nX: 1\r\n\r\n" + GET_B,
}
"""A is what may be reached, B what may not."""


@pytest.mark.parametrize("name", SMUGGLED)
async def test_nothing_is_smuggled(
    request: pytest.FixtureRequest, name: str, narrow: tuple[Container, Server, OnePort], outside: Outside
) -> None:
    container, server, _ = narrow
    server.got.clear()
    places = {"A": f"127.0.0.1:{server.port}", "B": f"127.0.0.1:{outside.port}"}
    text = SMUGGLED[name]
    for letter, place in places.items():
        for before in ("//", "Host: ", "@", "CONNECT ", "."):
            text = text.replace(before + letter, before + place)
    await ask(container, text.encode())
    evidence = outside.evidence()
    evidence += ["A has got two requests"] if sum(got.count(b" HTTP/1") for got in server.got) > 1 else []
    evidence += ["A has got B's name"] if any(places["B"].encode() in got for got in server.got) else []
    record(request, "escape", (f"bubblewrap: {name}", evidence))
    assert evidence == []


async def test_a_request_that_may_be_made_is_seen(narrow: tuple[Container, Server, OnePort], outside: Outside) -> None:
    container, server, gate = narrow
    server.got.clear()
    for asked in requests("127.0.0.1", server.port):
        assert " 200 " in await ask(container, asked)
    assert len(server.got) == 2
    gate.port = outside.port
    await ask(container, requests("127.0.0.1", outside.port)[0])
    gate.port = server.port
    assert outside.evidence() == ["it has reached tcp"]
