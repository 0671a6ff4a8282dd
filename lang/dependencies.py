"""The `Dependencies` protocol: finding a library by a loose name, fetching it, recording it, saying what it offers.

Like an `Analysis` it executes nothing by itself: everything runs on the `Bench` that it is given. It writes no build
file either; what a project needs changed comes back as edits, so that a failure leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from lang.base import FileEdit

UNCHECKED = "Not checked"
STAGE = ".bactrian-new"
"""A directory at the workspace's top for what is made ready there; whoever asked for an addition removes it."""

Propose = Callable[[str], Awaitable[Sequence[str]]]
"""Asks a small model a question whose answer is names, best first; none where it has no answer. Raises nothing."""

Failure = Literal[
    "foreign", "unknown", "ambiguous", "network", "conflict", "toolchain", "checksum", "access", "system", "failed"
]
"""Why a library could not be had.

`foreign`: nothing of this language can be called that; `unknown`: it could, but there is no such thing;
`ambiguous`: several could be meant; `conflict`: versions that exclude one another; `toolchain`: it needs a newer one;
`access`: it is there, but not for us; `system`: it needs packages of the operating system; `failed`: anything else.
"""


class NotAdded(Exception):
    """A library was not added. The message says why and what to do instead, in a few lines; no build file changed."""

    def __init__(self, kind: Failure, message: str, lacks: tuple[str, ...] = ()) -> None:
        """`lacks` are the packages of the operating system that would have to be there."""
        super().__init__(message)
        self.kind: Failure = kind
        self.lacks = lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody asked for. `name` may be loose: `brotli`, `testify/assert`, `ounit`."""

    name: str
    version: str = ""
    """Empty: the newest that the toolchain can use."""
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """The texts of the project's build files (`Language.build_files`) by path."""
    propose: Propose | None = None
    """None: only what is certain counts, and a name that nothing is called fails as `unknown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A library that was fetched, and what is left to do to the build files."""

    name: str
    """As code or build files name it: an import path, a findlib library."""
    package: str
    """What has the version: a module, an opam package; empty where it came with the toolchain."""
    version: str = ""
    notes: tuple[str, ...] = ()
    """What must be told: why this one and what else it could have been, what it made change."""
    edits: tuple[FileEdit, ...] = ()
    quiet: tuple[str, ...] = ()
    """Paths among the edits whose lines nobody wants to read."""
    moves: tuple[tuple[str, str], ...] = ()
    """Directories made ready below `STAGE`, each with the place it takes; paths relative to the workspace."""


class Dependencies(Protocol):
    """One project's dependencies. May be used by one task at a time; holds nothing to close."""

    async def prepare(self, wanted: Wanted) -> Addition:
        """Find and fetch a library; the build files stay as they are. Raises NotAdded."""
        ...

    async def describe(self, addition: Addition) -> str:
        """Return warnings about the version taken, then what it exports in brief; to be asked once the edits are made.

        Raises nothing of its own: what can't be found out is left out, or said in a line that begins with `UNCHECKED`,
        which the model is shown once per session.
        """
        ...
