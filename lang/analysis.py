"""The `Analysis` protocol: what a language knows of a project's code while it changes.

Unlike a `Language`, an analysis holds processes: language servers, a build that watches. It still executes nothing by
itself: everything runs on the `Bench` that it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from lang.base import Diagnostic, FileEdit, Step, StepOutput


class AnalysisUnavailable(Exception):
    """The analysis can't answer: its process isn't there, has died or does not understand. One line says which."""


class Streams(Protocol):
    """A long-lived process."""

    async def write(self, data: bytes) -> None:
        """Send bytes to its standard input; one that has ended ignores them."""
        ...

    async def read(self) -> bytes:
        """Return the next bytes of its standard output; `b""` once it has ended."""
        ...

    async def wait(self) -> int:
        """Return the exit code once it has ended."""
        ...

    async def kill(self) -> None:
        """Kill it and all that descends from it."""
        ...


class Bench(Protocol):
    """Where an analysis works: the session's container and workspace. All its methods may raise the container's death,
    which an analysis lets pass."""

    async def run(self, step: Step) -> StepOutput:
        """Run a step to its end. Raises nothing of its own: failing is a result."""
        ...

    async def open(self, step: Step) -> Streams:
        """Start a long-lived process; the step's `stdin` and `timeout_s` don't count."""
        ...

    async def read(self, path: str) -> str | None:
        """Return a text file of the workspace (relative) or of a library (absolute); None where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A spot in a file. `path` is relative to the workspace, absolute outside of it; `line` and `column` from 1.

    Columns count characters (code points), tabs as one; a server's own units (bytes, UTF-16) are converted.
    """

    path: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """Something that code can name."""

    name: str
    """Qualified as one would write it outside of its package: `http.Server.Shutdown`, `Yojson.Safe.from_string`."""
    kind: str
    """The language's word: `func`, `method`, `field`, `type`, `value`, `constructor`, `module`…"""
    signature: str = ""
    doc: str = ""
    """The first sentence of its documentation."""
    place: Place | None = None
    """Where its name stands in its definition."""
    end_line: int = 0
    """The definition's last line; 0 where that isn't known."""
    first_line: int = 0
    """Where the definition begins, its documentation included; 0 where that isn't known."""


class Symbols(Protocol):
    """Looking code up. All methods raise AnalysisUnavailable; a name or place that holds nothing: an empty answer."""

    async def members(self, place: Place) -> tuple[Symbol, ...]:
        """Return all that could stand at a place: after a dot (or a record's brace) what its left side has."""
        ...

    async def describe(self, place: Place) -> Symbol | None:
        """Return what stands at a place, with its signature."""
        ...

    async def find(self, name: str) -> tuple[Symbol, ...]:
        """Return the definitions in the project that a name may mean: bare, or qualified as far as one likes."""
        ...


class Analysis(Symbols, Protocol):
    """One project's analysis. Used by one task at a time; `start` comes first.

    Whatever it answers holds for the files as they were at the last `changed`: it never reports an older state.
    Cancelling any call leaves it usable. After AnalysisUnavailable it is closed and another one is made.
    """

    async def start(self) -> None:
        """Get ready to answer at once, which may take as long as a build. Raises AnalysisUnavailable."""
        ...

    async def changed(self, paths: Collection[str]) -> None:
        """Hear that files of the workspace were written, made or removed. Raises AnalysisUnavailable."""
        ...

    async def diagnostics(self, paths: Collection[str]) -> tuple[Diagnostic, ...]:
        """Return the findings in these files and in all that depends on them, as the files are now.

        Waits until they are computed for that state. Raises AnalysisUnavailable.
        """
        ...

    async def polished(self, path: str, before: str | None) -> FileEdit | None:
        """Return a file as the formatter and safe fixes leave it; None where nothing would change.

        `before` is its text before the model wrote it, None for a new file: the formatter is the strictest that it
        already passed. Safe fixes drop unused imports and add missing ones that can only mean one thing.
        Raises AnalysisUnavailable.
        """
        ...

    async def remedy(self, diagnostic: Diagnostic) -> str:
        """Return what one needs to mend a finding: near names with signatures, a callee's signature, what to import.

        Empty where the message says all that is known. Raises AnalysisUnavailable.
        """
        ...

    async def outline(self, path: str) -> tuple[Symbol, ...]:
        """Return what a file defines, in order. Raises AnalysisUnavailable."""
        ...

    async def references(self, symbol: Symbol) -> tuple[Place, ...]:
        """Return where a symbol with a place is used, its definition included. Raises AnalysisUnavailable."""
        ...

    async def rename(self, symbol: Symbol, to: str) -> Sequence[FileEdit]:
        """Return the files' new contents with a symbol renamed everywhere; nothing is written.

        Raises AnalysisUnavailable; ValueError, with the reason, where the language forbids it.
        """
        ...

    async def close(self) -> None:
        """End its processes. Raises nothing."""
        ...
