"""Text of a container or a model, made fit for a terminal: what would command it is shown instead of obeyed."""

from __future__ import annotations

import re
import unicodedata

_COLOUR = re.compile(r"\x1b\[[\d;:]*m")
_ODD = re.compile(r"[^\n\t\x20-\x7e]")
_JOINERS = "\u200c\u200d"
"""Harmless, and part of words and emoji."""
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that show nothing: a text for a model's eyes alone can be written in them."""


def visible(text: str) -> str:
    """Return the text without colours, with escapes, controls, bidi marks and other invisible characters spelt out.

    Line ends and tabs stay, a carriage return before a line end goes. ESC becomes `^[`, U+202E becomes `<U+202E>`, a
    lone surrogate U+FFFD.
    """
    return _ODD.sub(_spelt, _COLOUR.sub("", text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """The same on one line: line ends and runs of blanks become one blank."""
    return visible(" ".join(text.split()))


def _spelt(found: re.Match[str]) -> str:
    char = found[0]
    code = ord(char)
    if code < 0x80:
        return f"^{chr(code ^ 0x40)}"
    match unicodedata.category(char):
        case "Cs":
            return "\ufffd"
        case "Cc" | "Cf" | "Zl" | "Zp" if char not in _JOINERS:
            return f"<U+{code:04X}>"
        case _ if _UNSEEN.match(char):
            return f"<U+{code:04X}>"
        case _:
            return char
