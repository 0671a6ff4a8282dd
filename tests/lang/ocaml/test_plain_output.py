"""A test run without a trace, as a dune before 3.21 gives it: what its text alone tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lang.base import Project, StepOutput, TestReport
from lang.ocaml import OCaml

DATA = Path(__file__).parents[2] / "data" / "ocaml"


def untraced(case: str) -> TestReport:
    recorded = json.loads((DATA / case / "output.json").read_text(encoding="utf-8"))[0]
    stdout = "\n".join(line for line in recorded["stdout"] if not line.startswith("bactrian-trace"))
    output = StepOutput(exit_code=recorded["exit_code"], stdout=stdout, stderr="\n".join(recorded["stderr"]))
    return OCaml().parse_test(Project(language="ocaml", root="."), output)


def statuses(report: TestReport) -> dict[str, str]:
    return {f"{case.package}: {case.name}": case.status for case in report.cases}


def test_failed_program_is_named_by_its_stanza() -> None:
    report = untraced("test-plain")
    assert statuses(report) == {"crash: c": "failed", "plain: bad": "failed"}
    assert "Assert_failure" in report.cases[1].output
    assert not report.ok


@pytest.mark.parametrize(("case", "name"), [("test-alcotest", "alco: test_alco: arith / adds")])
def test_table_of_a_failed_program_is_read(case: str, name: str) -> None:
    report = untraced(case)
    assert statuses(report)[name] == "passed"
    assert not report.ok


def test_table_of_a_green_program_is_read() -> None:
    report = untraced("test-alcotest-green")
    assert [case.status for case in report.cases] == ["passed"]
    assert report.ok


def test_compile_error_is_a_diagnostic() -> None:
    report = untraced("test-build-failed")
    assert [(each.path, each.line) for each in report.diagnostics] == [("a/a.ml", 1)]
    assert not report.ok
