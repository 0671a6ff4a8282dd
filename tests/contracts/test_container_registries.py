"""That package managers and git find what they need through the tunnel, also where the host itself goes by a proxy."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import http.server
import io
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from origins import RecordingGate, StartGated, head_of, serving

from containers.base import Container
from containers.gate import Admission
from lang.go import Go

PUBLIC = Admission(allowed=True, reason="public")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What the servers serve."""
    path = tmp_path / "files"
    path.mkdir()
    return path


@pytest.fixture
def servers(files: Path, authority: trustme.CA, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The ports of a plain server of `files` and of one that speaks TLS, as any name below example.org."""
    certificate = tmp_path / "certificate.pem"
    authority.issue_cert("*.example.org").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    handler = functools.partial(Quiet, directory=str(files))
    plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    secure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in (plain, secure)]
    for thread in threads:
        thread.start()
    yield plain.server_port, secure.server_port
    for server, thread in zip((plain, secure), threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


async def company(ports: tuple[int, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A company's proxy, for which every name is one of the two servers."""
    lines = await head_of(reader)
    assert any(line.startswith("Proxy-Authorization: Basic ") for line in lines)
    method, target, version = lines[0].split()
    tunnel = method == "CONNECT"
    there, away = await asyncio.open_connection("127.0.0.1", ports[tunnel])
    if tunnel:
        writer.write(b"HTTP/1.1 200 Fine\r\n\r\n")
    else:
        path = "/" + target.split("/", 3)[3]
        away.write("\r\n".join([f"{method} {path} {version}", *lines[1:], "", ""]).encode())

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
        sink.write_eof()

    try:
        await asyncio.gather(copy(reader, away), copy(there, writer))
    finally:
        away.close()


async def run(container: Container, script: str, **environment: str) -> str:
    result = await container.exec(["sh", "-ec", script], env={**Go().environment, **environment}, merge_stderr=True)
    assert result.exit_code == 0, result.stdout.text()
    return result.stdout.text()


def repository(files: Path) -> str:
    """Lay an opam repository of one package and its archive out."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        entry = tarfile.TarInfo("hello-1/README")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    (files / "hello-1.tar.gz").write_bytes(archive.getvalue())
    digest = hashlib.sha256(archive.getvalue()).hexdigest()
    source = f'src: "http://archives.example.org/hello-1.tar.gz" checksum: "sha256={digest}"'
    opam = f'opam-version: "2.0"\nurl {{ {source} }}\n'
    with tarfile.open(files / "index.tar.gz", "w:gz") as tar:
        for name, text in (("repo", 'opam-version: "2.0"\n'), ("packages/hello/hello.1/opam", opam)):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    (files / "repo").write_text('opam-version: "2.0"\n')
    return "http://opam.example.org/"


def bare_repository(files: Path) -> None:
    """Lay a git repository out as plain files."""
    script = """
git init -q --bare a.git && git -C a.git symbolic-ref HEAD refs/heads/main
tree=$(git -C a.git mktree </dev/null)
git -C a.git update-ref refs/heads/main $(git -C a.git -c user.name=x -c user.email=x commit-tree -m one $tree)
git -C a.git update-server-info
"""
    subprocess.run(["sh", "-ec", script], cwd=files, check=True)


async def test_opam_curl_and_git_by_way_of_a_company_proxy(
    start_gated: StartGated,
    workspace: Path,
    files: Path,
    authority: trustme.CA,
    servers: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = RecordingGate(admission=PUBLIC)
    url = repository(files)
    bare_repository(files)
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with serving(functools.partial(company, servers)) as port:
        monkeypatch.setenv("ALL_PROXY", f"http://me:secret@127.0.0.1:{port}")
        async with await start_gated(workspace, gate) as container:
            await container.write("authority.pem", authority.cert_pem.bytes())
            trusted = "/workspace/authority.pem"
            said = await run(
                container,
                "opam init --bare --disable-sandboxing --no-setup -q -k http default $0 >/dev/null"
                " && opam source hello.1 >/dev/null && cat hello.1/README".replace("$0", url),
                OPAMROOT="/tmp/opam",
                OPAMYES="1",
            )
            assert said.endswith("hello")
            said = await run(container, "curl -sS https://files.example.org/repo", CURL_CA_BUNDLE=trusted)
            assert said == 'opam-version: "2.0"\n'
            await run(container, "git clone -q https://git.example.org/a.git", GIT_SSL_CAINFO=trusted)
            assert await run(container, "git -C a log --format=%s") == "one\n"
            assert "secret" not in await run(container, "env")
    asked = {(each.host, each.port) for each in gate.asked}
    assert asked == {
        ("opam.example.org", 80),
        ("archives.example.org", 80),
        ("files.example.org", 443),
        ("git.example.org", 443),
    }
    assert len(gate.told) == len(gate.asked)
    assert not any(told.problem for told in gate.told)


async def test_go_from_the_real_proxy_with_its_checksums(start_gated: StartGated, workspace: Path) -> None:
    gate = RecordingGate(admission=Admission(allowed=True, reason="a registry", private=True))
    async with await start_gated(workspace, gate) as container:
        script = "cd $(mktemp -d) && go mod init -C . x.y/z 2>/dev/null && go get rsc.io/quote@v1.5.2 && cat go.sum"
        said = await run(container, script, GOMODCACHE="/tmp/modules", GOFLAGS="-modcacherw")
    assert "rsc.io/quote v1.5.2 h1:" in said
    assert "proxy.golang.org" in {asked.host for asked in gate.asked}
    assert {told.destination.scheme for told in gate.told} == {"tunnel"}
