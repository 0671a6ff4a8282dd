"""What the words of a task may mean in code."""

from __future__ import annotations

import pytest

from tools.task_words import (
    files_testing,
    modules_named,
    named_files,
    named_identifiers,
    named_types,
    names_to_make,
)

FILES = ["store/store.go", "store/store_test.go", "cmd/shop/main.go", "README.md"]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("Mend store/store.go.", ["store/store.go"]),
        ("Mend main.go, please", ["cmd/shop/main.go"]),
        ("everything below cmd/shop", ["cmd/shop/main.go"]),
        ("use net/http and example.com", []),
        ("either/or, e.g. this", []),
    ],
)
def test_files_by_path(task: str, expected: list[str]) -> None:
    assert named_files(task, FILES) == expected


def test_identifiers_are_what_looks_like_code() -> None:
    task = "`get` and Store.Put should use readAll, with_lock and HTTP; it is a Test of mine."
    assert named_identifiers(task) == ["get", "Store.Put", "readAll", "with_lock"]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("Add a method `Reset()` to the `Gauge` interface.", ["Reset"]),
        ("Add `Yojson.Safe.Util.find_path : string list -> t`", ["Yojson.Safe.Util.find_path"]),
        ("Write `to_csv`, `of_csv` and `pp_csv` beside `to_json`.", ["to_csv", "of_csv", "pp_csv"]),
        ("Add a flag to `parse_line`; write tests for `Store.Get`.", []),
        ("`Store.Put` should keep a copy.", []),
    ],
)
def test_names_that_are_to_be_made(task: str, expected: list[str]) -> None:
    assert names_to_make(task) == expected


def test_words_that_may_be_types() -> None:
    assert named_types("Add a method `Reset` to the Gauge interface, as a Counter has.", ["Reset"]) == [
        "Gauge",
        "Counter",
    ]
    assert named_types("Add `Store.Reset`.", ["Store.Reset"]) == ["Store"]


def test_of_a_qualified_name_the_innermost_module_is_read() -> None:
    files = ["lib/util.ml", "lib/util.mli", "lib/json5/util.ml", "lib/json5/safe.ml", "lib/yojson.ml"]
    assert modules_named(["Yojson.Safe.Util.find_path"], files) == ["lib/util.ml", "lib/util.mli"]


def test_tests_of_a_file() -> None:
    files = ["lib/util.ml", "test/test_util.ml", "test/test_read.ml", "other/util_test.ml", "lib/util_test.go"]
    found = files_testing("lib/util.ml", files, lambda path: "test" in path)
    assert found == ["test/test_util.ml"]
