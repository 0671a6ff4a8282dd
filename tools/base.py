"""The `Tool` protocol and the context a tool runs in. Tools know nothing of events, models or faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from containers.base import Container
from lang.base import Language
from lang.dependencies import Propose
from tools.edit_record import EditFormat, EditRecord

if TYPE_CHECKING:
    from tools.analyses import Analyses
    from tools.checks import Checks
    from tools.review import Review

Effect = Literal["read", "write", "execute", "network"]
"""The most that a call may do to the container."""


class ToolError(Exception):
    """The call can't be done as asked; the model reads the message and the run goes on.

    The message says what was wrong and what to do instead. `edits` is set by tools that edit.
    """

    def __init__(self, message: str = "", *, edits: EditRecord | None = None) -> None:
        super().__init__(message)
        self.edits = edits


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What a tool is called, what it says to the model and takes. `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    effect: Effect
    edit_format: EditFormat | None = None
    """Set for a tool that edits: the form in which it takes edits."""
    freeform: str = ""
    """The one parameter that a call's plain text fills, where a model can send text in place of JSON."""
    grammar: str = ""
    """What that text must be, in Lark's notation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file that a tool wrote, relative to the workspace, with its count of lines."""

    path: str
    added: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """`content` is what the model reads; `display`, if not empty, is what a person sees instead."""

    content: str
    display: str = ""
    is_error: bool = False
    changes: tuple[Change, ...] = ()
    edits: EditRecord | None = None
    """Set by tools that edit."""


def silent(_: object) -> None:
    """Tell nobody: stands where nothing listens."""


@dataclass(slots=True, kw_only=True)
class ToolContext:
    """What a tool may use. One per session; `on_output` is set for each call."""

    container: Container
    languages: Sequence[Language]
    output_folder: str = "/tmp/bactrian"
    """A directory in the container, outside the workspace, for whole outputs that the model may read later."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables for every command: caches, colours off."""
    on_output: Callable[[str], None] = silent
    analyses: Analyses | None = None
    """The session's analyses; None where there are none: tools then go by syntax alone."""
    checks: Checks | None = None
    """The session's checks; None outside of a session: tools then check the workspace as it lies there, by itself."""
    review: Review | None = None
    """Says what is wrong in words, with remedies, each thing once."""
    propose: Propose | None = None
    """Asks the small model for names; None where there is no small model."""


class Tool(Protocol):
    """One thing that the model can call."""

    @property
    def spec(self) -> ToolSpec:
        """Name, description, parameters and effect; the same for the whole session."""
        ...

    def summary(self, arguments: Mapping[str, Any]) -> str:
        """Return the call in a few words for people: `go test ./...`, `server.go 10-40`."""
        ...

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Do it. `arguments` fit the schema.

        Raises ToolError (the model's to mend) and ContainerDied. *Not* an exception: a command that failed,
        tests that are red; they are results.
        """
        ...
