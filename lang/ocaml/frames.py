"""Backtraces and positions in what tests print: which of them are the project's own code."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from lang.base import Project
from lang.ocaml.layout import in_workspace, inside

_FRAME = re.compile(
    r"\s*(?:Raised|Called|Re-raised)(?: by primitive operation)? (?:at|from) (?P<unit>\S{0,200})"
    r'(?: in| \(inlined\) in)? file "(?P<path>[^"\n]{1,500})"(?: \(inlined\))?, lines? (?P<line>\d{1,9})'
)
_UNKNOWN = re.compile(r"\s*(?:Raised|Called|Re-raised)(?: by primitive operation)? (?:at|from) unknown location")
_FOREIGN = re.compile(r"Stdlib|Camlinternal|Alcotest|OUnit|QCheck|Ppx_|Base(?:__|\.)|Lwt|Fmt|Cmdliner")
_POSITION = re.compile(
    r'(?:File |Dune__exe\S{0,200} in file |(?:Assert|Match)_failure\()"(?P<path>[^"\n]+\.(?:ml[ily]?|t))",'
    r"(?: lines?)? (?P<line>\d{1,9})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What counts as the project's own code: files in or below the directories of its dune files."""

    project: Project
    packages: Collection[str]

    def place(self, text: str) -> tuple[str, int]:
        """The first place in a text that is in the project's code, relative to the workspace; `("", 0)` for none."""
        found = (place for line in text.splitlines() for place in self._places(line))
        return next(found, ("", 0))

    def trimmed(self, text: str) -> str:
        """A text without the frames of other people's code, where there are frames of the project's."""
        lines = text.splitlines()
        if not any(self._is_own(match) for match in map(_FRAME.match, lines) if match):
            return text
        return "\n".join(line for line in lines if self._stays(line))

    def _stays(self, line: str) -> bool:
        frame = _FRAME.match(line)
        return self._is_own(frame) if frame else not _UNKNOWN.match(line)

    def _places(self, line: str) -> Iterator[tuple[str, int]]:
        frame = _FRAME.match(line)
        match = frame or _POSITION.search(line)
        if match and (frame is None or not _FOREIGN.match(frame["unit"])) and self._holds(match["path"]):
            yield in_workspace(self.project, match["path"]), int(match["line"])

    def _is_own(self, frame: re.Match[str]) -> bool:
        return not _FOREIGN.match(frame["unit"]) and self._holds(frame["path"])

    def _holds(self, path: str) -> bool:
        if path.startswith(("/", "..")) and "_build" not in path:
            return False
        directory = posixpath.dirname(in_workspace(self.project, path)) or "."
        if not self.packages or directory in self.packages:
            return True
        # A library's own sources have relative paths too: the top's package holds only what lies right in it.
        return any(package not in (".", self.project.root) and inside(directory, package) for package in self.packages)
