"""What files of both languages define, as golden files; mentions in small ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lang.analysis import Symbol
from lang.base import Language
from lang.go import Go
from lang.ocaml import OCaml

DATA = Path(__file__).parents[1] / "data" / "syntax"
SAMPLES = ("sample.go", "broken.go", "sample.ml", "broken.ml", "sample.mli")


def shown(symbol: Symbol) -> str:
    assert symbol.place
    place = f"{symbol.first_line}-{symbol.end_line} at {symbol.place.line}:{symbol.place.column}"
    return f"{place} {symbol.kind} {symbol.name} | {symbol.signature} | {symbol.doc}".rstrip()


@pytest.mark.parametrize("name", SAMPLES)
def test_outlines(name: str, golden: Callable[[Path, str], None]):
    language: Language = Go() if name.endswith(".go") else OCaml()
    symbols = language.outline(name, (DATA / name).read_text())
    golden(DATA / f"{name}.outline", "\n".join(shown(symbol) for symbol in symbols) + "\n")


def test_other_files_have_none():
    assert Go().outline("a.ml", "let x = 1") == OCaml().outline("a.go", "package a\nvar X int") == ()
    assert Go().outline("a.go", "") == OCaml().outline("a.ml", "") == ()


def test_mentions_leave_out_comments_strings_and_parts_of_words():
    text = 'package a\n\n// Alpha\nfunc Alpha() { s.Alpha("Alpha"); AlphaBeta() }\n'
    assert [(place.line, place.column) for place in Go().mentions("a.go", text, "Alpha")] == [(4, 6), (4, 18)]
    text = '(* f *) let é, f = 1, "f"\nlet g = M.f (f + 1)\nlet ( let* ) = ( let* )\n'
    assert [(place.line, place.column) for place in OCaml().mentions("a.ml", text, "f")] == [(1, 16), (2, 11), (2, 14)]
    assert [(place.line, place.column) for place in OCaml().mentions("a.ml", text, "(let*)")] == [(3, 7), (3, 18)]
