"""Prints how many inputs were tried, and how many crashed what read them."""

from __future__ import annotations

import pytest
from records import recorded


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts = list(recorded(terminalreporter, "fuzz"))
    if counts:
        tried, crashes = (sum(column) for column in zip(*counts, strict=True))
        terminalreporter.write_line(f"fuzzing: inputs tried {tried}, crashes {crashes}")
