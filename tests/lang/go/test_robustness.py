"""No parser raises, whatever it is given: cut, garbled and shuffled output, and plain nonsense."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from lang.base import Project, StepOutput
from lang.go import Go

DATA = Path(__file__).parents[2] / "data" / "go"
RECORDED = [
    "\n".join([*item["stdout"], *item["stderr"]])
    for path in sorted(DATA.glob("*/output.json"))
    for item in json.loads(path.read_text(encoding="utf-8"))
]
NASTY = [
    "",
    "\n\n\n",
    "{",
    "{}",
    "[]",
    "null",
    '{"a":' * 50_000,
    "[" * 50_000,
    '{"Package": 1, "Action": ["x"], "Test": {}, "Output": null, "Elapsed": "long"}',
    '{"Package": "p", "Action": "fail", "Elapsed": 1e999}',
    '{"Error": "text", "DepsErrors": {"x": 1}, "ImportPath": "p", "ImportStack": 3}',
    '{"ImportPath": "p", "Error": {"Err": "import cycle not allowed", "ImportStack": [1, null]}}',
    '{"ImportPath": "p", "Error": {"Err": "# "}}',
    '{"p": {"printf": [1, {"posn": 2}], "x": "y"}, "q": []}',
    "a.go:99999999999999999999:1: overflow",
    "# ",
    "/",
    "/workspace\r\n{\r\n",
    "\x00\ufffd\u2028",
]


def parse_all(output: StepOutput) -> None:
    go = Go()
    for root in (".", "services/api"):
        project = Project(language="go", root=root)
        build, vet, test = (
            go.parse_build(project, output),
            go.parse_vet(project, output),
            go.parse_test(project, output),
        )
        if output.exit_code != 0:
            assert not build.ok
            assert build.diagnostics or build.note
            assert not vet.ok
            assert vet.diagnostics or vet.note
            assert not test.ok
            assert test.diagnostics or test.note or any(case.status == "failed" for case in test.cases)
    assert go.parse_documentation("x.Y", output).text


def both(text: str) -> list[StepOutput]:
    return [
        StepOutput(exit_code=1, stdout=text, stderr=""),
        StepOutput(exit_code=0, stdout=text, stderr=text, timed_out=True),
        StepOutput(exit_code=0, stdout=text, stderr=""),
    ]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_nonsense(text: str) -> None:
    for output in both(text):
        parse_all(output)


@pytest.mark.parametrize("seed", range(40))
def test_garbled_output(seed: int) -> None:
    chance = random.Random(seed)
    text = garbled(chance, chance.choice(RECORDED))
    for output in both(text):
        parse_all(output)


def garbled(chance: random.Random, text: str) -> str:
    lines = text.splitlines()
    match seed_kind := chance.randrange(4):
        case 0:
            return text[: chance.randrange(len(text) + 1)]
        case 1:
            chance.shuffle(lines)
            return "\n".join(lines)
        case 2:
            return "\n".join(line[chance.randrange(len(line) + 1) :] for line in lines)
        case _:
            noise = "".join(chr(chance.randrange(1, 0x3000)) for _ in range(200 + seed_kind))
            at = chance.randrange(len(text) + 1)
            return f"{text[:at]}{noise}{text[at:]}"
