"""What `Container.exec` promises, held against Docker and bubblewrap."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from pathlib import Path

import pytest

from containers.base import Capture, Container, ExecResult

pytestmark = pytest.mark.asyncio(loop_scope="module")


def outcome(result: ExecResult) -> tuple[int, str, str]:
    return result.exit_code, result.stdout.text(), result.stderr.text()


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("no-such-command", 127)],
)
async def test_exit_code_is_the_commands_own(shared: Container, script: str, code: int) -> None:
    result = await shared.exec(["sh", "-c", script])
    assert (result.exit_code, result.timed_out) == (code, False)


async def test_missing_executable_is_127(shared: Container) -> None:
    assert outcome(await shared.exec(["no-such-command"])) == (127, "", "no-such-command: not found\n")
    assert outcome(await shared.exec(["./no-such-file"])) == (127, "", "./no-such-file: not found\n")


async def test_missing_cwd_is_127(shared: Container) -> None:
    assert outcome(await shared.exec(["true"], cwd="gone")) == (127, "", "/workspace/gone: not found\n")


@pytest.mark.parametrize("content", [b"", b"echo no shebang\n"])
async def test_what_cannot_be_executed_is_126(shared: Container, content: bytes) -> None:
    await shared.write("plain", content)
    assert (await shared.exec(["./plain"])).exit_code == 126
    await shared.exec(["chmod", "+x", "plain"])
    assert (await shared.exec(["./plain"])).exit_code == 126


@pytest.mark.parametrize("argv", [[], ["tr\0ue"], ["true", "a\0b"], ["true", "x" * 200_000], ["/"]])
async def test_what_cannot_be_started_is_126(shared: Container, argv: list[str]) -> None:
    result = await shared.exec(argv)
    assert result.exit_code == 126
    assert result.stderr.text().count("\n") == 1


async def test_time_limit_is_124(shared: Container) -> None:
    result = await shared.exec(["sh", "-c", "echo before; sleep 60; echo after"], timeout_s=0.5)
    assert outcome(result) == (124, "before\n", "")
    assert result.timed_out
    assert 0.4 < result.duration_s < 20


async def test_streams_are_separate(shared: Container) -> None:
    assert outcome(await shared.exec(["sh", "-c", "echo out; echo err >&2"])) == (0, "out\n", "err\n")


async def test_merged_streams_keep_their_order(shared: Container) -> None:
    script = "for i in 1 2 3 4; do echo out $i; echo err $i >&2; done"
    result = await shared.exec(["sh", "-c", script], merge_stderr=True)
    assert outcome(result) == (0, "".join(f"out {i}\nerr {i}\n" for i in range(1, 5)), "")


async def test_stdin_arrives_whole_and_ends(shared: Container) -> None:
    assert outcome(await shared.exec(["cat"], stdin=b"one\ntwo")) == (0, "one\ntwo", "")
    assert outcome(await shared.exec(["cat"])) == (0, "", "")
    assert (await shared.exec(["wc", "-c"], stdin=b"x" * 5_000_001)).stdout.text() == "5000001\n"


async def test_unread_stdin_does_not_hold_the_call(shared: Container) -> None:
    assert (await shared.exec(["true"], stdin=b"x" * 5_000_000)).exit_code == 0
    assert (await shared.exec(["head", "-c", "3"], stdin=b"abc" * 1_000_000)).stdout.text() == "abc"


async def test_env_is_added(shared: Container) -> None:
    result = await shared.exec(["sh", "-c", 'echo "$WORD $HOME"'], env={"WORD": "ünïcode\nand more"})
    assert result.stdout.text() == "ünïcode\nand more /cache/home\n"
    assert (await shared.exec(["sh", "-c", 'echo "$WORD"'])).stdout.text() == "\n"


async def test_path_of_env_finds_the_executable(shared: Container) -> None:
    await shared.write("bin/greet", b"#!/bin/sh\necho hello\n")
    await shared.exec(["chmod", "+x", "bin/greet"])
    assert outcome(await shared.exec(["greet"], env={"PATH": "/workspace/bin:/bin"})) == (0, "hello\n", "")


async def test_cwd_is_absolute_or_relative_to_the_workspace(shared: Container) -> None:
    await shared.exec(["mkdir", "-p", "deep/er"])
    assert (await shared.exec(["pwd"])).stdout.text() == "/workspace\n"
    assert (await shared.exec(["pwd"], cwd="deep/er")).stdout.text() == "/workspace/deep/er\n"
    assert (await shared.exec(["pwd"], cwd="/usr/bin")).stdout.text() == "/usr/bin\n"


async def test_arguments_need_not_be_utf8(shared: Container) -> None:
    result = await shared.exec(["printf", "%s", os.fsdecode(b"\xff\xfe ")])
    assert result.stdout.head == b"\xff\xfe "


async def test_a_character_split_over_frames_stays_whole(shared: Container) -> None:
    program = """
import os, time
for byte in "aé€😀z".encode():
    os.write(1, bytes([byte]))
    time.sleep(0.02)
"""
    seen: list[str] = []
    result = await shared.exec(["python3", "-c", program], on_output=seen.append)
    assert "".join(seen) == result.stdout.text() == "aé€😀z"
    assert len(seen) > 1


SEQUENCE = "".join(f"{number}\n" for number in range(1, 1_000_001)).encode()


@pytest.mark.parametrize("limit", [1000, 65_536, 2_000_000])
async def test_long_output_keeps_its_head_and_tail(shared: Container, limit: int) -> None:
    result = await shared.exec(["seq", "1000000"], limit_bytes=limit)
    half = limit // 2
    assert result.stdout == Capture(head=SEQUENCE[:half], omitted=len(SEQUENCE) - limit, tail=SEQUENCE[-half:])
    assert f"\n[... {len(SEQUENCE) - limit} bytes omitted ...]\n" in result.stdout.text()


@pytest.mark.parametrize(("size", "omitted"), [(999, 0), (1000, 0), (1001, 1), (1500, 500)])
async def test_output_around_the_limit(shared: Container, size: int, omitted: int) -> None:
    result = await shared.exec(["sh", "-c", f"head -c {size} /dev/zero >&2"], limit_bytes=1000)
    assert result.stderr.omitted == omitted
    assert len(result.stderr.head) + len(result.stderr.tail) + omitted == size


async def test_save_to_has_the_whole_output(shared: Container) -> None:
    result = await shared.exec(["seq", "1000000"], limit_bytes=100, save_to="logs/seq.txt")
    assert result.stdout.omitted == len(SEQUENCE) - 100
    assert await shared.read("/workspace/logs/seq.txt") == SEQUENCE
    await shared.exec(["sh", "-c", "echo out; echo err >&2"], save_to="logs/seq.txt")
    assert sorted((await shared.read("logs/seq.txt")).split()) == [b"err", b"out"]


async def test_output_that_cannot_be_saved_still_arrives(shared: Container) -> None:
    await shared.exec(["mkfifo", "pipe"])
    for place in ("/proc/nowhere/file", "/usr/file", "pipe"):
        assert outcome(await shared.exec(["echo", "hi"], save_to=place)) == (0, "hi\n", "")


async def test_output_comes_before_the_end_and_in_order(shared: Container, shared_workspace: Path) -> None:
    """The command goes on only when the host has reacted to its first line."""
    seen: list[str] = []

    def react(text: str) -> None:
        seen.append(text)
        (shared_workspace / "go").touch()

    script = "echo first; until [ -e go ]; do sleep 0.01; done; echo second; rm -f go"
    result = await shared.exec(["sh", "-c", script], on_output=react, timeout_s=30)
    assert result.exit_code == 0
    assert "".join(seen) == result.stdout.text() == "first\nsecond\n"


async def test_a_sink_that_fails_ends_the_command(shared: Container, seconds: int) -> None:
    def fail(text: str) -> None:
        raise LookupError(text)

    with pytest.raises(LookupError, match="now"):
        await shared.exec(["sh", "-c", f"echo now; sleep {seconds}"], on_output=fail)
    assert (await shared.exec(["pgrep", "-f", f"sleep {seconds}"])).stdout.text() == ""


async def test_twenty_commands_side_by_side(shared: Container) -> None:
    script = 'sleep 0.3; echo "$0"; echo "$0" >&2; exit "$0"'
    results = await asyncio.gather(*(shared.exec(["sh", "-c", script, str(n)]) for n in range(20)))
    assert [outcome(result) for result in results] == [(n, f"{n}\n", f"{n}\n") for n in range(20)]


async def test_much_output_does_not_bloat_the_host(shared: Container) -> None:
    await shared.exec(["true"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    both = "head -c 50000000 /dev/zero & head -c 50000000 /dev/zero >&2; wait"
    result = await shared.exec(["sh", "-c", both], timeout_s=100)
    assert (result.exit_code, result.stdout.omitted, result.stderr.omitted) == (0, 49_934_464, 49_934_464)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000


async def test_a_slow_host_holds_the_command_up_and_loses_nothing(shared: Container) -> None:
    seen: list[str] = []

    def dawdle(text: str) -> None:
        time.sleep(0.002)
        seen.append(text)

    result = await shared.exec(["seq", "3000000"], limit_bytes=100_000_000, on_output=dawdle, timeout_s=100)
    assert result.stdout.omitted == 0
    assert result.stdout.text() == "".join(f"{number}\n" for number in range(1, 3_000_001)) == "".join(seen)
