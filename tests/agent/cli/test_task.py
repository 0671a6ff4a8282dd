"""Where a task comes from, and that no source is waited for without end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.cli.task import LONGEST_BYTES, read_all, read_task
from agent.errors import UserError

BACTRIAN = str(Path(sys.executable).with_name("bactrian"))


def test_argument_and_file(tmp_path: Path) -> None:
    assert read_task(" do it\n", None) == "do it"
    path = tmp_path / "task.md"
    path.write_text("do thät\n", encoding="utf-8")
    assert read_task(None, path) == "do thät"


def test_what_can_not_be_read_is_one_line(tmp_path: Path) -> None:
    latin = tmp_path / "latin"
    latin.write_bytes(b"caf\xe9")
    for path, problem in ((latin, "not UTF-8 at byte 3"), (tmp_path, "Is a directory"), (tmp_path / "x", "No such")):
        with pytest.raises(UserError, match=problem):
            read_task(None, path)
    with pytest.raises(UserError, match="longer than 1 MiB"):
        read_task(None, Path("/dev/zero"))
    assert LONGEST_BYTES == 1 << 20


def test_a_source_that_stays_silent_is_given_up() -> None:
    reader, writer = os.pipe()
    with pytest.raises(UserError, match="no task came on the pipe in 0 s"):
        read_all(reader, 0.1, "the pipe")
    os.write(writer, b"do")
    with pytest.raises(UserError, match="the task did not end on the pipe"):
        read_all(reader, 0.1, "the pipe")
    os.write(writer, b"do it")
    os.close(writer)
    assert read_all(reader, 0.1, "the pipe") == "do it"
    os.close(reader)


def test_a_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with subprocess.Popen(["sh", "-c", f"sleep 0.3; echo do it > {path}"]):
        assert read_task(None, path) == "do it"


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        # Tests that a shell runs in the background would have their children ignore Ctrl-C.
        ["env", "--default-signal=INT", BACTRIAN, "run", "--repo", "/", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("arguments", [("-",), ("--task-file", "-"), ("--task-file", "/dev/stdin")])
def test_standard_input_that_was_named_is_waited_for_longer(arguments: tuple[str, ...]) -> None:
    with start(*arguments) as process:
        time.sleep(6)
        assert "/ is not in a git repository" in process.communicate("do it")[1]


def test_interrupted_while_the_task_is_awaited() -> None:
    with start("-") as process:
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors
