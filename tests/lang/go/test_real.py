"""The steps of `Go`, run by the installed toolchain with the real module proxy."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lang.analysis import Streams
from lang.base import Documentation, Project, Step, StepOutput
from lang.dependencies import Addition, NotAdded, Wanted
from lang.go import Go

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="there is no go command on this machine's PATH")

TOP = Project(language="go", root=".")
BROTLI = "github.com/andybalholm/brotli"
ERRGROUP = "golang.org/x/sync/errgroup"
Run = Callable[..., StepOutput]


@pytest.fixture(scope="module")
def module_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("modules")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    write(tmp_path, "go.mod", "module example.com/shop\n\ngo 1.25.0\n")
    write(tmp_path, "shop.go", "package shop\n")
    return tmp_path


@pytest.fixture
def run(workspace: Path, module_cache: Path) -> Run:
    def run_step(step: Step, **variables: str) -> StepOutput:
        # The machine's own build cache spares compiling the standard library; the modules' cache starts empty.
        settings = {name: value for name, value in Go().environment.items() if name not in ("GOCACHE", "GOPATH")}
        settings |= {"GOFLAGS": "-buildvcs=false -modcacherw", "GOMODCACHE": str(module_cache)}
        done = subprocess.run(
            step.argv,
            cwd=workspace / step.cwd,
            env={**os.environ, "PWD": str(workspace / step.cwd), **settings, **step.env, **variables},
            capture_output=True,
            text=True,
            timeout=step.timeout_s,
            check=False,
        )
        return StepOutput(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    return run_step


def write(workspace: Path, path: str, text: str) -> None:
    target = workspace / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


class Machine:
    """A bench on this machine itself."""

    def __init__(self, run: Run, workspace: Path) -> None:
        self._run = run
        self._workspace = workspace

    async def run(self, step: Step) -> StepOutput:
        return await asyncio.to_thread(self._run, step)

    async def open(self, step: Step) -> Streams:
        raise NotImplementedError

    async def read(self, path: str) -> str | None:
        file = self._workspace / path
        return file.read_text() if file.exists() else None


Add = Callable[..., Addition]


@pytest.fixture
def add(workspace: Path, run: Run) -> Add:
    """Add a dependency and write what it changes."""

    def add_one(name: str, version: str = "", project: Project = TOP) -> Addition:
        dependencies = Go().dependencies(project, Machine(run, workspace))
        addition = asyncio.run(dependencies.prepare(Wanted(name=name, version=version)))
        for edit in addition.edits:
            write(workspace, edit.path, edit.content)
        for source, place in addition.moves:
            shutil.rmtree(workspace / place, ignore_errors=True)
            (workspace / source).rename(workspace / place)
        return addition

    return add_one


def look_up(run: Run, symbol: str) -> Documentation:
    found = Documentation(found=False, text="")
    for step in Go().documentation(TOP, symbol):
        found = Go().parse_documentation(symbol, run(step))
        if found.found:
            break
    return found


def required(workspace: Path) -> Sequence[str]:
    lines = (workspace / "go.mod").read_text().splitlines()
    return [line.strip().removeprefix("require ") for line in lines if " v" in line]


def build_offline(run: Run, packages: Sequence[str] = ()) -> None:
    output = run(Go().build(TOP, packages), GOPROXY="off")
    report = Go().parse_build(TOP, output)
    assert report.ok, report


def test_a_dependency_that_nothing_imports_yet_survives(workspace: Path, run: Run, add: Add) -> None:
    add(BROTLI, "1.1.0")
    assert required(workspace) == [f"{BROTLI} v1.1.0"]
    write(workspace, "shop.go", f'package shop\n\nimport "{BROTLI}"\n\nvar Best = brotli.BestCompression\n')
    build_offline(run)
    tests = run(Step(argv=("go", "test", "-run=^$", BROTLI)), GOPROXY="off")
    assert tests.exit_code == 0, tests
    tidy = run(Step(argv=("go", "mod", "tidy", "-diff")), GOPROXY="off")
    assert (tidy.exit_code, tidy.stdout) == (0, "")


def test_dependencies_added_one_after_the_other_all_survive(workspace: Path, run: Run, add: Add) -> None:
    add(f"{BROTLI}@v1.1.0")
    add(ERRGROUP, "v0.16.0")
    add("golang.org/x/text/cases", "v0.24.0")
    direct = [line for line in required(workspace) if "// indirect" not in line]
    assert direct == [f"{BROTLI} v1.1.0", "golang.org/x/sync v0.16.0", "golang.org/x/text v0.24.0"]
    imports = "\n".join(f'import _ "{name}"' for name in (BROTLI, ERRGROUP, "golang.org/x/text/cases"))
    write(workspace, "shop.go", f"package shop\n\n{imports}\n")
    build_offline(run)
    tidy = run(Step(argv=("go", "mod", "tidy")), GOPROXY="off")
    assert tidy.exit_code == 0, tidy


def test_a_module_without_a_package_at_its_root_is_recorded(workspace: Path, run: Run, add: Add) -> None:
    add("golang.org/x/sync", "v0.16.0")
    exports = Go().parse_documentation("golang.org/x/sync", run(Go().exports(TOP, "golang.org/x/sync")))
    assert exports.text.startswith("golang.org/x/sync v0.16.0")
    assert any(line.startswith(ERRGROUP) for line in exports.text.splitlines())
    write(workspace, "shop.go", f'package shop\n\nimport _ "{ERRGROUP}"\n')
    build_offline(run)


def test_what_is_not_required_shows_its_newest_version_and_stays_out(workspace: Path, run: Run) -> None:
    exports = Go().parse_documentation(ERRGROUP, run(Go().exports(TOP, ERRGROUP)))
    assert re.match(r"golang.org/x/sync v0\.\d+\.\d+\npackage errgroup", exports.text)
    assert required(workspace) == []
    for own in ("example.com/shop/new", "errgroup"):
        assert not Go().parse_documentation(own, run(Go().exports(TOP, own))).found


def test_code_that_does_not_compile_is_no_obstacle(workspace: Path, run: Run, add: Add) -> None:
    write(workspace, "shop.go", 'package shop\n\nimport _ "example.invalid/none"\n\nfunc f() { undefined }\n')
    write(workspace, "broken/broken.go", "pakage broken\n")
    add(BROTLI, "v1.1.0")
    assert required(workspace) == [f"{BROTLI} v1.1.0"]


def test_a_vendored_module_stays_consistent(workspace: Path, run: Run, add: Add) -> None:
    write(workspace, "shop.go", f'package shop\n\nimport _ "{ERRGROUP}"\n')
    add(ERRGROUP, "v0.16.0")
    assert run(Step(argv=("go", "mod", "vendor"))).exit_code == 0
    add(BROTLI, "v1.1.0")
    write(workspace, "page/page.go", f'package page\n\nimport _ "{BROTLI}"\n')
    build_offline(run)


def test_a_module_of_a_workspace_gets_its_own_dependency(workspace: Path, run: Run, add: Add) -> None:
    write(workspace, "go.work", "go 1.25.0\n\nuse (\n\t.\n\t./api\n)\n")
    write(workspace, "api/go.mod", "module example.com/api\n\ngo 1.25.0\n")
    write(workspace, "api/api.go", "package api\n")
    api = Project(language="go", root="api")
    add(BROTLI, "v1.1.0", project=api)
    write(workspace, "api/api.go", f'package api\n\nimport _ "{BROTLI}"\n')
    report = Go().parse_build(api, run(Go().build(api), GOPROXY="off"))
    assert (report.ok, report.packages) == (True, ("example.com/api",))
    assert required(workspace) == []


def test_an_unknown_version_is_answered_with_those_there_are(add: Add) -> None:
    with pytest.raises(NotAdded, match=r"has no version v9\.9\.9; it has v1\."):
        add("github.com/andybalholm/brotli", "v9.9.9")


def test_exports_and_documentation_answer_from_the_version_in_use(run: Run, add: Add) -> None:
    add(BROTLI, "v1.0.4")
    exports = Go().parse_documentation(BROTLI, run(Go().exports(TOP, BROTLI)))
    assert exports.found
    assert exports.text.splitlines()[0] == f"{BROTLI} v1.0.4"
    assert "func NewWriterLevel(dst io.Writer, level int) *Writer" in exports.text
    for symbol in ("brotli.NewWriterLevel", f"{BROTLI}.NewWriterLevel", "`brotli.NewWriterLevel(w, 5)`"):
        assert "specifies the compression level" in look_up(run, symbol).text
    assert "func (w *Writer) Flush() error" in look_up(run, "(*brotli.Writer).Flush").text
    assert look_up(run, BROTLI).found


def test_a_misspelt_symbol_is_answered_with_what_there_is(run: Run, add: Add) -> None:
    add(BROTLI, "v1.1.0")
    found = look_up(run, "brotli.NewReaderLevel")
    assert not found.found
    assert "func NewReader(src io.Reader) *Reader" in found.text
    method = look_up(run, "brotli.Writer.Finish")
    assert not method.found
    assert "func (w *Writer) Close() error" in method.text


def test_a_package_not_named_like_its_path_is_found(run: Run, add: Add) -> None:
    add("gopkg.in/yaml.v3", "v3.0.1")
    assert "func Unmarshal(in []byte, out interface{}) (err error)" in look_up(run, "yaml.Unmarshal").text
    assert "func Unmarshal" in look_up(run, "gopkg.in/yaml.v3.Unmarshal").text


def test_build_writes_nothing(workspace: Path, run: Run) -> None:
    write(workspace, "shop.go", "package main\n\nfunc main() {}\n")
    before = sorted(workspace.rglob("*"))
    build_offline(run, ["."])
    assert sorted(workspace.rglob("*")) == before


def test_errors_of_tests_and_vet_are_each_found_by_one_step(workspace: Path, run: Run) -> None:
    go = Go()
    write(workspace, "shop.go", 'package shop\n\nimport "fmt"\n\nfunc F() { fmt.Printf("%d", "x") }\n')
    write(workspace, "x_test.go", 'package shop\n\nimport "testing"\n\nfunc TestX(t *testing.T) { t.Error("bad") }\n')
    write(workspace, "deep/y_test.go", "package deep\n\nfunc init() { none() }\n")
    build = go.parse_build(TOP, run(go.build(TOP)))
    assert [(item.path, item.message) for item in build.diagnostics] == [("deep/y_test.go", "undefined: none")]
    vet = go.parse_vet(TOP, run(go.vet(TOP)))
    assert [(item.path, item.line, item.severity) for item in vet.diagnostics] == [("shop.go", 5, "error")]
    tests = go.parse_test(TOP, run(go.test(TOP)))
    assert [(case.name, case.status, case.path, case.line) for case in tests.cases] == [
        ("TestX", "failed", "x_test.go", 5)
    ]
    assert tests.diagnostics == build.diagnostics


def test_format_rewrites_files(workspace: Path, run: Run) -> None:
    write(workspace, "deep/a.go", "package deep\nfunc  F( ) {}\n")
    step = Go().format(TOP, ["deep/a.go"])
    assert step is not None
    assert run(step).exit_code == 0
    assert (workspace / "deep/a.go").read_text() == "package deep\n\nfunc F() {}\n"


def test_a_package_with_many_errors_tells_them_all(workspace: Path, run: Run) -> None:
    calls = "".join(f"\tx{number}()\n" for number in range(14))
    write(workspace, "shop.go", f"package shop\n\nfunc F() {{\n{calls}}}\n")
    write(workspace, "till/till.go", f"package till\n\nfunc G() {{\n{calls}}}\n")
    output = run(Go().build(TOP))
    report = Go().parse_build(TOP, StepOutput(exit_code=output.exit_code, stdout=output.stdout, stderr=output.stderr))
    assert len(report.diagnostics) == 28
    assert report.failed == ("example.com/shop", "example.com/shop/till")
    assert report.note == ""
