"""What tests report, made short: repeats folded, testify's frame taken off, the middle of long texts left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

HEAD_LINES = 14
TAIL_LINES = 6
LINE_LIMIT = 500
"""Characters that are kept of one line."""

_TESTIFY = re.compile(r"^[ \t]*\tError Trace:\t", re.MULTILINE)
_TESTIFY_LINE = re.compile(r"^[ \t]*\t(?P<label>[A-Z][\w ]*:|)[ ]*\t(?P<text>.*)$")
_DROPPED = ("Error Trace:", "Test:")
_MARKED = re.compile(r"^\s*\S+\.go:\d+: ")


def unwrapped(said: str) -> str:
    """Return a text without the columns that testify puts its messages in, and without what they repeat."""
    if not _TESTIFY.search(said):
        return said
    return "\n".join(_unwrapped(said.splitlines()))


def _unwrapped(lines: list[str]) -> Iterator[str]:
    dropping = False
    for line in lines:
        match = _TESTIFY_LINE.match(line)
        if match is None:
            dropping = False
            if line.strip():
                yield line
            continue
        dropping = match["label"] in _DROPPED if match["label"] else dropping
        if not dropping and match["text"].strip():
            yield f"        {match['text']}"


def folded(said: str) -> str:
    """Return a text in which what repeats stands once, with a count.

    That is a message (`file.go:12: …`, with the lines that belong to it) wherever it came before, and other lines that
    follow upon their like more than once.
    """
    counted: dict[tuple[int, str], int] = {}
    run = 0
    last = ""
    for message in _messages(said):
        if _MARKED.match(message):
            key = (-1, message)
        else:
            run += message != last
            key = (run, message)
        last = message
        counted[key] = counted.get(key, 0) + 1
    return "\n".join(_counted(message, count) for (_, message), count in counted.items())


def _messages(said: str) -> Iterator[str]:
    """Yield each reported message with its indented lines, other lines one by one; blank ones join what precedes."""
    message: list[str] = []
    for line in said.splitlines():
        opens = bool(_MARKED.match(line))
        continues = not line.strip() or (message and _MARKED.match(message[0]) and line.startswith("        "))
        if message and (opens or not continues):
            yield "\n".join(message)
            message = []
        message.append(line)
    if message:
        yield "\n".join(message)


def _counted(message: str, count: int) -> str:
    if not message.strip() or count < (2 if _MARKED.match(message) else 3):
        return "\n".join([message] * count)
    first, line_break, rest = message.partition("\n")
    return f"{first}  ({count} times){line_break}{rest}"


def clipped(said: str) -> str:
    """Return a text with very long lines cut and, where it is long, the lines between its ends left out."""
    lines = [line if len(line) <= LINE_LIMIT else f"{line[:LINE_LIMIT]}…" for line in said.splitlines()]
    left_out = len(lines) - HEAD_LINES - TAIL_LINES
    if left_out > 0:
        lines[HEAD_LINES:-TAIL_LINES] = [f"… {left_out} lines left out …"]
    return "\n".join(lines)
