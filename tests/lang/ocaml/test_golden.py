"""Parsers against what the real toolchain printed; `record.py` beside this file records it anew."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from recording import outputs, report

from lang.base import Project, StepOutput
from lang.ocaml import OCaml

DATA = Path(__file__).parents[2] / "data" / "ocaml"
CASES = sorted(path.name for path in DATA.iterdir())


@pytest.mark.parametrize("case", CASES)
def test_report_is_as_expected(case: str, golden: Callable[[Path, str], None]) -> None:
    found = report(OCaml(), DATA / case, outputs(DATA / case))
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
            for item in outputs(DATA / case)
        ]
        assert report(OCaml(), DATA / case, printed)


@pytest.mark.parametrize("case", CASES)
def test_a_failed_step_is_never_ok_without_a_reason(case: str) -> None:
    for item in outputs(DATA / case):
        empty = StepOutput(exit_code=item.exit_code or 1, stdout="", stderr="")
        project = Project(language="ocaml", root=".")
        built, tested = OCaml().parse_build(project, empty), OCaml().parse_test(project, empty)
        assert not built.ok
        assert built.note
        assert not tested.ok
        assert tested.note
