"""`bactrian stats`: figures from transcripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.stats import show
from agent.codec import encode
from agent.errors import ExitCode
from agent.events import EditTried, Event, Stamp, Stamped, TurnStarted
from tools.edit_record import EditFormat, Failure, Stage


def line(event: Event) -> str:
    return encode(Stamped(stamp=Stamp(seq=1, time="2026-11-20T10:00:00.000Z", session="s"), event=event)) + "\n"


def tried(model: str, form: EditFormat, matched: tuple[Stage, ...] = (), failed: tuple[Failure, ...] = ()) -> str:
    return line(EditTried(call="c", model=model, format=form, matched=matched, failed=failed))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BACTRIAN_STATE_DIR", str(tmp_path))
    return tmp_path


def put(state: Path, session: str, text: str) -> None:
    folder = state / "sessions" / session
    folder.mkdir(parents=True)
    (folder / "transcript.jsonl").write_text(text)


def test_edits_are_counted_by_model_and_format(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(state, "one", tried("a/b", "edit", ("exact", "exact", "tokens")) + line(TurnStarted(turn=1)))
    torn = '{"kind":"edit_tried","seq":2'
    put(state, "two", tried("a/b", "edit", ("exact",), ("not-found",)) + tried("a/b", "patch", ("exact",)) + torn)
    assert show(as_json=True) == ExitCode.DONE
    edit, patch = json.loads(capsys.readouterr().out)
    assert edit == {
        "model": "a/b",
        "format": "edit",
        "calls": 2,
        "failed_calls": 1,
        "matched": {"exact": 3, "tokens": 1},
        "failed": {"not-found": 1},
    }
    assert (patch["format"], patch["calls"]) == ("patch", 1)


def test_people_see_a_table(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(state, "one", tried("a/b", "edit", ("exact", "exact", "tokens")) + tried("a/b", "edit", (), ("ambiguous",)))
    assert show(as_json=False) == ExitCode.DONE
    shown = capsys.readouterr()
    row = (shown.out + shown.err).splitlines()[-1].split()
    assert row == ["a/b", "edit", "2", "50%", "exact", "2,", "tokens", "1", "ambiguous", "1"]


def test_where_nothing_was_edited_yet_that_is_said(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(as_json=False) == ExitCode.DONE
    assert "no edits yet" in capsys.readouterr().err
