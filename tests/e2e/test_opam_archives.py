"""opam takes archives from its repository's cache: the hosts that they were published on need not be reached."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.approval import Approvals
from agent.config import Settings
from agent.events import Event, NetworkRequested
from agent.network import SessionNetwork
from agent.reach import reach_of
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.docker import session_user
from lang.base import Project
from lang.ocaml import OCaml, installing

SOURCES = {
    "hello-1.0/dune-project": "(lang dune 3.0)\n(package (name hello))\n",
    "hello-1.0/dune": "(library (public_name hello))\n",
    "hello-1.0/hello.ml": 'let word = "hello"\n',
    "hello-1.0/hello.opam": "",
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def packed(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """A repository with one package, whose archive was published on a host that nobody can reach."""
    folder = tmp_path / "served"
    archive = packed(SOURCES)
    checksum = hashlib.sha256(archive).hexdigest()
    cached = folder / "cache" / "sha256" / checksum[:2] / checksum
    cached.parent.mkdir(parents=True)
    cached.write_bytes(archive)
    opam = (
        'opam-version: "2.0"\nsynopsis: "For tests"\ndepends: [ "dune" ]\nbuild: [ "dune" "build" "-p" name ]\n'
        f'url {{ src: "https://upstream.example/hello-1.0.tar.gz" checksum: "sha256={checksum}" }}\n'
    )
    index = packed({"repo": 'opam-version: "2.0"\narchive-mirrors: "cache"\n', "packages/hello/hello.1.0/opam": opam})
    (folder / "index.tar.gz").write_bytes(index)
    server = ThreadingHTTPServer(("127.0.0.2", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.2:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_archives_come_from_the_repository_alone(
    repository: str, rootfs: Path, workspace: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    os.chown(cache, *session_user())
    language, events = OCaml(), list[Event]()
    environment = {**language.environment, "BACTRIAN_OPAM_REPOSITORY": repository}
    network = SessionNetwork(
        reach=reach_of(Settings(opam_repository=repository), [language]),
        approvals=Approvals(approver=None, emit=events.append),
        emit=events.append,
    )
    spec = BubblewrapSpec(workspace=workspace, cache=cache, root=rootfs, environment=environment, gate=network)
    step = installing.install(Project(language="ocaml", root="."), "hello", "hello", "")
    async with await BubblewrapContainer.start(spec) as container:
        ended = await container.exec(step.argv, timeout_s=300)
    network.close()
    assert ended.exit_code == 0, ended.stderr.text()
    assert "bactrian-there: hello 1.0" in ended.stdout.text()
    assert network.news() == ""
    assert {event.host for event in events if isinstance(event, NetworkRequested)} == {"127.0.0.2"}
