"""What is told at the end of a run: of mistakes, fuzzing, faults, attempts to escape, sessions side by side.

A plugin of the root `conftest.py`: where tests run in several processes, the one that reports loads no other.
"""

from __future__ import annotations

import pytest
from mistakes import LANGUAGES, Score
from records import recorded


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell of each kind that was run."""
    for tell in (_mistakes, _fuzzing, _faults, _escapes, _load):
        tell(terminalreporter)


def _mistakes(reporter: pytest.TerminalReporter) -> None:
    scores = {language: Score() for language in LANGUAGES}
    for language, name, lacking in recorded(reporter, "mistake"):
        scores[language].add(name, lacking)
    for language, score in scores.items():
        if not score.judged:
            continue
        sufficient = score.judged - len(score.short)
        told = f"{language}: first feedback suffices for {sufficient} of {score.judged} mistakes ({score.share:.0%})"
        reporter.write_sep("-", told)
        for name, lacking in sorted(score.short.items()):
            reporter.write_line(f"  {name} lacks: {'; '.join(lacking)}")


def _fuzzing(reporter: pytest.TerminalReporter) -> None:
    counts = list(recorded(reporter, "fuzz"))
    if counts:
        tried, crashes = (sum(column) for column in zip(*counts, strict=True))
        reporter.write_sep("-", f"fuzzing: inputs tried {tried}, crashes {crashes}")


def _faults(reporter: pytest.TerminalReporter) -> None:
    found = [*recorded(reporter, "fault")]
    if not found:
        return
    lost = sum(len(lost) for _, lost, _ in found)
    leaked = sum(len(leaked) for _, _, leaked in found)
    reporter.write_sep("-", f"faults injected {len(found)}, lost {lost}, leaked {leaked}")
    for name, lost, leaked in found:
        for what in [*(f"lost: {one}" for one in lost), *(f"leaked: {one}" for one in leaked)]:
            reporter.write_line(f"  {name} {what}")


def _escapes(reporter: pytest.TerminalReporter) -> None:
    attempts = [tuple(each) for each in recorded(reporter, "escape")]
    if attempts:
        successes = [name for name, evidence in attempts if evidence]
        reporter.write_sep("-", f"escape attempts {len(attempts)}, successes {len(successes)}")
        for name in sorted(successes):
            reporter.write_line(f"  {name}")


def _load(reporter: pytest.TerminalReporter) -> None:
    for told in recorded(reporter, "load"):
        reporter.write_sep("-", told)
