from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from tools.base import ToolError, ToolResult

Call = Callable[..., Awaitable[ToolResult]]


@pytest.fixture(autouse=True)
def _repository(  # pyright: ignore[reportUnusedFunction] pytest finds it by itself
    workspace: Path, lay_out: Callable[[Mapping[str, str]], None]
) -> None:
    (workspace / "etc").symlink_to("/etc")
    lay_out(
        {
            "a.go": "package a\n\nfunc Alpha() {}\nfunc (s *S) Beta() {}\n",
            "sub/b.go": "package b\nvar alpha = Alpha(\n",
            "sub/c.ml": "let alpha = 1\n",
            "built/x.go": "Alpha\n",
            ".gitignore": "built/\n",
            ".github/w.yml": "name: Alpha\n",
            "long.txt": "Omega" * 1000 + "\n",
        }
    )


async def test_hits_are_grouped_by_file(call: Call):
    result = await call("search", pattern="Alpha")
    assert result.content == ".github/w.yml\n1:name: Alpha\na.go\n3:func Alpha() {}\nsub/b.go\n2:var alpha = Alpha("
    assert result.display == "3 hits in 3 files"


async def test_path_and_glob(call: Call):
    assert (await call("search", pattern="alpha", path="sub", glob="*.ml")).content == "sub/c.ml\n1:let alpha = 1"
    assert (await call("search", pattern="alpha", path="sub/b.go")).content == "sub/b.go\n2:var alpha = Alpha("


async def test_no_hit(call: Call):
    assert (await call("search", pattern="Gamma", path="sub")).content == "No line matches Gamma, path sub."


async def test_a_pattern_that_is_no_regular_expression_is_plain_text(call: Call):
    content = (await call("search", pattern="Alpha(")).content
    assert content.startswith("[Not a regular expression (unclosed group); searched for it as plain text.]\n")
    assert "sub/b.go\n2:var alpha = Alpha(" in content


async def test_patterns_of_several_lines_and_odd_ones(call: Call):
    assert "a.go\n3:func Alpha() {}\n4:" in (await call("search", pattern=r"Alpha\(\) \{\}\nfunc")).content
    assert "No line matches --version" in (await call("search", pattern="--version")).content


async def test_long_lines_and_many_hits_are_cut(call: Call, workspace: Path):
    assert "… (4" in (await call("search", pattern="Omega")).content
    (workspace / "many").write_text("hit\n" * 5000)
    content = (await call("search", pattern="hit", path="many")).content
    assert content.count(":hit") == 200
    assert content.endswith("[4800 more hits, in 1 file in all; narrow the pattern, path or glob.]")


@pytest.mark.parametrize(
    ("path", "told"), [("etc", "symbolic link"), ("/etc", "outside"), ("..", "outside"), ("nowhere", "does not exist")]
)
async def test_paths_that_are_refused(call: Call, path: str, told: str):
    with pytest.raises(ToolError, match=told):
        await call("search", pattern="x", path=path)


async def test_library_sources_can_be_searched(call: Call):
    content = (await call("search", pattern="SPDX|GNU", path="/usr/share/common-licenses", glob="GPL-2")).content
    assert "/usr/share/common-licenses/GPL-2\n" in content


async def test_a_bad_glob_is_told(call: Call):
    with pytest.raises(ToolError, match="glob"):
        await call("search", pattern="x", glob="[")
