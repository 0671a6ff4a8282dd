from __future__ import annotations

import time

import pytest

from tools.diff import change, snippets, unified
from tools.nearest import nearest
from tools.text import clean, clip, decode, encode, lines_of, shorten


def test_lines_are_counted_as_compilers_do():
    assert lines_of("a\r\nb\x0cc\u2028d\n\n") == ["a", "b\x0cc\u2028d", ""]
    assert lines_of("") == []


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("\x1b[31mred\x1b[0m\n", "red\n"),
        ("10%\r50%\r100%\ndone\r\n", "100%\ndone\n"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("plain\ttext", "plain\ttext"),
        ("one\rtwo\r\r\nthree\r", "two\nthree"),
    ],
)
def test_clean(output: str, shown: str):
    assert clean(output) == shown


@pytest.mark.parametrize("output", ["a" * 1_000_000, "a\r" * 500_000, "\x1b[" * 500_000, "\x1b]" * 500_000])
def test_clean_takes_no_time_for_a_long_line(output: str):
    started = time.monotonic()
    clean(output)
    assert time.monotonic() - started < 2


def test_clip_cuts_at_line_ends():
    text = "".join(f"line {number}\n" for number in range(1000))
    cut = clip(text, 200)
    assert cut.startswith("line 0\n")
    assert cut.endswith("line 999\n")
    assert "characters left out" in cut
    assert len(cut) < 260
    assert clip(text, len(text)) == text
    assert "left out" in clip("x" * 1000, 100)


def test_shorten():
    assert shorten("abc", 3) == "abc"
    assert shorten("abcde", 3) == "abc… (2 more characters)"


def test_decode():
    assert decode(b"\x7fELF\0\0") is None
    latin = decode(b"caf\xe9")
    assert latin is not None
    assert (latin.utf8, latin.shown, encode(latin.text)) == (False, "caf\ufffd", b"caf\xe9")


def test_diff():
    before = "".join(f"{number}\n" for number in range(30))
    after = before.replace("5\n", "five\n", 1).replace("29\n", "29\n30\n")
    assert (change("x", before, after).added, change("x", before, after).removed) == (2, 1)
    assert "-5\n+five" in unified("x", before, after)
    assert snippets(before, after, context=1) == ("     5\t4\n     6\tfive\n     7\t6\n   ...\n    30\t29\n    31\t30")


def test_snippets_have_a_limit():
    assert snippets("", "x\n" * 100, limit=3) == "     1\tx\n     2\tx\n     3\tx\n   ...\n   ... to line 100"


def test_nearest_is_fast_and_sure_in_a_large_file():
    text = "".join(f"func handler{number}(w http.ResponseWriter) {{ return }}\n" for number in range(4000))
    region = nearest(text, "func handler2711(w http.ResponseWriter, extra int) { return }")
    assert region is not None
    assert "handler2711(" in region.lines[0]
