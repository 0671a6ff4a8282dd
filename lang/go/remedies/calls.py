"""Calls that don't fit: the callee's signature and what it is for."""

from __future__ import annotations

import re

from lang.go.remedies.question import Question

_GENERIC = re.compile(r"\[.*\]$")


async def signature(question: Question, callee: str) -> str:
    """Return the callee's signature and first doc sentence; empty where it can't be told what is called."""
    plain = _GENERIC.sub("", callee.strip())
    found = await question.described(plain)
    if found is None or found.kind == "var":
        return ""
    qualifier = plain.rpartition(".")[0]
    return f"{qualifier}.{found.line}" if qualifier and found.name == plain.rpartition(".")[2] else found.line


async def results(question: Question, callee: str, count: str) -> str:
    """`assignment mismatch`: the signature, which names the results."""
    told = await signature(question, callee)
    return told or f"It returns {count} values: take them all, with _ for those that are of no use."
