"""What counts as done: every way to be red, and what was red before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.verdict import Verdict, feedback, judge
from containers.commits import TreeDifference
from lang.base import BuildReport, Diagnostic, Project, TestCase, TestReport, TestStatus
from lang.go import Go
from lang.ocaml import OCaml
from tools.check_report import CheckReport, ProjectReport
from tools.comparison import alone, compare_reports

GO = Project(language="go", root=".")
NOTHING = CheckReport(projects=(), seconds=0.0)
WROTE = TreeDifference(added=("a/a.go", "a/a_test.go"), modified=(), deleted=())


def error(path: str = "a/a.go", line: int = 3, message: str = "undefined: x", package: str = "m/a") -> Diagnostic:
    return Diagnostic(
        path=path, line=line, column=1, severity="error", message=message, source="go build", package=package
    )


def case(name: str, status: TestStatus = "passed", package: str = "m/a") -> TestCase:
    return TestCase(package=package, name=name, status=status, output="expected 1" if status == "failed" else "")


def report(
    *cases: TestCase, errors: tuple[Diagnostic, ...] = (), vet: tuple[Diagnostic, ...] = (), project: Project = GO
) -> CheckReport:
    failed = tuple(dict.fromkeys(one.package for one in errors))
    build = BuildReport(ok=not errors, diagnostics=errors, packages=("m/a", "m/b"), failed=failed)
    vetted = BuildReport(ok=not vet, diagnostics=vet, packages=("m/a", "m/b"))
    tests = TestReport(ok=not any(each.status == "failed" for each in cases) and not errors, cases=cases)
    return CheckReport(projects=(ProjectReport(project=project, build=build, vet=vetted, test=tests),), seconds=1.0)


def verdict(work: CheckReport, base: CheckReport = NOTHING, changes: TreeDifference = WROTE) -> Verdict:
    return judge(base, compare_reports(base, work), changes, [Go(), OCaml()])


def test_green() -> None:
    found = verdict(report(case("TestA")))
    assert found.green
    assert found.reasons == ()
    assert [(row.package, row.build, row.vet, row.passed) for row in found.rows] == [
        ("m/a", "ok", "ok", 1),
        ("m/b", "ok", "ok", 0),
    ]


def test_build_error_is_named_with_its_place() -> None:
    found = verdict(report(errors=(error(), error(line=9, message="second"))))
    assert found.reasons == ("m/a does not build: a/a.go:3:1: undefined: x (and 1 more)",)


def test_vet_error() -> None:
    found = verdict(report(case("TestA"), vet=(error(message="wrong verb"),)))
    assert found.reasons == ("m/a does not pass vet: a/a.go:3:1: wrong verb",)


def test_failing_test() -> None:
    found = verdict(report(case("TestA"), case("TestB", "failed")))
    assert found.reasons == ("m/a TestB fails",)


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (report(case("TestB")), "m/a TestA passed before and is gone"),
        (report(case("TestB"), case("TestA", "skipped")), "m/a TestA passed before and is skipped now"),
        (report(case("TestB"), case("TestA", "failed")), "m/a TestA passed before and fails now"),
    ],
)
def test_regressions_have_names(work: CheckReport, reason: str) -> None:
    found = verdict(work, base=report(case("TestA")))
    assert reason in found.reasons
    assert [row.regressions for row in found.rows if row.package == "m/a"] == [(reason,)]


def test_tests_that_do_not_build_any_more_are_named_in_the_table() -> None:
    found = verdict(report(errors=(error(),)), base=report(case("TestA"), case("TestB")))
    assert found.reasons == ("m/a does not build: a/a.go:3:1: undefined: x",)
    assert found.rows[0].regressions == (
        "m/a TestA passed before and does not build now",
        "m/a TestB passed before and does not build now",
    )


def test_package_that_had_a_failing_test_and_does_not_build_now_counts() -> None:
    unplaced = error(package="")
    base = report(case("TestA", "failed"), case("TestB"))
    broken = replace(report(errors=(unplaced,)).projects[0], test=None)
    build = BuildReport(ok=False, diagnostics=(unplaced,), packages=("m/b",), failed=("m/a",))
    found = verdict(CheckReport(projects=(replace(broken, build=build),), seconds=1.0), base=base)
    assert found.reasons == ("m/a does not build",)


def test_what_was_red_before_does_not_count() -> None:
    base = report(case("TestA", "failed"), errors=(error(path="b/b.go", package="m/b"),))
    moved = error(path="b/b.go", line=40, package="m/b")
    found = verdict(report(case("TestA", "failed"), case("TestNew"), errors=(moved,)), base=base)
    assert found.green
    assert found.old_problems == ("b/b.go:40", "m/a TestA")


def test_another_error_in_a_package_that_was_red_before_counts() -> None:
    base = report(errors=(error(path="b/b.go", package="m/b"),))
    found = verdict(report(case("T"), errors=(error(path="b/b.go", package="m/b", message="new one"),)), base=base)
    assert found.reasons == ("m/b does not build: b/b.go:3:1: new one",)


def test_no_change_is_not_done() -> None:
    unchanged = TreeDifference(added=(), modified=(), deleted=())
    found = verdict(report(case("T")), base=report(case("T")), changes=unchanged)
    assert found.reasons == ("nothing was changed",)


def test_no_project_is_not_done() -> None:
    found = verdict(NOTHING, changes=TreeDifference(added=("notes.txt",), modified=(), deleted=()))
    assert found.reasons == ("there is no project to build (no go.mod, no dune-project)",)


def test_code_without_any_test_that_ran() -> None:
    added = TreeDifference(added=("a/a.go",), modified=(), deleted=())
    assert verdict(report(), changes=added).reasons == ("no test ran: write tests of a/a.go",)
    assert verdict(report(case("T", "skipped")), changes=added).reasons == ("no test ran: write tests of a/a.go",)


def test_new_code_without_a_new_test() -> None:
    added = TreeDifference(added=("a/new.go",), modified=(), deleted=())
    base = report(case("TestOld"))
    assert verdict(report(case("TestOld")), base, added).reasons == ("there are no tests of a/new.go",)
    assert verdict(report(case("TestOld"), case("TestNew")), base, added).green
    with_test = replace(added, modified=("a/a_test.go",))
    assert verdict(report(case("TestOld")), base, with_test).green


def test_changed_code_is_covered_by_the_tests_there_are() -> None:
    modified = TreeDifference(added=(), modified=("a/a.go",), deleted=())
    assert verdict(report(case("TestOld")), report(case("TestOld")), modified).green


def test_documents_need_no_tests() -> None:
    assert verdict(report(), report(), TreeDifference(added=("README.md",), modified=("go.mod",), deleted=())).green


def test_tests_are_asked_for_in_the_project_that_changed() -> None:
    nested = report(project=Project(language="go", root="tool"))
    both = CheckReport(projects=(*report(case("T")).projects, *nested.projects), seconds=1.0)
    changes = TreeDifference(added=("tool/main.go",), modified=(), deleted=())
    assert "no test ran in tool: write tests of tool/main.go" in verdict(both, changes=changes).reasons


def test_failed_step_that_nothing_explains_is_red() -> None:
    crashed = TestReport(ok=False, note="go: cannot find main module\nexit status 1")
    project = ProjectReport(project=GO, build=BuildReport(ok=True, packages=("m/a",)), test=crashed)
    found = verdict(CheckReport(projects=(project,), seconds=1.0), changes=replace(WROTE, added=("README.md",)))
    assert not found.green
    assert found.reasons


def test_crash_of_new_tests_is_not_excused_by_an_old_failure() -> None:
    old = report(case("TestOld", "failed"))
    crashed = TestReport(ok=False, cases=(case("TestOld", "failed"),), note="m/b: TestMain: exit status 3")
    work = replace(old, projects=(replace(old.projects[0], test=crashed),))
    modified = TreeDifference(added=(), modified=("b/b_test.go",), deleted=())
    assert verdict(work, old, modified).reasons == ("go in .: m/b: TestMain: exit status 3",)
    same_before = replace(crashed, note="m/b: TestMain: exit status 4")
    assert verdict(work, replace(old, projects=(replace(old.projects[0], test=same_before),)), modified).green


def test_file_of_a_nested_module_is_not_the_outer_ones() -> None:
    outer = report().projects[0]
    inner = report(case("TestSub", package="m/sub"), project=Project(language="go", root="sub")).projects[0]
    changes = TreeDifference(added=("sub/n.go", "sub/n_test.go"), modified=(), deleted=())
    assert verdict(CheckReport(projects=(outer, inner), seconds=1.0), changes=changes).green


def test_feedback_says_what_the_check_does_not() -> None:
    work = report(case("TestA", "failed"))
    red = verdict(work, changes=TreeDifference(added=(), modified=(), deleted=()))
    assert red.reasons == ("nothing was changed", "m/a TestA fails")
    assert feedback(red, alone(work), "THE REPORT") == "Not done yet:\n- nothing was changed\n\nTHE REPORT"
    assert feedback(verdict(work), alone(work), "THE REPORT") == "Not done yet.\n\nTHE REPORT"
    many = replace(red, reasons=tuple(f"reason {number}" for number in range(20)))
    assert "- and 8 more" in feedback(many, alone(work), "")


def test_tests_that_were_written_but_could_not_run_for_an_old_error_are_not_enough() -> None:
    broken = error(path="a/old_test.go", message="undefined: gone")
    base, work = (
        report(case("TestB", package="m/b"), errors=(broken,)),
        report(case("TestB", package="m/b"), errors=(broken,)),
    )
    changes = TreeDifference(added=("a/a_test.go",), modified=("a/a.go",), deleted=())
    found = verdict(work, base, changes)
    assert found.reasons == (
        "a/a_test.go did not run: m/a does not build, as before you (a/old_test.go:3: undefined: gone)",
    )
    elsewhere = TreeDifference(added=("b/b_test.go",), modified=("a/a.go",), deleted=())
    assert verdict(work, base, elsewhere).green
