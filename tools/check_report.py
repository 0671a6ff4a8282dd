"""What a check found: the languages' own reports, and the rows, errors and reasons that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from lang.base import BuildReport, Diagnostic, Project, TestCase, TestReport

Outcome = Literal["ok", "failed", "-"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRow:
    """One package in the table; `-` where nothing was found out. `seconds` are those of its tests."""

    language: str
    package: str
    build: Outcome
    vet: Outcome
    passed: int
    failed: int
    skipped: int
    seconds: float

    @property
    def green(self) -> bool:
        """Whether nothing in it failed."""
        return "failed" not in (self.build, self.vet) and not self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReport:
    """What the steps of one project found; None for a step that was not run."""

    project: Project
    build: BuildReport | None = None
    vet: BuildReport | None = None
    test: TestReport | None = None
    outputs: tuple[str, ...] = ()
    """The files in the container that hold the steps' whole outputs."""

    @property
    def green(self) -> bool:
        """Whether every step that ran is well."""
        return all(report.ok for report in (self.build, self.vet, self.test) if report is not None)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What the steps found, each thing once, however many of them found it."""
        found = {
            (one.path, one.line, one.column, one.message): one
            for report in (self.test, self.vet, self.build)
            if report is not None
            for one in report.diagnostics
        }
        return tuple(sorted(found.values(), key=lambda one: (one.severity, one.path, one.line, one.column)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the steps say that is in no diagnostic and no test; vet only repeats a build that failed."""
        built = self.build is None or self.build.ok
        reports = (self.build, self.vet if built else None, self.test)
        return tuple(dict.fromkeys(report.note for report in reports if report is not None and report.note))

    @property
    def rows(self) -> tuple[PackageRow, ...]:
        """A row for each package; one for the project itself where it is red and no package shows it."""
        rows = tuple(self._row(package) for package in dict.fromkeys(self._packages()))
        if self.green or not all(row.green for row in rows):
            return rows
        return (*rows, self._own_row())

    def _packages(self) -> Iterator[str]:
        for report in (self.build, self.vet):
            if report is not None:
                yield from report.packages
                yield from report.failed
        if self.test is not None:
            yield from (case.package for case in self.test.cases)
            yield from (one.package for one in self.test.diagnostics if one.package)

    def _row(self, package: str) -> PackageRow:
        cases = [case for case in self.test.cases if case.package == package] if self.test is not None else []
        build = "failed" if package in self._not_built_by_tests() else _outcome(self.build, package)
        return PackageRow(
            language=self.project.language,
            package=package,
            build=build,
            vet="-" if build == "failed" else _outcome(self.vet, package),
            passed=_count(cases, "passed"),
            failed=_count(cases, "failed"),
            skipped=_count(cases, "skipped"),
            seconds=sum(case.seconds for case in _outermost(cases)),
        )

    def _not_built_by_tests(self) -> set[str]:
        """The packages that the tests' own compiling blames; `""` where it names none."""
        found = self.test.diagnostics if self.test is not None else ()
        return {one.package for one in found if one.severity == "error"}

    def _own_row(self) -> PackageRow:
        crashed = self.test is not None and not self.test.ok
        broken = bool(self._not_built_by_tests())
        return PackageRow(
            language=self.project.language,
            package=self.project.root,
            build="failed" if broken else _whole(self.build),
            vet=_whole(self.vet),
            passed=0,
            failed=int(crashed and not broken),
            skipped=0,
            seconds=0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check of a whole tree, or of some packages, found. Paths are relative to the tree."""

    projects: tuple[ProjectReport, ...]
    seconds: float

    @property
    def green(self) -> bool:
        """Whether there is a project and every step that ran is well."""
        return bool(self.projects) and all(project.green for project in self.projects)

    @property
    def rows(self) -> tuple[PackageRow, ...]:
        return tuple(row for project in self.projects for row in project.rows)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return tuple(one for project in self.projects for one in project.diagnostics)

    @property
    def cases(self) -> tuple[TestCase, ...]:
        return tuple(case for project in self.projects if project.test is not None for case in project.test.cases)

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(path for project in self.projects for path in project.outputs)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why it is not green, a clause each; empty when it is."""
        if not self.projects:
            return ("there is no project to build",)
        return tuple(problem for project in self.projects if not project.green for problem in _problems(project))


def _problems(project: ProjectReport) -> Iterator[str]:
    told = False
    for row in project.rows:
        if row.build == "failed":
            yield f"{row.package} does not build"
        if row.vet == "failed":
            yield f"{row.package} does not pass vet"
        told = told or "failed" in (row.build, row.vet)
    failed = [case for case in project.test.cases if case.status == "failed"] if project.test is not None else []
    for case in failed:
        yield f"{case.package}: {case.name} fails"
    if not told and not failed:
        first = project.notes[0].strip().splitlines()[-1:] if project.notes else []
        yield f"{project.project.language} {project.project.root}: {first[0] if first else 'the tests do not run'}"


def _outcome(report: BuildReport | None, package: str) -> Outcome:
    if report is None:
        return "-"
    blamed = {one.package for one in report.diagnostics if one.severity == "error"} if not report.ok else set[str]()
    if package in report.failed or package in blamed:
        return "failed"
    return "ok" if package in report.packages or report.ok else "-"


def _whole(report: BuildReport | None) -> Outcome:
    if report is None:
        return "-"
    return "ok" if report.ok else "failed"


def _count(cases: Iterable[TestCase], status: str) -> int:
    return sum(case.status == status for case in cases)


def _outermost(cases: list[TestCase]) -> Iterator[TestCase]:
    """Leave out what runs inside another test: its time is counted there."""
    names = {case.name for case in cases}
    for case in cases:
        parts = case.name.split("/")
        if not any("/".join(parts[:length]) in names for length in range(1, len(parts))):
            yield case
