"""Which packages a change concerns, from the go command's list."""

from collections.abc import Sequence

import pytest

from lang.base import Project, Scope, StepOutput
from lang.go import Go

# leaf ← middle ← top; tests of `other` import leaf; `apart` nothing.
LISTED = """\
/workspace
/workspace|example.com/m|fmt|,
/workspace/leaf|example.com/m/leaf|strings|testing,
/workspace/middle|example.com/m/middle|example.com/m/leaf,fmt|,
/workspace/top|example.com/m/top|example.com/m/middle|,
/workspace/other|example.com/m/other|fmt|testing,example.com/m/leaf
/workspace/apart|example.com/m/apart|fmt|,
"""


def scope(*paths: str, listed: str = LISTED, root: str = ".") -> Scope:
    output = StepOutput(exit_code=0, stdout=listed, stderr="")
    return Go().parse_scope(Project(language="go", root=root), paths, output)


@pytest.mark.parametrize(
    ("paths", "packages"),
    [
        (["leaf/a.go"], ["./leaf", "./middle", "./other", "./top"]),
        (["leaf/a_test.go"], ["./leaf"]),
        (["middle/a.go"], ["./middle", "./top"]),
        (["apart/testdata/x/golden.json"], ["./apart"]),
        (["README.md"], ["."]),
        (["leaf/gone.go", "apart/b.go"], ["./apart", "./leaf", "./middle", "./other", "./top"]),
    ],
)
def test_a_change_concerns_its_package_and_all_that_import_it(paths: Sequence[str], packages: Sequence[str]) -> None:
    assert scope(*paths) == Scope(packages=tuple(packages))


@pytest.mark.parametrize("listed", ["", "sh: go: not found\n", "/workspace\n"])
def test_without_a_list_the_whole_module_is_concerned(listed: str) -> None:
    assert scope("leaf/a.go", listed=listed) == Scope(whole=True)


def test_go_mod_concerns_the_whole_module() -> None:
    assert scope("go.mod", "apart/a.go") == Scope(whole=True)


def test_paths_of_another_module_concern_nothing_here() -> None:
    listed = LISTED.replace("/workspace", "/workspace/sub")
    assert scope("leaf/a.go", listed=listed, root="sub") == Scope()
    assert scope("sub/apart/a.go", listed=listed, root="sub") == Scope(packages=("./apart",))
