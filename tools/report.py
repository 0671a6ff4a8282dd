"""A check's report as the model reads it: what is red, short, with the rest counted. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lang.base import Diagnostic, TestCase
from lang.failures import Failure, folded
from tools.check_report import PackageRow
from tools.comparison import FAILS, GONE, SKIPPED, Comparison, Told, told_as
from tools.text import clean, lines_of, plural, shorten

LIMIT_CHARACTERS = 8000
_MESSAGE_LINES = 12
_HEAD_LINES, _TAIL_LINES = 25, 15
_LINE_CHARACTERS = 300
_NOTE_LINES = 30
_GREEN_WARNINGS = 10
PLACES = 5
"""How many places of one repeated message are named."""
_STILL = 10
_ROWS_SPARED = 2
UNSEEN = (GONE, SKIPPED)
"""Regressions that no error and no failed test shows."""


NO_PROJECT = "There is nothing to check: no project was found. A go.mod or a dune-project makes one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A report in words. `cut` says that something was left out for its length."""

    text: str
    cut: bool


def headline(compared: Comparison) -> str:
    """Return the report in one line."""
    report = compared.report
    if not report.projects:
        return NO_PROJECT
    rows = report.rows
    passed, skipped = _sum(rows, "passed"), _sum(rows, "skipped")
    failed = len(compared.failures)
    ran = "no tests ran" if not passed + failed else f"{failed} of {passed + failed} tests failed"
    if passed and not failed:
        ran = f"{plural(passed, 'test')} passed"
    ran += f" ({skipped} skipped)" if skipped else ""
    built = any(project.build is not None for project in report.projects)
    packages = plural(len(rows), "package")
    bad = [row for row in rows if row.package in compared.red]
    unbuilt, unvetted = (sum(getattr(row, part) == "failed" for row in bad) for part in ("build", "vet"))
    if unbuilt:
        packages = f"{unbuilt} of {packages} failed to build"
    elif built:
        packages += " built"
    packages += f", {unvetted} failed vet" if unvetted else ""
    old = f", {len(compared.old)} red as before you" if compared.old else ""
    return f"{'Green' if compared.green else 'Red'}: {packages}, {ran}{old}, {report.seconds:.1f} s."


def table(compared: Comparison) -> str:
    """Return a table of the packages with new problems and a count of the others; empty if there are none with any."""
    bad = [row for row in compared.report.rows if not row.green and row.package in compared.red]
    if not bad:
        return ""
    columns = [
        ["package", *(row.package for row in bad)],
        ["build", *(row.build for row in bad)],
        ["vet", *(row.vet for row in bad)],
        ["tests", *(_tests(row) for row in bad)],
    ]
    told = [column for column in columns if set(column[1:]) != {"-"}]
    padded = [[cell.ljust(max(map(len, column))) for cell in column] for column in told]
    lines = ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]
    others = len(compared.report.rows) - len(bad)
    if others:
        lines.append(f"{plural(others, 'other package')}: nothing new.")
    return "\n".join(lines)


def render(
    compared: Comparison,
    limit: int | None = LIMIT_CHARACTERS,
    *,
    remedies: Mapping[Diagnostic, str] | None = None,
    told: Collection[Told] = (),
) -> Rendered:
    """Return what is new, for the model, in about `limit` characters at most; None shows everything.

    `remedies` go below their errors. What is in `told` was shown before: only its place is.
    """
    # Of one or two packages the findings tell as much.
    head = [headline(compared), *([table(compared)] if len(compared.red) > _ROWS_SPARED else [])]
    room = _Room(limit=None if limit is None else limit - sum(map(len, head)))
    errors = [one for one in compared.errors if told_as(one) not in told]
    failed = folded([case for case in compared.failures if told_as(case) not in told])
    warnings = [one for one in compared.warnings if told_as(one) not in told]
    if compared.green and limit is not None:
        room.cut = len(warnings) > _GREEN_WARNINGS
        warnings = warnings[:_GREEN_WARNINGS]
    before = {each.name for each in compared.regressions if each.how == FAILS}
    places = PLACES if limit is not None else len(errors) + len(warnings)
    # Half of the room at most for the errors where tests failed too: each kind is to be seen.
    share = 0.5 if failed and errors else 0.8
    parts = [
        *head,
        "\n".join(str(each) for each in compared.regressions if each.how in UNSEEN or each.name == each.package),
        room.fill("", findings(errors, remedies or {}, places), "error", share),
        room.fill(
            "Failed tests:", [_failure(each, before, whole=limit is None) for each in failed], "failed test", 1.0
        ),
        room.fill("", [_note(note, whole=limit is None) for note in compared.notes], "note", 1.0),
        room.fill("Warnings:", findings(warnings, remedies or {}, places), "warning", 1.0),
        _still([one for one in (*compared.errors, *compared.failures) if told_as(one) in told]),
    ]
    return Rendered(text="\n\n".join(part for part in parts if part), cut=room.cut)


def findings(found: Sequence[Diagnostic], remedies: Mapping[Diagnostic, str], places: int = PLACES) -> list[str]:
    """Return diagnostics with their remedies, those of the same words folded into one that names some `places`."""
    alike: dict[str, list[Diagnostic]] = {}
    for one in found:
        alike.setdefault(one.message, []).append(one)
    shown: list[str] = []
    for same in alike.values():
        lines = [_diagnostic(same[0])]
        if len(same) > 1:
            named = ", ".join(_place(one) for one in same[1 : 1 + places])
            more = f" and {len(same) - 1 - places} more" if len(same) > 1 + places else ""
            lines.append(f"  the same at {named}{more}")
        lines += [f"  {line}" for line in lines_of(remedies.get(same[0], ""))]
        shown.append("\n".join(lines))
    return shown


def _still(found: Sequence[Diagnostic | TestCase]) -> str:
    """Name what was shown before and is still there."""
    if not found:
        return ""
    names = [_place(one) if isinstance(one, Diagnostic) else f"{one.package} {one.name}" for one in found]
    more = f" and {len(names) - _STILL} more" if len(names) > _STILL else ""
    return f"Told before and still so: {', '.join(names[:_STILL])}{more}."


@dataclass(slots=True, kw_only=True)
class _Room:
    """The characters that are left. The first item of a part is always shown."""

    limit: int | None
    cut: bool = False

    def fill(self, title: str, items: Sequence[str], noun: str, share: float) -> str:
        shown = list(items)
        if self.limit is not None:
            shown = self._fitting(items, int(self.limit * share))
            self.limit -= sum(len(item) + 1 for item in shown)
        more = len(items) - len(shown)
        if more:
            self.cut = True
            shown.append(f"[{plural(more, f'more {noun}')}]")
        self.cut = self.cut or any("more lines ...]" in item for item in shown)
        return "\n".join([title, *shown] if title and shown else shown)

    def _fitting(self, items: Sequence[str], room: int) -> list[str]:
        shown: list[str] = []
        for item in items:
            room -= len(item) + 1
            if room < 0 and shown:
                break
            shown.append(item)
        return shown


def _sum(rows: Iterable[PackageRow], name: str) -> int:
    return sum(getattr(row, name) for row in rows)


def _tests(row: PackageRow) -> str:
    counts = (("failed", row.failed), ("passed", row.passed), ("skipped", row.skipped))
    return ", ".join(f"{count} {word}" for word, count in counts if count) or "-"


def _place(one: Diagnostic) -> str:
    return ":".join([one.path or one.package, *(str(number) for number in (one.line, one.column) if number)])


def _diagnostic(one: Diagnostic) -> str:
    place = _place(one)
    message = "\n  ".join(_middle(lines_of(one.message), _MESSAGE_LINES, 0))
    return f"{place}: {message}" if place else message


def _failure(failure: Failure, passed_before: Collection[str], *, whole: bool) -> str:
    case = failure.case
    regression = ", passed before" if f"{case.package} {case.name}" in passed_before else ""
    place = f" ({case.path}:{case.line})" if case.path and case.line else f" ({case.path})" if case.path else ""
    lines = lines_of(clean(case.output).strip("\n"))
    shown = lines if whole else _middle(lines, _HEAD_LINES, _TAIL_LINES)
    lines = [f"--- {case.package} {case.name}{place}{regression}", *(f"    {line}" for line in shown)]
    return "\n".join([*lines, *([f"    {failure.count}"] if failure.alike else [])])


def _note(note: str, *, whole: bool) -> str:
    lines = lines_of(clean(note).strip("\n"))
    return "\n".join(lines if whole else _middle(lines, 5, _NOTE_LINES - 5))


def _middle(lines: list[str], head: int, tail: int) -> list[str]:
    """Return the lines, with those between the first and the last few left out if there are more."""
    lines = [shorten(line, _LINE_CHARACTERS) for line in lines]
    if len(lines) <= head + tail:
        return lines
    return [*lines[:head], f"[... {len(lines) - head - tail} more lines ...]", *lines[len(lines) - tail :]]
