"""A repository with two Go modules in a workspace, two dune projects, and something red from before."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

FILES = {
    "go.work": "go 1.24\n\nuse (\n\t./shapes\n\t./app\n)\n",
    "shapes/go.mod": "module example.com/shapes\n\ngo 1.24\n",
    "shapes/shapes.go": "package shapes\n\nfunc Area(w, h int) int { return w * h }\n",
    "shapes/shapes_test.go": (
        'package shapes\n\nimport "testing"\n\n'
        "func TestArea(t *testing.T) {\n\tif Area(2, 3) != 6 {\n\t\tt.Fatal()\n\t}\n}\n\n"
        'func TestOldSorrow(t *testing.T) { t.Fatal("was red before") }\n'
    ),
    "app/go.mod": "module example.com/app\n\ngo 1.24\n",
    "app/main.go": (
        'package main\n\nimport (\n\t"fmt"\n\n\t"example.com/shapes"\n)\n\n'
        "func main() { fmt.Println(shapes.Area(2, 3)) }\n"
    ),
    "ml/one/dune-project": "(lang dune 3.0)\n",
    "ml/one/dune": "(library (name one) (modules one))\n(test (name test_one) (modules test_one) (libraries one))\n",
    "ml/one/one.ml": "let twice x = 2 * x\n",
    "ml/one/test_one.ml": "let () = assert (One.twice 2 = 4)\n",
    "ml/two/dune-project": "(lang dune 3.0)\n",
    "ml/two/dune": "(executable (name two))\n",
    "ml/two/two.ml": 'let () = print_endline "two"\n',
}

ADD_TO_GO = """
[[turn]]
[[turn.call]]
name = "edit_file"
[turn.call.input]
path = "shapes/shapes.go"
edits = [{ old = "func Area", new = "func Perimeter(w, h int) int { return 2 * (w + h) }\\n\\nfunc Area" }]
[[turn.call]]
name = "write_file"
[turn.call.input]
path = "shapes/perimeter_test.go"
content = '''
package shapes

import "testing"

func TestPerimeter(t *testing.T) {
	if Perimeter(2, 3) != 10 {
		t.Fatal(Perimeter(2, 3))
	}
}
'''
[[turn.call]]
name = "finish"
input = { summary = "Add Perimeter." }
"""

BREAK_OTHERS = """
[[turn]]
[[turn.call]]
name = "edit_file"
input = { path = "shapes/shapes.go", edits = [{ old = "Area(w, h int)", new = "Area(w, h, d int)" }] }
[[turn.call]]
name = "edit_file"
input = { path = "ml/one/one.ml", edits = [{ old = "2 * x", new = "3 * x" }] }
[[turn.call]]
name = "finish"
input = { summary = "Add a dimension." }
[[turn]]
expect = [
    'app/main\\.go:9:42: not enough arguments',
    'shapes/shapes_test\\.go:6:13: not enough arguments',
    'ml/one test_one \\(ml/one/test_one\\.ml:1\\), passed before',
    'Red before you, and not yours: example\\.com/shapes TestOldSorrow fails\\.',
]
"""


@pytest.fixture
def mixed(repository: Path) -> Path:
    for name, text in FILES.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for arguments in (["add", "-A"], ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", "Begin"]):
        subprocess.run(["git", "-C", str(repository), *arguments], check=True)
    return repository


def test_what_was_red_before_does_not_stop_the_work(mixed: Path, run: Any, tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text(ADD_TO_GO)
    ended = run(
        *("--repo", mixed, "--model", f"scripted/{tmp_path}/model.toml", "--container", "bubblewrap", "add a perimeter")
    )
    assert ended.code == 0, ended.stderr
    base, work = ended.of("check_finished")
    assert base["tree"] == "base"
    assert base["reasons"] == ["example.com/shapes: TestOldSorrow fails"]
    assert work["green"]
    rows = {(row["language"], row["package"]): row for row in ended.last["verdict"]}
    assert set(rows) == {
        *(("go", "example.com/shapes"), ("go", "example.com/app")),
        *(("ocaml", "ml/one"), ("ocaml", "ml/two")),
    }
    assert rows["go", "example.com/shapes"]["passed"] == 2
    assert rows["go", "example.com/shapes"]["failed"] == 1
    assert rows["ocaml", "ml/one"]["passed"] == 1


def test_regressions_in_other_modules_and_languages_are_named(mixed: Path, run: Any, tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text(BREAK_OTHERS)
    ended = run(
        *("--repo", mixed, "--model", f"scripted/{tmp_path}/model.toml", "--container", "bubblewrap", "break things"),
        *("--max-turns", "2"),
    )
    # The script's second turn expects what the feedback has to say; it then says nothing, which is no finish.
    assert ended.code == 4, ended.stderr
    assert not ended.of("error_raised")
    regressions = [name for row in ended.last["verdict"] for name in row["regressions"]]
    assert regressions == [
        "example.com/shapes TestArea passed before and does not build now",
        "ml/one test_one passed before and fails now",
    ]
