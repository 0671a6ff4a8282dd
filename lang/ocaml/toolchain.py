"""OCaml as a `Language`: the commands of dune, ocamlformat, opam and merlin."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from lang.analysis import Bench, Place, Symbol
from lang.base import BuildReport, Documentation, Project, Scope, Step, StepOutput, Survey, TestReport
from lang.ocaml import (
    diagnostics,
    documentation,
    essentials,
    inquiry,
    layout,
    libraries,
    recording,
    registries,
    scope,
    scripts,
    surveys,
    syntax,
    testing,
)
from lang.ocaml.analysis import OCamlAnalysis
from lang.ocaml.dependencies import OCamlDependencies
from lang.ocaml.tokens import tokens
from lang.registries import Registry

_TEST_LIMIT_S = 600.0
_TEST_ENVIRONMENT = {
    "ALCOTEST_COLOR": "never",
    # alcotest cuts names off at the terminal's width.
    "ALCOTEST_COLUMNS": "240",
    "ALCOTEST_SHOW_ERRORS": "true",
    # Without it OUnit doesn't name the tests that passed.
    "OUNIT_VERBOSE": "true",
}


class OCaml:
    """Dune projects. A package is a directory with a `dune` file, named relative to the workspace.

    Steps take packages as directories (`lib`, `./bin`, `src/foo.ml`); a name that is no directory stands for the
    whole project. `test`'s `run` is a regular expression over the names of the report's cases: dune can't hand a
    filter to the runners, so all tests of the packages run and the report keeps those that match.
    """

    @property
    def name(self) -> str:
        """The word for it everywhere."""
        return "ocaml"

    @property
    def title(self) -> str:
        """Its name as people write it."""
        return "OCaml"

    @property
    def project_file(self) -> str:
        """What `dune init` writes."""
        return "dune-project"

    @property
    def environment(self) -> Mapping[str, str]:
        """Caches under `/cache`, no colours, opam's switch visible to findlib."""
        return layout.ENVIRONMENT

    @property
    def inherited(self) -> tuple[str, ...]:
        """None: the opam repository is a setting."""
        return ()

    def registries(self, environment: Mapping[str, str]) -> tuple[Registry, ...]:
        """See `registries.registries`."""
        return registries.registries(environment)

    @property
    def guidance(self) -> str:
        """What differs from what a model would assume."""
        return (
            "dune's dev profile makes most warnings (unused variables, values, opens) errors.\n"
            "Name installed libraries in the dune files yourself; one that isn't installed comes by add_dependency,"
            " which edits dune, dune-project and opam files and so needs a dune-project first.\n"
            "Cram tests (*.t) run too; `dune promote` accepts what they and expect tests printed."
        )

    def detect(self, paths: Collection[str]) -> tuple[Project, ...]:
        """See `layout.detect`."""
        return layout.detect(paths)

    def owns(self, path: str) -> bool:
        """See `layout.owns`."""
        return layout.owns(path)

    def is_test(self, path: str) -> bool:
        """See `layout.is_test`."""
        return layout.is_test(path)

    def is_code(self, path: str) -> bool:
        """Modules, interfaces are not: what they say is tested where it is done."""
        return path.endswith((".ml", ".mll", ".mly", ".re")) and layout.owns(path) and not layout.is_test(path)

    def tokens(self, path: str, text: str) -> Sequence[tuple[int, int]]:
        """See `tokens.tokens`."""
        return tokens(text) if path.endswith((".ml", ".mli")) else ()

    @property
    def artefacts(self) -> tuple[str, ...]:
        """Where dune builds and where a local opam switch lies."""
        return ("_build/", "_opam/")

    def build(self, project: Project, packages: Sequence[str] = ()) -> Step:
        """Type-check everything (tests too), compile and link what the project builds by default."""
        return _step(project, scripts.BUILD, *layout.directories(project, packages) or (".",), timeout_s=600.0)

    def parse_build(self, project: Project, output: StepOutput) -> BuildReport:
        """See `diagnostics.parse_build`."""
        return diagnostics.parse_build(project, output)

    def vet(self, project: Project, packages: Sequence[str] = ()) -> Step | None:
        """None: the compiler's warnings come with the build."""
        return None

    def parse_vet(self, project: Project, output: StepOutput) -> BuildReport:
        """Read like a build's output, though there is no such step."""
        return diagnostics.parse_build(project, output)

    def test(self, project: Project, packages: Sequence[str] = (), run: str = "") -> Step:
        """Run the tests of the whole project or of directories, those that passed before too."""
        chosen = layout.directories(project, packages) or (".",)
        limit = f"{_TEST_LIMIT_S - 40:.0f}"
        words = (limit, " ".join(run.split()), *chosen)
        return _step(project, scripts.TEST, *words, env=_TEST_ENVIRONMENT, timeout_s=_TEST_LIMIT_S)

    def parse_test(self, project: Project, output: StepOutput) -> TestReport:
        """See `testing.parse_test`."""
        return testing.parse_test(project, output)

    def format(self, project: Project, paths: Sequence[str]) -> Step | None:
        """Format sources and dune files where the project has an `.ocamlformat` for the installed version."""
        inner = [path for path in paths if layout.inside(path, project.root) and _can_be_formatted(path)]
        if not inner:
            return None
        return _step(project, scripts.FORMAT, *(layout.relative_to_project(project, path) for path in inner))

    def tidy(self, project: Project) -> Step | None:
        """Write the opam files that dune generates, for projects that have them in the tree."""
        return Step(argv=("sh", "-c", scripts.OPAM_FILES), cwd=project.root)

    def scope(self, project: Project, paths: Sequence[str]) -> Step:
        """Print the dune files."""
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

    def survey(self, project: Project | None) -> Step:
        """See `surveys.survey_step`."""
        return surveys.survey_step(project)

    def parse_survey(self, project: Project | None, output: StepOutput) -> Survey:
        """See `surveys.parse_survey`."""
        return surveys.parse_survey(project, output)

    def named(self, text: str, survey: Survey) -> tuple[str, ...]:
        """See `surveys.named`."""
        return surveys.named(text, survey)

    def dependencies(self, project: Project, bench: Bench) -> OCamlDependencies:
        """Find libraries in findlib and opam."""
        return OCamlDependencies(project, bench)

    def analysis(self, project: Project, bench: Bench) -> OCamlAnalysis:
        """Watch a project by dune and merlin."""
        return OCamlAnalysis(project, bench)

    def build_files(self, project: Project, paths: Collection[str]) -> tuple[str, ...]:
        """The dune, dune-project and opam files of a project."""
        return recording.build_files(project, paths)

    def exports(self, project: Project, name: str) -> Step:
        """A library's modules and what they hold."""
        library = libraries.library(name)
        return _library(project, library, library)

    def documentation(self, project: Project, symbol: str) -> tuple[Step, ...]:
        """Ask merlin, for libraries that the project doesn't use yet too; a lower-case word may be library or value."""
        word, top, kind = documentation.query(symbol)
        module = _step(project, inquiry.DOCUMENT, word, top, "module")
        if kind == "module":
            return (module,)
        return (module, _library(project, word, top))

    def parse_documentation(self, symbol: str, output: StepOutput) -> Documentation:
        """See `documentation.parse_documentation`."""
        return documentation.parse_documentation(symbol, output)


def _library(project: Project, word: str, top: str) -> Step:
    shown = (" ".join(essentials.parts(word)), " ".join(essentials.inner_modules(word)))
    return _step(project, inquiry.DOCUMENT, word, top, "library", *filter(None, shown))


def _can_be_formatted(path: str) -> bool:
    name = path.rpartition("/")[2]
    return layout.owns(path) and (name.endswith((".ml", ".mli")) or name in ("dune", "dune-project", "dune-workspace"))


def _step(
    project: Project, script: str, *words: str, env: Mapping[str, str] | None = None, timeout_s: float = 300.0
) -> Step:
    return Step(argv=("sh", "-c", script, "sh", *words), cwd=project.root, env=env or {}, timeout_s=timeout_s)
