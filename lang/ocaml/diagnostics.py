"""What dune, the compiler, ppx rewriters and the linker print, as diagnostics.

A package of the reports is a directory with a `dune` file, relative to the workspace: the nearest one above
the file that a diagnostic names.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from lang.base import BuildReport, Diagnostic, Project, Severity, StepOutput
from lang.ocaml.layout import in_workspace, inside

PACKAGE_MARK = "bactrian-package: "
"""Starts a line of a step's standard output that names a directory with a dune file."""

_HEADER = re.compile(
    r'File "(?P<path>[^"\n]*)", lines? (?P<line>\d+)(?:-\d+)?(?:, characters? (?P<start>\d+)(?:-\d+)?)?:?(?P<rest>.*)'
)
_FILE_ONLY = re.compile(r'File "(?P<path>[^"\n]*)":?\s*$')
_LOOSE = re.compile(r"(?:Error|Warning|Alert)\b[^\n]*|dune: .*|\*\*\* .*|/\S*ld: .*|Internal error.*|Syntax error.*")
_EXCERPT = re.compile(r"\s*\d+ \| .*|\s*\d+ \|$|\s*\^[\s^]*|\s*\.{2,}\s*")
_SOURCE_LINE = re.compile(r"\s*\d+ \|")
_WARNING = re.compile(r"(?:Warning|Alert)\b")
_ERROR_WORD = re.compile(
    r"(?:Error|Alert|Warning)(?::\s+|\s+\((?P<kind>[^)\n]{0,200})\):\s*|\s+(?P<number>\d+[^:\n]{0,200}):\s*)"
)
_NOISE = re.compile(
    r"(?:Entering|Leaving) directory .*|Waiting for build process.*|Done: .*|Success.*|Build failed with \d+ errors?\.|"
    r"(?:Error: )?Build failed with \d+ errors?\.|Warning: Your build request is being forwarded .*|Note that certain "
    r"command line arguments.*"
)

_REQUIRED = re.compile(r"\n-> required by\b.*\Z", re.DOTALL)

_OPAQUE = "[ <opaque> ]"
"""Stands in traces for the compiler's own form of an error."""

_NOWHERE = re.compile(r'\n\s*File "_none_", line \d+:\n\s*Definition of (?:module )?type \S+')
_TWIN = re.compile(r"(?<=\w)/\d+\b")

_AUTO_INCLUDED = re.compile(
    r"Alert ocaml_deprecated_auto_include:\s.*?The (\w+) subdirectory has been\s+automatically added.*", re.DOTALL
)

_NO_FILES = ("caml_startup", "_none_", "command line", "<none>")
_LINKING = "Error during linking"

_MESSAGE_LINES = 30
_NOTE_LINES = 20


def parse_build(project: Project, output: StepOutput) -> BuildReport:
    """Read a build step: packages on standard output, dune's text on standard error."""
    packages = packages_of(project, output.stdout)
    diagnostics = parse_text(project, output.stderr + "\n" + _without_marks(output.stdout), packages)
    errors = [each for each in diagnostics if each.severity == "error"]
    ok = output.exit_code == 0 and not output.timed_out
    failed = tuple(sorted({each.package for each in errors}))
    return BuildReport(
        ok=ok,
        diagnostics=diagnostics,
        packages=tuple(sorted({*packages, *failed})),
        failed=() if ok else failed,
        note="" if ok or errors else _note(output),
    )


def packages_of(project: Project, stdout: str) -> frozenset[str]:
    """The directories with dune files that a step named, relative to the workspace."""
    lines = (line for line in stdout.splitlines() if line.startswith(PACKAGE_MARK))
    return frozenset(in_workspace(project, line.removeprefix(PACKAGE_MARK).strip()) for line in lines)


def package_of(path: str, packages: Collection[str]) -> str:
    """The nearest of the packages above a file; its own directory where there is none, `.` without a file."""
    directory = posixpath.dirname(path) or "."
    above = [package for package in packages if inside(directory, package)]
    return max(above, key=lambda package: 0 if package == "." else len(package), default=directory)


def parse_text(project: Project, text: str, packages: Collection[str] = ()) -> tuple[Diagnostic, ...]:
    """Every diagnostic of a text, each once: dune reports some for bytecode and again for native code."""
    found = list[Diagnostic]()
    for header, body in blocks(text):
        each = _diagnostic(project, header, body, packages)
        if each is not None and found and each.message.startswith("  ") and each.path == found[-1].path:
            # The compiler points at a second place for the message before.
            said = f"{found[-1].message}\nline {each.line}, column {each.column}: {each.message.strip()}"
            found[-1] = replace(found[-1], message=said)
        elif each is not None:
            found.append(each)
    return tuple(sorted(_without_echoes(dict.fromkeys(found))))


def blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """The pieces of dune's output: a line that says where, and the lines up to the next such line.

    A piece about no file starts with its own first line and has `""` for where.
    """
    header, body, started = "", list[str](), False
    for line in text.replace("\r", "").splitlines():
        if _NOISE.match(line):
            continue
        if _HEADER.match(line) or _FILE_ONLY.match(line):
            if started:
                yield header, body
            header, body, started = line, [], True
        elif _LOOSE.match(line) and (not started or _has_message(body)):
            if started:
                yield header, body
            header, body, started = "", [line], True
        elif started:
            body.append(line)
    if started:
        yield header, body


def _has_message(body: list[str]) -> bool:
    return any(_LOOSE.match(line) for line in body)


def _diagnostic(project: Project, header: str, body: list[str], packages: Collection[str]) -> Diagnostic | None:
    place = _HEADER.match(header) or _FILE_ONLY.match(header)
    found = place.groupdict() if place else {}
    path = in_workspace(project, found.get("path") or "")
    if path.rpartition("/")[2] in _NO_FILES:
        path, found = "", {"rest": found.get("rest") or ""}
    lines = _message_lines([(found.get("rest") or "").strip(), *body])
    if not lines:
        return None
    message = _message(lines)
    path = path or in_workspace(project, _subject(message))
    severity: Severity = "warning" if _WARNING.match(lines[0]) else "error"
    return Diagnostic(
        path=path,
        line=int(found.get("line") or 0),
        column=int(found["start"]) + 1 if found.get("start") else 0,
        severity=severity,
        message=message,
        source="dune",
        package=package_of(path, packages) if path and not path.startswith("/") else ".",
    )


_SUBJECTS = (
    (re.compile(r"^No rule found for .*?required by (?:_build/default/)?(?P<directory>\S*?)/?\.cram\."), "dune"),
    (re.compile(r'^Dependency cycle between:\s+library "[^"]+" in (?:_build/default/?)?(?P<directory>\S*)'), "dune"),
    (
        re.compile(
            r"transitive deps of (?:\S+?__)?(?P<module>\w+)\.(?:impl|intf) in (?:_build/default/?)?(?P<directory>\S*)"
        ),
        "",
    ),
    (re.compile(r"^Module (?P<module>\w+) in directory (?:_build/default/?)?(?P<directory>\S*) depends on"), ""),
    (re.compile(r"^No implementations? provided for.*\((?:(?P<directory>\S+?)/)?\.\w+\.eobjs/", re.DOTALL), "dune"),
)
"""Messages about a file that dune doesn't name as such."""


def _subject(message: str) -> str:
    """The file that a message without a place is about, relative to the project; empty for none."""
    flat = " ".join(message.split())
    for pattern, name in _SUBJECTS:
        found = pattern.search(flat)
        if found:
            parts = found.groupdict()
            module = parts.get("module") or ""
            return posixpath.normpath(
                posixpath.join(parts["directory"] or "", name or f"{module[:1].lower()}{module[1:]}.ml")
            )
    return ""


def _message(lines: list[str]) -> str:
    # The compiler aligns what follows with the first line's text, after its "Error: ".
    text = "\n".join(line.removeprefix("       ") for line in lines)
    text = _AUTO_INCLUDED.sub(
        r"Alert ocaml_deprecated_auto_include: the library \1 is used by a stanza whose `libraries` lack it", text
    )
    text = _ERROR_WORD.sub(_lead, text, count=1)
    text = _without_twins(text).replace("_build/default/", "").replace("/workspace_root/", "")
    # Which of the aliases that need it was built first is chance, and says nothing of the mistake.
    text = _REQUIRED.sub("", text)
    return _turned(re.sub(r"^Hint:\s+", "Hint: ", text, flags=re.MULTILINE))


def _turned(text: str) -> str:
    """A dependency cycle begun at its first member by name: dune begins anywhere, from run to run."""
    head, *members = text.split("\n")
    ring = [member.removeprefix("-> ").strip() for member in members]
    if not head.startswith("Dependency cycle between:") or len(ring) < 3 or ring[0] != ring[-1]:
        return text
    at = ring.index(min(ring))
    turned = [*ring[at:-1], *ring[: at + 1]]
    return "\n".join([head, f"   {turned[0]}", *(f"-> {member}" for member in turned[1:])])


def _without_twins(text: str) -> str:
    """Drop where the compiler tells types of one name apart, if none of them has a place that one could look at."""
    kept = _NOWHERE.sub("", text)
    return text if kept == text or "Definition of type" in kept else _TWIN.sub("", kept)


def _lead(match: re.Match[str]) -> str:
    if match.start():
        return match.group()
    kind = match["kind"] or (f"warning {match['number']}" if match["number"] else "")
    return f"{kind}: " if kind else ""


def _message_lines(body: list[str]) -> list[str]:
    """The message without the excerpt of the source, at most a screenful."""
    has_excerpt = any(_SOURCE_LINE.match(line) for line in body)
    kept = [line.rstrip() for line in body if not (has_excerpt and _EXCERPT.fullmatch(line)) and line != _OPAQUE]
    while kept and not kept[0].strip():
        del kept[0]
    while kept and not kept[-1].strip():
        del kept[-1]
    if len(kept) > _MESSAGE_LINES:
        omitted = len(kept) - _MESSAGE_LINES
        kept = [*kept[: _MESSAGE_LINES - 5], f"[... {omitted} lines omitted ...]", *kept[-5:]]
    return kept


def _without_echoes(found: Collection[Diagnostic]) -> Iterator[Diagnostic]:
    """Drop a diagnostic that another one at the same place contains, and the remark that linking failed."""
    for each in found:
        place = (each.path, each.line, each.column)
        others = (other for other in found if other != each and (other.path, other.line, other.column) == place)
        remark = len(found) > 1 and each.message.startswith(_LINKING)
        if not remark and not any(each.message in other.message for other in others):
            yield each


def _without_marks(stdout: str) -> str:
    return "\n".join(line for line in stdout.splitlines() if not line.startswith("bactrian-"))


def _note(output: StepOutput) -> str:
    if output.timed_out:
        return "dune did not end within its time limit"
    text = output.stderr.strip() or _without_marks(output.stdout).strip()
    tail = text.splitlines()[-_NOTE_LINES:]
    return "\n".join(tail) or f"dune ended with exit code {output.exit_code} and printed nothing"
