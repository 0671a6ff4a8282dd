from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import pytest

from containers.base import Container
from lang.go import Go
from lang.ocaml import OCaml
from tools.base import ToolContext, ToolError, ToolResult
from tools.check import run_check

Call = Callable[..., Awaitable[ToolResult]]
LayOut = Callable[[Mapping[str, str]], None]

MODULE: Mapping[str, str] = {
    "go.mod": "module example.com/m\n\ngo 1.24\n",
    "a/a.go": "package a\n\n// Double doubles.\nfunc Double(x int) int { return 2 * x }\n",
    "a/a_test.go": (
        'package a\n\nimport "testing"\n\nfunc TestDouble(t *testing.T) {\n\tif got := Double(2); got != 4 {\n'
        '\t\tt.Errorf("got %d", got)\n\t}\n}\n'
    ),
    "b/b.go": "package b\n\nfunc B() {}\n",
}


class Nowhere(Go):
    """Go on a machine that has none."""

    @property
    def environment(self) -> Mapping[str, str]:
        return {**super().environment, "PATH": "/bin-that-is-not"}


@pytest.fixture
def context(bubblewrap_container: Container) -> ToolContext:
    return ToolContext(container=bubblewrap_container, languages=(Go(),))


async def test_green(call: Call, lay_out: LayOut, context: ToolContext):
    lay_out(MODULE)
    seen: list[str] = []
    context.on_output = seen.append
    result = await call("check")
    assert result.content.startswith("Green: 2 packages built, 1 test passed, ")
    assert [line.split(",")[0] for line in seen] == ["go build: ok", "go vet: ok", "go test: ok"]
    assert (await call("test", run="TestDouble")).content.startswith("Green: ")


async def test_red_says_where_and_why(call: Call, lay_out: LayOut):
    files = {
        "a/a.go": "package a\n\nfunc Double(x int) int { return 3 * x }\n",
        "b/b.go": 'package b\n\nimport "strings"\n\nfunc B() string { return strings.Shout("x") }\n',
    }
    lay_out({**MODULE, **files})
    content = (await call("check")).content
    assert content.startswith("Red: 1 of 2 packages failed to build, 1 of 1 tests failed, ")
    assert "b/b.go:5:34: undefined: strings.Shout" in content
    assert "--- example.com/m/a TestDouble" in content
    assert "got 6" in content
    assert content.count("undefined: strings.Shout") == 1
    kept = (await call("bash", command="cd /tmp/bactrian && ls check*")).content
    assert kept.splitlines() == ["check-1-go-build.log", "check-1-go-test.log", "check-1-go-vet.log"]


async def test_packages_and_run_narrow(call: Call, lay_out: LayOut):
    lay_out({**MODULE, "b/b.go": "package b\n\nfunc B() { return 1 }\n"})
    assert (await call("check", packages=["./a"])).content.startswith("Green: 1 package built, 1 test passed")
    assert "too many return values" in (await call("check", packages=["b"])).content
    with pytest.raises(ToolError, match="No test matches 'TestNothing'"):
        await call("test", packages=["./a"], run="TestNothing")


async def test_another_tree_reads_as_the_workspace(bubblewrap_container: Container, lay_out: LayOut):
    broken = {**MODULE, "b/b.go": "package b\n\nfunc B() { return 1 }\n"}
    lay_out({f"elsewhere/tree/{name}": text for name, text in broken.items()})
    await bubblewrap_container.exec(["cp", "-r", "elsewhere/tree", "/cache/tree"])
    report = await run_check(bubblewrap_container, (Go(),), root="/cache/tree")
    assert [(one.path, one.line) for one in report.diagnostics] == [("b/b.go", 3)]
    assert report.problems == ("example.com/m/b does not build",)
    assert [(row.package, row.build, row.passed) for row in report.rows] == [
        ("example.com/m/a", "ok", 1),
        ("example.com/m/b", "failed", 0),
    ]


async def test_nested_modules_are_checked_each(call: Call, lay_out: LayOut):
    nested = {f"tool/{name}": text.replace("example.com/m", "example.com/m/tool") for name, text in MODULE.items()}
    lay_out({**MODULE, **nested, "tool/b/b.go": 'package b\n\nvar x int = ""\n'})
    content = (await call("check")).content
    assert "tool/b/b.go:3:" in content
    assert content.startswith("Red: 1 of 4 packages failed to build, 2 tests passed, ")


async def test_no_project(call: Call):
    assert "no project was found" in (await call("check")).content


async def test_files_that_were_deleted_make_no_project(call: Call, lay_out: LayOut):
    lay_out(MODULE)
    await call("bash", command="git add -A && rm go.mod")
    assert "no project was found" in (await call("check")).content


async def test_a_missing_toolchain_is_a_result(bubblewrap_container: Container, lay_out: LayOut):
    lay_out(MODULE)
    report = await run_check(bubblewrap_container, (Nowhere(),))
    assert not report.green
    assert report.problems


async def test_docs(call: Call, lay_out: LayOut):
    lay_out(MODULE)
    assert "func Repeat(s string, count int) string" in (await call("docs", symbol="strings.Repeat")).content
    assert "func Double(x int) int" in (await call("docs", symbol="example.com/m/a")).content
    missed = await call("docs", symbol="strings.Shout")
    assert missed.display == "not found"
    assert "strings" in missed.content


async def test_docs_without_a_project(call: Call):
    assert "type Handler interface" in (await call("docs", symbol="net/http.Handler")).content


async def test_what_can_not_be_kept_is_cut_all_the_same(call: Call, lay_out: LayOut):
    failing = "".join(f'func Test{n}(t *testing.T) {{ t.Error("{"x" * 2000}") }}\n' for n in range(60))
    long = f"// Package b {'is long. ' * 1500}\npackage b\n"
    lay_out({**MODULE, "b/b.go": long, "b/b_test.go": f'package b\n\nimport "testing"\n\n{failing}'})
    await call("bash", command="rm -rf /tmp/bactrian && touch /tmp/bactrian")
    assert "The rest can't be kept: /tmp takes no more" in (await call("test")).content
    assert "characters more: ask for one of its symbols" in (await call("docs", symbol="example.com/m/b")).content


DUNE: Mapping[str, str] = {
    "dune-project": "(lang dune 3.0)\n",
    "lib/dune": "(library (name foo))\n",
    "lib/foo.ml": "let double x = x * 2\n",
    "test/dune": "(test (name test_foo) (libraries foo alcotest))\n",
    "test/test_foo.ml": (
        'let t () = Alcotest.(check int) "same" 4 (Foo.double 2)\n'
        'let () = Alcotest.run "foo" ["a", [Alcotest.test_case "double" `Quick t]]\n'
    ),
}


async def test_both_languages_in_one_repository(call: Call, lay_out: LayOut, context: ToolContext):
    context.languages = (Go(), OCaml())
    lay_out({**MODULE, **DUNE})
    assert (await call("check")).content.startswith("Green: 4 packages built, 2 tests passed, ")
    lay_out({"lib/foo.ml": "let double x = x ^ 2\n"})
    content = (await call("check")).content
    assert content.startswith("Red: 1 of ")
    assert "lib/foo.ml:1:20: The constant 2 has type int" in content
    lay_out({"lib/foo.ml": "let double x = x + 3\n"})
    content = (await call("test")).content
    assert "1 of 2 tests failed" in content
    assert "Received: `5'" in content


async def test_docs_of_both_languages(call: Call, lay_out: LayOut, context: ToolContext):
    context.languages = (Go(), OCaml())
    lay_out({**MODULE, **DUNE})
    assert "'acc list" in (await call("docs", symbol="List.rev_append")).content.replace("'a list", "'acc list")
    assert "func Itoa(i int) string" in (await call("docs", symbol="strconv.Itoa")).content
