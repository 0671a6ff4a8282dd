"""What tests leave for the end of the run (`user_properties`), whichever process they ran in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


def record(request: pytest.FixtureRequest, name: str, value: object) -> None:
    """Leave a value, of plain JSON types, for the summary. Call it before the test can fail."""
    request.node.user_properties.append((name, value))


def recorded(reporter: pytest.TerminalReporter, name: str) -> Iterator[Any]:
    """Yield what all tests left under a name, each value once."""
    for reports in reporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                yield from (value for key, value in report.user_properties if key == name)
