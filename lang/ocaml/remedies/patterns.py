"""Patterns of another type than what they match, and formats that aren't any."""

from __future__ import annotations

import re

from lang.ocaml.remedies import shapes
from lang.ocaml.remedies.case import Case, ancestors
from lang.ocaml.remedies.merlin import plain

_MATCHES = ("match_expression", "function_expression", "try_expression")


async def invalid_format(case: Case, match: re.Match[str]) -> str:
    """`invalid format "…"`."""
    return (
        "A percent sign is written `%%`; conversions are %d %s %c %b %f %g %x %a %t (%S and %C quote; %Ld for int64)."
    )


async def pattern_clash(case: Case, match: re.Match[str]) -> str:
    """`This pattern matches values of type A but a pattern was expected which matches values of type B`."""
    have, want = plain(match["have"]), plain(match["want"])
    head = have.rpartition(" ")[2]
    if head == want.rpartition(" ")[2] and have != want and _is_gadt(case, head):
        found = re.search(r"^(\s*)let\s+rec\s+(\w+)(.*?)=", _definition(case), re.MULTILINE)
        name = found[2] if found else "eval"
        return (
            f"A function over a GADT needs a polymorphic annotation:"
            f" `let rec {name} : type a. a {head} -> … = function …`, `type a. a {head} -> a` if it gives what it holds"
        )
    if have.endswith(" option") or want.endswith(" option"):
        return "One side is an option: match `Some x` and `None`."
    if {have, want} == {"string", "char"}:
        return "A char's pattern has single quotes, 'a'; a string's has double quotes, \"a\"."
    return _outer(case)


def _definition(case: Case) -> str:
    """The source from the start of the definition around the finding to the finding."""
    before = case.lines[: case.diagnostic.line]
    starts = [number for number, line in enumerate(before) if re.match(r"\s*let\b.*=\s*(?:function)?", line)]
    return "\n".join(before[starts[-1] if starts else 0 :])


def _is_gadt(case: Case, head: str) -> bool:
    name = re.escape(head.rpartition(".")[2])
    return bool(re.search(rf":[^=|\n]*->[^=|\n]*\b{name}\b", case.text))


def _outer(case: Case) -> str:
    match = [up for node in case.nodes[:1] for up in ancestors(node) if up.type in _MATCHES]
    if len(match) < 2:
        return ""
    inner, outer = match[0].start_point[0] + 1, match[1].start_point[0] + 1
    return (
        f"It is read as a case of the inner match of line {inner}, which has no end of its own. If it belongs to the"
        f" match of line {outer}, put the inner one in parentheses (or begin … end)."
    )


async def wrong_pattern(case: Case, match: re.Match[str]) -> str:
    """`This variant pattern is expected to have type t. There is no constructor C within type t`."""
    told = _outer(case)
    definition = await shapes.type_of(case, re.sub(r".*[)\s]", "", plain(match["type"])))
    return " ".join(filter(None, [told, "" if definition == "type exn = .." else definition]))
