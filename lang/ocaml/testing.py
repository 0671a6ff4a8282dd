"""A dune test run as a report: one case a test where the runner names them, else one a test program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from lang.base import Project, StepOutput, TestCase, TestReport, TestStatus
from lang.ocaml import runners, trace
from lang.ocaml.diagnostics import blocks, package_of, packages_of, parse_text
from lang.ocaml.frames import Own
from lang.ocaml.layout import in_workspace
from lang.ocaml.runners import InlineTest, Outcome

_TRACE = "bactrian-trace: "
_RUN = "bactrian-run: "
_INLINE = "bactrian-inline: "
_FRAMES = "bactrian-frames: "
_RUNNER = "inline-test-runner"
_NOTE_LINES = 20
_STANZA = re.compile(
    r'File "(?:(?P<directory>[^"]+)/)?dune", line \d+, characters (?P<start>\d{1,6})-(?P<end>\d{1,6}):'
)
_COMPLAINT = re.compile(r"^Error(:| \()", re.MULTILINE)

Listing = dict[tuple[str, str], list[InlineTest]]


def parse_test(project: Project, output: StepOutput) -> TestReport:
    """Read a test step: its standard output holds the trace, the filter and the names of inline tests."""
    lines = output.stdout.splitlines()
    events = trace.read(line.removeprefix(_TRACE) for line in lines if line.startswith(_TRACE))
    if not (events.actions or events.reports):
        events = _from_text(output.stderr)
    packages = packages_of(project, output.stdout)
    pattern = _filter(lines)
    _add_frames(events, lines)
    everything = _unique(_cases(project, events, _listing(lines), packages))
    chosen = tuple(case for case in everything if pattern.search(case.name))
    diagnostics = parse_text(project, "\n".join(events.reports), packages) if output.exit_code else ()
    errors = any(each.severity == "error" for each in diagnostics)
    failed = any(case.status == "failed" for case in chosen)
    # With a filter the exit code speaks of tests that were not asked for as well.
    explained = errors or any(case.status == "failed" for case in everything)
    ok = not (failed or errors or output.timed_out) and (output.exit_code == 0 or explained)
    if pattern.pattern and not chosen:
        ok = False
    return TestReport(
        ok=ok,
        cases=chosen,
        diagnostics=diagnostics,
        note="" if ok or failed or errors else _note(output, pattern.pattern, everything),
    )


def _from_text(stderr: str) -> trace.Trace:
    """What can be told without a trace (a dune before 3.21): failed programs, and tests that the runners list."""
    found = trace.Trace()
    passed = runners.plain(stderr).partition('File "')[0]
    for header, body in blocks(stderr):
        text = "\n".join(body)
        stanza = _STANZA.match(header)
        if stanza is None or _COMPLAINT.search(text):
            found.reports.append(f"{header}\n{text}")
            continue
        alias = f"runtest-{_stanza_name(int(stanza['start']), int(stanza['end']), body)}"
        action = found.action(stanza["directory"] or ".", alias, f"{header}{len(found.actions)}")
        action.processes.append(trace.ProcessEnd(error="it failed", stdout=_without_excerpt(text)))
    if runners.alcotest(passed) or runners.ounit(passed):
        found.action(".", "runtest-tests", "passed").processes.append(trace.ProcessEnd(stdout=passed))
    return found


def _stanza_name(start: int, end: int, body: list[str]) -> str:
    """The test's name, which dune's excerpt of the stanza underlines."""
    source = re.match(r"\d+ \| (.*)", body[0]) if body else None
    return (source.group(1)[start:end] if source else "") or "tests"


def _without_excerpt(text: str) -> str:
    return re.sub(r"\A\d+ \| .*\n *\^+\n?", "", text)


def _note(output: StepOutput, pattern: str, everything: tuple[TestCase, ...]) -> str:
    if output.timed_out or output.exit_code == 124:
        return "the tests did not end within their time limit"
    if pattern and everything:
        return f"no test matches {pattern!r}; there are: {', '.join(case.name for case in everything[:20])}"
    tail = output.stderr.strip().splitlines()[-_NOTE_LINES:]
    return runners.plain("\n".join(tail)) or ("there are no tests" if not output.exit_code else "dune printed nothing")


def _filter(lines: list[str]) -> re.Pattern[str]:
    word = next((line.removeprefix(_RUN) for line in lines if line.startswith(_RUN)), "")
    try:
        return re.compile(word.strip())
    except (re.error, RecursionError, OverflowError):
        return re.compile(re.escape(word.strip()))


def _listing(lines: list[str]) -> Listing:
    listing: Listing = {}
    current = None
    for line in lines:
        if line.startswith(_INLINE):
            directory, _, library = line.removeprefix(_INLINE).strip().rpartition(" ")
            current = listing.setdefault((directory or ".", library), [])
        elif line.startswith("bactrian-"):
            current = None
        elif current is not None:
            current.extend(runners.inline_list([line]))
    return listing


def _add_frames(events: trace.Trace, lines: list[str]) -> None:
    """Put the backtraces of programs that ran once more for them below what the programs printed."""
    processes = list[trace.ProcessEnd]()
    for line in lines:
        if line.startswith(_FRAMES):
            directory, _, name = line.removeprefix(_FRAMES).rpartition(" ")
            place = (directory.strip("/") or ".", f"runtest-{name}")
            action = next((one for one in events.actions.values() if (one.directory, one.alias) == place), None)
            processes = action.processes if action else []
        elif line.startswith("bactrian-"):
            processes = []
        elif processes:
            processes[-1] = replace(processes[-1], stderr=f"{processes[-1].stderr.rstrip()}\n{line}")


def _cases(project: Project, events: trace.Trace, listing: Listing, packages: frozenset[str]) -> Iterator[TestCase]:
    rules = dict[str, list[trace.Action]]()
    own = Own(project=project, packages=packages)
    for action in events.actions.values():
        package = package_of(in_workspace(project, f"{action.directory}/dune"), packages)
        if action.alias == "opam" and not _went_wrong(action):
            continue  # dune compares an opam file that it generates: that's nobody's test
        if action.alias == "runtest":
            rules.setdefault(package, []).append(action)
        else:
            yield from _action_cases(own, action, listing, package)
    for package, actions in rules.items():
        yield _rules_case(own, package, actions)


def _action_cases(own: Own, action: trace.Action, listing: Listing, package: str) -> Iterator[TestCase]:
    name = action.alias.removeprefix("runtest-")
    outcomes = _outcomes(action, listing)
    for outcome in outcomes:
        # Inline tests are named by their file, which no other library has.
        prefix = "" if outcome.path else f"{name}: "
        yield _case(own, action, package, replace(outcome, name=prefix + outcome.name))
    bad = _went_wrong(action)
    if not bad and not action.processes and action.alias.startswith("runtest-"):
        # A library that may have inline tests and has none.
        return
    if not outcomes or (bad and not any(outcome.status == "failed" for outcome in outcomes)):
        status: TestStatus = "failed" if bad else "passed"
        whole = Outcome(name=name, status=status, output=_output(action) if bad else "")
        seconds = sum(process.seconds for process in action.processes)
        yield replace(_case(own, action, package, whole), seconds=round(seconds, 3))


def _outcomes(action: trace.Action, listing: Listing) -> list[Outcome]:
    inline = [process for process in action.processes if process.arguments[:1] == (_RUNNER,)]
    text = runners.plain("\n".join(f"{process.stdout}\n{process.stderr}" for process in action.processes))
    if not inline:
        return runners.alcotest(text) or runners.ounit(text)
    library = (*inline[0].arguments, "", "")[1]
    return runners.inline(listing.get((action.directory, library), []), text, action.reports)


def _case(own: Own, action: trace.Action, package: str, outcome: Outcome) -> TestCase:
    path, line = "", 0
    if outcome.status == "failed":
        path, line = _place(own, action, outcome)
    output = runners.excerpt(own.trimmed(outcome.output).splitlines())
    return TestCase(package=package, name=outcome.name, status=outcome.status, output=output, path=path, line=line)


def _place(own: Own, action: trace.Action, outcome: Outcome) -> tuple[str, int]:
    if outcome.path:
        return in_workspace(own.project, f"{action.directory}/{outcome.path}"), outcome.line
    return own.place("\n".join([outcome.output, *action.reports]))


def _rules_case(own: Own, package: str, actions: list[trace.Action]) -> TestCase:
    """All of a directory's `(rule (alias runtest) …)`: they have no names."""
    bad = [action for action in actions if _went_wrong(action)]
    output = runners.excerpt("\n".join(map(_output, bad)).splitlines())
    whole = Outcome(name="runtest rules", status="failed" if bad else "passed", output=output)
    return _case(own, (bad or actions)[0], package, whole)


def _went_wrong(action: trace.Action) -> bool:
    cut_short = action.started > len(action.processes) and not action.succeeded
    return cut_short or bool(action.reports) or any(process.error for process in action.processes)


def _output(action: trace.Action) -> str:
    failed = [process for process in action.processes if process.error]
    texts = [text.strip() for each in failed for text in (each.stdout, each.stderr, each.error) if text.strip()]
    if not failed and action.started > len(action.processes):
        return "it did not end within the time limit"
    if not failed or any("\n@@ " in report for report in action.reports):
        return "\n".join(map(runners.diff, map(runners.plain, action.reports)))
    return runners.excerpt(runners.plain("\n".join(texts)).splitlines())


def _unique(cases: Iterator[TestCase]) -> tuple[TestCase, ...]:
    """Number the second and later tests of one name."""
    seen = dict[tuple[str, str], int]()
    unique = list[TestCase]()
    for case in cases:
        count = seen[case.package, case.name] = seen.get((case.package, case.name), 0) + 1
        unique.append(case if count == 1 else replace(case, name=f"{case.name} #{count}"))
    return tuple(sorted(unique, key=lambda case: (case.package, case.name)))
