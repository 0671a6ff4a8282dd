"""The only way out of a container: a proxy behind a gate. What goes through it, what does not, and what it may cost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from origins import ADMITTED, BLOCK, RecordingGate, StartGated, digest_all, digest_of, head_of, sends, serving, web

from containers.base import Container, ExecResult
from containers.gate import Admission, OpenGate
from containers.supervisor.frames import TUNNELS

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOSED = Admission(allowed=False, reason="the test's list has no such host")

CLIENT = r"""
import hashlib, json, os, select, socket, struct, sys, threading, time
from urllib.parse import urlsplit
proxy = urlsplit(os.environ["http_proxy"])
place = sys.argv[1]
def connect():
    return socket.create_connection((proxy.hostname, proxy.port))
def head_of(connection):
    head = b""
    while not head.endswith(b"\r\n\r\n") and (byte := connection.recv(1)):
        head += byte
    return head.decode()
def tunnel(to=None):
    connection = connect()
    connection.sendall(f"CONNECT {to or place} HTTP/1.1\r\nHost: {to or place}\r\n\r\n".encode())
    return connection, head_of(connection)
def rest(connection):
    digest, size = hashlib.sha256(), 0
    while data := connection.recv(1 << 20):
        digest.update(data)
        size += len(data)
    return size, digest.hexdigest()
"""


@pytest.fixture(scope="module")
def recording() -> RecordingGate:
    return RecordingGate()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gated(start_gated: StartGated, shared_workspace: Path, recording: RecordingGate) -> AsyncIterator[Container]:
    async with await start_gated(shared_workspace, recording) as started:
        yield started


@pytest.fixture
def gate(recording: RecordingGate) -> RecordingGate:
    """The gate of `gated`, as new."""
    recording.admission = ADMITTED
    recording.asked.clear()
    recording.told.clear()
    recording.open.set()
    return recording


async def client(container: Container, script: str, port: int = 9) -> ExecResult:
    """Run Python with `CLIENT`'s names in the container; `place` is a port of the host's loopback."""
    return await container.exec(["python3", "-c", CLIENT + script, f"127.0.0.1:{port}"], timeout_s=60)


async def shell(container: Container, script: str) -> str:
    """Return what a script says on either stream."""
    return (await container.exec(["sh", "-c", script], merge_stderr=True, timeout_s=60)).stdout.text()


# What there is


INTERFACES = "cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '; tail -n +2 /proc/net/route"


async def test_without_a_gate_there_is_nothing(start_gated: StartGated, shared_workspace: Path) -> None:
    async with await start_gated(shared_workspace, None) as container:
        assert await shell(container, "env | grep -i proxy") == ""
        assert await shell(container, INTERFACES) == "lo\n"
        assert await shell(container, "tail -qn +2 /proc/net/tcp /proc/net/tcp6") == ""


async def test_with_a_gate_there_is_a_proxy_and_no_more(gated: Container) -> None:
    assert await shell(gated, INTERFACES) == "lo\n"
    lines = (await shell(gated, "env | grep -i proxy | sort")).splitlines()
    names = [line.partition("=")[0] for line in lines]
    assert names == sorted(["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"])
    values = {line.partition("=")[2].rpartition(":")[0] for line in lines if "O_PROXY" not in line.upper()}
    assert values == {"http://127.0.0.1"}


async def test_a_proxy_of_the_hosts_stays_outside(
    start_gated: StartGated, shared_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://me:secret@proxy.corp.example:3128")
    async with await start_gated(shared_workspace, OpenGate()) as container:
        said = await shell(container, "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'")
    assert "http_proxy=http://127.0.0.1:" in said
    assert "secret" not in said
    assert "corp.example" not in said


async def test_servers_of_commands_are_not_sent_to_the_proxy(gated: Container, gate: RecordingGate) -> None:
    script = """
import http.server, threading, subprocess
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
for host in ("127.0.0.1", "localhost"):
    url = f"http://{host}:{server.server_port}/"
    print(subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url], capture_output=True).stdout)
"""
    result = await gated.exec(["python3", "-c", script])
    assert result.stdout.text() == "b'200'\n" * 2
    assert gate.asked == []


async def test_names_mean_nothing_inside(gated: Container) -> None:
    script = "getent hosts localhost >/dev/null && echo here; getent hosts example.com proxy.golang.org"
    assert await shell(gated, script) == "here\n"


async def test_the_host_cannot_be_reached_beside_the_proxy(gated: Container, gate: RecordingGate) -> None:
    with socket.create_server(("", 0)) as listener:
        port = listener.getsockname()[1]
        own = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}
        places = ["127.0.0.1", "172.17.0.1", "169.254.169.254", *map(str, own)]
        script = f"""
for host in {places!r}:
    try:
        socket.create_connection((host, {port}), timeout=5)
        print("reached", host)
    except OSError:
        pass
"""
        assert (await client(gated, script)).stdout.text() == ""
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_private_places_are_closed_unless_the_gate_says_otherwise(gated: Container, gate: RecordingGate) -> None:
    gate.admission = Admission(allowed=True, reason="any")
    hosts = (
        "127.0.0.1 127.9.9.9 0.0.0.0 [::1] [::ffff:127.0.0.1] 169.254.169.254 10.0.0.1 100.64.0.1 [fd00::1] localhost"
    )
    with socket.create_server(("", 0)) as listener:
        port = listener.getsockname()[1]
        said = await shell(
            gated,
            f"for host in {hosts} 172.17.0.1; do"
            f" curl -gsS -o /dev/null -w '%{{http_code}} ' http://$host:{port}/ --noproxy '';"
            f" curl -gsS -o /dev/null -w '%{{http_connect}}\\n' -p http://$host:{port}/ --noproxy '' 2>/dev/null; done",
        )
    assert said.split() == ["403"] * 2 * (len(hosts.split()) + 1)
    assert all(told.allowed and told.problem for told in gate.told)


# What goes through


async def test_a_plain_request(gated: Container, gate: RecordingGate) -> None:
    async with serving(web) as port:
        script = f"curl -sS http://127.0.0.1:{port}/a?b=c -H 'X-Mine: 1' -H 'Proxy-Authorization: Basic x' --noproxy ''"
        lines = (await shell(gated, script)).splitlines()
        await gate.until(lambda: len(gate.told) == 1)
    assert lines[0] == "GET /a?b=c HTTP/1.1"
    assert f"Host: 127.0.0.1:{port}" in lines
    assert {"connection: close", "x-mine: 1"} <= {line.lower() for line in lines}
    assert not any("proxy" in line.lower() for line in lines[1:])
    (told,) = gate.told
    assert (told.destination.host, told.destination.port, told.destination.scheme) == ("127.0.0.1", port, "http")
    assert (told.allowed, told.problem) == (True, "")
    assert told.received_bytes > told.sent_bytes > 50


async def test_a_refusal_says_why(gated: Container, gate: RecordingGate) -> None:
    gate.admission = CLOSED
    plain = await shell(gated, "curl -sSi http://Example.COM./")
    tunnel = await shell(gated, "curl -sSI https://example.com/")
    assert plain.startswith(f"HTTP/1.1 403 Forbidden: {CLOSED.reason}\r\n")
    assert plain.endswith(f"\r\n\r\nBactrian's proxy: {CLOSED.reason}\n")
    assert f"HTTP/1.1 403 Forbidden: {CLOSED.reason}" in tunnel
    assert [(asked.host, asked.port, asked.scheme) for asked in gate.asked] == [
        ("example.com", 80, "http"),
        ("example.com", 443, "tunnel"),
    ]
    await gate.until(lambda: len(gate.told) == 2)
    assert [(told.allowed, told.reason, told.sent_bytes) for told in gate.told] == [(False, CLOSED.reason, 0)] * 2


async def test_go_and_git_show_the_reason(gated: Container, gate: RecordingGate) -> None:
    gate.admission = CLOSED
    said = await shell(gated, "cd $(mktemp -d) && go mod init x.y/z 2>/dev/null; go get rsc.io/quote@v1.5.2")
    assert f"Forbidden: {CLOSED.reason}" in said
    assert "403" in await shell(gated, "git ls-remote https://example.com/a.git")


async def test_fifty_megabytes_arrive_whole(gated: Container, gate: RecordingGate) -> None:
    async with serving(sends(50)) as down, serving(digest_all) as up:
        script = f"""
connection, head = tunnel()
connection.sendall(b"x")
print(*rest(connection))
connection, head = tunnel("127.0.0.1:{up}")
block = bytes(range(256)) * 4096
for _ in range(50):
    connection.sendall(block)
connection.shutdown(socket.SHUT_WR)
print(connection.recv(1000).decode(), hashlib.sha256(block * 50).hexdigest())
connection.close()
"""
        lines = (await client(gated, script, down)).stdout.text().splitlines()
        await gate.until(lambda: len(gate.told) == 2)
    size = 50 << 20
    assert lines[0] == f"{size} {digest_of(50)}"
    sent, told, expected = lines[1].split()
    assert (sent, told) == (str(size), expected)
    assert sorted((each.sent_bytes, each.received_bytes) for each in gate.told) == [
        (1, size),
        (size, len(lines[1]) - 65),
    ]


async def test_a_request_with_a_body_and_an_answer_in_chunks(gated: Container, gate: RecordingGate) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = [line.lower() for line in await head_of(reader)]
        length = next(int(line.split()[1]) for line in lines if line.startswith("content-length"))
        body = await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 70_000):
            piece = body[at : at + 70_000]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        await reader.read()

    async with serving(handler) as port:
        url = f"http://127.0.0.1:{port}/"
        script = "head -c 3000000 /dev/urandom >body; curl -sS --noproxy '' --data-binary @body "
        assert await shell(gated, f"{script}{url} | cmp - body && rm body") == ""


async def test_each_direction_ends_by_itself(gated: Container, gate: RecordingGate) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"first")
        writer.write_eof()
        asked = await reader.read()
        seen.append(asked)

    seen: list[bytes] = []
    async with serving(handler) as port:
        script = """
connection, head = tunnel()
print(rest(connection)[0])
connection.sendall(b"after your end")
connection.close()
"""
        assert (await client(gated, script, port)).stdout.text() == "5\n"
        await gate.until(lambda: len(gate.told) == 1)
    assert seen == [b"after your end"]
    assert gate.told[0].problem == ""


async def test_many_connections_at_once(gated: Container, gate: RecordingGate) -> None:
    async with serving(sends(1)) as port:
        script = """
from concurrent.futures import ThreadPoolExecutor
def one(number):
    connection, head = tunnel()
    with connection:
        connection.sendall(b"x")
        return rest(connection)
with ThreadPoolExecutor(40) as pool:
    found = set(pool.map(one, range(100)))
print(*found)
"""
        result = await client(gated, script, port)
        await gate.until(lambda: len(gate.told) == 100)
    assert result.stdout.text() == f"({1 << 20}, '{digest_of(1)}')\n"


# What breaks


async def test_a_command_that_goes_away_is_told_to_the_far_side(gated: Container, gate: RecordingGate) -> None:
    gone = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(BLOCK)
                await writer.drain()
        finally:
            gone.set()

    async with serving(handler) as port:
        script = """
connection, head = tunnel()
connection.recv(1000)
connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
connection.close()
"""
        await client(gated, script, port)
        await asyncio.wait_for(gone.wait(), 30)
        await gate.until(lambda: len(gate.told) == 1)
    assert gate.told[0].problem
    assert gate.told[0].received_bytes >= 1000


async def test_a_broken_answer_does_not_look_whole(gated: Container, gate: RecordingGate) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"half of")
        await writer.drain()
        linger = (1).to_bytes(4, "little") + bytes(4)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with serving(handler) as port:
        script = """
connection, head = tunnel()
connection.sendall(b"x")
try:
    print("an end", rest(connection))
except ConnectionResetError:
    print("broken")
"""
        assert (await client(gated, script, port)).stdout.text() == "broken\n"
        await gate.until(lambda: len(gate.told) == 1)
    assert gate.told[0].problem


async def test_who_does_not_wait_for_the_answer_takes_the_question_along(gated: Container, gate: RecordingGate) -> None:
    gate.open.clear()
    await client(
        gated, 'connection = connect(); connection.sendall(b"CONNECT a.example:443 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")'
    )
    await gate.until(lambda: len(gate.told) == 1)
    assert "did not wait" in gate.told[0].problem


async def test_places_that_do_not_answer(gated: Container, gate: RecordingGate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    said = await shell(gated, f"curl -sS --noproxy '' http://127.0.0.1:{port}/; curl -sS http://no.such.host.invalid/")
    refused, unknown = said.splitlines()
    assert refused == f"Bactrian's proxy: 127.0.0.1:{port} can't be reached: Connect call failed ('127.0.0.1', {port})"
    assert unknown.startswith("Bactrian's proxy: no such host: no.such.host.invalid")
    await gate.until(lambda: len(gate.told) == 2)
    assert all(told.allowed and told.problem for told in gate.told)


# What it may cost others


async def test_a_slow_reader_holds_nothing_up(gated: Container, gate: RecordingGate) -> None:
    """Neither the commands beside it nor other connections; and the far side is not read without end."""
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while True:
            writer.write(BLOCK)
            await writer.drain()
            sent += len(BLOCK)

    async with serving(endless) as port, serving(sends(5)) as other:
        script = """
kept = [tunnel()[0] for _ in range(8)]
print("open", flush=True)
sys.stdin.read()
"""
        process = await gated.open(["python3", "-c", CLIENT + script, f"127.0.0.1:{port}"])
        assert await process.read() == b"open\n"
        output = await gated.exec(["head", "-c", "3000000", "/dev/zero"], limit_bytes=8 << 20)
        assert len(output.stdout.head + output.stdout.tail) == 3_000_000
        await gated.write("large", BLOCK * 8)
        assert await gated.read("large") == BLOCK * 8
        print_rest = 'connection, head = tunnel(); connection.sendall(b"x"); print(rest(connection)[1])'
        assert (await client(gated, print_rest, other)).stdout.text().strip() == digest_of(5)
        await process.kill()
        await gate.until(lambda: len(gate.told) == 9)
    assert sent < 8 * 16 << 20


async def test_a_fat_upload_holds_no_output_up(gated: Container, gate: RecordingGate) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(deaf) as port:
        script = """
kept = [tunnel()[0] for _ in range(8)]
print("open", flush=True)
for connection in kept:
    connection.setblocking(False)
while True:
    for connection in select.select([], kept, [], 1)[1]:
        connection.send(bytes(1 << 20))
"""
        process = await gated.open(["python3", "-c", CLIENT + script, f"127.0.0.1:{port}"])
        assert await process.read() == b"open\n"
        for _ in range(20):
            assert (await gated.exec(["echo", "here"])).stdout.text() == "here\n"
        await process.kill()


async def test_more_connections_than_there_may_be_wait(gated: Container, gate: RecordingGate) -> None:
    async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome")
        await writer.drain()
        await reader.read()

    async with serving(polite) as port:
        script = f"""
first = [tunnel()[0] for _ in range({TUNNELS})]
for connection in first:
    assert connection.recv(7) == b"welcome"
late = connect()
late.sendall(f"CONNECT {{place}} HTTP/1.1\\r\\nHost: {{place}}\\r\\n\\r\\n".encode())
late.settimeout(0.3)
try:
    print("early", late.recv(1))
except TimeoutError:
    print("waits")
first.pop().close()
late.settimeout(30)
print(head_of(late).splitlines()[0])
"""
        result = await client(gated, script, port)
    assert result.stdout.text() == "waits\nHTTP/1.1 200 Connection established\n", result.stderr.text()


async def test_a_flood_of_connections_leaves_commands_alone(gated: Container, gate: RecordingGate) -> None:
    script = r"""
print("at it", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    batch = []
    for number in range(50):
        connection = connect()
        connection.sendall([b"", b"\0" * 1000, b"CONNECT ", b"GET http://\xff/ HTTP/1.1\r\n\r\n"][number % 4])
        if number % 3:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
"""
    process = await gated.open(["python3", "-c", CLIENT + script, "x"])
    assert await process.read() == b"at it\n"
    for number in range(20):
        assert (await gated.exec(["echo", str(number)])).stdout.text() == f"{number}\n"
    await process.kill()
    async with serving(web) as port:
        assert "GET / HTTP/1.1" in await shell(gated, f"curl -sS --noproxy '' http://127.0.0.1:{port}/")


# Forks and the end


async def test_a_fork_goes_by_the_same_gate(gated: Container, gate: RecordingGate) -> None:
    gate.admission = CLOSED
    async with await gated.fork() as fork:
        assert CLOSED.reason in await shell(fork, "curl -sS http://example.com/")
        assert await shell(fork, INTERFACES) == "lo\n"
    assert [asked.host for asked in gate.asked] == ["example.com"]


async def test_all_ends_with_the_container(start_gated: StartGated, shared_workspace: Path) -> None:
    gate = RecordingGate()
    gone = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 1000)
        await reader.read()
        gone.set()

    before = asyncio.all_tasks()
    async with serving(handler) as port:
        container = await start_gated(shared_workspace, gate)
        script = 'connection, head = tunnel(); connection.recv(10); print("open", flush=True); sys.stdin.read()'
        process = await container.open(["python3", "-c", CLIENT + script, f"127.0.0.1:{port}"])
        assert await process.read() == b"open\n"
        gate.open.clear()
        waiting = await container.open(["curl", "-sS", "http://unanswered.example/"])
        await gate.until(lambda: len(gate.asked) == 2)
        await container.close()
        assert len(gate.told) == 2
        await asyncio.wait_for(gone.wait(), 30)
        assert waiting
    assert {told.destination.host: told.received_bytes for told in gate.told} == {
        "127.0.0.1": 1000,
        "unanswered.example": 0,
    }
    assert all(told.problem for told in gate.told)
    assert not {task for task in asyncio.all_tasks() - before if "tunnel" in task.get_name()}
