"""What `Go` gives to run: projects, package names, steps."""

from __future__ import annotations

import pytest

from lang.base import Language, Project, StepOutput
from lang.go import Go
from lang.go.documentation import NEAR_LINES, TEXT_LIMIT, split
from lang.go.packages import patterns

TOP = Project(language="go", root=".")
API = Project(language="go", root="services/api")


def test_go_is_a_language() -> None:
    language: Language = Go()
    assert language.name == "go"
    assert language.environment["GOTOOLCHAIN"] == "local"
    assert len(language.guidance.splitlines()) <= 3


def test_every_module_is_a_project_outermost_first() -> None:
    paths = ["go.work", "services/api/go.mod", "go.mod", "lib/go.mod", "lib/lib.go", "tools/gen/go.mod"]
    assert [project.root for project in Go().detect(paths)] == [".", "lib", "services/api", "tools/gen"]


@pytest.mark.parametrize(
    "path", ["vendor/x/go.mod", "a/testdata/go.mod", "_old/go.mod", ".cache/m/go.mod", "go.mod.txt"]
)
def test_modules_that_go_ignores_are_no_projects(path: str) -> None:
    assert Go().detect([path]) == ()


@pytest.mark.parametrize(
    ("path", "owned", "test", "code"),
    [
        ("main.go", True, False, True),
        ("a/b.go", True, False, True),
        ("a/b_test.go", True, True, False),
        ("a/testdata/b.go", True, False, False),
        ("vendor/x/b.go", True, False, False),
        ("go.mod", True, False, False),
        ("a/go.sum", True, False, False),
        ("go.work", True, False, False),
        ("README.md", False, False, False),
        ("test.py", False, False, False),
    ],
)
def test_kinds_of_files(path: str, owned: bool, test: bool, code: bool) -> None:
    assert (Go().owns(path), Go().is_test(path), Go().is_code(path)) == (owned, test, code)


def test_the_go_command_records_dependencies_itself() -> None:
    assert Go().build_files(TOP, ["go.mod", "go.sum"]) == ()


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("./...", "./..."),
        ("...", "./..."),
        ("all", "./..."),
        ("", "./..."),
        (".", "."),
        ("./", "."),
        ("./server", "./server"),
        ("server", "./server"),
        ("server/", "./server"),
        ("server/...", "./server/..."),
        ("server/server.go", "./server"),
        ("./server/server_test.go", "./server"),
        ("main.go", "."),
        ("example.com/mod/server", "example.com/mod/server"),
        ("example.com/mod/...", "example.com/mod/..."),
        ("../lib", "../lib"),
        ("/workspace/server/server.go", "/workspace/server"),
    ],
)
def test_package_names(name: str, pattern: str) -> None:
    assert patterns(TOP, [name]) == (pattern,)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("services/api", "."),
        ("./services/api/...", "./..."),
        ("services/api/handler", "./handler"),
        ("services/api/handler/x.go", "./handler"),
        ("./handler", "./handler"),
    ],
)
def test_package_names_of_a_nested_module_may_start_at_the_workspace(name: str, pattern: str) -> None:
    assert patterns(API, [name]) == (pattern,)


def test_packages_named_twice_are_built_once() -> None:
    assert patterns(TOP, ["server", "./server", "server/a.go"]) == ("./server",)


def test_steps_run_in_the_module() -> None:
    go = Go()
    steps = [go.build(API), go.vet(API), go.test(API)]
    assert {step.cwd for step in [*steps, *go.documentation(API, "x"), go.exports(API, "x")]} == {"services/api"}


def test_run_narrows_the_tests() -> None:
    argv = Go().test(TOP, ["server"], run="TestOne|TestTwo").argv
    assert argv[-2:] == ("-run=TestOne|TestTwo", "./server")
    assert not [argument for argument in Go().test(TOP).argv if argument.startswith("-run")]


def test_format_takes_go_files_only() -> None:
    step = Go().format(API, ["services/api/a.go", "README.md", "b.go"])
    assert step is not None
    assert (step.argv, step.cwd) == (("gofmt", "-w", "services/api/a.go", "b.go"), ".")
    assert Go().format(API, ["README.md"]) is None


@pytest.mark.parametrize(
    ("symbol", "package", "name"),
    [
        ("brotli.NewWriter", "brotli", "NewWriter"),
        ("github.com/andybalholm/brotli", "github.com/andybalholm/brotli", ""),
        ("github.com/andybalholm/brotli@v1.1.0", "github.com/andybalholm/brotli", ""),
        ("github.com/andybalholm/brotli.NewWriter", "github.com/andybalholm/brotli", "NewWriter"),
        ("net/http.Client.Do", "net/http", "Client.Do"),
        ("http.(*Client).Do", "http", "Client.Do"),
        ("(*http.Client).Do", "http", "Client.Do"),
        ("*http.Request", "http", "Request"),
        ("`http.Get(url)`", "http", "Get"),
        ("http Client.Do", "http", "Client.Do"),
        ("gopkg.in/yaml.v3.Unmarshal", "gopkg.in/yaml.v3", "Unmarshal"),
        ("github.com/go-chi/chi/v5.NewRouter", "github.com/go-chi/chi/v5", "NewRouter"),
        ("./server.New", "server", "New"),
        ("Server.Close", "", "Server.Close"),
        ("slices.Map[K, V]", "slices", "Map"),
        ("", "", ""),
    ],
)
def test_symbols_as_models_write_them(symbol: str, package: str, name: str) -> None:
    assert split(symbol) == (package, name)


def test_long_documentation_is_cut() -> None:
    found = Go().parse_documentation("x", StepOutput(exit_code=0, stdout="word " * 10_000, stderr=""))
    assert found.found
    assert len(found.text) < TEXT_LIMIT + 100


def test_a_long_listing_keeps_the_nearest_names() -> None:
    listing = "\n".join(f"func Other{number}()" for number in range(200))
    said = f"Not found: x.NewReaderLevel. What is there in x:\n{listing}\nfunc NewReader()\n"
    found = Go().parse_documentation("x.NewReaderLevel", StepOutput(exit_code=0, stdout=said, stderr=""))
    assert not found.found
    assert "func NewReader()" in found.text
    assert len(found.text.splitlines()) == NEAR_LINES + 2


def test_silence_is_not_documentation() -> None:
    found = Go().parse_documentation("x.Y", StepOutput(exit_code=1, stdout="", stderr="exit status 1\n"))
    assert (found.found, found.text) == (False, "Not found: nothing is documented under x.Y")
