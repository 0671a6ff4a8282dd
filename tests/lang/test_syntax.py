"""Both languages' syntax: what they share, held against any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lang.base import Language
from lang.detect import languages
from lang.syntax import first_sentence, squeezed

_PIECES = (
    "package a\n", "func f(", "{", "}", ")", "type T struct {", "const (", "var é = `x", "// c\n", "/* d", "\n", "\t",
    "let f x =", "module M = struct", "end", "type t = A of int", "(** d *)", "val g : int", "and", '"', "'", "\r\n",
    "interface { F() }", "\x00", "😀", "sig", "(", "let ( + )", "import (", ";", "| B", "\ud800", "*",
    "class c = object",
)  # fmt: skip
_texts = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(_PIECES), max_size=40).map("".join))
every_file = pytest.mark.parametrize("path", ["a.go", "a.ml", "a.mli", "dune", "go.mod", "a.txt"])
every_language = pytest.mark.parametrize("language", languages(), ids=lambda language: language.name)


@every_language
@every_file
@given(text=_texts)
@settings(max_examples=60, deadline=None)
def test_any_text_has_an_outline_within_it(language: Language, path: str, text: str):
    count = text.count("\n") + 1
    for symbol in language.outline(path, text):
        assert symbol.place
        assert symbol.name
        assert "\n" not in symbol.signature + symbol.doc
        assert 1 <= symbol.first_line <= symbol.place.line <= symbol.end_line <= count
        assert 1 <= symbol.place.column <= max(len(line) for line in text.split("\n")) + 1


@every_language
@every_file
@given(text=_texts, name=st.sampled_from(["f", "M", "é", "(+)", "", "x"]))
@settings(max_examples=60, deadline=None)
def test_mentions_are_where_the_word_stands(language: Language, path: str, text: str, name: str):
    lines = text.split("\n")
    for place in language.mentions(path, text, name):
        assert lines[place.line - 1][place.column - 1 :].startswith(name.strip("()"))


def test_a_signature_is_one_line_of_limited_length():
    assert squeezed("func f(\n\ta int,\n\tb int,\n) error") == "func f(a int, b int) error"
    assert squeezed("x" * 300).endswith("…")
    assert len(squeezed("x" * 300)) == 240


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Server serves. Well.", "Server serves."),
        ("One\nline, e.g. this\n\nMore.", "One line, e.g."),
        ("Version 1.2 is it", "Version 1.2 is it"),
        ("", ""),
    ],
)
def test_the_first_sentence(text: str, sentence: str):
    assert first_sentence(text) == sentence
