"""The writers: a screen for people, lines for programs, and readers that go away."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from agent.cli.jsonl import JsonLines
from agent.cli.screen import LOG_WIDTH, PersonConsole, Screen
from agent.codec import decode
from agent.errors import Cancelled, UserError
from agent.events import Stamp, Stamped, TextDelta

SAMPLE = Path(__file__).parents[2] / "data" / "events" / "sample.jsonl"

SHOW = """
import sys
from pathlib import Path
from agent.cli.screen import PersonConsole, Screen
from agent.codec import decode

with Screen(PersonConsole()) as screen:
    for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        screen.show(decode(line))
print("whole")
"""


def sample() -> list[Stamped]:
    return [decode(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]


def show(stderr: int, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "LANG": "C.UTF-8", **environ}
    return subprocess.run(
        [sys.executable, "-c", SHOW, str(SAMPLE)], stdout=subprocess.PIPE, stderr=stderr, text=True, env=env, check=True
    )


def read_all(descriptor: int) -> bytes:
    data = b""
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # how a pseudo terminal says that its other side is closed
            return data
        if not chunk:
            return data
        data += chunk


def on_terminal(**environ: str) -> str:
    main, other = os.openpty()
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(read_all(main)))
    reader.start()
    assert show(other, COLUMNS="80", LINES="24", **environ).stdout == "whole\n"
    os.close(other)
    reader.join()
    os.close(main)
    return received[0].decode()


def test_a_log_gets_plain_lines_of_a_fixed_width() -> None:
    text = show(subprocess.PIPE).stderr
    assert "\x1b" not in text
    assert LOG_WIDTH - 10 < max(len(line) for line in text.splitlines()) <= LOG_WIDTH
    assert "● read_file server.go 1-48\n" in text


def test_columns_sets_the_width_of_a_log() -> None:
    assert max(len(line) for line in show(subprocess.PIPE, COLUMNS="60").stderr.splitlines()) <= 60


def test_a_terminal_gets_colour_and_a_block_at_the_bottom() -> None:
    text = on_terminal(TERM="xterm-256color")
    assert "\x1b[1;32m✓ done" in text
    assert text.index("\x1b[?25l") < text.index("\x1b[?25h")


def test_no_color_is_obeyed() -> None:
    assert "\x1b[1;32m" not in on_terminal(TERM="xterm-256color", NO_COLOR="1")


def test_a_dumb_terminal_gets_lines_only() -> None:
    assert "\x1b" not in on_terminal(TERM="dumb")


def test_a_reader_that_has_gone_does_not_end_the_session() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    assert show(writer).stdout == "whole\n"
    os.close(writer)


def test_a_closed_standard_error_does_not_end_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with Screen(PersonConsole()) as screen:
        for stamped in sample():
            screen.show(stamped)
    assert sys.stderr is None


def test_closing_twice_and_leaving_early_is_fine() -> None:
    file = io.StringIO()
    with Screen(Console(file=file, force_terminal=True, width=80, legacy_windows=False)) as screen:
        screen.show(sample()[0])
        screen.close()
    assert file.getvalue().count("\x1b[?25h") == 1


def test_events_wait_while_the_terminal_is_left_to_a_question() -> None:
    file = io.StringIO()
    events = sample()
    with Screen(Console(file=file, force_terminal=True, width=80, legacy_windows=False)) as screen:
        screen.show(events[0])
        with screen.aside() as console:
            told = file.getvalue()
            assert "\x1b[?25h" in told  # the cursor is back
            for stamped in events[1:]:
                screen.show(stamped)
            assert file.getvalue() == told
            console.print("? May it?")
    assert file.getvalue().startswith(told + "? May it?\n")
    assert "✓ done" in file.getvalue()


def test_lines_for_programs_are_out_at_once() -> None:
    reader, writer = os.pipe()
    lines = JsonLines(writer)
    for stamped in sample()[:3]:
        lines.show(stamped)
        line = os.read(reader, 65536)
        assert line.endswith(b"\n")
        assert decode(line) == stamped
    os.close(reader)
    os.close(writer)


def test_a_program_that_stops_reading_cancels_once() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    lines = JsonLines(writer)
    with pytest.raises(Cancelled):
        lines.show(sample()[0])
    lines.show(sample()[1])
    os.close(writer)


def test_who_owns_the_session_is_told_once_that_the_reader_has_gone() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    told: list[Cancelled | UserError] = []
    lines = JsonLines(writer, told.append)
    for stamped in sample():
        lines.show(stamped)
    assert [type(problem) for problem in told] == [Cancelled]
    os.close(writer)


def test_a_slow_reader_of_a_non_blocking_pipe_gets_everything() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    received: list[bytes] = []
    thread = threading.Thread(target=lambda: received.append(read_all(reader)))
    big = Stamped(stamp=Stamp(seq=1, time="t", session="s"), event=TextDelta(text="x" * 1_000_000))
    thread.start()
    JsonLines(writer).show(big)
    os.close(writer)
    thread.join()
    os.close(reader)
    assert json.loads(received[0])["text"] == "x" * 1_000_000


def test_a_full_disk_is_one_clear_line() -> None:
    with (
        Path("/dev/full").open("wb") as full,
        pytest.raises(UserError, match=r"standard output: No space left on device"),
    ):
        JsonLines(full.fileno()).show(sample()[0])


def test_who_owns_the_session_is_told_once_that_the_disk_is_full() -> None:
    told: list[Cancelled | UserError] = []
    with Path("/dev/full").open("wb") as full:
        lines = JsonLines(full.fileno(), told.append)
        for stamped in sample():
            lines.show(stamped)
    assert [str(problem) for problem in told] == ["can't write to standard output: No space left on device"]
    assert isinstance(told[0], UserError)
