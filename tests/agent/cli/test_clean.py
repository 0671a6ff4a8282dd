"""`bactrian clean`: what it lists, what it removes, and the work that it never touches."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from session_events import ended

from agent.base_store import KEPT_S
from agent.cli.clean import clean
from agent.errors import ExitCode
from agent.events import Event, SessionOpened, Stamp, Stamped, Status
from agent.transcript import TranscriptWriter
from containers.caches import FOLDER


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directories of nobody's, and no engine."""
    monkeypatch.setenv("BACTRIAN_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    return tmp_path


@pytest.fixture
def caches(places: Path) -> Path:
    """Caches of which nobody knows whose they are."""
    path = places / "cache" / "bactrian" / FOLDER / "0123456789ab"
    path.mkdir(parents=True)
    (path / "file").write_bytes(b"x" * 100_000)
    return path


def session(places: Path, name: str, status: Status | None, *, clone: bool = False) -> Path:
    """Leave a session's folder behind; without a status the session was killed."""
    folder = places / "state" / "sessions" / name
    events: list[Event] = [SessionOpened(task="do", model="a/b", repository="/here")]
    if status:
        events.append(ended(status))
    with TranscriptWriter(folder / "transcript.jsonl") as writer:
        for number, event in enumerate(events, 1):
            stamp = Stamp(seq=number, time="2026-11-20T10:00:00.000Z", session=name)
            writer.append(Stamped(stamp=stamp, event=event))
    if clone:
        (folder / "workspace").mkdir()
        (folder / "workspace" / "work").touch()
    return folder


def rows(capsys: pytest.CaptureFixture[str], *, everything: bool = False, dry_run: bool = False) -> list[Any]:
    capsys.readouterr()
    assert clean(everything=everything, dry_run=dry_run, as_json=True) == ExitCode.DONE
    return json.loads(capsys.readouterr().out)


def test_stale_things_go_and_are_told(caches: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (told,) = rows(capsys, dry_run=True)
    assert told["size_bytes"] >= 100_000
    assert (told["kind"], told["name"], told["fate"]) == ("caches", str(caches), "would be removed")
    assert caches.exists()
    assert clean(everything=False, dry_run=False, as_json=False) == ExitCode.DONE
    assert capsys.readouterr().out.splitlines()[-1].startswith("removed: ")
    assert not caches.exists()
    assert rows(capsys) == []
    assert clean(everything=False, dry_run=False, as_json=False) == ExitCode.DONE
    assert capsys.readouterr().out == "nothing is kept here\n"


def test_unsaved_work_is_never_removed(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unsaved = [
        session(places, "20260101-killed", None, clone=True),
        session(places, "20260102-red", "red", clone=True),
        session(places, "20260103-done", "done", clone=True),
    ]
    red, done = session(places, "20260104-red", "red"), session(places, "20260105-done", "done")
    assert {row["fate"] for row in rows(capsys)} == {"kept"}
    told = {row["name"]: row for row in rows(capsys, everything=True)}
    assert told["20260101-killed"]["why"].startswith("unsaved work in its clone: `bactrian sessions resume 20260101-")
    assert [path.exists() for path in unsaved] == [True] * 3
    assert all((path / "workspace" / "work").exists() for path in unsaved)
    assert red.exists()
    assert not done.exists()


def test_a_session_that_runs_is_not_touched(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = session(places, "20260101-done", "done")
    with TranscriptWriter(folder / "transcript.jsonl"):
        (told,) = rows(capsys, everything=True)
    assert (told["state"], told["why"]) == ("used", f"process {os.getpid()} runs it")
    assert folder.exists()


def test_old_checks_of_bases_are_stale(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = places / "cache" / "bactrian" / "bases"
    folder.mkdir(parents=True)
    names = ("new.json", "old.json", "new.1.part", "old.1.part")
    for name in names:
        (folder / name).touch()
        if name.startswith("old"):
            then = time.time() - KEPT_S - 60
            os.utime(folder / name, (then, then))
    assert sorted(row["fate"] for row in rows(capsys)) == ["kept", "removed", "removed"]
    assert sorted(path.name for path in folder.iterdir()) == ["new.1.part", "new.json"]
