"""Syntax errors: what the text around tells of the slip that was made."""

from __future__ import annotations

import re
from collections.abc import Callable

from lang.ocaml.remedies.case import Case

_KEYWORDS = frozenset(
    [
        "and",
        "as",
        "assert",
        "begin",
        "class",
        "constraint",
        "do",
        "done",
        "downto",
        "effect",
        "else",
        "end",
        "exception",
        "external",
        "for",
        "fun",
        "function",
        "functor",
        "if",
        "include",
        "inherit",
        "initializer",
        "lazy",
        "let",
        "match",
        "method",
        "module",
        "mutable",
        "new",
        "nonrec",
        "object",
        "of",
        "open",
        "or",
        "private",
        "rec",
        "sig",
        "struct",
        "then",
        "to",
        "try",
        "type",
        "val",
        "virtual",
        "when",
        "while",
        "with",
        "mod",
        "land",
        "lor",
        "lxor",
        "lsl",
        "lsr",
        "asr",
    ]
)
_NOISE = re.compile(
    r'\(\*.*?(?:\*\)|\Z)|"(?:[^"\\]|\\.)*"|\{(?P<tag>[a-z_]*)\|.*?\|(?P=tag)\}|' + r"'(?:[^'\\\n]|\\[^\n]{1,3})'",
    re.DOTALL,
)
_STARTS = r"(?:let|type|module|open|exception|external|and|include|val|class)\b"
_LETS = re.compile(r"\blet\b|\bin\b|\bstruct\b|\bsig\b|\bobject\b|\bend\b|\bbegin\b")


async def syntax_error(case: Case, match: re.Match[str]) -> str:
    """`Syntax error`, at the token that could not be."""
    for look in _LOOKS:
        said = look(case)
        if said:
            return said
    return ""


def _token(case: Case) -> str:
    found = re.match(r"\w+'*|[^\s\w]+", case.rest)
    return found[0] if found else ""


def _before(case: Case) -> str:
    """The line up to the error."""
    return case.line(case.diagnostic.line)[: max(case.diagnostic.column - 1, 0)]


def _here(case: Case) -> str:
    """The line of the error and the one before it that isn't blank."""
    above = [line for line in case.lines[: case.diagnostic.line - 1] if line.strip()]
    return "\n".join([*above[-1:], case.line(case.diagnostic.line)])


def _interface(case: Case) -> str:
    if case.path.endswith(".mli") and _token(case) == "let":
        typed = re.match(r"let\s+(?:rec\s+)?(\w+\s*:[^=]+?)\s*(?:=|$)", case.rest)
        declared = typed[1] if typed else f"{[*case.rest.split(), 'f', 'f'][1]} : int -> int"
        return f"An interface declares: `val {declared}`; code stands in the .ml file."
    return ""


def _string_set(case: Case) -> str:
    if "strings are immutable" not in case.message:
        return ""
    return (
        "Build a new string: `String.mapi (fun i c -> if i = 0 then 'X' else c) s`; or change bytes: `let b ="
        " Bytes.of_string s in Bytes.set b 0 'X'; Bytes.to_string b`."
    )


def _elif(case: Case) -> str:
    found = re.search(r"\b(elif|elsif|elseif)\b", _here(case))
    return f"`{found[1]}` is `else if`." if found else ""


def _quotes(case: Case) -> str:
    found = re.match(r"'([^'\n]{2,})'", case.rest) or re.search(r"'([^'\s\\][^'\n]+)'$", _before(case))
    return f'Single quotes hold one character: a string is "{found[1]}".' if found else ""


def _keyword(case: Case) -> str:
    token, before = _token(case), _before(case).rstrip()
    name = re.search(r"(?:\b(?:let|rec|fun|and|method|val|mutable|of|as)|[{(,;~?.:])$", before)
    if token in _KEYWORDS and name and token not in ("fun", "function", "if", "match", "begin", "let", "rec", "module"):
        return f"`{token}` is a keyword: choose another name, `{token}_` say."
    return ""


def _commas(case: Case) -> str:
    if not case.rest.startswith(","):
        return ""
    text = _NOISE.sub(" ", "\n".join([*case.lines[: case.diagnostic.line - 1], _before(case)]))
    if text.count("{") > text.count("}"):
        return "A record's fields are parted by `;`: `{ title : string; price : int }`."
    if re.search(r"\bof\s+[\w. ()'*]+$", text):
        return "A constructor's arguments are parted by `*`: `Add of expr * expr`."
    return ""


def _arrow(case: Case) -> str:
    if "=>" in case.rest[:4] or re.search(r"=>\s*$", _before(case)):
        return "Cases and functions take `->`: `| pattern -> result`, `fun x -> …`."
    if case.rest.startswith("=") and re.search(r"\bfun\b[^=]*$", _before(case)):
        return "`fun x -> …` takes an arrow."
    return ""


def _cases(case: Case) -> str:
    if case.rest.startswith("|") and re.search(r"\bfun\s*$", _before(case)):
        return "`fun` takes parameters and one body: for several cases write `function | A -> … | B -> …`."
    return ""


def _constructor(case: Case) -> str:
    """`Node l x r`."""
    found = re.search(r"\b([A-Z]\w*)\s+((?:\w[\w.']*|\([^()]*\))\s+)*(\w[\w.']*|\([^()]*\))\s+$", _before(case))
    token = re.match(r"[\w(\"']", case.rest)
    if found and token and f"{found[1]}." not in _before(case):
        return (
            f"A constructor takes all its arguments in one pair of parentheses, parted by commas: `{found[1]} (a, b)`;"
            " an argument that is a call has parentheses of its own."
        )
    return ""


def _foreign(case: Case) -> str:
    """Comments, blocks and functions of other languages."""
    here = _here(case)
    if re.search(r"(?<!\S)//", here):
        return "Comments are (* … *)."
    if re.search(r"^\s*#(?!show|use|require)", here, re.MULTILINE):
        return "Comments are (* … *)."
    if re.search(r"^\s*(?:def|func|function|fn)\s+\w+\s*\(", here, re.MULTILINE):
        return "A function is `let f x y = …` (`let rec` if it calls itself)."
    if re.search(r"\b(?:if|while|for)\b.*\{\s*$", here, re.MULTILINE):
        return "Blocks are `if c then begin … end`, `while c do … done`, `for i = 0 to n do … done`."
    return ""


def _sequence(case: Case) -> str:
    """`if c then a; b else d`."""
    if _token(case) != "else":
        return ""
    head = _NOISE.sub(" ", "\n".join([*case.lines[: case.diagnostic.line - 1], _before(case)]))
    then = head.rfind("then")
    if ";" in head[then:]:
        number = head[: then + 1].count("\n") + 1
        return (
            f"The `if` of line {number} ended at the `;`: several statements in a branch stand between `begin` and"
            " `end` (or in parentheses): `then begin a; b end else …`."
        )
    return "This `else` has no `if … then e` before it: is there a `;` or `)` too many?"


def _unfinished(case: Case) -> str:
    """A `let` without its `in`."""
    at_start = not _before(case).strip() and (not case.rest.strip() or re.match(_STARTS, case.rest.strip()))
    if not at_start:
        return ""
    number, binding = _open_let(case)
    if number:
        line = case.line(number).strip()
        mended = f"`{line.rstrip(';').rstrip()} in`"
        if re.search(r"=\s*$|\b(?:fun|function|match|with|begin|then|else|do)\b[^)]*$", line):
            mended = "`in` after its value"
        return (
            f"The `let {binding}` of line {number} has no `in`: write {mended}. (Only top-level definitions have none.)"
        )
    return _trailing(case)


def _open_let(case: Case) -> tuple[int, str]:
    """The first inner `let` of the definition above the error that no `in` closes; 0 where all are closed."""
    last = case.diagnostic.line - 1 if case.rest.strip() else case.diagnostic.line
    text = "\n".join(case.lines[:last])
    blank = _NOISE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    starts = [match.start() for match in re.finditer(rf"^{_STARTS}", blank, re.MULTILINE)]
    begin = starts[-1] if starts else 0
    pending: list[int] = []
    for token in _LETS.finditer(blank, begin + 1):
        word = token[0]
        if word == "in":
            if pending:
                pending.pop()
        elif word == "let":
            pending.append(token.start())
        elif word in ("struct", "sig", "object"):
            return 0, ""
    if not pending:
        return 0, ""
    # Those inside that have none are closed by nothing either: the innermost is where the text goes wrong.
    at = pending[-1]
    name = re.match(r"let\s+(?:rec\s+|open\s+)?(\S+)", blank[at:])
    return blank.count("\n", 0, at) + 1, name[1] if name else ""


def _trailing(case: Case) -> str:
    above = [line for line in case.lines[: case.diagnostic.line - (1 if case.rest.strip() else 0)] if line.strip()]
    text = above[-1].rstrip() if above else ""
    number = _ended(case)
    if number:
        return f"Line {number} ends in `;` before the next definition: top-level definitions have none, take it off."
    word = re.search(r"(\bin|\bthen|\belse|\bdo|->|=|\bwith|[-+*/^@|&(\[{,])$", text)
    return f"The line above ends in `{word[1]}`: what belongs after it is missing." if word else ""


def _ended(case: Case) -> int:
    """The line whose `;` ties a definition to the next one; 0 for none."""
    last = 0
    for number, line in enumerate(case.lines[: case.diagnostic.line], 1):
        if re.match(_STARTS, line) and last and re.search(r"[^;];$", case.line(last).rstrip()):
            return last
        last = number if line.strip() else last
    return last if re.search(r"[^;];$", case.line(last).rstrip()) else 0


def _unmatched(case: Case) -> str:
    found = re.search(r"line (\d+), column \d+: This (\S+) might be unmatched", case.message)
    closing = {
        "struct": "end",
        "sig": "end",
        "begin": "end",
        "object": "end",
        "(": ")",
        "{": "}",
        "[": "]",
        "do": "done",
    }
    if found:
        word = found[2].strip("'")
        return f"The `{word}` of line {found[1]} has no `{closing.get(word, 'end')}`: add it where that part ends."
    if _token(case) in ("end", "done", ")", "]", "}"):
        return f"This `{_token(case)}` closes nothing, or what stands before it is not finished (a `let` without `in`)."
    return ""


_LOOKS: tuple[Callable[[Case], str], ...] = (
    _string_set, _unmatched, _interface, _elif, _quotes, _commas, _arrow, _sequence, _cases, _constructor, _keyword,
    _unfinished, _foreign,
)  # fmt: skip
