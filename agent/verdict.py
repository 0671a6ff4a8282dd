"""What "done" means: the harness's own check of the final tree against the base. Pure.

A tree is green when everything builds, nothing that passed at the base fails, has vanished or is skipped now,
and tests of new code exist and ran. What was red at the base and is red in the same way now is counted, not blamed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.events import VerdictRow
from containers.commits import TreeDifference
from lang.base import Language, TestCase
from tools.check_report import CheckReport, PackageRow, ProjectReport
from tools.comparison import Comparison, Regression, regressions_of

NAMES_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The table, and why it is not green: a sentence each, regressions by name."""

    green: bool
    rows: tuple[VerdictRow, ...]
    reasons: tuple[str, ...]
    old_problems: tuple[str, ...]
    """What was red at the base already, a name each; it doesn't count against the work."""


def judge(base: CheckReport, compared: Comparison, changes: TreeDifference, languages: Sequence[Language]) -> Verdict:
    """Say whether a check of the whole tree, compared with the base's, is enough to be done."""
    work = compared.report
    reasons: list[str] = []
    if not (changes.added or changes.modified or changes.deleted):
        reasons.append("nothing was changed")
    if not work.projects:
        files = ", ".join(f"no {language.project_file}" for language in languages)
        reasons.append(f"there is no project to build ({files})")
    reasons += compared.problems
    reasons += _missing_tests(base, work, changes, languages)
    reasons += _unrun_tests(compared, changes, languages)
    unique = tuple(dict.fromkeys(reasons))
    rows = tuple(_row(row, compared.regressions) for row in work.rows)
    return Verdict(green=not unique, rows=rows, reasons=unique, old_problems=compared.old)


def rows_of(report: CheckReport) -> tuple[VerdictRow, ...]:
    """Return a check's table by itself, nothing compared."""
    return tuple(_row(row, ()) for row in report.rows)


def feedback(verdict: Verdict, compared: Comparison, rendered: str) -> str:
    """Return what the model is told of a verdict that is not green; `rendered` is the check in words."""
    # What is wrong with the check is said there.
    reasons = [reason for reason in verdict.reasons if reason not in compared.problems]
    shown = [f"- {reason}" for reason in reasons[:NAMES_SHOWN]]
    if len(reasons) > NAMES_SHOWN:
        shown.append(f"- and {len(reasons) - NAMES_SHOWN} more")
    head = "\n".join(["Not done yet:", *shown]) if shown else "Not done yet."
    return f"{head}\n\n{rendered}"


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


def _unrun_tests(compared: Comparison, changes: TreeDifference, languages: Sequence[Language]) -> Iterator[str]:
    """Say which tests that were written could not run, because something was red in their package before."""
    tests = [path for path in (*changes.added, *changes.modified) if any(each.is_test(path) for each in languages)]
    for project in compared.report.projects:
        for row in project.rows:
            ran = row.passed + row.failed + row.skipped
            here = [path for path in tests if _is_package(row.package, path, project.project.root)]
            if here and row.build == "failed" and not ran and row.package not in compared.red:
                named = ", ".join(here[:3])
                yield f"{named} did not run: {row.package} does not build, as before you{_why(project, row)}"


def _is_package(package: str, path: str, root: str) -> bool:
    """Whether a file lies in a package, which is named by its directory or by a path that ends like it."""
    directory = posixpath.dirname(path) or "."
    inner = posixpath.relpath(directory, root)
    return package == directory or (inner != "." and package.endswith(f"/{inner}"))


def _why(project: ProjectReport, row: PackageRow) -> str:
    mine = [one for one in project.diagnostics if one.package == row.package and one.severity == "error"]
    return f" ({mine[0].path}:{mine[0].line}: {mine[0].message.splitlines()[0]})" if mine else ""


def _home(path: str, project: ProjectReport, work: CheckReport) -> str:
    """Return the root of the innermost project of this language that a path lies in; empty where there is none."""
    language = project.project.language
    roots = [each.project.root for each in work.projects if each.project.language == language]
    around = [root for root in roots if root == "." or path.startswith(f"{root}/")]
    return max(around, key=lambda root: 0 if root == "." else len(root), default="")


def _test(case: TestCase) -> tuple[str, str]:
    return (case.package, case.name)


def _row(row: PackageRow, regressions: Sequence[Regression]) -> VerdictRow:
    return VerdictRow(
        language=row.language,
        package=row.package,
        build=row.build,
        vet=row.vet,
        passed=row.passed,
        failed=row.failed,
        skipped=row.skipped,
        seconds=row.seconds,
        regressions=regressions_of(row, regressions),
    )
