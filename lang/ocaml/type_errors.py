"""The type errors of a file after its first, where the compiler stops: merlin goes on and finds the others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lang.base import Diagnostic
from lang.ocaml.merlin import Fields, File, Merlin, as_fields, objects, word

_MOST = 10
_WARNING = re.compile(r"(?:Error \((?:warning|alert)|Warning|Alert)\b")
_UNTYPED = re.compile(r"Syntax error|(?:warning|alert)\b")


async def further(merlin: Merlin, file: File, first: Diagnostic) -> tuple[Diagnostic, ...]:
    """Return what merlin finds wrong in a file below the compiler's own finding there, each message once.

    `()` where the file doesn't parse, or types and only warns: merlin's guesses at what broken syntax means, and its
    warnings about code that doesn't type, are no findings.
    """
    if _UNTYPED.match(first.message):
        return ()
    found = list(objects(await merlin.ask(file, "errors")))
    if any(word(each, "type") != "typer" and word(each, "type") != "warning" for each in found):
        return ()
    seen = {_plain(first.message)}
    kept: list[Diagnostic] = []
    for each in _readable(file, first, found):
        if (each.line, each.column) > (first.line, first.column) and _plain(each.message) not in seen:
            seen.add(_plain(each.message))
            kept.append(each)
    return tuple(kept[:_MOST])


def _readable(file: File, first: Diagnostic, found: Sequence[Fields]) -> Iterator[Diagnostic]:
    for each in found:
        place = file.place(as_fields(each.get("start")))
        message = word(each, "message").strip()
        if place is None or not message or word(each, "type") != "typer" or _WARNING.match(message):
            continue
        hints = [word(one, "message").strip() for one in objects(each.get("sub"))]
        yield Diagnostic(
            path=first.path,
            line=place.line,
            # As the compiler's own: in bytes.
            column=file.byte(place.line, place.column) + 1,
            severity="error",
            message="\n".join([message, *hints]),
            source=first.source,
            package=first.package,
        )


def _plain(message: str) -> str:
    return " ".join(message.split())
