"""Calls that don't fit: the callee's signature and what it is for."""

from __future__ import annotations

import re

from lang.go.remedies.declarations import Declaration
from lang.go.remedies.question import Question

_SIBLINGS = 3
_GENERIC = re.compile(r"\[.*\]$")


async def signature(question: Question, callee: str) -> str:
    """Return the callee's signature and first doc sentence; empty where it can't be told what is called."""
    plain = _GENERIC.sub("", callee.strip())
    found = await question.described(plain)
    if found is None or found.kind == "var":
        return ""
    qualifier, _, name = plain.rpartition(".")
    told = f"{qualifier}.{found.line}" if qualifier and found.name == name else found.line
    return "\n".join((told, *(f"  {one.signature}" for one in await _siblings(question, qualifier, name))))


async def _siblings(question: Question, qualifier: str, name: str) -> list[Declaration]:
    """Return functions of the same package that are called so and go on: SplitN for Split."""
    path = (await question.imports()).get(qualifier, "")
    if not path or not question.diagnostic.message.startswith("too many arguments"):
        return []
    package = await question.package(path)
    longer = [one for one in package.top(exported=True) if one.kind == "func" and one.name.startswith(name)]
    return sorted((one for one in longer if one.name != name), key=lambda one: len(one.name))[:_SIBLINGS]


async def results(question: Question, callee: str, count: str) -> str:
    """`assignment mismatch`: the signature, which names the results."""
    told = await signature(question, callee)
    return told or f"It returns {count} values: take them all, with _ for those that are of no use."
