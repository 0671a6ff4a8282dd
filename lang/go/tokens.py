"""Where the tokens of Go source begin and end; a fragment or a broken file will do."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
      //[^\n]*                                # comment to the line's end
    | /\*.*?(?:\*/|\Z)                        # comment
    | `[^`]*`                                 # raw string
    | "(?:\\.|[^"\\\n])*"                     # string
    | '(?:\\.|[^'\\\n])+'                     # rune
    | \d(?:[eEpP][+-]|[\w.])*                 # number
    | \w+
    | <<= | >>= | &\^= | \.\.\. | && | \|\| | <- | \+\+ | -- | == | != | <= | >= | := | << | >> | &\^
    | [-+*/%&|^]=
    | \S
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(text: str) -> list[tuple[int, int]]:
    """Return the tokens' places in order; comments and strings are one each, a quote that nothing closes is one."""
    return [match.span() for match in _TOKEN.finditer(text)]
