"""Findings about a function's own statements: what is unused, and where a value came from."""

from __future__ import annotations

import re

from lang.go.remedies import calls
from lang.go.remedies.question import Question


async def unused(question: Question, name: str) -> str:
    """`declared and not used`: say so where a := has declared a second variable of the name."""
    lines = (await question.source()).splitlines()
    declaration = re.compile(rf"(?:\bvar {name}\b|(?<![\w.]){name}(?:, \w+)* :=)")
    others = [number for number, line in enumerate(lines, 1) if declaration.search(line)]
    outer = [number for number in others if number < question.diagnostic.line]
    if not outer or ":=" not in lines[question.diagnostic.line - 1]:
        return ""
    return (
        f"The := here declares a new {name} for this block; the one of line {outer[-1]} stays as it is: assign with =."
    )


async def origin(question: Question, name: str) -> str:
    """A variable of an unexpected type: the signature of the call that it came from."""
    lines = (await question.source()).splitlines()
    made = re.compile(rf"(?<![\w.]){name}(?:, \w+)* :?= (?P<callee>[\w.]+)\(")
    for line in reversed(lines[: question.diagnostic.line]):
        if match := made.search(line):
            told = await calls.signature(question, match["callee"])
            return f"{name} is from {told}" if told else ""
    return ""
