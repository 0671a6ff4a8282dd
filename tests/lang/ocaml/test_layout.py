"""What counts as a project, a source or a test, and how packages are named."""

from __future__ import annotations

import pytest

from lang.base import Project
from lang.ocaml import OCaml
from lang.ocaml.layout import directories, in_workspace

TOP = Project(language="ocaml", root=".")
NESTED = Project(language="ocaml", root="services/api")


def roots(*paths: str) -> list[str]:
    return [project.root for project in OCaml().detect(paths)]


def test_outermost_dune_project_is_the_project() -> None:
    assert roots("dune-project", "lib/dune", "vendor/x/dune-project", "lib/dune-project") == ["."]


def test_projects_side_by_side_are_several() -> None:
    assert roots("go.mod", "a/dune-project", "a/inner/dune-project", "b/c/dune-project", "ab/dune-project") == [
        "a",
        "ab",
        "b/c",
    ]


def test_workspace_file_takes_the_projects_below_it_in() -> None:
    assert roots("dune-workspace", "a/dune-project", "b/dune-project") == ["."]


def test_opam_file_alone_is_no_project() -> None:
    assert roots("thing.opam", "src/thing.ml") == []


def test_build_directories_and_vendored_trees_are_no_projects() -> None:
    assert (
        roots("_build/default/dune-project", "duniverse/fmt/dune-project", "_opam/x/dune-project", ".x/dune-project")
        == []
    )


@pytest.mark.parametrize("path", ["lib/a.ml", "a.mli", "x/dune", "dune-project", "p.opam", "l.mll", "g.mly", "t/a.t"])
def test_own_files(path: str) -> None:
    assert OCaml().owns(path)


@pytest.mark.parametrize("path", ["a.go", "README.md", "_build/default/a.ml", "lib/dune.md", "a.c"])
def test_other_files(path: str) -> None:
    assert not OCaml().owns(path)


@pytest.mark.parametrize("path", ["test/a.ml", "lib/test_a.ml", "a_test.ml", "x/tests/dune", "cli.t", "cli.t/run.t"])
def test_tests(path: str) -> None:
    assert OCaml().is_test(path)


@pytest.mark.parametrize("path", ["lib/a.ml", "lib/latest.ml", "test/readme.md", "testing/a.ml"])
def test_no_tests(path: str) -> None:
    assert not OCaml().is_test(path)


def test_packages_become_directories_of_the_project() -> None:
    named = ["lib", "./bin", "src/foo.ml", "/workspace/test", "lib/...", ".", "mylib", "lib/dune", "@test/runtest"]
    assert directories(TOP, named) == ("lib", "bin", "src", "test", ".", "mylib")


def test_packages_of_a_nested_project_may_be_named_from_either_top() -> None:
    assert directories(NESTED, ["services/api/lib", "lib", "services/api", "/workspace/services/api/bin/x.ml"]) == (
        "lib",
        ".",
        "bin",
    )


@pytest.mark.parametrize(
    ("printed", "path"),
    [
        ("lib/a.ml", "services/api/lib/a.ml"),
        ("_build/default/lib/a.ml", "services/api/lib/a.ml"),
        ("_build/.sandbox/3f/default/lib/a.ml", "services/api/lib/a.ml"),
        ("/workspace/services/api/lib/a.ml", "services/api/lib/a.ml"),
        ("/workspace/services/api/_build/default/lib/a.ml", "services/api/lib/a.ml"),
        ("/usr/lib/ocaml/list.ml", "/usr/lib/ocaml/list.ml"),
        ("", ""),
    ],
)
def test_paths_become_relative_to_the_workspace(printed: str, path: str) -> None:
    assert in_workspace(NESTED, printed) == path


def test_steps_run_in_the_project() -> None:
    ocaml = OCaml()
    steps = [ocaml.build(NESTED), ocaml.test(NESTED, ["lib"], "adds"), ocaml.exports(NESTED, "yojson")]
    steps += [*ocaml.documentation(NESTED, "yojson")]
    assert {step.cwd for step in steps} == {"services/api"}
    assert steps[1].argv[-2:] == ("adds", "lib")
    assert steps[3].argv[-3:] == ("yojson", "yojson", "module")


def test_only_the_projects_own_sources_are_formatted() -> None:
    step = OCaml().format(NESTED, ["services/api/lib/a.ml", "services/api/lib/dune", "web/b.ml", "services/api/x.mll"])
    assert step is not None
    assert step.argv[-2:] == ("lib/a.ml", "lib/dune")
    assert OCaml().format(NESTED, ["web/b.ml"]) is None


def test_a_strange_symbol_still_makes_a_command() -> None:
    for symbol in ("", "   ", "$(reboot)", "List.map x", "`Yojson.Safe`", "-help"):
        for step in OCaml().documentation(TOP, symbol):
            assert all(word and not word.startswith("-") for word in step.argv[4:])


def test_code_is_neither_test_nor_configuration() -> None:
    paths = ["lib/a.ml", "lib/a.mli", "lib/l.mll", "test/a.ml", "lib/dune", "a.t", "_build/default/a.ml"]
    assert [path for path in paths if OCaml().is_code(path)] == ["lib/a.ml", "lib/l.mll"]
    assert "_build/" in OCaml().artefacts
