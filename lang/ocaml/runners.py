"""What OCaml's test runners print, as outcomes: alcotest, OUnit and the inline test runner."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lang.base import TestStatus

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_OUTPUT_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One test of a test program."""

    name: str
    status: TestStatus
    output: str = ""
    path: str = ""
    """As the program printed it."""
    line: int = 0


def plain(text: str) -> str:
    """Text without terminal control sequences and carriage returns."""
    return _ANSI.sub("", text).replace("\r", "")


def excerpt(lines: Iterable[str], limit: int = _OUTPUT_LINES) -> str:
    """Lines of a failed test's output, at most `limit`: the first and the last of a longer one."""
    kept = [line.rstrip() for line in lines]
    while kept and not kept[0]:
        del kept[0]
    while kept and not kept[-1]:
        del kept[-1]
    if len(kept) > limit:
        omitted = len(kept) - limit + 1
        kept = [*kept[: limit - 7], f"[... {omitted} lines omitted ...]", *kept[-6:]]
    return "\n".join(kept)


_ALCOTEST_ROW = re.compile(
    r"[> ] \[(?P<status>OK|FAIL|SKIP)\]\s++(?P<suite>\S(?:.*?\S)?)\s{2,}+(?P<index>\d+)\s{3}(?P<name>.*?)\.?$"
)
_ALCOTEST_BOX = re.compile(r"[│|] \[FAIL\]\s++(?P<suite>\S(?:.*?\S)?)\s{2,}+(?P<index>\d+)\s{3}.*[│|]$")
_ALCOTEST_RULE = re.compile(r"\s*[└┌─┐┘|+-]{20,}\s*$")
_ALCOTEST_NOISE = re.compile(r"Logs saved to `|(Raised|Called|Re-raised) (at|from) (Alcotest|Stdlib|Fmt)\w*|ASSERT ")
_ALCOTEST_STATUS: dict[str, TestStatus] = {"OK": "passed", "FAIL": "failed", "SKIP": "skipped"}


def alcotest(text: str) -> list[Outcome]:
    """The tests of alcotest's table, with what its boxes say about those that failed."""
    lines = text.splitlines()
    details = dict(_alcotest_details(lines))
    rows = (match for match in map(_ALCOTEST_ROW.match, lines) if match)
    return [
        Outcome(
            name=f"{row['suite']} / {row['name']}",
            status=_ALCOTEST_STATUS[row["status"]],
            output=details.get((row["suite"], row["index"]), ""),
        )
        for row in rows
    ]


def _alcotest_details(lines: list[str]) -> Iterator[tuple[tuple[str, str], str]]:
    key, body = None, list[str]()
    for line in lines:
        box = _ALCOTEST_BOX.match(line)
        if box:
            key, body = (box["suite"], box["index"]), []
        elif key and ((_ALCOTEST_RULE.match(line) and body) or line.startswith("Full test results in")):
            yield key, excerpt(body)
            key = None
        elif key and not _ALCOTEST_RULE.match(line) and not _ALCOTEST_NOISE.match(line.strip()):
            body.append(line)
    if key:
        yield key, excerpt(body)


_OUNIT_LOG = re.compile(r"\S+ \S+#\d+ (?P<level>[IWEF]): (?P<text>.*)$")
_OUNIT_RESULTS: tuple[tuple[re.Pattern[str], TestStatus], ...] = (
    (re.compile(r"Test (?P<name>.+) is successful\.$"), "passed"),
    (re.compile(r"Test (?P<name>.+) (?:has failed|exited with an error|timed out|has timed out.*)\.$"), "failed"),
    (re.compile(r"(?:Skip|TODO) test (?P<name>.+?): .*$"), "skipped"),
)
_OUNIT_FRAME = re.compile(r"(Raised|Called|Re-raised) (at|from) (OUnit|Stdlib)\w*")


def ounit(text: str) -> list[Outcome]:
    """The tests of OUnit's verbose log (`OUNIT_VERBOSE=true`)."""
    statuses = dict[str, TestStatus]()
    bodies = dict[str, list[str]]()
    current = ""
    for match in filter(None, map(_OUNIT_LOG.match, text.splitlines())):
        said = match["text"]
        name, status = _ounit_result(said)
        if status:
            # The summary says it all again.
            current = "" if name in statuses else name
            statuses.setdefault(name, status)
        elif current and match["level"] == "E" and not _OUNIT_FRAME.match(said):
            bodies.setdefault(current, []).append(said.replace(f" in test {current}.", ""))
        elif match["level"] == "I":
            current = ""
    return [
        Outcome(name=_ounit_name(name), status=status, output=excerpt(bodies.get(name, ())))
        for name, status in statuses.items()
    ]


def _ounit_result(said: str) -> tuple[str, TestStatus | None]:
    for pattern, status in _OUNIT_RESULTS:
        match = pattern.match(said)
        if match:
            return match["name"], status
    return "", None


def _ounit_name(path: str) -> str:
    """`suite:1:inner:0:sub` as `suite / inner / sub`: places in a list shift as tests are added."""
    parts = path.split(":")
    following = [*parts[1:], "0"]
    kept = [part for part, after in zip(parts, following, strict=True) if not part.isdigit() or after.isdigit()]
    return " / ".join(kept)


_INLINE_TEST = re.compile(
    r'File "(?P<path>[^"]*)", line (?P<line>\d+), characters \d+-\d+(?:: (?P<name>.*?))?(?: \([\d.]+ sec\))?$'
)
_INLINE_FAILURE = re.compile(r'File "(?P<path>[^"]*)", line (?P<line>\d+), characters \d+-\d+: (?P<said>.*)$')
_INLINE_SAID = re.compile(r"^(?P<name>.*?)(?: is false\.| threw .*|\.)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineTest:
    """A test in a library's source, by the runner's own list."""

    file: str
    line: int
    name: str


def inline_list(lines: Iterable[str]) -> list[InlineTest]:
    """What the inline test runner answers to `-list-test-names`."""
    return [
        InlineTest(
            file=match["path"].rpartition("/")[2],
            line=_number(match["line"]),
            name=(match["name"] or "unnamed").removeprefix("<<").removesuffix(">>"),
        )
        for match in filter(None, map(_INLINE_TEST.match, lines))
    ]


def inline(tests: list[InlineTest], text: str, reports: Iterable[str]) -> list[Outcome]:
    """The listed tests, failed where the runner's text or a diff of expectations says so."""
    failures = dict(_inline_failures(text))
    for report in reports:
        for place, diff in _expectations(tests, report):
            failures.setdefault(place, diff)
    listed = {(test.file, test.line): test for test in tests}
    for (file, line), said in failures.items():
        first = said.partition("\n")[0]
        found = _INLINE_SAID.match(first)
        name = found["name"] if found else first
        listed.setdefault((file, line), InlineTest(file=file, line=line, name=name[:80]))
    return [
        Outcome(
            name=f"{test.file}: {test.name}",
            status="failed" if place in failures else "passed",
            output=failures.get(place, ""),
            path=test.file,
            line=test.line if place in failures else 0,
        )
        for place, test in listed.items()
    ]


def _inline_failures(text: str) -> Iterator[tuple[tuple[str, int], str]]:
    place, body = None, list[str]()
    for line in text.splitlines():
        match = _INLINE_FAILURE.match(line)
        if match or line.startswith("FAILED "):
            if place:
                yield place, excerpt(body)
            place, body = None, []
        if match:
            place, body = (match["path"].rpartition("/")[2], _number(match["line"])), [match["said"]]
        elif place:
            body.append(line)
    if place:
        yield place, excerpt(body)


_SAME = 30
_DIFF_FILE = re.compile(r"--- (?:a/)?(?P<path>.*)$")
_HUNK = re.compile(r"@@ -(?P<line>\d+)")
_DIFF_NOISE = re.compile(r"diff --git |index [0-9a-f]+\.\.|--- |\+\+\+ |File \"")


def _expectations(tests: list[InlineTest], report: str) -> Iterator[tuple[tuple[str, int], str]]:
    """The tests whose expectations a diff changes, each with the diff's lines about it."""
    file, at, in_hunk = "", 0, False
    owner, removed = 0, dict[str, int]()
    pieces = dict[tuple[str, int], list[str]]()
    for line in report.splitlines():
        named, hunk = _DIFF_FILE.match(line), _HUNK.match(line)
        if hunk:
            at, in_hunk = _number(hunk["line"]) - 1, True
        elif named and not in_hunk:
            file = named["path"].rpartition("/")[2]
        elif in_hunk and line[:1] in ("-", " "):
            at += 1
            owner = max((test.line for test in tests if test.file == file and test.line <= at), default=0)
            removed[line[1:_SAME]] = owner
            pieces.setdefault((file, owner), []).append(line)
        elif in_hunk and line[:1] == "+":
            # A line rewritten from its middle on belongs with what it was.
            owner = removed.get(line[1:_SAME], owner)
            pieces.setdefault((file, owner), []).append(line)
    for place, lines in pieces.items():
        if any(line[0] != " " for line in lines):
            yield place, _changes(lines, _promoted(report, place[0]))


def diff(report: str) -> str:
    """What a promotion report changes, and how to accept it."""
    kept = [line for line in report.splitlines() if not _DIFF_NOISE.match(line)]
    return _changes(kept, _promoted(report, ""))


def _promoted(report: str, name: str) -> str:
    """The file that a promotion would change, relative to the project."""
    named = (match["path"] for match in map(_DIFF_FILE.match, report.splitlines()) if match)
    path = next((path for path in named if path.endswith(name)), name)
    return path.removeprefix("_build/default/")


def _changes(lines: list[str], path: str) -> str:
    """The changed lines of a diff, each group with the command of a cram test that printed it."""
    shown: list[str] = []
    command = ""
    for line in lines:
        if line.startswith("   $ "):
            command = line
        elif line[:1] in ("-", "+"):
            shown += [command, line] if command else [line]
            command = ""
        elif not line.startswith((" ", "@@")):
            shown.append(line)
    head = excerpt(["the output is not what the test expects (- expected, + received):", *shown], _OUTPUT_LINES - 1)
    return f"{head}\naccept: dune test; dune promote {path}" if path and shown else head


def _number(digits: str) -> int:
    return int(digits[:9])
