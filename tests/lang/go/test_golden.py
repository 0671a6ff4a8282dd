"""Parsers against what the real toolchain printed; `record.py` beside this file records it anew."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from lang.base import Project, StepOutput
from lang.go import Go

DATA = Path(__file__).parents[2] / "data" / "go"
CASES = sorted(path.name for path in DATA.iterdir())


def outputs(case: str) -> list[StepOutput]:
    recorded = json.loads((DATA / case / "output.json").read_text(encoding="utf-8"))
    return [
        StepOutput(exit_code=item["exit_code"], stdout="\n".join(item["stdout"]), stderr="\n".join(item["stderr"]))
        for item in recorded
    ]


def settings(case: str) -> dict[str, str]:
    head = (DATA / case / "input.txtar").read_text(encoding="utf-8").partition("\n-- ")[0]
    return dict(re.findall(r"^(\w+): (.*)$", head, re.MULTILINE))


def report(case: str, printed: Sequence[StepOutput]) -> Any:
    go, chosen = Go(), settings(case)
    project = Project(language="go", root=chosen.get("root", "."))
    match chosen["step"]:
        case "build":
            return asdict(go.parse_build(project, printed[0]))
        case "vet":
            return asdict(go.parse_vet(project, printed[0]))
        case "test":
            return asdict(go.parse_test(project, printed[0]))
        case _:
            return [asdict(go.parse_documentation(chosen["symbol"], item)) for item in printed]


@pytest.mark.parametrize("case", CASES)
def test_report_is_as_expected(case: str, golden: Callable[[Path, str], None]) -> None:
    found = report(case, outputs(case))
    golden(DATA / case / "expected.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")
