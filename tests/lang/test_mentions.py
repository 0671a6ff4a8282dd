"""Which words of a text name a library."""

from __future__ import annotations

import pytest

from lang.mentions import names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("the library parses with yojson and is tested with alcotest.", "yojson"),
        ("tested with Alcotest", "alcotest"),
        ("Use `base` for lists", "base"),
        ("built on the base library", "base"),
        ("the libraries re and fmt", "re"),
        ("limit it with rate.Limiter", "rate"),
        ("Base.List has it", "base"),
        ("compress with brotli when accepted", "brotli"),
    ],
)
def test_a_library_that_is_named(text: str, name: str) -> None:
    assert names(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("count from base 10", "base"),
        ("write the tests and test it", "test"),
        ("every time the text changes", "time"),
        ("encode as base64", "base"),
        ("re-run it", "re"),
        ("the fmtp line", "fmt"),
        ("see lwt-dllist", "lwt"),
        ("an async job", "async"),
        ("log errors to stderr", "errors"),
    ],
)
def test_a_word_that_only_looks_like_one(text: str, name: str) -> None:
    assert not names(text, name)
