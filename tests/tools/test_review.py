"""What a reply's writes bring back, in a real sandbox with the real servers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from containers.base import Container
from lang.go import Go
from lang.ocaml import OCaml
from tools.analyses import Analyses
from tools.checks import Checks
from tools.review import Review

LayOut = Callable[[Mapping[str, str]], None]
Commit = Callable[[], str]

GO: Mapping[str, str] = {
    "go.mod": "module example.com/m\n\ngo 1.24\n",
    "leaf/leaf.go": "package leaf\n\n// Twice doubles.\nfunc Twice(x int) int { return 2 * x }\n",
    "leaf/leaf_test.go": (
        'package leaf\n\nimport "testing"\n\nfunc TestTwice(t *testing.T) {\n\tif got := Twice(2); got != 4 {\n'
        '\t\tt.Errorf("Twice(2) = %d, want 4", got)\n\t}\n}\n'
    ),
    "user/user.go": 'package user\n\nimport "example.com/m/leaf"\n\nfunc Four() int { return leaf.Twice(2) }\n',
    "old/old.go": "package old\n\nfunc Broken() int { return missing }\n",
}
OCAML: Mapping[str, str] = {
    "dune-project": "(lang dune 3.0)\n",
    "leaf/dune": "(library (name leaf))\n",
    "leaf/leaf.ml": "let twice x = 2 * x\n",
    "test/dune": "(test (name test) (libraries leaf alcotest))\n",
    "test/test.ml": (
        'let test () = Alcotest.(check int) "twice" 4 (Leaf.twice 2)\n'
        'let () = Alcotest.run "leaf" [ ("all", [ Alcotest.test_case "twice" `Quick test ]) ]\n'
    ),
}


@asynccontextmanager
async def reviewing(container: Container, languages: tuple[Go | OCaml, ...], base: str) -> AsyncGenerator[Review]:
    analyses = Analyses(container=container, languages=languages)
    checks = Checks(container=container, languages=languages, base_commit=base)
    review = Review(container=container, analyses=analyses, checks=checks)
    await review.start()
    checks.start()
    analyses.start()
    try:
        await checks.base()
        yield review
    finally:
        await checks.stop()
        await analyses.close()


async def test_go(bubblewrap_container: Container, lay_out: LayOut, commit: Commit) -> None:
    lay_out(GO)
    async with reviewing(bubblewrap_container, (Go(),), commit()) as review:
        assert await review.after() == await review.after(), "nothing was written"

        # A new error comes with the file that it was caused in or stands in; the base's own is not told.
        lay_out({"leaf/leaf.go": "package leaf\n\n// Twice doubles.\nfunc Twice(x string) string { return x + x }\n"})
        broken = await review.after()
        said = "\n".join((*broken.by_path.values(), broken.rest))
        assert "user/user.go:5" in said
        assert "cannot use 2" in said
        assert said.count("missing") == 1, "what was red before is said once, as such"
        assert "Red before you, and not yours: example.com/m/old does not build: old/old.go:3:28: undefined" in said
        assert broken.errors >= 1
        assert broken.checked is None

        # Told once; what is still there is a place.
        lay_out({"notes.md": "words\n", "leaf/more.go": "package leaf\n\nconst Three = 3\n"})
        again = await review.after()
        assert "cannot use 2" not in "\n".join((*again.by_path.values(), again.rest))
        assert "missing" not in again.rest

        # Mended: the packages that it concerns are checked.
        lay_out({"leaf/leaf.go": "package leaf\n\nfunc Twice(x int) int { return 3 * x }\n"})
        red = await review.after()
        assert red.errors == 0
        assert red.checked
        assert red.checked.scope == "./leaf ./user"
        assert "example.com/m/leaf TestTwice (leaf/leaf_test.go:7)" in red.rest
        assert "Twice(2) = 6, want 4" in red.rest

        lay_out({"leaf/leaf.go": "package leaf\n\nfunc Twice(x int) int { return x + x }\n"})
        assert (await review.after()).rest.startswith("Checked ./leaf ./user: Green: 2 packages built, 1 test passed")


async def test_go_is_formatted_and_its_imports_are_mended(
    bubblewrap_container: Container, lay_out: LayOut, commit: Commit
) -> None:
    lay_out(GO)
    async with reviewing(bubblewrap_container, (Go(),), commit()) as review:
        lay_out(
            {"leaf/new.go": 'package leaf\n\nimport "os"\n\nfunc Up(s string) string {\nreturn strings.ToUpper(s)\n}\n'}
        )
        reviewed = await review.after(check=False)
        text = (await bubblewrap_container.read("leaf/new.go")).decode()
        assert (
            text == 'package leaf\n\nimport "strings"\n\nfunc Up(s string) string {\n\treturn strings.ToUpper(s)\n}\n'
        )
        assert [change.path for change in reviewed.changes] == ["leaf/new.go"]
        assert '"strings"' in reviewed.by_path["leaf/new.go"]
        assert reviewed.errors == 0

        lay_out({"leaf/new.go": text.replace("\treturn", "  return")})
        assert "white space only" in (await review.after(check=False)).by_path["leaf/new.go"]


async def test_ocaml(bubblewrap_container: Container, lay_out: LayOut, commit: Commit) -> None:
    lay_out(OCAML)
    async with reviewing(bubblewrap_container, (OCaml(),), commit()) as review:
        lay_out({"leaf/leaf.ml": "let twice x = 2. *. x\n"})
        broken = await review.after()
        said = "\n".join((*broken.by_path.values(), broken.rest))
        assert "test/test.ml:1" in said
        assert "float" in said
        assert broken.checked is None

        lay_out({"leaf/leaf.ml": "let twice x = 3 * x\n"})
        red = await review.after()
        assert red.checked
        assert "twice" in red.rest
        assert "Red" in red.rest

        lay_out({"leaf/leaf.ml": "let twice x = x + x\n"})
        green = (await review.after()).rest
        assert green.startswith("Checked everything: Green: ")


@pytest.mark.parametrize("language", [Go(), OCaml()], ids=lambda language: language.name)
async def test_an_empty_repository_that_becomes_a_project(
    language: Go | OCaml, bubblewrap_container: Container, lay_out: LayOut
) -> None:
    lay_out({})
    async with reviewing(bubblewrap_container, (language,), "") as review:
        lay_out(GO if language.name == "go" else OCAML)
        reviewed = await review.after()
        said = "\n".join((*reviewed.by_path.values(), reviewed.rest))
        assert ("undefined: missing" in said) if language.name == "go" else said.startswith("Checked everything: Green")
