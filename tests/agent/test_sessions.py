"""What the folders of sessions tell, and which one is meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from session_events import ended

from agent.errors import UserError
from agent.events import Event, SessionOpened, SessionStarted, Stamp, Stamped, WorkSaved
from agent.sessions import choose, entries, find, left_behind, unfinished
from agent.transcript import TranscriptWriter

HERE = Path("/here")


def opened(repository: Path = HERE) -> SessionOpened:
    return SessionOpened(task="do it\nwell", model="a/b", repository=str(repository))


def started() -> SessionStarted:
    return SessionStarted(
        task="do it\nwell",
        model="a/b",
        container="docker 1",
        repository=str(HERE),
        base="b0",
        branch="x/y",
        languages=("go",),
        seconds=1,
    )


def session(state: Path, name: str, *events: Event, clone: bool = False) -> Path:
    folder = state / "sessions" / name
    with TranscriptWriter(folder / "transcript.jsonl") as writer:
        for number, event in enumerate(events, 1):
            stamp = Stamp(seq=number, time="2026-11-20T10:00:00.000Z", session=name)
            writer.append(Stamped(stamp=stamp, event=event))
    if clone:
        (folder / "workspace").mkdir()
    return folder


def test_newest_first_and_only_those_of_the_repository(tmp_path: Path) -> None:
    session(tmp_path, "20260101-a", opened(), ended("done"))
    session(tmp_path, "20260102-b", opened(Path("/there")), ended("red"))
    saved = WorkSaved(branch="x/y", commit="c1", files=1, added=1, removed=0)
    session(tmp_path, "20260103-c", opened(), started(), saved, clone=True)
    assert [(entry.id, entry.status) for entry in entries(tmp_path, HERE)] == [
        ("20260103-c", "killed"),
        ("20260101-a", "done"),
    ]
    assert [entry.id for entry in entries(tmp_path)] == ["20260103-c", "20260102-b", "20260101-a"]
    last = next(entries(tmp_path))
    assert (last.task, last.model, last.branch, last.commit) == ("do it\nwell", "a/b", "x/y", "c1")
    assert last.clone == str(tmp_path / "sessions" / "20260103-c" / "workspace")


def test_one_that_runs_is_not_touched(tmp_path: Path) -> None:
    folder = session(tmp_path, "20260101-a", opened(), clone=True)
    with TranscriptWriter(folder / "transcript.jsonl"):
        entry = next(entries(tmp_path))
        assert (entry.status, entry.process) == ("running", os.getpid())
        assert list(unfinished(tmp_path, HERE)) == []
        with pytest.raises(UserError, match=f"session 20260101-a is in use by process {os.getpid()}"):
            choose(tmp_path, HERE, "2026")
        with pytest.raises(UserError, match="there is nothing to resume in /here"):
            choose(tmp_path, HERE, "")
    assert next(entries(tmp_path)).status == "killed"


def test_choice(tmp_path: Path) -> None:
    session(tmp_path, "20260101-a", opened(), ended("limit"))
    session(tmp_path, "20260101-ab", opened(), ended("done"))
    session(tmp_path, "20260102-c", opened(Path("/there")), ended("red"))
    assert choose(tmp_path, HERE, "").id == "20260101-a"
    assert choose(tmp_path, HERE, "20260101-ab").id == "20260101-ab"
    assert find(tmp_path, "20260101-a").id == "20260101-a"
    with pytest.raises(UserError, match=r"2 sessions begin with '20260101' \(20260101-ab, 20260101-a…\)"):
        choose(tmp_path, HERE, "20260101")
    with pytest.raises(UserError, match="there is no session 'x'"):
        choose(tmp_path, HERE, "x")
    with pytest.raises(UserError, match="session 20260102-c is of another repository: give --repo /there"):
        choose(tmp_path, HERE, "20260102")


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((opened(),), "session s was killed before it began: `bactrian sessions resume s` begins it"),
        ((opened(), started()), "session s was killed; its work up to the last tool call is in"),
        ((opened(), started(), ended("failed")), "session s ended as failed before its work was saved; its work"),
        ((opened(), started(), ended("done")), "session s is done, but what can't be part of a branch is still in"),
    ],
)
def test_what_is_said_of_those_that_left_work_behind(tmp_path: Path, events: tuple[Event, ...], said: str) -> None:
    session(tmp_path, "s", *events, clone=True)
    (entry,) = unfinished(tmp_path, HERE)
    assert left_behind(entry).startswith(said)
    assert ("bactrian sessions resume s" in left_behind(entry)) == (entry.status != "done")


def test_broken_folders_are_passed_over(tmp_path: Path) -> None:
    folder = session(tmp_path, "20260101-a", opened())
    with (folder / "transcript.jsonl").open("ab") as file:
        file.write(b'{"kind":"session_finished",garbage\n{"kind":"session_fini')
    (tmp_path / "sessions" / "20260102-empty").mkdir()
    (tmp_path / "sessions" / "a file").touch()
    assert [(entry.id, entry.status) for entry in entries(tmp_path)] == [("20260101-a", "killed")]
    assert list(entries(tmp_path / "nowhere")) == []
