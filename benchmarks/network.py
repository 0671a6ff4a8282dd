"""What the way out of a container costs: throughput and time to connect, beside the host's own loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from statistics import median

from benchmarks.figures import show
from benchmarks.sandboxes import Sandboxes, sandboxes, started
from containers.base import Container
from containers.gate import Admission, Destination, Traffic

MEGABYTES = 200
CONNECTS = 50
ROUNDS = 3
_BLOCK = bytes(1 << 20)

# Runs on the host too, without a proxy: the same program, so that only the way differs.
_CLIENT = """
import json, os, socket, sys, time
from urllib.parse import urlsplit
port, megabytes, connects = map(int, sys.argv[1:])
def connect():
    proxy = urlsplit(os.environ.get("http_proxy", ""))
    if not proxy.hostname:
        return socket.create_connection(("127.0.0.1", port))
    connection = socket.create_connection((proxy.hostname, proxy.port))
    place = f"127.0.0.1:{port}"
    connection.sendall(f"CONNECT {place} HTTP/1.1\\r\\nHost: {place}\\r\\n\\r\\n".encode())
    assert b" 200 " in connection.recv(4096)
    return connection
seconds = {"down": [], "up": [], "connect": []}
room, block = bytearray(1 << 20), bytes(1 << 20)
for _ in range(connects):
    start = time.perf_counter()
    with connect() as connection:
        connection.sendall(b"e")
        connection.recv(1)
    seconds["connect"].append(time.perf_counter() - start)
with connect() as connection:
    start = time.perf_counter()
    connection.sendall(b"d")
    while connection.recv_into(room):
        pass
    seconds["down"].append(time.perf_counter() - start)
with connect() as connection:
    start = time.perf_counter()
    connection.sendall(b"u")
    for _ in range(megabytes):
        connection.sendall(block)
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)
    seconds["up"].append(time.perf_counter() - start)
print(json.dumps(seconds))
"""

_Seconds = dict[str, list[float]]


class _Loopback:
    """Admits this host itself."""

    async def admit(self, destination: Destination) -> Admission:
        return Admission(allowed=True, reason="a benchmark", private=True)

    def on_traffic(self, traffic: Traffic) -> None:
        return


def main() -> None:
    """Print the figures."""
    with sandboxes() as made:
        asyncio.run(_measure(replace(made, gate=_Loopback())))


async def _measure(made: Sandboxes) -> None:
    direct: _Seconds = {"down": [], "up": [], "connect": []}
    ours: dict[str, _Seconds] = {kind: {name: [] for name in direct} for kind in made.starts}
    async with started(made.docker) as docker, started(made.bubblewrap) as bubblewrap, _origin() as port:
        argv = ["python3", "-c", _CLIENT, str(port), str(MEGABYTES), str(CONNECTS)]
        for _ in range(ROUNDS):
            _add(direct, await _here(argv))
            _add(ours["docker"], await _inside(docker, argv))
            _add(ours["bubblewrap"], await _inside(bubblewrap, argv))
    for kind, seconds in ours.items():
        show(f"connect and one byte, {kind}", seconds["connect"], "10 ms")
        print(f"{'':<44} {_ratio(seconds['connect'], direct['connect']):.1f} times a loopback's")
        for way in ("down", "up"):
            speed = MEGABYTES * 1.048576 / median(seconds[way])
            goal = "100 MB/s" if kind == "bubblewrap" else "what the engine's attach gives"
            slower = _ratio(seconds[way], direct[way])
            what = f"{way}load, {kind}"
            print(f"{what:<44} p50 {speed:8.1f} MB/s  goal {goal}  (a loopback is {slower:.1f} times as fast)")


def _ratio(seconds: Sequence[float], others: Sequence[float]) -> float:
    return median(seconds) / median(others)


def _add(to: _Seconds, found: _Seconds) -> None:
    for name, values in found.items():
        to[name] += values


async def _here(argv: Sequence[str]) -> _Seconds:
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE, env={"PATH": "/usr/bin:/bin"})
    return json.loads((await process.communicate())[0])


async def _inside(container: Container, argv: Sequence[str]) -> _Seconds:
    result = await container.exec(argv)
    if result.exit_code:
        raise RuntimeError(result.stderr.text())
    return json.loads(result.stdout.text())


@asynccontextmanager
async def _origin() -> AsyncGenerator[int]:
    """Serve what the client asks for by its first byte; in this process, like the proxy: both share one core."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read(1)
        if asked == b"d":
            for _ in range(MEGABYTES):
                writer.write(_BLOCK)
                await writer.drain()
        elif asked == b"u":
            while await reader.read(1 << 18):
                continue
            writer.write(b".")
        else:
            writer.write(b".")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 18)
    async with server:
        yield server.sockets[0].getsockname()[1]
