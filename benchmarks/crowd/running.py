"""Runs a crowd's sessions at once, each a process of its own, and watches what they take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.codec import decode
from agent.events import Stamped
from benchmarks.crowd.errands import Errand
from benchmarks.crowd.footprints import Footprint, Seen

BACTRIAN = Path(sys.executable).with_name("bactrian")
_LOOK_S = 0.3
_PATIENCE_S = 900.0
_KEPT = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "DOCKER_HOST", "XDG_CACHE_HOME", "BACTRIAN_BASE_IMAGE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Where sessions run: a folder of their own for state and what they print, and one with their repositories."""

    folder: Path
    repositories: Path
    container: str

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def repository(self, errand: Errand) -> Path:
        return self.repositories / errand.repository

    def environment(self) -> dict[str, str]:
        own = {"BACTRIAN_STATE_DIR": str(self.state), "XDG_CONFIG_HOME": str(self.folder / "config")}
        return {name: os.environ[name] for name in _KEPT if name in os.environ} | own


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A session that has ended. Times are seconds since the epoch."""

    errand: Errand
    repository: Path
    pid: int
    code: int
    began: float
    ended: float
    footprint: Footprint
    stdout: bytes
    stderr: str
    events: Sequence[Stamped] = field(default_factory=tuple[Stamped, ...])

    @property
    def last(self) -> dict[str, Any]:
        """What the last line on standard output says; empty where there is none."""
        lines = self.stdout.splitlines()
        return json.loads(lines[-1]) if lines else {}


@dataclass(slots=True, kw_only=True)
class _Running:
    errand: Errand
    process: subprocess.Popen[bytes]
    began: float
    seen: Seen
    status: int | None = None
    ended: float = 0.0

    def poll(self) -> None:
        """Note the end if it has come."""
        self.status = self.process.poll()
        self.ended = time.time()


def run_at_once(crowd: Crowd, todo: Sequence[Errand]) -> list[Ended]:
    """Run all errands side by side to their end. Raises TimeoutError after a quarter of an hour, with all killed."""
    for errand in todo:
        _make_repository(crowd.repository(errand))
    running = [_start(crowd, errand) for errand in todo]
    until = time.monotonic() + _PATIENCE_S
    try:
        while waiting := [one for one in running if one.status is None]:
            for one in waiting:
                one.seen.look()
                one.poll()
            if time.monotonic() > until:
                names = ", ".join(one.errand.word for one in waiting)
                raise TimeoutError(f"still running after {_PATIENCE_S:.0f} s: {names}")
            time.sleep(_LOOK_S)
    finally:
        for one in running:
            if one.status is None:
                one.process.kill()
                one.process.wait()
    return [_ended(crowd, one) for one in running]


def _start(crowd: Crowd, errand: Errand) -> _Running:
    model = crowd.folder / f"{errand.word}.toml"
    model.write_text(errand.script())
    settings = dict(errand.nasty.settings) if errand.nasty else {}
    argv = [str(BACTRIAN), "run", "--json", "--repo", str(crowd.repository(errand))]
    argv += ["--model", f"scripted/{model}", "--container", crowd.container, errand.task]
    with _printed(crowd, errand, "jsonl").open("wb") as stdout, _printed(crowd, errand, "txt").open("wb") as stderr:
        began = time.time()
        process = subprocess.Popen(
            argv,
            env=crowd.environment() | settings,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    return _Running(errand=errand, process=process, began=began, seen=Seen(process.pid, crowd.container))


def _printed(crowd: Crowd, errand: Errand, suffix: str) -> Path:
    return crowd.folder / f"{errand.word}.{suffix}"


def _ended(crowd: Crowd, one: _Running) -> Ended:
    stdout = _printed(crowd, one.errand, "jsonl").read_bytes()
    assert one.status is not None
    return Ended(
        errand=one.errand,
        repository=crowd.repository(one.errand),
        pid=one.process.pid,
        code=one.status,
        began=one.began,
        ended=one.ended,
        footprint=one.seen.footprint(),
        stdout=stdout,
        stderr=_printed(crowd, one.errand, "txt").read_text(errors="replace"),
        events=tuple(decode(line) for line in stdout.splitlines()),
    )


def _make_repository(path: Path) -> None:
    if (path / "README.md").exists():
        return
    path.mkdir(parents=True, exist_ok=True)
    (path / "README.md").write_text("A crowd works here.\n")
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "-A"),
        (*identity, "commit", "-qm", "Begin"),
    ):
        subprocess.run(["git", "-C", str(path), *arguments], check=True)
