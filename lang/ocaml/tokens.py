"""Where the tokens of OCaml source begin and end; a fragment or a broken file will do."""

from __future__ import annotations

import re

_STRING = r'"(?:\\.|[^"\\])*"'
_QUOTED = r"\{(?:%%?[\w.]+\s*)?(?P<quote>[a-z_]*)\|.*?\|(?P=quote)\}"
_CHARACTER = r"'(?:\\(?:[0-9]{3}|x[0-9a-fA-F]{2}|o[0-7]{3}|u\{[0-9a-fA-F]+\}|.)|[^'\\\n])'"
_TOKEN = re.compile(
    rf"""
      (?P<comment>\(\*(?!\)))
    | {_STRING}
    | {_QUOTED}
    | {_CHARACTER}
    | [~?][a-z_][\w']*:?(?!:)                 # label
    | \d(?:[eEpP][+-]|[\w.])*                 # number
    | [`]?[^\W\d][\w']*
    | ;; | \[\| | \|\] | \[@@?@? | \[%%? | \{{< | >\}}
    | [-!$%&*+./:<=>?@^|~#]+                  # operator
    | \S
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_COMMENT = re.compile(rf"\(\*|\*\)|{_STRING}|{_QUOTED}|{_CHARACTER}", re.DOTALL)


def tokens(text: str) -> list[tuple[int, int]]:
    """Return the tokens' places in order; comments (nested too) and strings are one each."""
    found: list[tuple[int, int]] = []
    position = 0
    while match := _TOKEN.search(text, position):
        position = _comment_end(text, match.end()) if match["comment"] else match.end()
        found.append((match.start(), position))
    return found


def _comment_end(text: str, position: int) -> int:
    """Return where the comment ends that was opened before `position`: the text's end if nothing closes it."""
    depth = 1
    for match in _IN_COMMENT.finditer(text, position):
        depth += {"(*": 1, "*)": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    return len(text)
