"""No secret is inside a session's container: everything readable in it is searched, and what its engine tells of it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from agent.providers.loopback import Loopback
from agent.providers.script import parse
from containers.docker import connect
from containers.recipe import recipe
from tests.e2e.conftest import BACTRIAN, git

MARK = "decoy" + "-5ec2e7"
"""Part of every secret of these tests. The search puts it together anew, so as not to find itself."""

PROBE = r"""
import json, os, pathlib, subprocess, time
mark = b"decoy" + b"-5ec2e7"
found, looked = [], 0
def look(name, data):
    global looked
    looked += 1
    if mark in data:
        found.append(name)
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline", "comm", "status", "maps", "mountinfo", "cgroup", "mem"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                look(f"/proc/{pid}/{name}", file.read(1 << 20))
        except OSError:
            continue
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        continue
    for number in numbers:
        try:
            look(f"/proc/{pid}/fd/{number}", os.readlink(f"/proc/{pid}/fd/{number}").encode())
        except OSError:
            continue
places = [f"/{name}" for name in os.listdir("/") if name not in ("proc", "sys", "dev", "usr", "lib", "lib64")]
search = ["grep", "-rlasF", "-D", "skip", mark.decode(), *places, "/dev/shm", "/usr/local/etc"]
found += subprocess.run(search, capture_output=True).stdout.decode().splitlines()
for name, folders, files in os.walk("/workspace/.git"):
    look("names", " ".join([name, *folders, *files]).encode())
pathlib.Path("/workspace/found.part").write_text(json.dumps({"found": sorted(found), "looked": looked}))
os.rename("/workspace/found.part", "/workspace/found.json")
while not os.path.exists("/workspace/go-on"):
    time.sleep(0.05)
os.remove("/workspace/go-on")
"""


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    """Variables of a host that has many, each with the mark."""
    (tmp_path / "gitconfig").write_text(f'[http]\n\textraHeader = "Authorization: basic {MARK}"\n')
    (tmp_path / "config" / "bactrian").mkdir(parents=True)
    (tmp_path / "config" / "bactrian" / "config.toml").write_text(f'key_command = ["echo", "sk-{MARK}"]\n')
    return {
        "AWS_SECRET_ACCESS_KEY": f"aws-{MARK}",
        "GITHUB_TOKEN": f"ghp-{MARK}",
        "OPENAI_API_KEY": f"sk-{MARK}",
        "ANTHROPIC_API_KEY": f"sk-ant-{MARK}",
        "SSH_AUTH_SOCK": str(tmp_path / MARK),
        "HTTPS_PROXY": "",
        "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
        "GOPROXY": f"https://user:{MARK}@proxy.example.com,https://proxy.golang.org",
    }


@pytest.fixture
def repository_with_secrets(repository: Path) -> Path:
    """A checkout whose remotes and settings hold credentials, and one file that the search must find."""
    (repository / "control.txt").write_text(f"{MARK}\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "-m", "Begin")
    git(repository, "remote", "add", "origin", f"https://user:{MARK}@git.example.com/team/repository.git")
    git(repository, "config", "http.https://git.example.com/.extraHeader", f"Authorization: bearer {MARK}")
    git(repository, "config", "url.https://user:" + MARK + "@git.example.com/.insteadOf", "https://git.example.com/")
    (repository / ".git" / "info" / "secret").write_text(MARK)
    return repository


def script() -> str:
    """A model that runs the search, then finishes."""
    command = f"command = '''\npython3 - <<'PROBE'{PROBE}PROBE\n'''\n"
    search = f'[[turn]]\n[[turn.call]]\nname = "bash"\n[turn.call.input]\ntimeout_s = 120\n{command}'
    return search + '[[turn]]\n[[turn.call]]\nname = "finish"\ninput = { summary = "Looked." }\n'


def waited_for(process: subprocess.Popen[str], state: Path) -> Path:
    """Return the session's workspace once the search in it is done."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for found in state.glob("sessions/*/workspace/found.json"):
            return found.parent
        time.sleep(0.05)
    raise AssertionError(process.communicate(timeout=10))


def told_by_the_engine(workspace: Path) -> str:
    """What the engine says of the container around a workspace and of its image: environment, arguments, labels."""
    with contextlib.closing(connect()) as client:
        every = client.containers.list(ignore_removed=True)
        (container,) = [one for one in every if str(workspace) in json.dumps(one.attrs["Mounts"])]
        top: Any = container.top()
        image = client.images.get(recipe().tag)
        return json.dumps([container.attrs, top, image.attrs, image.history()])


@pytest.mark.parametrize("kind", ["docker", "bubblewrap"])
def test_nothing_inside_knows_a_secret(
    kind: str, environment: dict[str, str], secrets: dict[str, str], repository_with_secrets: Path, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as ends:
        agent = ends.enter_context(socket.socket(socket.AF_UNIX))
        agent.bind(secrets["SSH_AUTH_SOCK"])
        server = ends.enter_context(Loopback(parse(script())))
        options = ["--repo", str(repository_with_secrets), "--model", "anthropic/x", "--base-url", server.url]
        process = subprocess.Popen(
            [str(BACTRIAN), "run", "--json", *options, "--container", kind, "look around"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | secrets,
        )
        ends.callback(process.kill)
        workspace = waited_for(process, Path(environment["BACTRIAN_STATE_DIR"]))
        told = json.loads((workspace / "found.json").read_text())
        said = told_by_the_engine(workspace) if kind == "docker" else ""
        (workspace / "go-on").touch()
        process.communicate(timeout=120)
    assert told["found"] == ["/workspace/control.txt"]
    assert told["looked"] > 20
    assert MARK not in said
