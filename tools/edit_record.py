"""What is written down of the edits that a model tries: in which format, how each was found, or why it failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EditFormat = Literal["edit", "one", "patch", "text"]
"""How a model writes edits down: several of one file, one a call, a patch, or blocks among its words."""

Stage = Literal["exact", "trailing", "indentation", "line-numbers", "tokens"]
"""What was left aside to find the old text: nothing, white space at line ends, indentation, … all white space."""

Failure = Literal["not-found", "ambiguous", "made-already", "unchanged", "empty", "file", "malformed"]
"""Why an edit was not made; `file`: there is no such file or it can't be edited, `malformed`: it can't be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRecord:
    """One call of an edit tool. Where anything `failed` nothing was written."""

    format: EditFormat
    matched: tuple[Stage, ...] = ()
    """For each edit that found its place, in order."""
    failed: tuple[Failure, ...] = ()
