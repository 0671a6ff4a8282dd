"""What a person sees of a session: the same events on wide and narrow screens, in logs and live."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from agent.cli.render import View
from agent.cli.untrusted import visible
from agent.codec import decode, kinds
from agent.events import (
    CheckFinished,
    ErrorRaised,
    Event,
    FileChanged,
    MessageAdded,
    Progress,
    RequestRetried,
    SessionFinished,
    Stamp,
    Stamped,
    Status,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnFinished,
    TurnStarted,
    UsageReported,
    VerdictRow,
)
from agent.messages import Message, Text, Usage

DATA = Path(__file__).parents[2] / "data"
SAMPLE = DATA / "events" / "sample.jsonl"
START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def sample() -> list[Stamped]:
    return [decode(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]


def at(seconds: float, event: Event) -> Stamped:
    time = (START + timedelta(seconds=seconds)).isoformat()
    return Stamped(stamp=Stamp(seq=1, time=time, session="s"), event=event)


def drawn(events: Iterable[Stamped], *, width: int = 100, colour: bool = False, view: View | None = None) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=colour, color_system="standard" if colour else None)
    view = view or View()
    for stamped in events:
        for line in view.feed(stamped):
            console.print(line)
    return file.getvalue()


def shown(*events: Event, width: int = 100) -> str:
    return drawn((at(0, event) for event in events), width=width)


def bottom(view: View, seconds: float, width: int = 100) -> str:
    file = io.StringIO()
    block = view.now(START + timedelta(seconds=seconds))
    if block is not None:
        Console(file=file, width=width).print(block)
    return file.getvalue()


def fed(*events: Stamped) -> View:
    view = View(live=True)
    for stamped in events:
        view.feed(stamped)
    return view


def finished(tool: str, display: str, *, is_error: bool = False, seconds: float = 0.0, call: str = "1") -> ToolFinished:
    return ToolFinished(call=call, tool=tool, is_error=is_error, content="", display=display, seconds=seconds)


def ended(
    status: Status, *, branch: str = "", verdict: tuple[VerdictRow, ...] = (), summary: str = ""
) -> SessionFinished:
    return SessionFinished(
        status=status,
        reason="because",
        summary=summary,
        branch=branch,
        commit="",
        turns=1,
        requests=1,
        usage=Usage(input_tokens=999, output_tokens=12),
        cost=None,
        seconds=3723,
        verdict=verdict,
        exit_code=0,
    )


def row(package: str, *, passed: int = 0, failed: int = 0, regressions: tuple[str, ...] = ()) -> VerdictRow:
    return VerdictRow(
        language="go",
        package=package,
        build="ok",
        vet="-",
        passed=passed,
        failed=failed,
        skipped=0,
        seconds=1,
        regressions=regressions,
    )


def test_the_sample_has_every_kind_that_a_good_session_has() -> None:
    assert set(kinds()) - {stamped.event.kind for stamped in sample()} == {
        "error_raised",
        "session_opened",
        "session_resumed",
    }


@pytest.mark.parametrize(("name", "width"), [("wide-100.txt", 100), ("narrow-40.txt", 40)])
def test_a_session_on_screens_of_two_widths(golden: Callable[[Path, str], None], name: str, width: int) -> None:
    text = drawn(sample(), width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert not any(line.endswith(" ") for line in text.splitlines())
    golden(DATA / "render" / name, text)


def test_colour_changes_nothing_but_colour() -> None:
    coloured = drawn(sample(), colour=True)
    assert "\x1b[1;32m✓ done\x1b[0m" in coloured
    assert drawn(sample()) == "".join(
        part.partition("m")[2] if i else part for i, part in enumerate(coloured.split("\x1b["))
    )


def test_output_of_a_container_cannot_command_the_terminal() -> None:
    evil = "\x1b]0;title\x07\x1b[2J\x9b5n\u202erm\u2066 \x1b[31mred\x1b[0m a\rb \udcff\u200b"
    text = shown(
        TextDelta(text=evil + "\n"),
        ToolStarted(call="1", tool="bash" + evil, arguments={}, summary=evil),
        finished("bash" + evil, evil + "\n" + evil, is_error=True),
        FileChanged(path=evil, added=1, removed=1),
        finished("edit_file", f"--- a/x\n+++ b/x\n@@ -1,1 +1,1 @@\n-{evil}\n+{evil}"),
        Progress(step=evil, text=evil),
        RequestRetried(reason=evil, wait_s=1),
        ErrorRaised(message=evil, error=evil),
        CheckFinished(tree="work", green=False, rows=(row(evil, regressions=(evil,)),), reasons=(evil,), seconds=1),
        ended("red", branch=evil),
    )
    assert all(char == "\n" or char.isprintable() for char in text)
    assert "^[]0;title^G^[[2J<U+009B>5n<U+202E>rm<U+2066> red a^Mb \ufffd<U+200B>" in text


def test_rich_markup_in_text_is_text() -> None:
    assert shown(TextDelta(text="[bold]a[/bold] [/] :smile:\n")) == "[bold]a[/bold] [/] :smile:\n"


def test_words_appear_line_by_line_and_blank_lines_fall_together() -> None:
    view = View()
    assert drawn([at(0, TextDelta(text="\n\none"))], view=view) == ""
    assert drawn([at(0, TextDelta(text=" two\n\n\n"))], view=view) == "one two\n"
    assert drawn([at(0, TextDelta(text="three"))], view=view) == ""
    message = Message(role="assistant", parts=(Text(text="one two\n\n\nthree"),))
    assert drawn([at(0, MessageAdded(message=message))], view=view) == "\nthree\n"


def test_a_message_that_was_not_streamed_is_shown_whole() -> None:
    message = MessageAdded(message=Message(role="assistant", parts=(Text(text="all at once"),)))
    assert shown(TurnStarted(turn=1), message) == "all at once\n"
    asked = MessageAdded(message=Message(role="user", parts=(Text(text="the task"),)))
    assert shown(asked) == ""


def test_a_retry_drops_what_was_half_said() -> None:
    text = shown(
        TurnStarted(turn=1),
        TextDelta(text="said\nhalf sa"),
        RequestRetried(reason="stream cut", wait_s=12.4),
        TextDelta(text="said again\n"),
    )
    assert text == "said\n\n↻ stream cut: again in 12 s, the reply begins anew\n\nsaid again\n"


def test_calls_side_by_side_keep_their_own_summaries_and_counts() -> None:
    text = shown(
        ToolStarted(call="1", tool="write_file", arguments={}, summary="a.go"),
        ToolStarted(call="2", tool="edit_file", arguments={}, summary="b.go"),
        FileChanged(path="b.go", added=2, removed=3, call="2"),
        FileChanged(path="a.go", added=1, removed=0, call="1"),
        finished("write_file", "", call="1"),
        finished("edit_file", "two places", call="2", seconds=65),
    )
    assert text == "● write_file a.go  +1\n● edit_file b.go  +2 -3  two places  1 min 5 s\n"


def test_a_failed_call_shows_its_first_lines() -> None:
    text = shown(
        ToolStarted(call="1", tool="edit_file", arguments={}, summary="a.go"),
        finished("edit_file", "\n".join(f"line {n}" for n in range(1, 11)), is_error=True),
    )
    assert text.splitlines() == ["✗ edit_file a.go", *(f"  line {n}" for n in range(1, 9)), "  … 2 more lines"]


@pytest.mark.parametrize("call", [finished("bash", "x" * 100_000), finished("bash", "\n".join(["x" * 500] * 20))])
def test_long_lines_do_not_flood_the_screen(call: ToolFinished) -> None:
    assert len(shown(call, width=80).splitlines()) <= 13
    diff = f"--- a/x\n+++ b/x\n@@ -1,0 +1,1 @@\n+{call.display}"
    assert len(shown(finished("edit_file", diff), width=80).splitlines()) <= 33


def test_a_call_that_no_one_saw_begin_is_shown_too() -> None:
    assert shown(finished("bash", "exit 0")) == "● bash  exit 0\n"


def test_a_diff_has_line_numbers_of_both_sides() -> None:
    diff = "--- a/x\n+++ b/x\n@@ -9,3 +9,3 @@\n a\n--- b\n+++ c\n d\n\\ No newline at end of file"
    assert shown(finished("edit_file", diff)).splitlines() == [
        "● edit_file",
        "   9   a",
        "  10 - -- b",
        "  10 + ++ c",
        "  11   d",
        "     \\ No newline at end of file",
    ]


def test_a_diff_of_several_files_names_each() -> None:
    one = "--- a/x.go\n+++ b/x.go\n@@ -9 +9,2 @@\n a\n+--- b"
    other = "--- a/y.go\n+++ b/y.go\n@@ -1,2 +1 @@\n-c\n d"
    assert shown(finished("apply_patch", f"{one}\n{other}")).splitlines() == [
        "● apply_patch",
        "     x.go",
        "   9   a",
        "  10 + --- b",
        "     y.go",
        "   1 - c",
        "   1   d",
    ]


def test_a_long_diff_is_cut() -> None:
    diff = "--- a/x\n+++ b/x\n@@ -1,0 +1,40 @@\n" + "\n".join(f"+{n}" for n in range(40))
    lines = shown(finished("edit_file", diff)).splitlines()
    assert len(lines) == 26
    assert lines[-1] == "  … 16 more lines"


def test_progress_in_a_log_is_seldom() -> None:
    events = [at(second, Progress(step="image", text=f"step {second}")) for second in range(25)]
    events.append(at(25, Progress(step="check", text="build")))
    assert drawn(events) == "image  step 0\nimage  step 10\nimage  step 20\ncheck  build\n"
    assert drawn(events, view=View(live=True)) == ""


@pytest.mark.parametrize("status", ["done", "red", "limit", "failed", "permission", "cancelled", "terminated"])
def test_the_closing_block_says_how_it_ended_and_what_it_took(status: Status) -> None:
    text = shown(ended(status, branch="bactrian/x"))
    assert text.splitlines()[0][2:] == f"{status}  because"
    assert "  take    git merge bactrian/x\n" in text
    assert text.endswith("  took    1 turn · 999 tokens in, 12 out · 1 h 2 min\n")


def test_what_was_done_stands_in_the_closing_block_once() -> None:
    summary = "Adds `Compress`.\n\n- " + "tells a lot " * 9
    assert shown(ended("done", branch="b", summary=summary)).splitlines()[:6] == [
        "✓ done  because",
        "",
        "  Adds `Compress`.",
        "",
        "  - " + " ".join(["tells a lot"] * 8),
        "    tells a lot",
    ]
    said = MessageAdded(message=Message(role="assistant", parts=(Text(text=summary),)))
    assert shown(said, ended("done", summary=summary)).count("Adds") == 1


def test_without_a_branch_there_is_nothing_to_take() -> None:
    text = shown(ended("failed"))
    assert "  branch  none: there was nothing to hand back\n" in text
    assert "git" not in text


def test_a_verdict_that_was_shown_is_not_shown_again() -> None:
    rows = (row("example.org/a", passed=2),)
    seen = shown(CheckFinished(tree="work", green=True, rows=rows, reasons=(), seconds=1), ended("done", verdict=rows))
    assert seen.count("example.org/a") == 1
    assert "example.org/a" in shown(ended("done", verdict=rows))


def test_the_bottom_tells_what_is_awaited_and_for_how_long() -> None:
    usage = UsageReported(usage=Usage(), total=Usage(), cost=0.5, total_cost=1.25)
    view = fed(at(0, usage), at(0, TurnStarted(turn=3)), at(1, ThinkingDelta(text="hm")))
    assert bottom(view, 0.5).split(" ", 1)[1] == "thinking  turn 3 · $1.25\n"
    assert bottom(view, 75).split(" ", 1)[1] == "thinking  1 min 15 s  turn 3 · $1.25\n"


def test_the_bottom_shows_the_paragraph_that_is_being_written() -> None:
    view = fed(at(0, TurnStarted(turn=1)), at(1, TextDelta(text="first\nsec")))
    assert bottom(view, 2) == "sec\n"


def test_the_bottom_shows_every_running_call_with_its_last_output() -> None:
    view = fed(
        at(0, ToolStarted(call="1", tool="bash", arguments={}, summary="go test ./...")),
        at(0, ToolStarted(call="2", tool="docs", arguments={}, summary="brotli.Writer")),
        at(4, ToolOutput(call="1", text="ok a\nok b\n")),
        at(4, ToolOutput(call="9", text="of nobody")),
    )
    lines = bottom(view, 5).splitlines()
    assert [line[2:] for line in lines[1:]] == ["bash go test ./...  5 s  ok b", "docs brotli.Writer  5 s"]
    assert all(len(line) <= 20 for line in bottom(view, 5, width=20).splitlines())
    assert bottom(fed(at(0, finished("bash", "", call="1")), at(0, ended("done"))), 1) == ""


def test_a_turn_that_ended_leaves_no_call_at_the_bottom() -> None:
    view = fed(
        at(0, TurnStarted(turn=1)),
        at(0, ToolStarted(call="1", tool="bash", arguments={}, summary="sleep")),
        at(1, TurnFinished(turn=1, model_seconds=0, tool_seconds=1, seconds=1)),
    )
    assert "bash" not in bottom(view, 2)


def test_of_many_packages_the_table_shows_those_that_are_not_well() -> None:
    rows = (*(row(f"m/p{number:02}", passed=1) for number in range(30)), row("m/broken", failed=1))
    text = shown(CheckFinished(tree="work", green=False, rows=rows, reasons=("m/broken TestA fails",), seconds=1))
    assert "m/broken" in text
    assert "m/p07" not in text
    assert "30 other packages: ok" in text


def test_what_shows_nothing_is_spelt_out() -> None:
    """A person who is asked to trust a text must see what a model would read in it."""
    hidden = "".join(chr(0xE0100 + ord(char)) for char in "rm")
    assert visible(f"ok{hidden}\u3164\u2800\ufe01") == "ok<U+E0172><U+E016D><U+3164><U+2800><U+FE01>"
    assert visible("❤\ufe0f naïve 한국어") == "❤\ufe0f naïve 한국어"
