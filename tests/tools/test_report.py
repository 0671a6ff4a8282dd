from __future__ import annotations

from lang.base import BuildReport, Diagnostic, Project, TestCase, TestReport
from tools.check_report import CheckReport, ProjectReport
from tools.comparison import alone, compare_reports, told_as
from tools.report import NO_PROJECT, headline, render, table

PROJECT = Project(language="go", root=".")


def error(path: str, line: int, message: str, package: str = "m/a") -> Diagnostic:
    return Diagnostic(
        path=path, line=line, column=2, severity="error", message=message, source="go build", package=package
    )


def case(
    name: str, status: str = "passed", *, package: str = "m/a", output: str = "", seconds: float = 0.5
) -> TestCase:
    assert status in ("passed", "failed", "skipped")
    return TestCase(package=package, name=name, status=status, output=output, seconds=seconds, path="a_test.go", line=7)


def check(build: BuildReport | None, vet: BuildReport | None, test: TestReport | None) -> CheckReport:
    return CheckReport(projects=(ProjectReport(project=PROJECT, build=build, vet=vet, test=test),), seconds=2.34)


GOOD = BuildReport(ok=True, packages=("m/a", "m/b"))


def test_green_is_one_line():
    report = check(GOOD, GOOD, TestReport(ok=True, cases=(case("TestA"), case("TestB", "skipped"))))
    assert render(alone(report)).text == "Green: 2 packages built, 1 test passed (1 skipped), 2.3 s."
    assert report.problems == ()
    assert report.green


def test_green_without_tests_says_so():
    assert render(alone(check(GOOD, GOOD, TestReport(ok=True)))).text == "Green: 2 packages built, no tests ran, 2.3 s."


def test_no_project():
    report = CheckReport(projects=(), seconds=0.1)
    assert (report.green, render(alone(report)).text) == (False, NO_PROJECT)
    assert report.problems == ("there is no project to build",)


def test_red_build_and_tests():
    found = error("a/a.go", 12, "undefined: foo\nhave this\nwant that")
    build = BuildReport(ok=False, diagnostics=(found,), packages=("m/a", "m/b", "m/c"), failed=("m/a",))
    vet = BuildReport(ok=False, diagnostics=(found,), packages=("m/a", "m/b", "m/c"), failed=("m/a",))
    failed = case("TestB", "failed", package="m/b", output="    b_test.go:7: got 1, want 2\n")
    report = check(
        build, vet, TestReport(ok=False, cases=(failed, case("TestC", package="m/b"), case("T", package="m/c")))
    )
    assert render(alone(report)).text == (
        "Red: 1 of 3 packages failed to build, 1 of 3 tests failed, 2.3 s.\n"
        "\n"
        "a/a.go:12:2: undefined: foo\n"
        "  have this\n"
        "  want that\n"
        "\n"
        "Failed tests:\n"
        "--- m/b TestB (a_test.go:7)\n"
        "        b_test.go:7: got 1, want 2"
    )
    assert table(alone(report)) == (
        "package  build   vet  tests\n"
        "m/a      failed  -    -\n"
        "m/b      ok      ok   1 failed, 1 passed\n"
        "1 other package: nothing new."
    )
    assert report.problems == ("m/a does not build", "m/b: TestB fails")


def test_a_failure_without_a_package_has_a_row_of_its_own():
    build = BuildReport(ok=False, note="go: errors parsing go.mod:\ngo.mod:3: unknown directive: requires")
    report = check(build, None, None)
    (row,) = report.rows
    assert (row.package, row.build, row.vet, row.green) == (".", "failed", "-", False)
    assert "unknown directive: requires" in render(alone(report)).text
    assert report.problems == (". does not build",)


def test_a_crashed_test_program_is_a_problem_too():
    report = check(GOOD, None, TestReport(ok=False, cases=(case("TestA"),), note="signal: killed"))
    assert report.problems == ("go .: signal: killed",)
    assert [row.package for row in report.rows if not row.green] == ["."]
    assert "signal: killed" in render(alone(report)).text


def test_floods_are_cut_counted_and_kept_whole():
    errors = tuple(error(f"a/file{number}.go", number + 1, f"undefined: thing{number} " * 5) for number in range(200))
    lines = "".join(f"line {number}\n" for number in range(500))
    cases = tuple(case(f"Test{number}", "failed", output=f"{'x' * number}\n{lines}") for number in range(40))
    build = BuildReport(ok=False, diagnostics=errors, packages=("m/a",), failed=("m/a",))
    report = check(build, None, TestReport(ok=False, cases=cases))
    rendered = render(alone(report))
    assert rendered.cut
    assert len(rendered.text) < 9000
    assert "more errors]" in rendered.text
    assert "more failed tests]" in rendered.text
    assert "[... 460 more lines ...]" in rendered.text
    whole = render(alone(report), limit=None)
    assert not whole.cut
    assert "a/file199.go:200:2" in whole.text
    assert whole.text.count("line 499") == 40


def test_tests_of_a_subtest_are_not_timed_twice():
    report = check(GOOD, None, TestReport(ok=True, cases=(case("TestA"), case("TestA/one"), case("TestA/two"))))
    assert report.rows[0].seconds == 0.5
    assert report.rows[0].passed == 3


def test_warnings_are_shown_when_green():
    warning = Diagnostic(path="a.ml", line=3, column=1, severity="warning", message="unused x", source="dune")
    report = check(BuildReport(ok=True, diagnostics=(warning,), packages=("lib",)), None, TestReport(ok=True))
    assert render(alone(report)).text.endswith("Warnings:\na.ml:3:1: unused x")
    assert table(alone(report)) == ""
    assert headline(alone(report)).startswith("Green")


def test_tests_that_do_not_compile_count_as_a_build():
    found = error("a/a_test.go", 3, "undefined: x", package="")
    report = check(None, None, TestReport(ok=False, diagnostics=(found,)))
    assert headline(alone(report)) == "Red: 1 of 1 package failed to build, no tests ran, 2.3 s."
    assert table(alone(report)) == "package  build\n.        failed"
    named = error("a/a_test.go", 3, "undefined: x")
    report = check(None, None, TestReport(ok=False, diagnostics=(named,)))
    assert [(row.package, row.build) for row in report.rows] == [("m/a", "failed")]
    assert report.problems == ("m/a does not build",)


def test_vet_alone():
    vet = BuildReport(ok=False, diagnostics=(error("a/a.go", 3, "bad verb"),), packages=("m/a", "m/b"), failed=("m/a",))
    report = check(GOOD, vet, TestReport(ok=True))
    assert headline(alone(report)) == "Red: 2 packages built, 1 failed vet, no tests ran, 2.3 s."
    assert report.problems == ("m/a does not pass vet",)


def test_only_what_is_new_is_shown_and_the_old_is_counted():
    old = Diagnostic(path="b.go", line=9, column=1, severity="error", message="undefined: y", source="go", package="b")
    new = Diagnostic(path="a.go", line=3, column=1, severity="error", message="undefined: x", source="go", package="a")
    moved = Diagnostic(path="b.go", line=12, column=1, severity="error", message=old.message, source="go", package="b")
    base = check(BuildReport(ok=False, diagnostics=(old,), packages=("a", "b"), failed=("b",)), None, None)
    work = check(BuildReport(ok=False, diagnostics=(moved, new), packages=("a", "b"), failed=("a", "b")), None, None)
    text = render(compare_reports(base, work), remedies={new: "near: xs []int"}).text
    assert text.startswith("Red: 1 of 2 packages failed to build, no tests ran, 1 red as before you, ")
    assert "a.go:3:1: undefined: x\n  near: xs []int" in text
    assert "undefined: y" not in text


def test_same_words_are_one_entry_and_what_was_told_is_a_place():
    found = [
        Diagnostic(
            path=f"{name}.go", line=3, column=1, severity="error", message="undefined: x", source="go", package="a"
        )
        for name in "abcdefgh"
    ]
    report = check(BuildReport(ok=False, diagnostics=tuple(found), packages=("a",), failed=("a",)), None, None)
    text = render(alone(report)).text
    assert text.count("undefined: x") == 1
    assert "the same at b.go:3:1, c.go:3:1, d.go:3:1, e.go:3:1, f.go:3:1 and 2 more" in text
    again = render(alone(report), told={told_as(one) for one in found}).text
    assert "undefined" not in again
    assert "Told before and still so: a.go:3:1, b.go:3:1" in again
