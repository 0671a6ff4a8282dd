"""The `Language` protocol and the values it deals in. Nothing here runs anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from lang.registries import Registry

if TYPE_CHECKING:
    from lang.analysis import Analysis, Bench, Place, Symbol
    from lang.dependencies import Dependencies


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A directory that one build command covers: a Go module, a dune project."""

    language: str
    root: str
    """Relative to the workspace, `.` for its top, forward slashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command to run in a project.

    The harness runs `argv` in `cwd` and hands a `StepOutput` back to the parser that belongs to the step.
    """

    argv: tuple[str, ...]
    cwd: str = "."
    """Relative to the workspace."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    stdin: str = ""
    timeout_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutput:
    """What a step printed and how it ended."""

    exit_code: int
    stdout: str
    stderr: str
    timed_out: bool = False
    limit_note: str = ""
    """Says which limit (time, memory, processes, disk) it met, in a line without a full stop; empty for none."""


Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Diagnostic:
    """One finding of a compiler, vet or linter."""

    path: str
    """Relative to the workspace; `""` where the tool named no file."""
    line: int
    """From 1; 0 where the tool named none."""
    column: int
    """From 1; 0 where the tool named none."""
    severity: Severity
    message: str
    """May have several lines; without the position."""
    source: str
    """The tool: `go build`, `go vet`, `dune`."""
    package: str = ""


TestStatus = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """One test's outcome. `name` is unique in its package and stable between runs."""

    __test__ = False

    package: str
    name: str
    status: TestStatus
    seconds: float = 0.0
    output: str = ""
    """What a failed test printed; empty for others."""
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What a build or vet step found. `packages` are all it looked at; `failed` those that did not build."""

    ok: bool
    diagnostics: tuple[Diagnostic, ...] = ()
    packages: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    note: str = ""
    """Set when the step failed and no diagnostic says why: the last lines of what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """What a test step found.

    `ok` is False when a test failed, a test program crashed or did not build; `note` then says what no case
    says. A test program that printed nothing parseable and passed is one case named after it.
    """

    __test__ = False

    ok: bool
    cases: tuple[TestCase, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documentation:
    """What a look-up found: text for the model. `found` False: `text` says what was tried and what is near."""

    found: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEdit:
    """A file's new contents, as a step of adding a dependency (a dune stanza, a dune-project field)."""

    path: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Packages that a change can have broken, as `build`, `vet` and `test` take them; `whole` means all there are."""

    packages: tuple[str, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a language knows before anybody asks, of a project or of its toolchain alone."""

    facts: tuple[str, ...] = ()
    """Lines for the model: versions, what is set up and what people expect but isn't there, the project's parts."""
    details: tuple[str, ...] = ()
    """More lines, which matter only where the task is about this very project: not of one that lies in another."""
    libraries: Mapping[str, str] = field(default_factory=dict[str, str])
    """Versions of what code may use at once, by the names that `exports` takes; empty where that isn't known."""
    used: tuple[str, ...] = ()
    """Those that the project uses already, the most used first."""


class Language(Protocol):
    """One language. Pure: no method runs, reads or writes anything; an `Analysis` does so on the bench it is given.

    No method raises on any tool output, however garbled: what can't be parsed ends in a report's `note`.
    """

    @property
    def name(self) -> str:
        """The word for it everywhere: `go`, `ocaml`."""
        ...

    @property
    def title(self) -> str:
        """Its name as people write it: `Go`, `OCaml`."""
        ...

    @property
    def project_file(self) -> str:
        """The file that makes a directory a project: `go.mod`, `dune-project`."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that every command of a session in this language gets (caches, colours off)."""
        ...

    @property
    def inherited(self) -> tuple[str, ...]:
        """Names of the host's variables that hold in the container too: where packages come from. No secrets."""
        ...

    def registries(self, environment: Mapping[str, str]) -> tuple[Registry, ...]:
        """Return the hosts that the tools fetch packages from, by a session's variables; `()` for none."""
        ...

    @property
    def guidance(self) -> str:
        """Two or three lines for the system prompt: only what differs from what a model would assume."""
        ...

    def detect(self, paths: Collection[str]) -> tuple[Project, ...]:
        """Return the projects among a tree's file paths (relative, forward slashes), outermost first."""
        ...

    def owns(self, path: str) -> bool:
        """Whether a file path is source or build configuration of this language."""
        ...

    def is_test(self, path: str) -> bool:
        """Whether a file path holds tests."""
        ...

    def is_code(self, path: str) -> bool:
        """Whether a file path is source that tests are expected for: neither a test nor build configuration."""
        ...

    def tokens(self, path: str, text: str) -> Sequence[tuple[int, int]]:
        """Return where the tokens of a text begin and end, in order; comments and strings are one each.

        `text` may be a fragment of a file, cut anywhere. `()` for files whose tokens nobody knows.
        """
        ...

    @property
    def artefacts(self) -> tuple[str, ...]:
        """Git ignore patterns of what the tools write into the tree and nobody wants committed."""
        ...

    def build(self, project: Project, packages: Sequence[str] = ()) -> Step:
        """Compile all of a project, tests included where the tool can, or the packages (as the user names them)."""
        ...

    def parse_build(self, project: Project, output: StepOutput) -> BuildReport:
        """Read what `build` printed."""
        ...

    def vet(self, project: Project, packages: Sequence[str] = ()) -> Step | None:
        """Look for likely mistakes beyond compiling; None where `build` does that already."""
        ...

    def parse_vet(self, project: Project, output: StepOutput) -> BuildReport:
        """Read what `vet` printed."""
        ...

    def test(self, project: Project, packages: Sequence[str] = (), run: str = "") -> Step:
        """Run the tests; `run` narrows them to names that match (a regular expression or the runner's own filter)."""
        ...

    def parse_test(self, project: Project, output: StepOutput) -> TestReport:
        """Read what `test` printed."""
        ...

    def format(self, project: Project, paths: Sequence[str]) -> Step | None:
        """Rewrite files (relative to the workspace) in the language's standard format; None where none is set up."""
        ...

    def tidy(self, project: Project) -> Step | None:
        """Bring build files in line with the sources before a check; None where the language needs no such thing.

        That it fails is no verdict: the build then says why.
        """
        ...

    def scope(self, project: Project, paths: Sequence[str]) -> Step:
        """Find the packages that files (relative to the workspace; some may be gone) belong to, and their users."""
        ...

    def parse_scope(self, project: Project, paths: Sequence[str], output: StepOutput) -> Scope:
        """Read what `scope` printed; where that says too little, the scope is the whole project."""
        ...

    def outline(self, path: str, text: str) -> tuple[Symbol, ...]:
        """Return what a file defines by its syntax alone, in order, members after their owner; `()` for other files."""
        ...

    def mentions(self, path: str, text: str, name: str) -> tuple[Place, ...]:
        """Return where an identifier stands in a file, comments and strings left out: namesakes too."""
        ...

    def analysis(self, project: Project, bench: Bench) -> Analysis:
        """Return a new analysis of a project, not started yet."""
        ...

    def speaks(self, text: str) -> bool:
        """Whether a task is about this language by its own words: its name, its files, its way to name packages."""
        ...

    def survey(self, project: Project | None) -> Step:
        """Find out what a session's first prompt says of a project, None: of the toolchain. Quick; needs no network."""
        ...

    def parse_survey(self, project: Project | None, output: StepOutput) -> Survey:
        """Read what `survey` printed, as far as it came."""
        ...

    def named(self, text: str, survey: Survey) -> tuple[str, ...]:
        """Return the libraries that a task names, surest first, as `exports` takes them: installed or standard ones.

        Words that are plain English too (`base`, `time`) count only where they can't mean anything else.
        """
        ...

    def dependencies(self, project: Project, bench: Bench) -> Dependencies:
        """Return what finds, fetches and records a project's libraries."""
        ...

    def build_files(self, project: Project, paths: Collection[str]) -> tuple[str, ...]:
        """Those of a tree's files whose text a `Dependencies` needs; `()` where it reads what it needs by itself."""
        ...

    def exports(self, project: Project, name: str) -> Step:
        """Print what a dependency exports, with its version; shown after adding it, read by `parse_documentation`."""
        ...

    def documentation(self, project: Project, symbol: str) -> tuple[Step, ...]:
        """Look a package, module or symbol up in the version in use.

        The steps are ways to find it, best first: the harness runs them until `parse_documentation` finds something.
        """
        ...

    def parse_documentation(self, symbol: str, output: StepOutput) -> Documentation:
        """Read what one documentation step printed."""
        ...
