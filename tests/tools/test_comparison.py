"""What is new, what is old, and each kind of regression by its name."""

from __future__ import annotations

import pytest

from lang.base import BuildReport, Diagnostic, Project, TestCase, TestReport, TestStatus
from tools.check_report import CheckReport, ProjectReport
from tools.comparison import compare_reports, new_findings

PROJECT = Project(language="go", root=".")


def error(line: int, message: str = "undefined: x", path: str = "a/a.go", package: str = "m/a") -> Diagnostic:
    return Diagnostic(path=path, line=line, column=1, severity="error", message=message, source="go", package=package)


def case(name: str, status: TestStatus = "passed", package: str = "m/a") -> TestCase:
    return TestCase(package=package, name=name, status=status)


def report(*cases: TestCase, errors: tuple[Diagnostic, ...] = (), packages: tuple[str, ...] = ("m/a",)) -> CheckReport:
    failed = tuple(dict.fromkeys(one.package for one in errors))
    build = BuildReport(ok=not errors, diagnostics=errors, packages=packages, failed=failed)
    tests = TestReport(ok=not any(each.status == "failed" for each in cases) and not errors, cases=cases)
    return CheckReport(projects=(ProjectReport(project=PROJECT, build=build, test=tests),), seconds=1.0)


def test_a_finding_that_moved_is_old() -> None:
    assert new_findings([error(3)], [error(30)]) == ()
    assert (
        new_findings([error(3, "x redeclared; other at a.go:9:2")], [error(4, "x redeclared; other at a.go:12:2")])
        == ()
    )


def test_a_second_one_of_the_same_words_is_new_and_the_one_in_its_old_place_is_not() -> None:
    assert new_findings([error(9)], [error(3), error(9)]) == (error(3),)
    assert new_findings([], [error(3), error(9)]) == (error(3), error(9))


@pytest.mark.parametrize(
    ("before", "after", "regression"),
    [
        (case("TestA"), case("TestA", "failed"), "m/a TestA passed before and fails now"),
        (case("TestA"), case("TestA", "skipped"), "m/a TestA passed before and is skipped now"),
        (case("TestA"), case("TestB"), "m/a TestA passed before and is gone"),
    ],
)
def test_regressions_have_names(before: TestCase, after: TestCase, regression: str) -> None:
    found = compare_reports(report(before), report(after, case("TestOther")))
    assert [str(each) for each in found.regressions] == [regression]
    assert regression in found.problems
    assert not found.green


def test_tests_of_a_package_that_does_not_build_any_more() -> None:
    base = report(case("TestA"), case("TestB", "skipped"))
    found = compare_reports(base, report(errors=(error(3),)))
    assert [str(each) for each in found.regressions] == [
        "m/a TestA passed before and does not build now",
        "m/a TestB was skipped before and does not build now",
    ]
    assert found.problems == ("m/a does not build: a/a.go:3:1: undefined: x",)


def test_a_package_that_lost_all_its_tests_is_one_regression() -> None:
    base = report(*(case(f"Test{letter}") for letter in "ABCD"))
    found = compare_reports(base, report())
    assert found.problems == ("m/a has lost all its 4 tests (TestA, TestB, TestC, …)",)


def test_a_skipped_test_that_is_gone_is_none() -> None:
    assert compare_reports(report(case("TestA", "skipped"), case("TestB")), report(case("TestB"))).green


def test_what_a_narrow_check_did_not_look_at_is_not_gone() -> None:
    base = report(case("TestA"), case("TestFar", package="m/far"), packages=("m/a", "m/far"))
    assert compare_reports(base, report(case("TestA")), whole=False).green
    assert not compare_reports(base, report(case("TestA"))).green
    lost = compare_reports(base, report(case("TestNew")), whole=False)
    assert lost.problems == ("m/a TestA passed before and is gone",)


def test_old_failures_are_counted_and_no_problem() -> None:
    base = report(case("TestA", "failed"), errors=(error(3),))
    found = compare_reports(base, report(case("TestA", "failed"), case("TestNew"), errors=(error(5),)))
    assert found.green
    assert found.old == ("a/a.go:5", "m/a TestA")
    assert (found.errors, found.failures, found.red) == ((), (), frozenset())
