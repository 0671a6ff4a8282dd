"""The log of a session: whole lines survive whatever ends the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.codec import encode
from agent.errors import UserError
from agent.events import Event, MessageAdded, Stamp, Stamped, TextDelta
from agent.messages import Message, Text, ToolAnswer, ToolCall
from agent.transcript import Recovered, TranscriptWriter, history, read, recover

APPEND_FOREVER = """
import sys
from pathlib import Path
from agent.events import MessageAdded, Stamp, Stamped, TextDelta
from agent.messages import Message, Text
from agent.transcript import TranscriptWriter

with TranscriptWriter(Path(sys.argv[1])) as writer:
    seq = 0
    while True:
        seq += 1
        text = "x" * (seq * 997 % 70_000)
        message = MessageAdded(message=Message(role="user", parts=(Text(text=text),)))
        event = TextDelta(text=text) if seq % 50 else message
        writer.append(Stamped(stamp=Stamp(seq=seq, time="t", session="s"), event=event))
        print(seq, flush=True)
"""

FILL = """
import resource, sys
from pathlib import Path
from agent.errors import UserError
from agent.events import Stamp, Stamped, TextDelta
from agent.transcript import TranscriptWriter

resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
with TranscriptWriter(Path(sys.argv[1])) as writer:
    for seq in range(1, 100):
        try:
            writer.append(Stamped(stamp=Stamp(seq=seq, time="t", session="s"), event=TextDelta(text="x" * 3000)))
        except UserError as error:
            print(seq, error)
            break
"""

HOLD = """
import sys
from pathlib import Path
from agent.transcript import TranscriptWriter

with TranscriptWriter(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def stamped(seq: int, event: Event) -> Stamped:
    return Stamped(stamp=Stamp(seq=seq, time="2026-11-20T10:00:00Z", session="s"), event=event)


def message(text: str) -> MessageAdded:
    return MessageAdded(message=Message(role="user", parts=(Text(text=text),)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "brave-camel" / "transcript.jsonl"


def test_what_is_appended_is_read_back_in_order(path: Path) -> None:
    events = (
        stamped(1, message("build it")),
        stamped(2, TextDelta(text="a\nb\0c\u2028d")),
        stamped(3, TextDelta(text="é")),
    )
    with TranscriptWriter(path) as writer:
        for event in events:
            writer.append(event)
            assert read(path).events[-1] == event
    assert read(path) == Recovered(events=events)
    assert path.stat().st_mode & 0o077 == 0


def test_a_second_opening_goes_on_after_the_first(path: Path) -> None:
    for seq in (1, 2):
        with TranscriptWriter(path) as writer:
            writer.append(stamped(seq, TextDelta(text="x")))
    assert [event.stamp.seq for event in read(path).events] == [1, 2]


@pytest.mark.parametrize(
    "torn", [b'{"kind":"text_del', b"\0" * 4096, b"\xff\xfe", encode(stamped(2, TextDelta(text="y"))).encode()]
)
def test_a_torn_last_line_is_cut_off_and_kept_beside(path: Path, torn: bytes) -> None:
    whole = stamped(1, message("build it"))
    with TranscriptWriter(path) as writer:
        writer.append(whole)
    before = path.read_bytes()
    path.write_bytes(before + torn)

    assert recover(path) == Recovered(events=(whole,), torn_bytes=len(torn))
    assert path.read_bytes() == before
    kept = path.with_name(path.name + ".torn")
    assert kept.read_bytes() == torn + b"\n"
    assert kept.stat().st_mode & 0o077 == 0
    assert recover(path) == Recovered(events=(whole,))


def test_opening_for_append_recovers_first(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"kind":')
    with TranscriptWriter(path) as writer:
        writer.append(stamped(1, TextDelta(text="x")))
    assert read(path) == Recovered(events=(stamped(1, TextDelta(text="x")),))


def test_garbage_in_the_middle_is_skipped_and_named(path: Path) -> None:
    lines = [
        encode(stamped(1, TextDelta(text="a"))).encode(),
        b"\0\0\0\0",
        b'{"kind":"invented","seq":2,"time":"t","session":"s"}',
        b'{"kind":"text_delta","seq":2}',
        b"\xff",
        encode(stamped(3, TextDelta(text="b"))).encode(),
    ]
    path.parent.mkdir()
    path.write_bytes(b"\n".join(lines) + b"\n")
    recovered = recover(path)
    assert [event.stamp.seq for event in recovered.events] == [1, 3]
    assert recovered.problems == (
        "line 2: not JSON: Expecting value at column 1",
        "line 3: unknown event kind 'invented': written by a newer version?",
        "line 4: malformed event at time: Field required",
        "line 5: not UTF-8 at byte 0",
    )


def test_an_empty_file_holds_nothing(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert recover(path) == Recovered()


def test_a_missing_file_is_one_clear_line(path: Path) -> None:
    with pytest.raises(UserError, match=r"can't read the transcript .*transcript.jsonl: No such file or directory"):
        recover(path)


def test_a_directory_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "sessions").touch()
    with pytest.raises(UserError, match=r"can't write the transcript .*: (File exists|Not a directory)"):
        TranscriptWriter(tmp_path / "sessions" / "a.jsonl")


def test_a_second_writer_is_told_who_is_first(path: Path) -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other,
    ):
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=rf"session brave-camel is in use by process {other.pid}$"):
            TranscriptWriter(path)
        assert read(path) == Recovered()
        other.kill()
    TranscriptWriter(path).close()


def test_a_full_disk_is_one_clear_line_and_leaves_whole_lines(path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, check=True)
    assert ran.stdout == f"4 can't write the transcript {path}: File too large\n"
    recovered = read(path)
    assert [event.stamp.seq for event in recovered.events] == [1, 2, 3]
    assert recovered.torn_bytes == 0


def test_nothing_acknowledged_is_lost_by_kill_9(path: Path) -> None:
    for _ in range(3):
        path.unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-c", APPEND_FOREVER, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            acknowledged = [int(process.stdout.readline()) for _ in range(120)]
            os.kill(process.pid, signal.SIGKILL)
            acknowledged += [int(line) for line in process.stdout]
        recovered = recover(path)
        assert recovered.problems == ()
        assert len(recovered.events) >= acknowledged[-1]
        assert [event.stamp.seq for event in recovered.events] == list(range(1, len(recovered.events) + 1))
        assert read(path) == Recovered(events=recovered.events)


def test_the_history_is_the_messages_in_order() -> None:
    first = Message(role="user", parts=(Text(text="build it"),))
    second = Message(role="assistant", parts=(ToolCall(id="1", name="bash", arguments={"command": "ls"}),))
    third = Message(role="user", parts=(ToolAnswer(call_id="1", content="a.go"),))
    events = (
        stamped(1, MessageAdded(message=first)),
        stamped(2, TextDelta(text="…")),
        stamped(3, MessageAdded(message=second)),
        stamped(4, MessageAdded(message=third)),
    )
    assert history(events) == (first, second, third)
