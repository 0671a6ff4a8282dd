"""What "done" means: the harness's own check of the final tree against the base. Pure.

A tree is green when everything builds, nothing that passed at the base fails, has vanished or is skipped now,
and tests of new code exist and ran. What was red at the base and is red in the same way now is counted, not blamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.events import VerdictRow
from containers.commits import TreeDifference
from lang.base import Diagnostic, Language, TestCase
from tools.check_report import CheckReport, PackageRow, ProjectReport

NAMES_SHOWN = 12
LONGEST_MESSAGE = 160
BROKEN, GONE = "passed before and does not build now", "passed before and is gone"
SKIPPED, FAILS = "passed before and is skipped now", "passed before and fails now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The table, and why it is not green: a sentence each, regressions by name."""

    green: bool
    rows: tuple[VerdictRow, ...]
    reasons: tuple[str, ...]
    old_problems: tuple[str, ...]
    """What was red at the base already, a name each; it doesn't count against the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What the base's check found."""

    findings: frozenset[tuple[str, str, str]]
    passed: frozenset[tuple[str, str]]
    failed: frozenset[tuple[str, str]]
    unbuilt: frozenset[tuple[str, str]]
    """Language and package of what did not build or pass vet."""
    notes: frozenset[tuple[str, str, str]]
    """Language and root of projects with what their steps said beside findings and tests, numbers left out."""

    @classmethod
    def of(cls, base: CheckReport) -> _Before:
        return cls(
            findings=frozenset(_finding(one) for one in base.diagnostics),
            passed=frozenset(_test(case) for case in base.cases if case.status == "passed"),
            failed=frozenset(_test(case) for case in base.cases if case.status == "failed"),
            unbuilt=frozenset((row.language, row.package) for row in base.rows if "failed" in (row.build, row.vet)),
            notes=frozenset(_note(each, note) for each in base.projects for note in each.notes),
        )


def judge(base: CheckReport, work: CheckReport, changes: TreeDifference, languages: Sequence[Language]) -> Verdict:
    """Compare a check of the work with one of the base."""
    before = _Before.of(base)
    regressions = _regressions(base, work)
    reasons: list[str] = []
    if not (changes.added or changes.modified or changes.deleted):
        reasons.append("nothing was changed")
    if not work.projects:
        reasons.append("there is no project to build (no go.mod, no dune-project)")
    for project in work.projects:
        reasons += _project_reasons(project, before)
    # Of those that fail or don't build now, the project's reasons tell.
    reasons += [f"{name} {how}" for _, name, how in regressions if how in (GONE, SKIPPED)]
    reasons += _missing_tests(base, work, changes, languages)
    unique = tuple(dict.fromkeys(reasons))
    errors = [one for one in work.diagnostics if one.severity == "error" and _finding(one) in before.findings]
    failures = [case for case in work.cases if case.status == "failed" and _test(case) in before.failed]
    old = (*(f"{one.path}:{one.line}" for one in errors), *(f"{case.package} {case.name}" for case in failures))
    rows = tuple(_row(row, regressions) for row in work.rows)
    return Verdict(green=not unique, rows=rows, reasons=unique, old_problems=old)


def rows_of(report: CheckReport) -> tuple[VerdictRow, ...]:
    """Return a check's table by itself, nothing compared."""
    return tuple(_row(row, ()) for row in report.rows)


def feedback(verdict: Verdict, rendered: str) -> str:
    """Return what the model is told of a verdict that is not green; `rendered` is the check in words."""
    shown = [f"- {reason}" for reason in verdict.reasons[:NAMES_SHOWN]]
    if len(verdict.reasons) > NAMES_SHOWN:
        shown.append(f"- and {len(verdict.reasons) - NAMES_SHOWN} more")
    named = ", ".join(verdict.old_problems[:NAMES_SHOWN])
    old = f"\nRed before you, which doesn't count: {named}." if verdict.old_problems else ""
    return "\n".join(["Not done yet:", *shown]) + old + f"\n\n{rendered}"


def _project_reasons(project: ProjectReport, before: _Before) -> list[str]:
    """What is red in a project and was not so at the base."""
    reasons: list[str] = []
    for row in project.rows:
        if "failed" not in (row.build, row.vet):
            continue
        findings = [one for one in project.diagnostics if one.severity == "error" and one.package == row.package]
        new = [one for one in findings if _finding(one) not in before.findings]
        if new or (row.language, row.package) not in before.unbuilt:
            reasons.append(f"{row.package} does not {'build' if row.build == 'failed' else 'pass vet'}{_first(new)}")
    failed = [case for case in project.test.cases if case.status == "failed"] if project.test else []
    reasons += [
        f"{case.package} {case.name} {FAILS if _test(case) in before.passed else 'fails'}"
        for case in failed
        if _test(case) not in before.failed
    ]
    # A crash, a time limit: said in a note alone, whatever else was red before.
    if not project.green and not reasons:
        where = f"{project.project.language} in {project.project.root}"
        news = [note for note in project.notes if _note(project, note) not in before.notes]
        reasons += [f"{where}: {note.strip().splitlines()[0]}" for note in news if note.strip()]
        red = any("failed" in (row.build, row.vet) for row in project.rows) or failed or project.notes
        if not red:
            reasons.append(f"{where}: a step failed")
    return reasons


def _regressions(base: CheckReport, work: CheckReport) -> tuple[tuple[str, str, str], ...]:
    """Tests that passed at the base and don't now: package, name, how."""
    now = {_test(case): case for case in work.cases}
    broken = {row.package for row in work.rows if row.build == "failed"}
    found: list[tuple[str, str, str]] = []
    for case in base.cases:
        if case.status != "passed":
            continue
        after = now.get(_test(case))
        if after is not None and after.status == "passed":
            continue
        if after is None:
            how = BROKEN if case.package in broken else GONE
        else:
            how = SKIPPED if after.status == "skipped" else FAILS
        found.append((case.package, f"{case.package} {case.name}", how))
    return tuple(found)


def _missing_tests(
    base: CheckReport, work: CheckReport, changes: TreeDifference, languages: Sequence[Language]
) -> Iterator[str]:
    """Say for each project with changed code that no test ran, or that new code came without a new or changed test."""
    by_name = {language.name: language for language in languages}
    known = {_test(case) for case in base.cases}
    for project in work.projects:
        language = by_name.get(project.project.language)
        if language is None or project.test is None or (project.build and not project.build.ok):
            continue  # first it has to build
        root = project.project.root
        touched = (*changes.added, *changes.modified)
        written = [path for path in touched if _home(path, project, work) == root and language.owns(path)]
        code = [path for path in written if language.is_code(path) and not language.is_test(path)]
        if not code:
            continue
        ran = [case for case in project.test.cases if case.status != "skipped"]
        where = "" if root == "." else f" in {root}"
        if not ran:
            yield f"no test ran{where}: write tests of {', '.join(code[:3])}"
            continue
        added = [path for path in code if path in changes.added]
        tests = [path for path in written if language.is_test(path)]
        if added and not tests and all(_test(case) in known for case in ran):
            yield f"there are no tests{where} of {', '.join(added[:3])}"


def _first(findings: Sequence[Diagnostic]) -> str:
    """Return the first of some findings in a few words, for a reason's end."""
    if not findings:
        return ""
    one = findings[0]
    place = ":".join([one.path, *(str(number) for number in (one.line, one.column) if number)])
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    words = " ".join(one.message.split())
    return f": {place}: {words if len(words) <= LONGEST_MESSAGE else words[:LONGEST_MESSAGE] + '…'}{more}"


def _home(path: str, project: ProjectReport, work: CheckReport) -> str:
    """Return the root of the innermost project of this language that a path lies in; empty where there is none."""
    language = project.project.language
    roots = [each.project.root for each in work.projects if each.project.language == language]
    around = [root for root in roots if root == "." or path.startswith(f"{root}/")]
    return max(around, key=lambda root: 0 if root == "." else len(root), default="")


def _note(project: ProjectReport, note: str) -> tuple[str, str, str]:
    """What makes a note the same one in another run: times and addresses differ."""
    return (project.project.language, project.project.root, re.sub(r"\d+", "0", note.strip()))


def _finding(one: Diagnostic) -> tuple[str, str, str]:
    """What makes a finding the same one after lines have moved."""
    return (one.path, one.source, one.message)


def _test(case: TestCase) -> tuple[str, str]:
    return (case.package, case.name)


def _row(row: PackageRow, regressions: Sequence[tuple[str, str, str]]) -> VerdictRow:
    return VerdictRow(
        language=row.language,
        package=row.package,
        build=row.build,
        vet=row.vet,
        passed=row.passed,
        failed=row.failed,
        skipped=row.skipped,
        seconds=row.seconds,
        regressions=tuple(f"{name} {how}" for package, name, how in regressions if package == row.package),
    )
