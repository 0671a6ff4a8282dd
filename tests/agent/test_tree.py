"""The tree as an outline."""

from __future__ import annotations

from agent.tree import tree


def test_a_small_tree_is_told_by_name() -> None:
    files = ["go.mod", "main.go", "store/store.go", "store/store_test.go", "a file.md"]
    assert tree(files, 6_000) == "'a file.md' go.mod main.go\nstore/: store.go store_test.go"


def test_deep_data_is_counted_and_code_near_the_top_is_named() -> None:
    data = [f"test/cases/case{number}/{part}" for number in range(300) for part in ("input.md", "output.txt")]
    told = tree(["dune-project", "lib/block.ml", "lib/block.mli", *data], 2_000)
    assert len(told) <= 2_000
    assert told.splitlines()[:2] == ["dune-project", "lib/: block.ml block.mli"]
    assert "test/cases/: 300 .md, 300 .txt" in told


def test_a_tree_without_end_is_cut() -> None:
    told = tree([f"directory{number}/file.go" for number in range(5_000)], 3_000)
    assert len(told) <= 3_020
    assert told.endswith("[and more]")


def test_an_empty_tree_is_nothing() -> None:
    assert tree([], 100) == ""
