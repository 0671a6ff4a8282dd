"""The pieces of what a person sees, as rich renderables: diffs, excerpts, the verdict table, the closing block."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from agent.cli.lines import Lines
from agent.cli.untrusted import one_line, visible
from agent.events import (
    Answer,
    ApprovalResolved,
    CheckFinished,
    DiagnosticsChanged,
    FileChanged,
    NetworkRequested,
    SessionFinished,
    SessionResumed,
    SessionStarted,
    Status,
    ToolFinished,
    VerdictRow,
    WorkSaved,
)
from agent.hosts import pattern_for, place
from agent.messages import Usage
from agent.reach import OPENED_BY_NAME

DIFF_LINES = 24
EXCERPT_LINES = 8
REASONS = 12
LINE = 240
"""Characters of a line of output or of a diff; generated ones have many thousands."""
MOST_ROWS = 12
"""A table with more packages shows only those that are not well."""
TABLE_WIDTH = 60
"""Narrower than this a table of packages is no longer readable."""
SHORT = 60
"""What a tool has to show goes on the tool's own line up to this many characters."""

SCREEN = 80
"""Columns of a common screen."""

TAB = 4

_ITEM = re.compile(r"\s*(?:(?:[-*+]|\d+[.)])\s+)?(?=\S)")
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ANSWERS: dict[Answer, str] = {
    "no": "refused",
    "once": "allowed once",
    "session": "allowed for this session",
    "project": "allowed for this repository",
}
_STATUS_STYLE: dict[Status, tuple[str, str]] = {
    "done": ("✓", "bold green"),
    "red": ("✗", "bold red"),
    "failed": ("✗", "bold red"),
    "limit": ("■", "bold yellow"),
    "permission": ("■", "bold yellow"),
    "cancelled": ("■", "bold yellow"),
    "terminated": ("■", "bold yellow"),
}


def indented(renderable: RenderableType) -> RenderableType:
    """Set two columns to the right, as everything that belongs to the line above."""
    return Lines(content=renderable, first="  ", rest="  ")


def seconds(value: float) -> str:
    """Return a duration for people: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def tokens(count: int) -> str:
    """Return a count of tokens for people: `840`, `3.2k`, `41k`, `1.3M`."""
    if count < 1000:
        return str(count)
    if count < 9950:
        return f"{count / 1000:.1f}k"
    return f"{count / 1000:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"


def plural(count: int, noun: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def counts(added: int, removed: int) -> Text:
    """Lines added and removed: `+12 -3`."""
    parts = [Text(f"+{added}", "green")] if added or not removed else []
    parts += [Text(f"-{removed}", "red")] if removed else []
    return Text(" ").join(parts)


def prose(line: str) -> RenderableType:
    """A line of the model's text; code and emphasis stand out, nothing is taken away, list items hang."""
    text = Text(visible(line).expandtabs(TAB))
    if line.startswith("#"):
        text.stylize("bold")
    text.highlight_regex(r"\*\*[^*]+\*\*", "bold")
    text.highlight_regex(r"`[^`]+`", "cyan")
    mark = _ITEM.match(text.plain)
    start = len(mark[0]) if mark else 0
    return Lines(content=text[start:], first=text.plain[:start], rest=" " * start) if start else text


def excerpt(content: str, *, style: str, limit: int = EXCERPT_LINES) -> RenderableType:
    """The first lines of a text, and how many more there are; about `limit` rows of a screen, however long they are."""
    lines = [_cut(line.rstrip()) for line in visible(content).expandtabs(TAB).strip("\n").split("\n")]
    count = _fitting(map(len, lines), limit)
    shown = [Text(line, style, overflow="fold") for line in lines[:count]]
    return indented(Group(*shown, *_more(len(lines) - count)))


def _fitting(lengths: Iterable[int], rows: int) -> int:
    """How many lines of these lengths it takes to fill so many rows; the last may stand over."""
    filled = list(accumulate(1 + length // SCREEN for length in lengths))
    return min(len(filled), bisect_left(filled, rows) + 1)


def _cut(line: str) -> str:
    return line if len(line) <= LINE else f"{line[:LINE]}…"


def is_diff(content: str) -> bool:
    """Whether a tool's display is a unified diff."""
    return content.startswith("--- ") and "\n+++ " in content


def diff(content: str, limit: int = DIFF_LINES) -> RenderableType:
    """A unified diff with line numbers and without its headers."""
    lines = list(_diff_lines(visible(content).split("\n")))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", style="dim")
    grid.add_column(overflow="fold")
    count = _fitting((len(text) for _, text in lines), limit)
    for number, text in lines[:count]:
        grid.add_row(number, text)
    return indented(Group(grid, *_more(len(lines) - count)))


def _diff_lines(lines: Sequence[str]) -> Iterable[tuple[str, Text]]:
    """Yield the lines of hunks with their numbers, and names of files where there are several."""
    old = new = old_left = new_left = 0
    several = sum(line.startswith("+++ ") and bool(_HUNK.match(then)) for line, then in pairwise(lines)) > 1
    for line in lines:
        if hunk := _HUNK.match(line):
            if new:
                yield "", Text("⋯", "dim")
            old, new = int(hunk[1]), int(hunk[3])
            old_left, new_left = int(hunk[2] or 1), int(hunk[4] or 1)
            continue
        sign, rest = line[:1], _cut(line[1:].expandtabs(TAB))
        if old_left <= 0 and new_left <= 0 and line.startswith(("--- ", "+++ ")):
            old = new = 0
            if several and sign == "+":
                yield "", Text(_cut(line[len("+++ b/") :]), "bold")
            continue
        match sign:
            case "-":
                yield str(old), Text(f"- {rest}", "red")
            case "+":
                yield str(new), Text(f"+ {rest}", "green")
            case " ":
                yield str(new), Text(f"  {rest}", "dim")
            case _:
                yield "", Text(line, "dim")
        is_old, is_new = sign in "- ", sign in "+ "
        old, new, old_left, new_left = old + is_old, new + is_new, old_left - is_old, new_left - is_new


def _more(count: int) -> list[Text]:
    return [Text(f"… {plural(count, 'more line')}", "dim italic")] if count > 0 else []


def head(event: SessionStarted | SessionResumed) -> RenderableType:
    """What is to be done, and with what."""
    ready = f"ready in {seconds(event.seconds)}"
    if isinstance(event, SessionStarted):
        task, languages = event.task, " ".join(event.languages)
    else:
        task, languages = event.more or f"The session goes on: {one_line(event.reason)}.", ""
    facts = [event.model, event.container, languages, event.branch, ready]
    return Group(
        *(prose(line) for line in task.strip().split("\n")),
        Text(" · ".join(one_line(fact) for fact in facts if fact), "dim"),
    )


def tool(event: ToolFinished, summary: str, changes: Sequence[FileChanged]) -> RenderableType:
    """A call that ended: one line, and below it what a person wants to see of it."""
    display = (event.display or (event.content if event.is_error else "")).strip("\n")
    short = "\n" not in display and len(display) <= SHORT
    line = Text.assemble(("✗ ", "bold red") if event.is_error else ("● ", "dim"), (one_line(event.tool), "bold"))
    if summary and short and display.startswith(summary):
        summary, display = display, ""
    line.append(f" {one_line(summary)}" if summary else "")
    if changes:
        line.append("  ").append(counts(sum(c.added for c in changes), sum(c.removed for c in changes)))
    if short and display:
        line.append(f"  {one_line(display)}", "red" if event.is_error else "dim")
    if event.seconds >= 0.1:
        line.append(f"  {seconds(event.seconds)}", "dim")
    return Group(Lines(content=line, rest="  "), *([] if short else [_detail(event, display)]))


def _detail(event: ToolFinished, display: str) -> RenderableType:
    if is_diff(display) and not event.is_error:
        return diff(display)
    return excerpt(display, style="red" if event.is_error else "dim")


def found(event: DiagnosticsChanged) -> RenderableType:
    """What the harness said of a reply's files, unasked."""
    line = Text.assemble(
        (f"✗ {plural(event.errors, 'new error')}", "red") if event.errors else ("looked at what was written", "dim"),
        (f"  {seconds(event.seconds)}", "dim"),
    )
    return Group(line, excerpt(event.text, style="red" if event.errors else "dim"))


def kept_in(event: NetworkRequested) -> str:
    """A request that did not get out, on one line; empty for one that did."""
    where = _cut(one_line(place(event.host, event.port)))
    if event.allowed:
        return f"⊘ {where}: {one_line(event.problem)}" if event.problem and not event.received_bytes else ""
    hint = f" (--allow {_cut(one_line(pattern_for(event.host, event.port)))})" if event.reason in OPENED_BY_NAME else ""
    return f"⊘ {where}: refused{hint}"


def resolved(event: ApprovalResolved, subject: str) -> Text:
    """What a person decided."""
    words = _ANSWERS[event.answer] if event.answered else "refused: nobody answered"
    style = "yellow" if event.answer == "no" else "green"
    return Text.assemble((f"? {_cut(one_line(subject))}: ", "dim"), (words, style))


def check(event: CheckFinished) -> RenderableType:
    """What the harness found: a line about the tree before the work, the table for the work."""
    state = ("green", "green") if event.green else ("red", "red")
    tests = sum(row.passed + row.failed + row.skipped for row in event.rows)
    size = f"{plural(len(event.rows), 'package')}, {plural(tests, 'test')}, {seconds(event.seconds)}"
    if event.tree == "base":
        outcome = Text.assemble(state, (f"  {size}", "dim")) if event.rows else Text("nothing to build", "dim")
        return Text.assemble(("before the work: ", "dim"), outcome)
    mark = "✓" if event.green else "✗"
    line = Text.assemble((f"{mark} check: {state[0]}", f"bold {state[1]}"), (f"  {size}", "dim"))
    if event.scope != "everything":
        line.append(f"  {one_line(event.scope)}", "dim")
        return line
    broken = [name for row in event.rows for name in row.regressions]
    reasons = "\n".join(one_line(reason) for reason in dict.fromkeys((*event.reasons, *broken)))
    return Group(
        line,
        *_rows(event.rows),
        *([excerpt(reasons, style="red", limit=REASONS)] if reasons else []),
    )


def _rows(rows: Sequence[VerdictRow]) -> list[RenderableType]:
    """The table; of many packages those that are not well, and a count."""
    shown = rows
    if len(rows) > MOST_ROWS:
        shown = [row for row in rows if "failed" in (row.build, row.vet) or row.failed or row.regressions]
    left = len(rows) - len(shown)
    more = [indented(Text(f"{plural(left, 'other package')}: ok", "dim"))] if left else []
    return [*([verdict(shown)] if shown else []), *more]


def saved(event: WorkSaved) -> Text:
    """Where the work so far is."""
    where = one_line(event.branch) or "the session's clone"
    size = f"{event.commit[:10]}  {plural(event.files, 'file')} "
    return Text.assemble((f"saved on {where}  {size}", "dim"), counts(event.added, event.removed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The packages: build, vet, tests. A table where there is room."""

    rows: Sequence[VerdictRow]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _table(self.rows) if options.max_width >= TABLE_WIDTH else _stacked(self.rows)


def verdict(rows: Sequence[VerdictRow]) -> RenderableType:
    """What is known of each package, set below the line that it belongs to."""
    return indented(Verdict(rows=rows))


def _table(rows: Sequence[VerdictRow]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("package", overflow="fold")
    for name in ("build", "vet", "tests"):
        table.add_column(name, no_wrap=name != "tests")
    for row in rows:
        table.add_row(one_line(row.package), _mark(row.build), _mark(row.vet), _tests(row))
    return table


def _stacked(rows: Sequence[VerdictRow]) -> RenderableType:
    outcomes = [
        (row.package, Text.assemble("build ", _mark(row.build), " · vet ", _mark(row.vet), " · ", _tests(row)))
        for row in rows
    ]
    return Group(*(Group(Text(one_line(name), overflow="fold"), indented(outcome)) for name, outcome in outcomes))


def _mark(outcome: str) -> Text:
    return Text(outcome, {"ok": "green", "failed": "bold red"}.get(outcome, "dim"))


def _tests(row: VerdictRow) -> Text:
    parts = [Text(f"{row.passed} passed", "green")] if row.passed else []
    parts += [Text(f"{row.failed} failed", "bold red")] if row.failed else []
    parts += [Text(f"{row.skipped} skipped", "yellow")] if row.skipped else []
    return Text(", ").join(parts) if parts else Text("none", "dim")


def closing(event: SessionFinished, work: WorkSaved | None, summary: str, session: str) -> RenderableType:
    """The last block: how it ended, what was done, where the work is and how to get it, what it took."""
    mark, style = _STATUS_STYLE[event.status]
    head = Text.assemble((f"{mark} {event.status}", style), "  ", one_line(event.reason))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in _facts(event, work, session):
        grid.add_row(name, value)
    told = [indented(Group(*(prose(line) for line in summary.split("\n")))), ""] if summary else []
    return Group(head, "", *told, indented(grid))


def _facts(event: SessionFinished, work: WorkSaved | None, session: str) -> Iterable[tuple[str, Text]]:
    if event.branch:
        branch = one_line(event.branch)
        yield "branch", _branch(branch, work)
        yield "look", Text(f"git switch {branch}")
        yield "take", Text(f"git merge {branch}")
    elif event.status != "done" or event.commit:
        yield "branch", Text("none: there was nothing to hand back")
    if event.status != "done":
        yield "resume", Text(f"bactrian sessions resume {one_line(session)}")
    yield "took", Text(" · ".join(_spent(event)))


def _branch(branch: str, work: WorkSaved | None) -> Text:
    text = Text(branch, "cyan")
    if work is not None and work.files:
        text = Text.assemble(text, f"  {plural(work.files, 'file')} ", counts(work.added, work.removed))
    return text


def _spent(event: SessionFinished) -> Iterable[str]:
    yield plural(event.turns, "turn")
    yield _tokens(event.usage)
    if event.cost is not None:
        yield f"${event.cost:.2f}"
    yield seconds(event.seconds)


def _tokens(usage: Usage) -> str:
    read = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    cached = f" ({usage.cache_read_tokens / read:.0%} cached)" if usage.cache_read_tokens else ""
    return f"{tokens(read)} tokens in{cached}, {tokens(usage.output_tokens)} out"
