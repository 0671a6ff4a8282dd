"""The real command line in a process of its own, on repositories of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.codec import schema
from agent.config import locations
from containers.caches import FOLDER, VOLUME, repository_caches
from containers.docker import connect

BACTRIAN = Path(sys.executable).with_name("bactrian")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run of the command line ended. `events` are standard output's lines, each valid by the published schema."""

    code: int
    stdout: str
    stderr: str
    events: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]

    @property
    def last(self) -> dict[str, Any]:
        return self.events[-1]


Run = Callable[..., Ended]


@pytest.fixture
def environment(tmp_path: Path, rootfs: Path) -> dict[str, str]:
    """Variables for the command line: state of its own, the shared image caches, no keys and no settings."""
    kept = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "DOCKER_HOST", "XDG_CACHE_HOME", "BACTRIAN_BASE_IMAGE")
    own = {"BACTRIAN_STATE_DIR": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    return {name: os.environ[name] for name in kept if name in os.environ} | own


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Run `bactrian run --json …` to its end."""
    from jsonschema import Draft202012Validator

    validator: Any = Draft202012Validator(schema())  # its stubs leave the instance's type open

    def run(*arguments: str | Path, stdin: str = "", env: dict[str, str] | None = None) -> Ended:
        argv = [str(BACTRIAN), "run", "--json", *(str(argument) for argument in arguments)]
        ended = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, env=environment | (env or {}), timeout=500, check=False
        )
        events = [json.loads(line) for line in ended.stdout.splitlines()]
        for event in events:
            assert validator.is_valid(event), event
        return Ended(code=ended.returncode, stdout=ended.stdout, stderr=ended.stderr, events=events)

    return run


@pytest.fixture(scope="session")
def repository_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where every test's repository lies: caches go by its directory, so that only the first test starts cold."""
    path = tmp_path_factory.mktemp("e2e") / "repository"
    (path / ".git").mkdir(parents=True)
    name = repository_caches(path / ".git")
    yield path
    shutil.rmtree(locations().cache / FOLDER / name, onerror=_make_writable)
    with contextlib.closing(connect()) as client:
        client.volumes.create(VOLUME + name).remove(force=True)


@pytest.fixture
def repository(repository_path: Path) -> Path:
    """An empty git repository."""
    for path in (*repository_path.iterdir(), *(repository_path / ".git").iterdir()):
        if path.name == ".git":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    git(repository_path.parent, "init", "--quiet", "--initial-branch=main", str(repository_path))
    return repository_path


def _make_writable(action: Callable[[str], None], path: str, _: object) -> None:
    """Go's module cache is read-only, its directories too. A cache that no test made is no error."""
    if os.path.lexists(path):
        os.chmod(os.path.dirname(path), 0o700)
        action(path)


def git(folder: Path, *arguments: str) -> str:
    """Run git with an identity; return what it printed."""
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    argv = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
