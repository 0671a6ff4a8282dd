"""What a check shows that the base's check did not: new findings, new failures, regressions by name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lang.base import Diagnostic, TestCase
from tools.check_report import CheckReport, PackageRow, ProjectReport

BROKEN, GONE = "passed before and does not build now", "passed before and is gone"
SKIPPED, FAILS = "passed before and is skipped now", "passed before and fails now"
SKIPPED_BROKEN = "was skipped before and does not build now"
_LONGEST_MESSAGE = 160
_POSITION = re.compile(r":\d+(?::\d+)?")
_NAMES_OF_LOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """Something that was well at the base and is not now. Reads `NAME HOW`."""

    package: str
    name: str
    how: str

    def __str__(self) -> str:
        return f"{self.name} {self.how}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A check beside the base's. What was there before is `old`; all else counts against the work.

    `problems` says in a clause each why it is not green; it is empty when it is.
    """

    report: CheckReport
    errors: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    failures: tuple[TestCase, ...] = ()
    notes: tuple[str, ...] = ()
    regressions: tuple[Regression, ...] = ()
    old: tuple[str, ...] = ()
    """What was red at the base already, a name each."""
    problems: tuple[str, ...] = ()
    red: frozenset[str] = frozenset()
    """The packages that something new is wrong with."""

    @property
    def green(self) -> bool:
        """Whether there is a project and nothing is worse than at the base."""
        return bool(self.report.projects) and not self.problems


def key_of(one: Diagnostic) -> tuple[str, str]:
    """Return what makes two findings the same: a line added above changes where it stands, not what it says."""
    # A server and a compiler break the same words into lines each in its own way.
    return (one.path, _POSITION.sub(":N", " ".join(one.message.split())))


Told = tuple[str, str, str]
"""What makes a finding or a failed test the one that was shown before, wherever it has moved since."""


def told_as(one: Diagnostic | TestCase) -> Told:
    """Return what an error, warning or failed test is remembered by: it changes with what it says."""
    if isinstance(one, Diagnostic):
        return ("", *key_of(one))
    return (one.package, one.name, re.sub(r"\d+", "N", one.output))


def new_findings(before: Iterable[Diagnostic], now: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return those of `now` that `before` does not hold; where one of the same words came twice now, one is new."""
    known: dict[tuple[str, str], list[int]] = {}
    for one in before:
        known.setdefault(key_of(one), []).append(one.line)
    new: list[Diagnostic] = []
    # Those that stand where they stood first: of several alike they are the old ones.
    for one in sorted(now, key=lambda one: one.line not in known.get(key_of(one), ())):
        lines = known.get(key_of(one), [])
        if lines:
            lines.remove(one.line if one.line in lines else lines[0])
        else:
            new.append(one)
    return tuple(sorted(new))


def compare_reports(base: CheckReport, work: CheckReport, *, whole: bool = True) -> Comparison:
    """Compare a check of the work with one of the base; not `whole`: packages that the work's left out are unknown."""
    before = _Before.of(base)
    regressions = tuple(_regressions(base, work, whole=whole))
    errors = [one for one in work.diagnostics if one.severity == "error"]
    failures = [case for case in work.cases if case.status == "failed"]
    new = new_findings(base.diagnostics, work.diagnostics)
    old_errors = [one for one in errors if one not in new]
    old_failures = [case for case in failures if _test(case) in before.failed]
    problems = [problem for project in work.projects for problem in _problems(project, new, before)]
    # Of those that fail or don't build now, the project's problems tell.
    problems += [str(each) for each in regressions if each.how in (GONE, SKIPPED) or each.name == each.package]
    return Comparison(
        report=work,
        errors=tuple(one for one in new if one.severity == "error"),
        warnings=tuple(one for one in new if one.severity == "warning"),
        failures=tuple(case for case in failures if _test(case) not in before.failed),
        notes=tuple(
            note
            for project in work.projects
            if not project.green
            for note in project.notes
            if _note(project, note) not in before.notes and not _follows(project, note, new)
        ),
        regressions=regressions,
        old=(*(f"{one.path}:{one.line}" for one in old_errors), *(f"{one.package} {one.name}" for one in old_failures)),
        problems=tuple(dict.fromkeys(problems)),
        red=frozenset(_red(work, new, before)),
    )


def alone(report: CheckReport) -> Comparison:
    """Return a check by itself: all that it found is new."""
    return compare_reports(CheckReport(projects=(), seconds=0.0), report)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What the base's check found."""

    passed: frozenset[tuple[str, str]]
    failed: frozenset[tuple[str, str]]
    unbuilt: frozenset[tuple[str, str]]
    """Language and package of what did not build or pass vet."""
    notes: frozenset[tuple[str, str, str]]
    """Language and root of projects with what their steps said beside findings and tests, numbers left out."""

    @classmethod
    def of(cls, base: CheckReport) -> _Before:
        return cls(
            passed=frozenset(_test(case) for case in base.cases if case.status == "passed"),
            failed=frozenset(_test(case) for case in base.cases if case.status == "failed"),
            unbuilt=frozenset((row.language, row.package) for row in base.rows if "failed" in (row.build, row.vet)),
            notes=frozenset(_note(each, note) for each in base.projects for note in each.notes),
        )


def _follows(project: ProjectReport, note: str, new: Sequence[Diagnostic]) -> bool:
    """Whether a note only says of the tests what the errors say already."""
    of_tests = project.test is not None and note == project.test.note
    return of_tests and any(one in new and one.severity == "error" for one in project.diagnostics)


def _red(work: CheckReport, new: Sequence[Diagnostic], before: _Before) -> Iterator[str]:
    for row in work.rows:
        unbuilt = "failed" in (row.build, row.vet) and (row.language, row.package) not in before.unbuilt
        if unbuilt or any(one.package == row.package and one.severity == "error" for one in new):
            yield row.package
    yield from (case.package for case in work.cases if case.status == "failed" and _test(case) not in before.failed)
    for project in work.projects:  # a crash that no package shows
        if any(_note(project, note) not in before.notes for note in project.notes) and not project.green:
            yield project.project.root


def _problems(project: ProjectReport, new_ones: Sequence[Diagnostic], before: _Before) -> list[str]:
    """What is red in a project and was not so at the base."""
    problems: list[str] = []
    for row in project.rows:
        if "failed" not in (row.build, row.vet):
            continue
        mine = [one for one in project.diagnostics if one.severity == "error" and one.package == row.package]
        new = [one for one in mine if one in new_ones]
        if new or (row.language, row.package) not in before.unbuilt:
            problems.append(f"{row.package} does not {'build' if row.build == 'failed' else 'pass vet'}{_first(new)}")
    failed = [case for case in project.test.cases if case.status == "failed"] if project.test else []
    problems += [
        f"{case.package} {case.name} {FAILS if _test(case) in before.passed else 'fails'}"
        for case in failed
        if _test(case) not in before.failed
    ]
    # A crash, a time limit: said in a note alone, whatever else was red before.
    if not project.green and not problems:
        where = f"{project.project.language} in {project.project.root}"
        news = [note for note in project.notes if _note(project, note) not in before.notes]
        problems += [f"{where}: {note.strip().splitlines()[0]}" for note in news if note.strip()]
        red = any("failed" in (row.build, row.vet) for row in project.rows) or failed or project.notes
        if not red:
            problems.append(f"{where}: a step failed")
    return problems


def _regressions(base: CheckReport, work: CheckReport, *, whole: bool) -> Iterator[Regression]:
    """Tests that were well at the base and aren't now; a package that lost all of its tests is one."""
    now = {_test(case): case for case in work.cases}
    broken = {row.package for row in work.rows if row.build == "failed"}
    looked_at = {row.package for row in work.rows}
    gone: dict[str, list[TestCase]] = {}
    for case in base.cases:
        after = now.get(_test(case))
        if case.status == "failed" or not (whole or case.package in looked_at):
            continue
        if after is None and case.package not in broken:
            if case.status == "passed":
                gone.setdefault(case.package, []).append(case)
        elif how := _change(case, after):
            yield Regression(package=case.package, name=f"{case.package} {case.name}", how=how)
    left = {case.package for case in work.cases}
    for package, cases in gone.items():
        yield from _lost(package, cases, empty=package not in left)


def _change(before: TestCase, after: TestCase | None) -> str:
    """Say how a test got worse, empty where it did not; a test that isn't there does not build."""
    if before.status == "skipped":
        return SKIPPED_BROKEN if after is None else ""
    if after is None:
        return BROKEN
    return {"passed": "", "skipped": SKIPPED, "failed": FAILS}[after.status]


def _lost(package: str, cases: Sequence[TestCase], *, empty: bool) -> Iterator[Regression]:
    if empty and len(cases) > 1:
        names = ", ".join(case.name for case in cases[:_NAMES_OF_LOST])
        more = ", …" if len(cases) > _NAMES_OF_LOST else ""
        yield Regression(package=package, name=package, how=f"has lost all its {len(cases)} tests ({names}{more})")
        return
    for case in cases:
        yield Regression(package=package, name=f"{package} {case.name}", how=GONE)


def _first(findings: Sequence[Diagnostic]) -> str:
    """Return the first of some findings in a few words, for a problem's end."""
    if not findings:
        return ""
    one = findings[0]
    place = ":".join([one.path, *(str(number) for number in (one.line, one.column) if number)])
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    words = " ".join(one.message.split())
    shown = words if len(words) <= _LONGEST_MESSAGE else words[:_LONGEST_MESSAGE] + "…"
    return f": {f'{place}: ' if place else ''}{shown}{more}"


def _note(project: ProjectReport, note: str) -> tuple[str, str, str]:
    """A note as it compares: exit codes, times and addresses differ from run to run."""
    return (project.project.language, project.project.root, re.sub(r"\d+", "N", note.strip()))


def _test(case: TestCase) -> tuple[str, str]:
    return (case.package, case.name)


def regressions_of(package: PackageRow, regressions: Iterable[Regression]) -> tuple[str, ...]:
    """Return a package's regressions in words."""
    return tuple(str(each) for each in regressions if each.package == package.package)
