"""Where tokens begin and end, in whole files and in pieces of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lang.base import Language
from lang.go import Go
from lang.ocaml import OCaml

PATHS = {"go": "a.go", "ocaml": "a.ml"}
both = pytest.mark.parametrize("language", [Go(), OCaml()], ids=lambda language: language.name)


def words(language: Language, text: str) -> list[str]:
    return [text[start:end] for start, end in language.tokens(PATHS[language.name], text)]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("x:=a+b", ["x", ":=", "a", "+", "b"]),
        ("x := a  +\tb", ["x", ":=", "a", "+", "b"]),
        ("case v := <-ch:", ["case", "v", ":=", "<-", "ch", ":"]),
        ("a &^= b<<2", ["a", "&^=", "b", "<<", "2"]),
        ("f(xs...) // a  b\ny", ["f", "(", "xs", "...", ")", "// a  b", "y"]),
        ("`a\n  b` /* c\n d */ \"e\\\" f\" '\\''", ["`a\n  b`", "/* c\n d */", '"e\\" f"', "'\\''"]),
        ("1.5e-3+0x_Fp-2i", ["1.5e-3", "+", "0x_Fp-2i"]),
        ('x" + y', ["x", '"', "+", "y"]),
        ("größe++", ["größe", "++"]),
    ],
)
def test_go(text: str, want: list[str]) -> None:
    assert words(Go(), text) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("let f x'=x|>g", ["let", "f", "x'", "=", "x", "|>", "g"]),
        ("f ~label:x ?opt ~y", ["f", "~label:", "x", "?opt", "~y"]),
        ('(* a (* b *) "*)" c *) x', ['(* a (* b *) "*)" c *)', "x"]),
        ('{|a *) "b|} {x|c|} |x}', ['{|a *) "b|}', "{x|c|} |x}"]),
        ("'a' '\\n' ('a list)", ["'a'", "'\\n'", "(", "'", "a", "list", ")"]),
        ("a:: b ; c;;[|d|]", ["a", "::", "b", ";", "c", ";;", "[|", "d", "|]"]),
        ("( * ) (*) x", ["(", "*", ")", "(", "*", ")", "x"]),
        ("x.y <- !r +. 1.5e3", ["x", ".", "y", "<-", "!", "r", "+.", "1.5e3"]),
        ("`A | `B", ["`A", "|", "`B"]),
        ('"never closed', ['"', "never", "closed"]),
        ("(* never closed", ["(* never closed"]),
    ],
)
def test_ocaml(text: str, want: list[str]) -> None:
    assert words(OCaml(), text) == want


@both
def test_other_files_have_none(language: Language) -> None:
    assert not language.tokens("README.md", "a b")


@both
@given(text=st.text(alphabet="ab1 \n\t(*)'\"`/\\{|}~:=.+-é", max_size=80))
def test_any_text_has_tokens_in_order_with_white_space_between(language: Language, text: str) -> None:
    done = 0
    for start, end in language.tokens(PATHS[language.name], text):
        assert not text[done:start].strip()
        assert start < end
        done = end
    assert not text[done:].strip()
