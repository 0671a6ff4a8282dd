"""Looking up a library, module or value: what merlin and findlib answered, by question."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import cast

from lang.base import Documentation, StepOutput
from lang.ocaml import pages, signature
from lang.ocaml.pages import Answers, Entry

_MARK = re.compile(r"bactrian-(?P<kind>[a-z]+): ?(?P<argument>.*)$")
_NO_ANSWER = re.compile(
    r"Not in environment|No documentation|Not a valid identifier|didn't manage|Needed cmti|could not be found|"
    r"The initial environment|doc comment"
)
_IDENTIFIER = re.compile(r"[A-Za-z_][\w'.-]*")
_MEMBER = re.compile(r"((?:[A-Z][\w']*\.)+[a-z_][\w']*)\.[a-z_][\w']*")
"""A record's field with its type's name before it."""


def query(symbol: str) -> tuple[str, str, str]:
    """The arguments of the documentation script: the symbol, its first component, what it seems to be."""
    words = symbol.strip().replace("#", ".").split()
    words = words[1:] if words[:1] in (["val"], ["module"], ["type"]) and len(words) > 1 else words
    word = words[0].strip("`\"'();,:") if words else ""
    if not _IDENTIFIER.fullmatch(word):
        # An operator's module is found at least.
        word = re.sub(r"[^\w'.-]", "", word).strip(".-") or "Stdlib"
    member = _MEMBER.fullmatch(word)
    word = member[1] if member else word
    top = word.partition(".")[0]
    return word, top, "module" if top[:1].isupper() else "library"


def parse_documentation(symbol: str, output: StepOutput) -> Documentation:
    """Read one look-up; the text has at most about 120 lines."""
    answers = _answers(symbol, output.stdout)
    page = pages.found(answers) or pages.candidates(answers)
    if page:
        return Documentation(found=True, text=pages.shortened(page))
    return Documentation(found=False, text=pages.shortened(pages.nothing(answers)))


def _answers(symbol: str, stdout: str) -> Answers:
    answers = Answers(symbol=query(symbol)[0])
    kind, argument = "", ""
    for line in stdout.splitlines():
        mark = _MARK.match(line)
        if mark:
            kind, argument = mark["kind"], mark["argument"].strip()
            _remember(answers, kind, argument)
        elif kind in ("modules", "libraries"):
            answers.names.append(line.strip())
        elif line.startswith("{"):
            _answer(answers, kind, argument, line)
    return answers


def _remember(answers: Answers, kind: str, argument: str) -> None:
    if kind == "symbol":
        answers.symbol = argument
    elif kind == "nested":
        answers.nested.append(argument)
    elif kind == "value":
        answers.values.append(" ".join(argument.split()))
    elif kind == "place":
        answers.places.append(argument)
    elif kind == "part":
        answers.parts.append(argument)
    elif kind == "library":
        name, _, version = argument.partition(" ")
        version = "" if version in ("n/a", "[unspecified]") else version
        answers.library = (name, version)


def _answer(answers: Answers, kind: str, argument: str, line: str) -> None:
    try:
        value = cast(dict[str, object], json.loads(line)).get("value")
    except (ValueError, RecursionError):
        return
    if kind == "document" and isinstance(value, str) and not _NO_ANSWER.search(value):
        answers.comments[argument] = pages.unindented(value)
    elif kind == "complete" and isinstance(value, dict):
        answers.entries[argument] = list(_entries(cast(dict[str, object], value)))
    elif kind == "type" and isinstance(value, list):
        rings = [cast(dict[str, object], ring) for ring in cast(list[object], value) if isinstance(ring, dict)]
        read = (signature.parse(str(ring.get("type", ""))) for ring in rings)
        # What merlin says of a module that it doesn't know is an empty signature.
        known = next((each for each in read if each and (each.items or each.parameters)), None)
        if known:
            answers.signatures.setdefault(argument, known)


def _entries(value: dict[str, object]) -> Iterator[Entry]:
    found = value.get("entries")
    for each in cast(list[object], found) if isinstance(found, list) else ():
        fields = cast(dict[str, object], each) if isinstance(each, dict) else {}
        name, kind, text, comment = (str(fields.get(key, "")) for key in ("name", "kind", "desc", "info"))
        yield Entry(
            name=name,
            kind=kind,
            signature=text,
            comment=pages.unindented(comment),
            deprecated=fields.get("deprecated") is True,
        )
