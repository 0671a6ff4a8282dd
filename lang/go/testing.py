"""`go test -json` events, read into a test report."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lang.base import Diagnostic, Project, StepOutput, TestCase, TestReport, TestStatus
from lang.go.diagnostics import BUILD, Findings, add_build_events
from lang.go.output import Places, Printed, read, text
from lang.go.traces import excerpt, first_frame

_FRAME = re.compile(
    r"^\s*(?:=== (?:RUN|PAUSE|CONT|NAME|FUZZ)\b|--- (?:PASS|FAIL|SKIP|BENCH): |(?:PASS|FAIL|ok|coverage:)\s*$"
    r"|(?:FAIL|ok|\?)\s*\t|exit status \d)"
)
_REPORTED = re.compile(r"^[ \t]+(?P<path>/?[^\s:][^:\n]*\.go):(?P<line>\d{1,9}): ", re.MULTILINE)
_CRASH = re.compile(r"^(?:panic|fatal error): ", re.MULTILINE)
_ENDED: Mapping[str, TestStatus] = {"pass": "passed", "fail": "failed", "skip": "skipped"}


@dataclass(slots=True)
class _Test:
    status: TestStatus | None = None
    seconds: float = 0.0
    output: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _Package:
    """One test program: its tests in order, and what it printed outside of them."""

    tests: dict[str, _Test] = field(default_factory=dict[str, _Test])
    output: list[str] = field(default_factory=list[str])
    status: TestStatus | None = None
    failed_build: str = ""

    def take(self, event: Mapping[str, Any]) -> None:
        action, name = text(event, "Action"), text(event, "Test")
        test = self.tests.setdefault(name, _Test()) if name else None
        if action == "output":
            (test.output if test else self.output).append(text(event, "Output"))
        elif action in _ENDED and test:
            test.status, test.seconds = _ENDED[action], _seconds(event)
        elif action in _ENDED:
            self.status, self.failed_build = _ENDED[action], text(event, "FailedBuild")


def _seconds(event: Mapping[str, Any]) -> float:
    elapsed = event.get("Elapsed")
    return float(elapsed) if isinstance(elapsed, (int, float)) else 0.0


def parse_test(project: Project, output: StepOutput) -> TestReport:
    """Read a test step. A test that began and did not end (the program died under it) counts as failed."""
    printed = read(project, output)
    packages: dict[str, _Package] = {}
    for event in printed.objects:
        if name := text(event, "Package"):
            packages.setdefault(name, _Package()).take(event)
    findings = Findings(places=printed.places, source=BUILD)
    add_build_events([event for event in printed.objects if "Package" not in event], findings, {})
    findings.add_text(line for line in printed.lines if not line.startswith("go: warning: "))
    broken = {name for name, package in packages.items() if package.failed_build or _setup_failed(package)}
    cases = tuple(case for name, package in packages.items() for case in _cases(name, package, printed.places))
    ok = output.exit_code == 0 and not output.timed_out and not broken
    ok = ok and all(item.status != "failed" for item in (*cases, *packages.values()))
    notes = [_broken_note(broken), findings.note(), *_package_notes(packages, broken, printed.places)]
    if output.timed_out:
        notes.append("The tests ran past the time limit of the whole step and were stopped.")
    # The toolchain remarks on what went well, too: those remarks are no findings.
    diagnostics = () if ok else findings.diagnostics()
    note = "\n".join(filter(None, notes)) or _last_resort(ok, cases, diagnostics, printed, output.exit_code)
    return TestReport(ok=ok, cases=cases, diagnostics=diagnostics, note=note)


def _last_resort(
    ok: bool, cases: Sequence[TestCase], diagnostics: Sequence[Diagnostic], printed: Printed, exit_code: int
) -> str:
    """Say what nothing else says: that no test ran, or that the step failed for no visible reason."""
    if ok:
        return "" if cases else f"No tests ran.\n{printed.tail}".strip()
    if diagnostics or any(case.status == "failed" for case in cases):
        return ""
    return printed.tail or f"The tests failed (exit status {exit_code}) and printed nothing."


def _setup_failed(package: _Package) -> bool:
    return package.status == "failed" and any("[setup failed]" in line for line in package.output)


def _cases(name: str, package: _Package, places: Places) -> list[TestCase]:
    return [_case(name, test_name, test, package, places) for test_name, test in package.tests.items()]


def _case(package: str, name: str, test: _Test, program: _Package, places: Places) -> TestCase:
    if test.status in ("passed", "skipped"):
        return TestCase(package=package, name=name, status=test.status, seconds=test.seconds)
    said = unframed("".join(test.output))
    if test.status is None:
        said = "\n".join(filter(None, (said, unframed("".join(program.output)))))
        if not _CRASH.search(said):
            said = f"{said}\nThe test program ended while this test ran (os.Exit, or it was killed).".lstrip()
    path, line = _place(said, places)
    return TestCase(
        package=package,
        name=name,
        status="failed",
        seconds=test.seconds,
        output=excerpt(said, places),
        path=path,
        line=line,
    )


def unframed(output: str) -> str:
    """Return a test's own output, without the lines that `go test` frames it with."""
    kept = [line for line in output.splitlines() if not _FRAME.match(line)]
    return "\n".join(kept).strip("\n")


def _place(said: str, places: Places) -> tuple[str, int]:
    """Return where a test failed: its first message's line, or the crash's first frame in the workspace."""
    for match in _REPORTED.finditer(said):
        if match["path"].startswith("/") and places.inside(match["path"]):
            return places.relative(match["path"]), int(match["line"])
    return first_frame(said, places)


def _broken_note(broken: Collection[str]) -> str:
    return f"Did not build, so no test ran: {', '.join(sorted(broken))}." if broken else ""


def _package_notes(packages: Mapping[str, _Package], broken: Collection[str], places: Places) -> list[str]:
    """Say why a test program failed where no test of it did (TestMain, `init`)."""
    notes: list[str] = []
    for name, package in packages.items():
        if package.status != "failed" or name in broken:
            continue
        if any(test.status in ("failed", None) for test in package.tests.values()):
            continue
        said = excerpt(unframed("".join(package.output)), places)
        notes.append(f"{name}: the test program failed outside of any test.\n{said}".strip())
    return notes
