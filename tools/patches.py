"""Patches in the `apply_patch` format: what a text of them says, file by file. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

GRAMMAR = r"""start: "*** Begin Patch" LF file+ "*** End Patch" LF?

file: "*** Add File: " PATH LF added+ -> add
    | "*** Delete File: " PATH LF -> delete
    | "*** Update File: " PATH LF ("*** Move to: " PATH LF)? hunks? -> update

hunks: (anchor | line)+ end?
anchor: "@@" LF | "@@ " REST LF
added: "+" REST? LF
line: ("+" | "-" | " ") REST? LF
end: "*** End of File" LF

PATH: /[^\n]+/
REST: /[^\n]+/

%import common.LF
"""
"""The format for models that write under a grammar, in Lark's notation."""

_FILE = re.compile(r"\*\*\* (Add|Delete|Update) File: *(.*\S)\s*$")
_MOVE = re.compile(r"\*\*\* Move to: *(.*\S)\s*$")
_RANGE = re.compile(r"-\d+(?:,\d+)? \+\d+(?:,\d+)? *@@ ?")
_END_OF_FILE = "*** End of File"
_MARKERS = ("*** Begin Patch", "*** End Patch")


class PatchError(ValueError):
    """A text is no patch; the message says where and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """Some lines that take the place of others. `old` and `new` have the unchanged lines around them too."""

    anchors: tuple[str, ...] = ()
    """Lines that stand above the place, outermost first."""
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    at_end: bool = False
    """Whether the file ends there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A new file, or a new text for one."""

    path: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """A file that goes."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """A file that changes in places, and perhaps its name (`moved_to`)."""

    path: str
    hunks: tuple[Hunk, ...] = ()
    moved_to: str = ""


FilePatch = Added | Deleted | Updated


def parse_patch(text: str) -> tuple[FilePatch, ...]:
    """Return what a patch does, in order.

    Taken as well: what stands before its beginning or after its end (fences, a shell's words), a missing first or last
    line, ranges of a unified diff after `@@`, context lines that lack their space. Raises PatchError.
    """
    files: list[FilePatch] = []
    section: _Section | None = None
    for number, line in _body(text):
        if header := _FILE.match(line):
            files += [section.done()] if section else []
            section = _Section(kind=header[1], path=header[2], number=number)
        elif section:
            section.take(line, number)
        elif line.strip():
            raise PatchError(
                f"line {number}: a patch begins with a line like `*** Update File: PATH`, not {line[:60]!r}"
            )
    if section is None:
        raise PatchError("the patch names no file; begin with `*** Begin Patch` and `*** Update File: PATH`")
    return (*files, section.done())


def _body(text: str) -> list[tuple[int, str]]:
    """Return the patch's lines with their numbers, without the marks of its beginning and end."""
    lines = text.lstrip().replace("\r\n", "\n").split("\n")
    begins = [index for index, line in enumerate(lines) if line.rstrip() == _MARKERS[0]]
    ends = [index for index, line in enumerate(lines) if line.rstrip() == _MARKERS[1]]
    first = begins[0] if begins else 0
    last = ends[-1] if ends else len(lines)
    if not ends and lines[-1] == "":
        last -= 1
    inside = enumerate(lines[first:last], first + 1)
    return [(number, line) for number, line in inside if line.rstrip() not in _MARKERS]


@dataclass(slots=True, kw_only=True)
class _Section:
    """What a patch says of one file, as its lines come."""

    kind: str
    path: str
    number: int
    content: list[str] = field(default_factory=list[str])
    moved_to: str = ""
    hunks: list[Hunk] = field(default_factory=list[Hunk])
    anchors: list[str] = field(default_factory=list[str])
    old: list[str] = field(default_factory=list[str])
    new: list[str] = field(default_factory=list[str])
    blanks: int = 0
    """How many lines without even a space end the hunk so far: they may be no part of it."""
    at_end: bool = False

    def take(self, line: str, number: int) -> None:
        match self.kind:
            case "Add":
                self._add(line, number)
            case "Delete":
                if line.strip():
                    raise PatchError(f"line {number}: nothing can follow `*** Delete File`, but {line[:60]!r} does")
            case _:
                self._update(line, number)

    def done(self) -> FilePatch:
        match self.kind:
            case "Add":
                return Added(path=self.path, content="".join(f"{line}\n" for line in self.content))
            case "Delete":
                return Deleted(path=self.path)
            case _:
                self._end_hunk()
                if not (self.hunks or self.moved_to):
                    raise PatchError(f"line {self.number}: the update of {self.path} has no lines with + or -")
                return Updated(path=self.path, hunks=tuple(self.hunks), moved_to=self.moved_to)

    def _add(self, line: str, number: int) -> None:
        if line.startswith("+"):
            self.content += [""] * self.blanks + [line[1:]]
            self.blanks = 0
        elif line.strip():
            raise PatchError(f"line {number}: each line of a new file begins with +, but this is {line[:60]!r}")
        else:
            self.blanks += 1

    def _update(self, line: str, number: int) -> None:
        if move := _MOVE.match(line):
            self.moved_to = move[1]
        elif line.startswith("@@"):
            if self.old or self.new:
                self._end_hunk()
            anchor = _RANGE.sub("", line[2:].strip(), count=1).removesuffix("@@").strip()
            self.anchors += [anchor] if anchor else []
        elif line.rstrip() == _END_OF_FILE:
            self.at_end = True
            self._end_hunk()
        elif line.startswith("*** "):
            raise PatchError(f"line {number}: {line[:60]!r} is no part of an update")
        elif not self._is_diff_head(line):
            self._grow(line)

    def _is_diff_head(self, line: str) -> bool:
        """Whether a line is one that unified diffs have besides."""
        inside = bool(self.hunks or self.anchors or self.old or self.new)
        return line.startswith("\\ No newline") or (not inside and line.startswith(("--- ", "+++ ")))

    def _grow(self, line: str) -> None:
        if not line:
            self.blanks += 1
            return
        blank = [""] * self.blanks
        self.blanks = 0
        sign, rest = (line[0], line[1:]) if line[0] in "+- " else (" ", line)
        self.old += blank + ([rest] if sign != "+" else [])
        self.new += blank + ([rest] if sign != "-" else [])

    def _end_hunk(self) -> None:
        if self.old != self.new:
            hunk = Hunk(anchors=tuple(self.anchors), old=tuple(self.old), new=tuple(self.new), at_end=self.at_end)
            self.hunks.append(hunk)
        self.anchors, self.old, self.new, self.blanks, self.at_end = [], [], [], 0, False
