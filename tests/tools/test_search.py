from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.base import Container
from lang.go import Go
from lang.ocaml import OCaml
from tools.base import ToolContext, ToolError, ToolResult
from tools.hits import ranked, read, shown
from tools.search import Search

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


async def test_definitions_come_first_then_code_tests_and_the_rest(bubblewrap_container: Container, workspace: Path):
    (workspace / "a.go").write_text("package a\n\nvar _ = Beta\n\n// Beta is é.\nfunc (s *S) Beta() {}\n")
    (workspace / "a_test.go").write_text("package a\n\nvar x = Beta\n\nfunc Beta() {}\n")
    (workspace / "vendor").mkdir()
    (workspace / "vendor/v.go").write_text("package v\n\nfunc Beta() {}\n")
    (workspace / "b.ml").write_text("let é, beta = Beta\n")
    (workspace / "NOTES.md").write_text("Beta\n")
    context = ToolContext(container=bubblewrap_container, languages=(Go(), OCaml()))
    content = (await Search().run({"pattern": "(?i)Beta"}, context)).content
    assert content == (
        "a.go\n6:func (s *S) Beta() {}\nb.ml\n1:let é, beta = Beta\na_test.go\n5:func Beta() {}\n"
        "a.go\n3:var _ = Beta\n5:// Beta is é.\na_test.go\n3:var x = Beta\n"
        "NOTES.md\n1:Beta\nvendor/v.go\n3:func Beta() {}"
    )
    content = (await Search().run({"pattern": r"\(s|S\) Be"}, context)).content
    assert content == "a.go\n6:func (s *S) Beta() {}"


async def test_hits_beyond_what_is_captured_are_counted(call: Call, workspace: Path):
    (workspace / "huge").write_text("hit and run\n" * 30_000)
    result = await call("search", pattern="hit", path="huge")
    assert result.content.endswith("[29800 more hits, in 1 file in all; narrow the pattern, path or glob.]")
    assert result.display == "30000 hits in 1 file"


async def test_lines_that_are_not_utf8(call: Call, workspace: Path):
    (workspace / "latin").write_bytes(b"caf\xe9 hit\n")
    assert (await call("search", pattern="hit", path="latin")).content == "latin\n1:caf\N{REPLACEMENT CHARACTER} hit"


_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "bytes", "start"]), inner),
    max_leaves=6,
)
_messages = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["match", "summary", "end"]),
        "data": st.dictionaries(
            st.sampled_from(["path", "lines", "line_number", "submatches", "stats"]), _values, max_size=5
        ),
    }
)


@given(st.lists(_messages.map(json.dumps) | st.text(max_size=50), max_size=4).map("\n".join))
def test_any_output_can_be_read(output: str):
    found = read(output)
    assert found.files <= found.lines <= len(output)
    assert len(ranked(found.hits, (Go(), OCaml()), {})) == len(found.hits)
    assert bool(shown(found, found.hits)) == bool(found.hits)
