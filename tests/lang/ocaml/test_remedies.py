"""Remedies without tools: what source and dune files alone tell, and that no message makes one fail.

`tests/mistakes` runs them with dune and merlin.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lang.analysis import AnalysisUnavailable, Place, Streams, Symbol
from lang.base import Diagnostic, Project, Step, StepOutput
from lang.ocaml.remedies import remedy
from lang.ocaml.remedies.rewriters import derivers_in
from lang.ocaml.remedies.stanzas import Tree, survey

MISTAKES = Path(__file__).parents[2] / "data" / "mistakes" / "ocaml"
PROJECT = Project(language="ocaml", root=".")


class NoSymbols:
    """An analysis that can't answer."""

    async def members(self, place: Place) -> tuple[Symbol, ...]:
        raise AnalysisUnavailable(f"not at {place.path}")

    async def describe(self, place: Place) -> Symbol | None:
        raise AnalysisUnavailable(f"not at {place.path}")

    async def find(self, name: str) -> tuple[Symbol, ...]:
        raise AnalysisUnavailable(f"not for {name}")


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A bench that has files and no tools: the survey of them is all that a step can give."""

    files: Mapping[str, str] = field(default_factory=dict[str, str])

    async def run(self, step: Step) -> StepOutput:
        listed = "bactrian-file" in " ".join(step.argv)
        parts = [f"bactrian-file: {path}\n{text if 'dune' in path else ''}\n" for path, text in self.files.items()]
        return StepOutput(exit_code=0, stdout="".join(parts) if listed else "", stderr="")

    async def open(self, step: Step) -> Streams:
        raise AnalysisUnavailable(f"no {step.argv[0]}")

    async def read(self, path: str) -> str | None:
        return self.files.get(path)


def finding(message: str, *, path: str = "shop.ml", line: int = 1, column: int = 1) -> Diagnostic:
    return Diagnostic(path=path, line=line, column=column, severity="error", message=message, source="dune")


async def told(message: str, source: str, *, line: int = 1, column: int = 1, path: str = "shop.ml") -> str:
    shelf = Shelf(files={path: source, "dune": "(library (name shop))"})
    return await remedy(finding(message, path=path, line=line, column=column), NoSymbols(), shelf, PROJECT)


@pytest.mark.parametrize(
    ("source", "line", "column", "expected"),
    [
        ("let f x =\n  let y = x + 1\n  y\n\nlet z = 1\n", 5, 1, "`let y` of line 2 has no `in`"),
        ('let f x =\n  let s = " in " in\n  let y = x\n  y ^ s\n\nlet z = 1\n', 6, 1, "`let y` of line 3"),
        ("let a = 1;\nlet b = 2\n", 3, 1, "Line 1 ends in `;`"),
        ("let s = 'apple'\n", 1, 9, '"apple"'),
        ("let f n = if n > 0 then 1 elif n = 0 then 0 else 2\n", 1, 39, "`else if`"),
        ("type t = { a : int, b : int }\n", 1, 19, "parted by `;`"),
        ("type t = Add of int, int\n", 1, 20, "parted by `*`"),
        ('let f n =\n  if n > 0 then\n    print_string "a;";\n    g ()\n  else h ()\n', 5, 3, "`if` of line 2"),
        ("let value x = match x with None => 0\n", 1, 33, "take `->`"),
        ("let method = 1\n", 1, 5, "`method` is a keyword"),
        ("let f = fun | A -> 1 | B -> 2\n", 1, 13, "`function |"),
    ],
)
async def test_a_syntax_error_is_explained_by_the_source(source: str, line: int, column: int, expected: str) -> None:
    assert expected in await told("Syntax error", source, line=line, column=column)


@pytest.mark.parametrize(
    ("message", "source", "column", "expected"),
    [
        ("Unbound value ( let* )", "let* x = f in x", 1, "Option.bind"),
        ("Unbound value normalise", "let a = normalise\nlet normalise x = x\n", 9, "below, at line 2"),
        ("Unbound value Map.empty", "let a = Map.empty", 9, "Map.Make (String)"),
        ("Unbound module Stream", "let a = Stream.of_string", 9, "Seq"),
        (
            "this argument will not be used by the function.",
            'let f n = failwith "%d" n',
            25,
            "Printf.ksprintf failwith",
        ),
        (
            "This expression has type string -> int\nbut an expression was expected of type\n  int",
            "let f = max (g, h) + 1",
            9,
            "max g h",
        ),
        ("This constant has type string but an expression was expected of type\n  int", 'let f n = "a" + n', 11, "`^`"),
        ("The value x has type int ref but an expression was expected of type int", "let f x = x + 1", 11, "`!x`"),
        ("The value b has type bool but an expression was expected of type 'a ref", "let f b = !b", 12, "not b"),
        (
            "This expression has type int -> int\nbut an expression was expected of type int",
            "let a = abs -1",
            9,
            "abs (-1)",
        ),
    ],
)
async def test_a_message_is_explained_by_the_source(message: str, source: str, column: int, expected: str) -> None:
    assert expected in await told(message, source, column=column)


async def test_a_message_that_says_all_gets_no_remedy() -> None:
    assert await told("Multiple definition of the type name t.", "type t\ntype t") == ""


async def test_a_module_of_another_library_is_named_with_its_library_which_is_to_be_listed() -> None:
    files = {
        "lib/dune": "(library (name calc))",
        "lib/lexer.ml": "let x = 1",
        "bin/dune": "(executable (name main) (libraries str))",
        "bin/main.ml": "let () = print_int Lexer.x",
    }
    case = finding("Unbound module Lexer", path="bin/main.ml", column=20)
    said = await remedy(case, NoSymbols(), Shelf(files=files), PROJECT)
    assert "`Calc.Lexer`" in said
    assert "`(libraries str calc)` in bin/dune" in said


async def test_paths_are_the_workspaces_in_a_project_below_it() -> None:
    files = {"dune": "(library (name shop))\n(test (name test_shop))", "shop.ml": "", "test_shop.ml": ""}
    case = finding('Module "Test_shop" is used in several stanzas:', path="ml/dune")
    said = await remedy(case, NoSymbols(), Shelf(files=files), Project(language="ocaml", root="ml"))
    assert said.startswith("The stanzas of ml/dune")
    assert "library shop `(modules shop)`, test test_shop `(modules test_shop)`" in said


async def test_a_stanza_is_found_for_each_module() -> None:
    files = {
        "dune": "(library (name a) (modules a b)) (executable (name main) (modules main) (libraries a))",
        "a.ml": "",
        "b.ml": "",
        "main.ml": "",
    }
    tree = await survey(Shelf(files=files), PROJECT)
    assert [(module, stanza and stanza.title) for module, _, stanza in tree.modules()] == [
        ("A", "library a"),
        ("B", "library a"),
        ("Main", "executable main"),
    ]
    assert Tree().home("a.ml") is None


def test_derivers_are_read_with_their_options() -> None:
    text = "type t = A [@@deriving show { with_path = false }, eq]\ntype u = int [@@deriving ord, show]"
    assert derivers_in(text) == ["show", "eq", "ord"]


def garbled(text: str, chance: random.Random) -> str:
    """Text with a stretch cut out of it and some characters replaced."""
    start, end = sorted(chance.choices(range(len(text) + 1), k=2))
    mixed = list(text[:start] + text[end:])
    for _ in range(len(mixed) // 40):
        mixed[chance.randrange(len(mixed))] = chance.choice("\"{}[]():,|`0 \n'->é")
    return "".join(mixed)


@pytest.mark.parametrize("name", sorted(path.stem for path in MISTAKES.glob("*.txt"))[::4])
async def test_no_garbled_message_or_source_raises(name: str) -> None:
    chance = random.Random(name)
    text = (MISTAKES / f"{name}.txt").read_text()
    source, _, feedback = text.partition("-- feedback --\n")
    for _ in range(15):
        shelf = Shelf(files={"shop.ml": garbled(source, chance), "dune": garbled(source, chance)})
        case = finding(garbled(feedback, chance), line=chance.randrange(30), column=chance.randrange(80))
        assert len(await remedy(case, NoSymbols(), shelf, PROJECT)) <= 700
