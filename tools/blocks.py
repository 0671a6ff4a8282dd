"""Edits as blocks of text: the file's path, then what to search for and what to put there, between marks. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.edits import Edit

EDIT_TEXT = "edit_text"
"""The tool that makes the edits of blocks. No model is told of it: the harness calls it."""

INSTRUCTIONS = """\
To change files write blocks like this among your words; no tool call is needed for it:

path/to/file
```
<<<<<<< SEARCH
lines as they are in the file
=======
lines to put there
>>>>>>> REPLACE
```

The path stands alone on the line above each block. The SEARCH lines are copied exactly and must occur once in the \
file: include neighbouring lines until they do. An empty SEARCH part makes a new file. The blocks of a reply are made \
in order, all or none, before its tool calls run; you are told what came of them."""

MARK = re.compile(r"^<{5,9} ?SEARCH>?[ \t\r]*$", re.MULTILINE)
"""The line that begins a block."""
END = re.compile(r"^>{5,9} ?REPLACE[ \t\r]*$", re.MULTILINE)
"""The line that ends a block."""

_DIVIDER = re.compile(r"={5,9}\s*$")
_ORNAMENT = " \t\r*#`:"
_FENCE = re.compile(r"\s*(```|~~~)")


class BlockError(ValueError):
    """Some block can't be read; the message says which line and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One edit of one file."""

    path: str
    edit: Edit


def parse_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks among some words, in order. A block without a path is of the file of the one before it.

    Raises BlockError.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    above: list[str] = []
    number = 0
    while number < len(lines):
        if not MARK.match(lines[number]):
            above.append(lines[number])
            number += 1
            continue
        path = _path(above) or (blocks[-1].path if blocks else "")
        if not path:
            raise BlockError(f"line {number + 1}: the line above a block is the file's path, alone; here is none.")
        edit, number = _edit(lines, number)
        blocks.append(Block(path=path, edit=edit))
        above = []
    if not blocks:
        raise BlockError("there is no block; each begins with a line `<<<<<<< SEARCH`.")
    return tuple(blocks)


def _edit(lines: list[str], start: int) -> tuple[Edit, int]:
    """Read the block that begins at a line; return it and the line after it."""
    divider = _next(lines, start + 1, _DIVIDER)
    end = _next(lines, divider + 1, END) if divider else 0
    if not end:
        missing = ">>>>>>> REPLACE" if divider else "======="
        raise BlockError(f"line {start + 1}: the block that begins here has no line `{missing}`.")
    return Edit(old=_joined(lines[start + 1 : divider]), new=_joined(lines[divider + 1 : end])), end + 1


def _next(lines: list[str], start: int, mark: re.Pattern[str]) -> int:
    """Return the next line that is such a mark and still in the block; 0 where there is none."""
    for number in range(start, len(lines)):
        if mark.match(lines[number]):
            return number
        if MARK.match(lines[number]):
            break
    return 0


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _path(above: list[str]) -> str:
    """Return the path in the last of some lines that says anything but a fence; empty where that is no path."""
    for line in reversed(above):
        if not line.strip() or _FENCE.match(line):
            continue
        word = line.strip(_ORNAMENT).removeprefix("File:").strip(_ORNAMENT)
        return word if word and not re.search(r"\s", word) else ""
    return ""
