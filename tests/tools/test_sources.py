from __future__ import annotations

from pathlib import Path

from containers.base import Container
from lang.go import Go
from tools.sources import holding, texts


async def test_texts_come_by_path_and_what_is_no_text_is_left_out(bubblewrap_container: Container, workspace: Path):
    (workspace / "d").mkdir()
    (workspace / "d/é -n.go").write_text("package é\n")
    (workspace / "-C").write_bytes(b"latin \xe9\r\n")
    (workspace / "binary").write_bytes(b"\0\1")
    (workspace / "link").symlink_to("/etc/passwd")
    (workspace / "big").write_text("x" * 3_000_000)
    wanted = ["d/é -n.go", "-C", "binary", "link", "nowhere", "d", "big", "/usr/lib/go/VERSION"]
    found = await texts(bubblewrap_container, wanted)
    assert sorted(found) == ["-C", "/usr/lib/go/VERSION", "big", "d/é -n.go"]
    assert found["d/é -n.go"] == "package é\n"
    assert found["-C"].encode(errors="surrogateescape") == b"latin \xe9\r\n"
    assert found["big"] == "x" * 3_000_000
    assert found["/usr/lib/go/VERSION"].startswith("go1")
    assert await texts(bubblewrap_container, []) == {}


async def test_files_that_hold_a_word(bubblewrap_container: Container, workspace: Path):
    (workspace / "a.go").write_text("package a // Word\n")
    (workspace / "b.go").write_text("package b // Words\n")
    (workspace / "c.go").write_text("package c // word\n")
    (workspace / "d.txt").write_text("Word\n")
    assert await holding(bubblewrap_container, (Go(),), "Word") == ["a.go"]
    assert await holding(bubblewrap_container, (Go(),), "Word", loosely=True) == ["a.go", "b.go", "c.go"]
    assert await holding(bubblewrap_container, (), "Word") == []
    assert await holding(bubblewrap_container, (Go(),), "(*)") == []
