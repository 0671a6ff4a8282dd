"""What one needs to mend a Go finding: near names with signatures, a callee's signature, the package to import."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from lang.analysis import Bench, Symbols
from lang.base import Diagnostic, Project
from lang.go.remedies import calls, interfaces, names, packages, plain, statements
from lang.go.remedies.question import Question

__all__ = ["remedy"]

_LIMIT_CHARACTERS = 600
_LOOKING_S = 3.5
"""What looking things up may take; what is known without is said all the same."""
_Answer = Callable[..., Awaitable[str]]

# The first pattern that fits and whose answer knows something wins; its groups are the answer's arguments.
_TABLE: tuple[tuple[str, _Answer], ...] = (
    (r"\(type (?P<type_text>.+?) has no field or method (?P<name>\w+)", names.in_type),
    (r"^unknown field (?P<name>\w+) in struct literal of type (?P<type_text>[^\s,]+)", names.in_literal),
    (r"^name (?P<name>\w+) not exported by package (?P<qualifier>\S+)", names.not_exported),
    (r"^undefined: (?P<qualifier>\w+)\.(?P<name>\w+)(?: \(but have \w+\))?$", names.in_package),
    (r"^undefined: (?P<name>\w+)(?: \(but have \w+\))?$", names.bare),
    (r"^declared and not used: (?P<name>\w+)", statements.unused),
    (
        r"(?P<expression>[\w.]+) \((?:value|variable) of type func\(.* does not implement (?P<interface>\S+) "
        r"\(missing method",
        interfaces.adapter,
    ),
    (r"^invalid operation: (?P<name>\w+) [!=]= nil \(mismatched types", statements.origin),
    (
        r"(?P<type_text>[^\s(]+) does not implement (?P<interface>\S+) \(method (?P<method>\w+) has pointer receiver",
        interfaces.pointer_receiver,
    ),
    (
        r"(?P<type_text>[^\s(]+) does not implement (?P<interface>\S+) \(missing method",
        interfaces.missing_methods,
    ),
    (r"\S+ does not satisfy (?P<constraint>[\w.]+) ", interfaces.asked),
    (r"^(?:not enough|too many) arguments in call to (?P<callee>\S+)", calls.signature),
    (r" in argument to (?P<callee>[^\s:(]+)", calls.signature),
    (r"^in call to (?P<callee>[^\s,]+?),? ", calls.signature),
    (r"^assignment mismatch: .* but (?P<callee>[^\s(]+)(?:\(.*\))? returns (?P<count>\d+) values?", calls.results),
    (r"^(?P<callee>[^\s(]+)\(.*\) \((?:no value|value of type \(.*\))\)? ", calls.signature),
    (r"(?:no required module provides|cannot find module providing) package (?P<path>[^\s;:]+)", packages.not_required),
    (r"package (?P<path>\S+) is not in std", packages.not_standard),
    (r"missing go\.sum entry for module providing package (?P<path>\S+)", packages.not_summed),
    (r"module (?P<module>[^\s@]+)\S* found.*but does not contain package (?P<path>\S+)", packages.not_contained),
    (r"import cycle not allowed", packages.cycle),
)
_ANSWERS = tuple((re.compile(pattern, re.DOTALL), answer) for pattern, answer in _TABLE)


async def remedy(diagnostic: Diagnostic, symbols: Symbols, bench: Bench, project: Project) -> str:
    """Return what one needs to mend a finding, in a few hundred characters; empty where the message says it all.

    Nothing raises but the death of the bench's container: where the language server can't answer, `go doc` does.
    """
    question = Question(diagnostic=diagnostic, symbols=symbols, bench=bench, project=project)
    try:
        async with asyncio.timeout(_LOOKING_S):
            told = await _looked_up(question)
    except TimeoutError:
        told = ""
    whole = "\n".join(filter(None, (told, plain.remark(diagnostic.message))))
    return whole if len(whole) <= _LIMIT_CHARACTERS else f"{whole[: _LIMIT_CHARACTERS - 1]}…"


async def _looked_up(question: Question) -> str:
    for pattern, answer in _ANSWERS:
        match = pattern.search(question.diagnostic.message)
        if match and (told := await answer(question, **match.groupdict())):
            return told
    return ""
