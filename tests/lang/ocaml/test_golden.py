"""Parsers against what the real toolchain printed; `record.py` beside this file records it anew."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from lang.base import Project, StepOutput
from lang.ocaml import OCaml

DATA = Path(__file__).parents[2] / "data" / "ocaml"
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
    ocaml, chosen = OCaml(), settings(case)
    project = Project(language="ocaml", root=chosen.get("root", "."))
    match chosen["step"]:
        case "build":
            return asdict(ocaml.parse_build(project, printed[0]))
        case "test":
            return asdict(ocaml.parse_test(project, printed[0]))
        case _:
            return [asdict(ocaml.parse_documentation(chosen["symbol"], item)) for item in printed]


@pytest.mark.parametrize("case", CASES)
def test_report_is_as_expected(case: str, golden: Callable[[Path, str], None]) -> None:
    found = report(case, outputs(case))
    golden(DATA / case / "expected.json", json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def garbled(text: str, chance: random.Random) -> str:
    """Text with a stretch cut out of it, another repeated and some characters replaced."""
    start, end = sorted(chance.choices(range(len(text) + 1), k=2))
    mixed = list(text[:start] + text[end:] + text[: start // 3])
    for _ in range(len(mixed) // 50):
        mixed[chance.randrange(len(mixed))] = chance.choice('\x1b\x00"{}[]():,|0123456789 \n\r\\│é')
    return "".join(mixed)


@pytest.mark.parametrize("case", CASES)
def test_garbled_output_raises_nothing(case: str) -> None:
    chance = random.Random(case)
    for _ in range(30):
        printed = [
            StepOutput(
                exit_code=chance.choice((0, 1, 2, 124, 137)),
                stdout=garbled(item.stdout, chance),
                stderr=garbled(item.stderr, chance),
                timed_out=chance.random() < 0.1,
            )
            for item in outputs(case)
        ]
        assert report(case, printed)


@pytest.mark.parametrize("case", CASES)
def test_a_failed_step_is_never_ok_without_a_reason(case: str) -> None:
    for item in outputs(case):
        empty = StepOutput(exit_code=item.exit_code or 1, stdout="", stderr="")
        project = Project(language="ocaml", root=".")
        built, tested = OCaml().parse_build(project, empty), OCaml().parse_test(project, empty)
        assert not built.ok
        assert built.note
        assert not tested.ok
        assert tested.note
