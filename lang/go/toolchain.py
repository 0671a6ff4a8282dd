"""The `Go` language: which commands build, vet, test, format, extend and look up a Go module."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from lang.analysis import Analysis, Bench, Place, Symbol
from lang.base import BuildReport, Documentation, Project, Scope, Step, StepOutput, Survey, TestReport
from lang.go import candidates, diagnostics, documentation, exports, registries, scope, surveys, syntax, testing
from lang.go.dependencies import GoDependencies
from lang.go.packages import patterns
from lang.go.tokens import tokens
from lang.registries import Registry

TEST_TIMEOUT_S = 240
"""What one package's tests get before `go test` stops them with a dump of all goroutines."""

_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "GOENV": "off",  # `go env -w` would hold for the harness's own checks, in later sessions too
        "GOFLAGS": "-buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOTELEMETRY": "off",
        "GOCACHE": "/cache/go-build",
        "GOMODCACHE": "/cache/go-mod",
        "GOPATH": "/cache/go",
        "NO_COLOR": "1",
    }
)

_GUIDANCE = """\
A new module in one reply: go.mod, then add_dependency for each module it needs, then the files. `go mod tidy` runs at
finish. Packages are named ./... or ./dir. Tests run without -race; vet's printf-like findings are errors, its others
warnings."""

# `go build` alone leaves test files out, and vet stops at a package's first type error. `go list -export` compiles
# everything, tests included, without linking a test program each, goes on after errors and names each package; what it
# lacks is linking the main packages, which is what `go build` adds. Only the packages with more than ten errors are
# compiled again with -e, which shows them all: what it compiles is of no use to anything else.
_BUILD = r"""
pwd
go build -json -o /dev/null "$@"
built=$?
list() { go list -e -test -export -json=ImportPath,ForTest,Match,Error,DepsErrors "$@"; }
listed=$(mktemp)
list "$@" >"$listed"
code=$?
cat "$listed"
if grep -q 'too many errors' "$listed"; then
    set --
    for package in $(grep -o '"# [^\\ ]*' "$listed" | sed 's/^"# //' | sort -u); do
        set -- "$@" "$package"
        GOFLAGS="$GOFLAGS -gcflags=$package=-e"
    done
    export GOFLAGS
    list "$@" && echo "bactrian: all errors"
fi
rm -f "$listed"
[ $code -ne 0 ] || exit $built
exit $code
"""

# Tells the parser where it ran: messages with absolute paths become relative to the workspace.
_PLACED = """
pwd
exec "$@"
"""

_SKIPPED = ("vendor", "testdata")


class Go:
    """Go modules, driven by the `go` command."""

    @property
    def name(self) -> str:
        """`go`."""
        return "go"

    @property
    def title(self) -> str:
        """Its name as people write it."""
        return "Go"

    @property
    def project_file(self) -> str:
        """What `go mod init` writes."""
        return "go.mod"

    @property
    def environment(self) -> Mapping[str, str]:
        """Caches below `/cache` (the containers' layout), the installed toolchain only, no telemetry."""
        return _ENVIRONMENT

    @property
    def inherited(self) -> tuple[str, ...]:
        """A company's module proxy, what is private to it, and where vulnerabilities are listed."""
        return ("GOPROXY", "GOPRIVATE", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOVULNDB")

    def registries(self, environment: Mapping[str, str]) -> tuple[Registry, ...]:
        """See `registries.registries`."""
        return registries.registries(environment)

    @property
    def guidance(self) -> str:
        """What a model would not assume."""
        return _GUIDANCE

    def detect(self, paths: Collection[str]) -> tuple[Project, ...]:
        """Return a project for every `go.mod`, those that the go command itself would ignore left out."""
        roots = {posixpath.dirname(path) or "." for path in paths if posixpath.basename(path) == "go.mod"}
        seen = sorted(
            (root for root in roots if not _ignored(root)), key=lambda root: (root.count("/"), root != ".", root)
        )
        return tuple(Project(language=self.name, root=root) for root in seen)

    def owns(self, path: str) -> bool:
        """Go files and the files of modules and workspaces."""
        return path.endswith(".go") or posixpath.basename(path) in ("go.mod", "go.sum", "go.work", "go.work.sum")

    def is_test(self, path: str) -> bool:
        """Files that only `go test` compiles."""
        return path.endswith("_test.go")

    def is_code(self, path: str) -> bool:
        """Go files that are neither tests nor somebody else's."""
        return path.endswith(".go") and not self.is_test(path) and not _ignored(posixpath.dirname(path) or ".")

    def tokens(self, path: str, text: str) -> Sequence[tuple[int, int]]:
        """See `tokens.tokens`."""
        return tokens(text) if path.endswith(".go") else ()

    @property
    def artefacts(self) -> tuple[str, ...]:
        """Test programs, profiles and debuggers' programs; `go build` is kept from leaving any other."""
        return ("*.test", "*.prof", "coverage.out", "__debug_bin*")

    def build(self, project: Project, packages: Sequence[str] = ()) -> Step:
        """Compile packages and their tests, and link the main packages; nothing is written."""
        return Step(argv=("sh", "-c", _BUILD, "go", *patterns(project, packages)), cwd=project.root, timeout_s=600.0)

    def parse_build(self, project: Project, output: StepOutput) -> BuildReport:
        """Read a build; a finding shows once however many variants of its package were compiled."""
        return diagnostics.parse_build(project, output)

    def vet(self, project: Project, packages: Sequence[str] = ()) -> Step:
        """Run every analysis of `go vet`."""
        return _placed(project, ("go", "vet", "-json", *patterns(project, packages)), timeout_s=600.0)

    def parse_vet(self, project: Project, output: StepOutput) -> BuildReport:
        """Read vet's findings: errors where a plain `go test` would fail on them, else warnings (and `ok` stays)."""
        return diagnostics.parse_vet(project, output)

    def test(self, project: Project, packages: Sequence[str] = (), run: str = "") -> Step:
        """Run tests, examples and fuzz seeds, without the vet that `go test` adds: that is a step of its own.

        So a vet finding neither keeps tests from running nor shows twice.
        """
        narrowed = (f"-run={run}",) if run else ()
        argv = ("go", "test", "-json", "-fullpath", "-vet=off", f"-timeout={TEST_TIMEOUT_S}s", *narrowed)
        return _placed(project, (*argv, *patterns(project, packages)), timeout_s=600.0)

    def parse_test(self, project: Project, output: StepOutput) -> TestReport:
        """Read the tests' events."""
        return testing.parse_test(project, output)

    def format(self, project: Project, paths: Sequence[str]) -> Step | None:
        """Run gofmt over the Go files among `paths`; None where there are none."""
        files = tuple(path for path in paths if path.endswith(".go"))
        return Step(argv=("gofmt", "-w", *files), timeout_s=60.0) if files else None

    def tidy(self, project: Project) -> Step | None:
        """Complete go.mod and go.sum for what the sources import, and drop what they don't."""
        return Step(argv=("go", "mod", "tidy"), cwd=project.root)

    def scope(self, project: Project, paths: Sequence[str]) -> Step:
        """List the module's packages and what they import."""
        return scope.scope_step(project)

    def parse_scope(self, project: Project, paths: Sequence[str], output: StepOutput) -> Scope:
        """See `scope.parse_scope`."""
        return scope.parse_scope(project, paths, output)

    def outline(self, path: str, text: str) -> tuple[Symbol, ...]:
        """See `syntax.outline`."""
        return syntax.outline(path, text)

    def mentions(self, path: str, text: str, name: str) -> tuple[Place, ...]:
        """See `syntax.mentions`."""
        return syntax.mentions(path, text, name)

    def speaks(self, text: str) -> bool:
        """See `surveys.speaks`."""
        return surveys.speaks(text)

    def analysis(self, project: Project, bench: Bench) -> Analysis:
        """Serve a module by gopls."""
        # Its client's libraries take a second to load, which only a session should pay.
        from lang.go.gopls import Gopls

        return Gopls(project, bench)

    def survey(self, project: Project | None) -> Step:
        """See `surveys.survey_step`."""
        return surveys.survey_step(project)

    def parse_survey(self, project: Project | None, output: StepOutput) -> Survey:
        """See `surveys.parse_survey`."""
        return surveys.parse_survey(project, output)

    def named(self, text: str, survey: Survey) -> tuple[str, ...]:
        """See `surveys.named`."""
        return surveys.named(text, survey)

    def dependencies(self, project: Project, bench: Bench) -> GoDependencies:
        """Find modules by path, by name and by what a model proposes."""
        return GoDependencies(project, bench)

    def build_files(self, project: Project, paths: Collection[str]) -> tuple[str, ...]:
        """None: the go command writes go.mod and go.sum."""
        return ()

    def exports(self, project: Project, name: str) -> Step:
        """List a dependency's version and what its package exports, or the packages it has."""
        return exports.found(project, candidates.import_path(name)[0])

    def documentation(self, project: Project, symbol: str) -> tuple[Step, ...]:
        """Ask `go doc`, then search by the package's name, then list what is near."""
        return documentation.documentation_steps(project, symbol)

    def parse_documentation(self, symbol: str, output: StepOutput) -> Documentation:
        """Read what one documentation step printed."""
        return documentation.parse_documentation(symbol, output)


def _ignored(root: str) -> bool:
    parts = () if root == "." else root.split("/")
    return any(part in _SKIPPED or part.startswith(("_", ".")) for part in parts)


def _placed(project: Project, argv: tuple[str, ...], *, timeout_s: float) -> Step:
    return Step(argv=("sh", "-c", _PLACED, "go", *argv), cwd=project.root, timeout_s=timeout_s)
