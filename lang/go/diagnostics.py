"""Compiler, loader and vet output, read into reports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from lang.base import BuildReport, Diagnostic, Project, Severity, StepOutput
from lang.go.output import Places, Printed, mappings, package_of, read, text

BUILD = "go build"
VET = "go vet"

GO_TEST_ANALYZERS = frozenset(
    (
        "atomic",
        "bool",
        "buildtags",
        "directive",
        "errorsas",
        "ifaceassert",
        "nilfunc",
        "printf",
        "stringintconv",
        "tests",
    )
)
"""The part of vet that a plain `go test` fails on: errors here, where the rest of vet only warns."""

_POSITION = re.compile(r"^(?:vet: )?(?P<path>[^\s:][^:\n]*\.\w+):(?P<line>\d+)(?::(?P<column>\d+))?: ?(?P<message>.*)$")
_BESIDE = re.compile(r"(?<![\w./])(\./[\w./-]+\.go)(?=:\d)")
_LINKER = re.compile(r"^[\w.]+·\w+: ")
_TOO_MANY = "too many errors"
ALL_ERRORS = "bactrian: all errors"
"""A line of the build step's own: what was cut at ten errors was compiled again without that limit."""


@dataclass(slots=True, kw_only=True)
class Findings:
    """Gathers diagnostics and drops what was already said."""

    places: Places
    source: str
    truncated: set[str] = field(default_factory=set[str])
    """Packages whose errors the compiler cut at its limit of ten."""
    explained: set[str] = field(default_factory=set[str])
    """Packages whose loading failed, with the reason among the findings: plain text repeats it in other words."""
    _found: dict[tuple[str, int, str], Diagnostic] = field(default_factory=dict[tuple[str, int, str], Diagnostic])

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic unless the same was found before: the loader and the compiler may differ in the column."""
        self._found.setdefault((diagnostic.path, diagnostic.line, diagnostic.message), diagnostic)

    def add_text(self, lines: Iterable[str], package: str = "") -> None:
        """Read lines of compiler output; a line with a position opens a finding, those without belong to the last."""
        for opening, rest in _grouped(lines, in_package=bool(package)):
            if opening.removeprefix("package ") in self.explained:
                continue
            if opening.startswith("# "):
                package = package_of(opening.removeprefix("# ").strip("[]")) or package
            elif opening.rstrip().endswith(_TOO_MANY):
                self.truncated.add(package)
            elif opening.strip():
                self.add(self._diagnostic(opening, rest, package))

    def add_load_error(self, error: Mapping[str, Any], package: str) -> None:
        """Read an `Error` object of `go list`."""
        message = text(error, "Err").strip()
        if message.startswith("# "):
            self.add_text(message.splitlines(), package)
        elif message:
            self.explained.add(package)
            lines = (f"{_prefix(error, message)}{message}{_cycle(error, message)}").splitlines()
            self.add_text((lines[0], *(f"\t{line.strip()}" for line in lines[1:])), package)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return all findings, by place; those without a place last."""
        return tuple(sorted(self._found.values(), key=lambda item: (not item.path, item)))

    def note(self) -> str:
        """Return what the diagnostics do not say."""
        if not self.truncated:
            return ""
        names = ", ".join(sorted(filter(None, self.truncated))) or "a package"
        return f"The compiler stopped after ten errors in {names}: more may show once these are mended."

    def _diagnostic(self, opening: str, rest: list[str], package: str) -> Diagnostic:
        match = _POSITION.match(opening)
        message = match["message"] if match else _LINKER.sub("", opening.removeprefix("go: "))
        whole = _BESIDE.sub(self._relative, self.places.shorten("\n".join((message, *rest)).strip()))
        return Diagnostic(
            path=self.places.relative(match["path"]) if match else "",
            line=_number(match["line"]) if match else 0,
            column=_number(match["column"]) if match else 0,
            severity="error",
            message=whole,
            source=self.source,
            package=package,
        )

    def _relative(self, match: re.Match[str]) -> str:
        return self.places.relative(match[1])


def _grouped(lines: Iterable[str], *, in_package: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield each opening line with the lines that follow from it.

    Indented lines do; among one package's output so does everything without a position (cgo's compiler, the linker).
    """
    opening: str | None = None
    rest: list[str] = []
    for line in lines:
        follows = line.startswith(("\t", " ", "note: ")) or (in_package and not _opens(line))
        if opening is not None and follows and not opening.startswith("# "):
            rest.append(line.rstrip())
            continue
        if opening is not None:
            yield opening, rest
        opening, rest = line.rstrip(), []
    if opening is not None:
        yield opening, rest


def _opens(line: str) -> bool:
    return line.startswith("# ") or line.endswith(_TOO_MANY) or _POSITION.match(line) is not None


def _number(digits: str | None) -> int:
    """Return a printed line or column; absurd lengths are garbage and count as unknown."""
    return int(digits) if digits and len(digits) < 10 else 0


def _prefix(error: Mapping[str, Any], message: str) -> str:
    position = text(error, "Pos")
    return f"{position}: " if position and not message.startswith(position) else ""


def _cycle(error: Mapping[str, Any], message: str) -> str:
    """Spell an import cycle out: `go list` says only that there is one."""
    stack = error.get("ImportStack")
    if "import cycle" not in message or "\n" in message or not isinstance(stack, list):
        return ""
    return ":\n\t" + "\n\timports ".join(str(name) for name in cast(list[object], stack))


def parse_build(project: Project, output: StepOutput) -> BuildReport:
    """Read a build step: `go build -json` events, `go list -e -export -test -json` packages and plain text."""
    printed = read(project, output)
    findings = Findings(places=printed.places, source=BUILD)
    packages: dict[str, bool] = {}
    for item in printed.objects:
        if "Action" not in item:
            _add_listed(item, findings, packages)
    events = [item for item in printed.objects if "Action" in item]
    failed_builds: dict[str, bool] = {}
    add_build_events(events, findings, failed_builds)
    packages.update(failed_builds if not packages else {name: False for name in failed_builds if name in packages})
    findings.add_text(line for line in printed.lines if not _is_remark(line))
    if ALL_ERRORS in printed.lines:
        findings.truncated.clear()
    failed = tuple(sorted(name for name, fine in packages.items() if not fine))
    return _report(output, printed, findings, packages=tuple(sorted(packages)), failed=failed)


def _add_listed(item: Mapping[str, Any], findings: Findings, packages: dict[str, bool]) -> None:
    path = text(item, "ForTest") or package_of(text(item, "ImportPath"))
    error = item.get("Error")
    errors = [*mappings([error]), *mappings(item.get("DepsErrors"))]
    for found in errors:
        findings.add_load_error(found, path)
    if (item.get("Match") or "ForTest" in item) and not path.startswith("./"):
        packages[path] = packages.get(path, True) and not errors


def add_build_events(events: Iterable[Mapping[str, Any]], findings: Findings, packages: dict[str, bool]) -> None:
    """Read `build-output` and `build-fail` events; failed packages become False in `packages`."""
    outputs: dict[str, list[str]] = {}
    for event in events:
        name = text(event, "ImportPath")
        if text(event, "Action") == "build-output":
            outputs.setdefault(name, []).append(text(event, "Output"))
        elif text(event, "Action") == "build-fail" and name:
            packages[package_of(name)] = False
    for name, output in outputs.items():
        findings.add_text("".join(output).splitlines(), package_of(name))


def _is_remark(line: str) -> bool:
    ours = ("go: warning: ", "go: added ", "go: upgraded ", "go: errors parsing ", ALL_ERRORS)
    return line.startswith(ours)


def _report(
    output: StepOutput, printed: Printed, findings: Findings, *, packages: tuple[str, ...], failed: tuple[str, ...]
) -> BuildReport:
    diagnostics = findings.diagnostics()
    ok = output.exit_code == 0 and not output.timed_out and not failed
    ok = ok and all(item.severity != "error" for item in diagnostics)
    note = findings.note()
    if output.timed_out:
        note = "The step ran past its time limit."
    elif not ok and not diagnostics and not note:
        note = printed.tail or f"It failed (exit status {output.exit_code}) and printed nothing."
    elif not packages and not diagnostics:
        note = printed.tail
    return BuildReport(ok=ok, diagnostics=diagnostics, packages=packages, failed=failed, note=note)


def parse_vet(project: Project, output: StepOutput) -> BuildReport:
    """Read `go vet -json`. What does not compile is the build's to say; here it is only `failed`, and a note."""
    printed = read(project, output)
    findings = Findings(places=printed.places, source=VET)
    packages: dict[str, bool] = {}
    for item in printed.objects:
        for name, analyzers in item.items():
            packages.setdefault(package_of(name), True)
            for diagnostic in _vetted(analyzers, package_of(name), printed.places):
                findings.add(diagnostic)
    broken = _broken(printed.lines)
    packages.update(dict.fromkeys(broken, False))
    report = _report(output, printed, findings, packages=tuple(sorted(packages)), failed=tuple(sorted(broken)))
    if broken:
        return replace(report, note=f"Not vetted, because they do not compile: {', '.join(report.failed)}.")
    return report


def _broken(lines: Iterable[str]) -> set[str]:
    """Return the packages that vet could not look at: the `# package` headings before plain errors."""
    names = (line.removeprefix("# ").strip("[]") for line in lines if line.startswith("# "))
    return {package_of(name).removesuffix("_test") for name in names}


def _vetted(analyzers: object, package: str, places: Places) -> Iterator[Diagnostic]:
    if not isinstance(analyzers, dict):
        return
    for analyzer, found in cast(dict[str, object], analyzers).items():
        severity: Severity = "error" if analyzer in GO_TEST_ANALYZERS else "warning"
        for finding in mappings(found):
            match = _POSITION.match(f"{text(finding, 'posn')}: ")
            yield Diagnostic(
                path=places.relative(match["path"]) if match else "",
                line=_number(match["line"]) if match else 0,
                column=_number(match["column"]) if match else 0,
                severity=severity,
                message=places.shorten(text(finding, "message")),
                source=VET,
                package=package,
            )
