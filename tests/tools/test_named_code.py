"""What a task names of a tree's code."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from containers.base import Container
from lang.go import Go
from tools.named_code import Reader, named_files, named_identifiers

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


async def test_definitions_come_with_their_source(bubblewrap_container: Container) -> None:
    store = (
        "package store\n\n// Store keeps.\ntype Store struct{ path string }\n\n// Put puts.\nfunc (s *Store) Put() {}\n"
    )
    text = store + "".join(f"\nfunc filler{number}() int {{ return {number} }}\n" for number in range(400))
    await bubblewrap_container.write("store/store.go", text.encode())
    await bubblewrap_container.exec(["git", "init", "-q", "."])

    async def read(paths: Sequence[str]) -> dict[str, str]:
        return {"store/store.go": text} if "store/store.go" in paths else {}

    reader = Reader(container=bubblewrap_container, languages=[Go()], files=["store/store.go"], read=read)
    found = await reader.find("`Store.Put` in store.go should keep a copy, as `filler7` does.", 20_000)
    assert found.texts == {}
    assert [(each.name, each.first_line) for each in found.excerpts] == [("store.Store.Put", 6), ("store.filler7", 23)]
    assert found.excerpts[0].text == "// Put puts.\nfunc (s *Store) Put() {}"
    assert [symbol.name for symbol in found.outlines["store/store.go"]][:3] == [
        "store.Store",
        "store.Store.Put",
        "store.filler0",
    ]
