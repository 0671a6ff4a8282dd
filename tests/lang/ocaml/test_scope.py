"""Which directories a change concerns, from the dune files."""

from collections.abc import Sequence

import pytest

from lang.base import Project, Scope, StepOutput
from lang.ocaml import OCaml

LISTED = """\
bactrian-file: bin/dune
(executable (name main) (public_name tool) (libraries top cmdliner))
bactrian-file: cli/run.t
bactrian-file: cli/dune
(cram (deps %{bin:tool}))
bactrian-file: leaf/dune
(library (name leaf) (public_name m.leaf) (preprocess (pps ppx_x)))
bactrian-file: leaf/test/dune
(test (name t) (libraries m.leaf alcotest))
bactrian-file: top/dune
(library (name top) (libraries (re_export leaf)))
bactrian-file: data/dune
(rule (with-stdout-to out.txt (run %{exe:../gen/gen.exe})))
bactrian-file: gen/dune
(executable (name gen))
bactrian-file: apart/dune
(include_subdirs unqualified)
(library (name apart))
"""


def scope(*paths: str, listed: str = LISTED, root: str = ".") -> Scope:
    output = StepOutput(exit_code=0, stdout=listed, stderr="")
    return OCaml().parse_scope(Project(language="ocaml", root=root), paths, output)


@pytest.mark.parametrize(
    ("paths", "packages"),
    [
        (["leaf/leaf.ml"], ["bin", "cli", "leaf", "leaf/test", "top"]),
        (["leaf/test/t.ml"], ["leaf/test"]),
        (["top/dune"], ["bin", "cli", "top"]),
        (["gen/gen.ml"], ["cli", "data", "gen"]),
        (["apart/deep/x.ml"], ["apart"]),
        (["cli/run.t"], ["cli"]),
        (["README.md"], []),
    ],
)
def test_a_change_concerns_its_directory_and_all_that_use_it(paths: Sequence[str], packages: Sequence[str]) -> None:
    assert scope(*paths) == Scope(packages=tuple(packages))


@pytest.mark.parametrize("path", ["dune-project", "m.opam", "dune-workspace"])
def test_what_concerns_the_project_concerns_all(path: str) -> None:
    assert scope(path) == Scope(whole=True)


def test_a_dune_file_that_is_a_program_leaves_nothing_to_be_known() -> None:
    assert scope("leaf/leaf.ml", listed=LISTED + "bactrian-file: odd/dune\n(* -*- tuareg -*- *) let () = (\n") == Scope(
        whole=True
    )


def test_packages_are_named_from_the_workspace() -> None:
    assert scope("sub/apart/x.ml", root="sub") == Scope(packages=("sub/apart",))
    assert scope("apart/x.ml", root="sub") == Scope()
