"""Failed tests that say the same are told once."""

from __future__ import annotations

from lang.base import TestCase
from lang.failures import folded


def failed(name: str, output: str = "", *, package: str = "shop", line: int = 0) -> TestCase:
    return TestCase(package=package, name=name, status="failed", output=output, path="a_test.go", line=line)


def test_the_same_words_at_the_same_place_are_told_once() -> None:
    cases = [failed(f"TestParse/{n}", f"a_test.go:13: order {n} has no name", line=13) for n in range(40)]
    (failure,) = folded(cases)
    assert failure.case is cases[0]
    assert failure.alike == tuple(f"TestParse/{n}" for n in range(1, 40))
    assert failure.count == "39 more like it: TestParse/1, TestParse/2, TestParse/3, …"
    assert not folded(cases[:1])[0].count


def test_other_words_places_and_packages_are_told_too() -> None:
    cases = [
        failed("A", "no tea", line=1),
        failed("B", "no coffee", line=1),
        failed("C", "no tea", line=2),
        failed("D", "no tea", line=1, package="cart"),
    ]
    assert [failure.case for failure in folded(cases)] == cases


def test_a_silent_test_is_left_out_for_what_fails_inside_of_it() -> None:
    cases = [failed("TestParse"), failed("TestParse/empty", "no name"), failed("TestParser")]
    assert [failure.case.name for failure in folded(cases)] == ["TestParse/empty", "TestParser"]


def test_silent_tests_are_not_alike() -> None:
    assert len(folded([failed("A"), failed("B")])) == 2
