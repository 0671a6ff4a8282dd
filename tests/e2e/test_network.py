"""The network of a real session: what is refused, what the user names, what a person allows in a terminal."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from terminals import Terminal

from agent.projects import Projects
from agent.transcript import read


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served " + self.path.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(address: str) -> Generator[str]:
    """A server on an address of this host that containers don't take for their own; gives `HOST:PORT`."""
    server = ThreadingHTTPServer((address, 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{address}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def host() -> Iterator[str]:
    with served("127.0.0.2") as place:
        yield place


def model(folder: Path, *turns: tuple[str, str]) -> str:
    """A model that runs a command in each turn, if it was told before what it expects."""
    script = "".join(
        f"[[turn]]\nexpect=['{re.escape(expected)}']\n[[turn.call]]\nname='bash'\ninput={{command='''{command}'''}}\n"
        for expected, command in turns
    )
    path = folder / "model.toml"
    path.write_text(script)
    return f"scripted/{path}"


def options(repository: Path, model: str, turns: int, container: str = "bubblewrap") -> list[str]:
    return [
        *("--repo", str(repository), "--model", model, "--container", container, "--max-turns", str(turns)),
        "look around",
    ]


@pytest.mark.parametrize("container", ["docker", "bubblewrap"])
def test_what_is_refused_is_told_and_what_the_user_names_is_reached(
    container: str, run: Any, repository: Path, tmp_path: Path, host: str
) -> None:
    script = model(
        tmp_path,
        ("", f"curl -sS http://refused.example/; curl -sS http://{host}/page"),
        ("A person can allow it: bactrian run --allow refused.example.", "curl -sS https://refused.example/"),
        ("refused too (--allow refused.example)", f"curl -sS http://{host}/again"),
    )
    ended = run("--allow", host, *options(repository, script, 3, container))
    assert ended.code == 4, ended.stderr
    first, second, third = ended.of("tool_finished")
    assert "served /page" in first["content"]
    assert "Network: refused.example:80 was refused: only " in first["content"]
    assert "Network: refused.example:443 was refused too" in second["content"]
    assert "Network" not in first["display"] + third["content"]
    requests = {(each["host"], each["port"]): each for each in ended.of("network_requested")}
    allowed = requests["127.0.0.2", int(host.partition(":")[2])]
    assert (allowed["allowed"], allowed["problem"]) == (True, "")
    assert allowed["received_bytes"] > 100
    assert not requests["refused.example", 80]["allowed"]
    assert not requests["refused.example", 443]["allowed"]
    assert "⊘ refused.example:443: refused" in ended.stderr
    assert ended.of("approval_requested") == []


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--network", "none"), "was refused: this session has no network."),
        (("--network", "full"), "was refused: this host and private networks are reached only by name."),
        (("--network", "registries"), "was refused: only proxy.golang.org, "),
        (("--allow", "127.0.0.2"), "was refused: only proxy.golang.org, "),
    ],
)
def test_each_mode_says_why(
    flags: tuple[str, ...], expected: str, run: Any, repository: Path, tmp_path: Path, host: str
) -> None:
    script = model(tmp_path, ("", f"curl -sS http://{host}/"), (expected, "true"))
    ended = run(*flags, *options(repository, script, 2))
    assert ended.code == 4, ended.stderr
    (request,) = ended.of("network_requested")
    assert (request["host"], request["allowed"]) == ("127.0.0.2", False)


def test_a_repository_can_not_widen_its_own_network(run: Any, repository: Path, tmp_path: Path, host: str) -> None:
    settings = repository / ".bactrian" / "config.toml"
    settings.parent.mkdir()
    script = model(tmp_path, ("", f"curl -sS http://{host}/"), ("was refused: only ", "true"))
    settings.write_text(f'network_allow = ["{host}"]\n')
    ended = run("--trust", *options(repository, script, 2))
    assert ended.code == 2
    assert f"{settings}:1: a repository can't set network_allow" in ended.stderr
    settings.write_text('network = "full"\n')
    ended = run("--trust", *options(repository, script, 2))
    assert ended.code == 4, ended.stderr
    assert not ended.of("network_requested")[0]["allowed"]


def sit_at(environment: dict[str, str], arguments: list[str]) -> Terminal:
    return Terminal([str(Path(sys.executable).with_name("bactrian")), "run", *arguments], environment)


def test_a_person_allows_once_for_the_session_for_the_repository_or_not(
    environment: dict[str, str], run: Any, repository: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        one, two, three = (stack.enter_context(served(f"127.0.0.{number}")) for number in (2, 3, 4))
        script = model(
            tmp_path,
            ("", f"curl -sS http://{one}/once & curl -sS http://{one}/shared; wait"),
            ("served /shared", f"curl -sS http://{one}/session"),
            ("served /session", f"curl -sS http://{one}/more"),
            ("served /more", f"curl -sS http://{two}/project"),
            ("served /project", f"curl -sS http://{three}/no; curl -sS http://{three}/no"),
            ("was refused: a person said no.", "true"),
        )
        with sit_at(environment, options(repository, script, 6)) as terminal:
            before = terminal.settings
            for place, key, told in (
                (one, "o", "allowed once"),
                (one, "s", "allowed for this session"),
                (two, "p", "allowed for this repository"),
                (three, "n", "refused"),
            ):
                terminal.wait_for(f"? May the container reach {place}, which is this machine or in your own network?")
                terminal.wait_for("(no after 50 s)")
                terminal.shown = ""
                terminal.type(key)
                terminal.wait_for(f"? {place}: {told}")
            assert terminal.wait() == 4
            assert terminal.settings == before
        again = run(*options(repository, model(tmp_path, ("", f"curl -sS http://{two}/kept http://{one}/no")), 1))
        assert "served /kept" in again.of("tool_finished")[0]["content"]
        assert [each["host"] for each in again.of("network_requested") if not each["allowed"]] == ["127.0.0.2"]
    state = Path(environment["BACTRIAN_STATE_DIR"])
    assert Projects(folder=state / "projects").load(repository).network_allow == (two,)
    (transcript, _) = sorted((state / "sessions").glob("*/transcript.jsonl"))
    kinds = [stamped.event.kind for stamped in read(transcript).events]
    assert kinds.count("approval_requested") == kinds.count("approval_resolved") == 4


def test_an_interrupt_withdraws_the_question(
    environment: dict[str, str], repository: Path, tmp_path: Path, host: str
) -> None:
    script = model(tmp_path, ("", f"curl -sS http://{host}/"))
    with sit_at(environment, options(repository, script, 1)) as terminal:
        before = terminal.settings
        terminal.wait_for("(no after 50 s)")
        terminal.type("\x03")
        assert terminal.wait() == 130
        assert terminal.settings == before
        assert f"? {host}: refused: nobody answered" in terminal.text
