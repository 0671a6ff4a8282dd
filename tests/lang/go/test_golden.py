"""Parsers against what the real toolchain printed; `record.py` beside this file records it anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from recording import outputs, report

from lang.go import Go

DATA = Path(__file__).parents[2] / "data" / "go"
CASES = sorted(path.name for path in DATA.iterdir())


@pytest.mark.parametrize("case", CASES)
def test_report_is_as_expected(case: str, golden: Callable[[Path, str], None]) -> None:
    found = report(Go(), DATA / case, outputs(DATA / case))
    golden(DATA / case / "expected.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
