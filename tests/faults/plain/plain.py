"""A language that costs nothing, as a plug-in: shell scripts with tests, built and run in milliseconds.

What sessions go through when they are struck is then all Bactrian's own, and a hundred of them take a minute.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping, Sequence

from lang.analysis import Analysis, Bench, Place, Symbol
from lang.base import (
    BuildReport,
    Diagnostic,
    FileEdit,
    Project,
    Scope,
    Step,
    StepOutput,
    Survey,
    TestCase,
    TestReport,
)
from lang.go import Go
from lang.registries import Registry

_BUILD = 'for file in *.plain; do if ! said=$(sh -n "$file" 2>&1); then echo "$said"; exit 1; fi; done'
_TEST = (
    'for file in *_test.plain; do if sh "$file" >/dev/null; then echo "ok $file"; else echo "not ok $file"; fi; done'
)


class Nothing:
    """An analysis that knows nothing."""

    async def start(self) -> None: ...

    async def changed(self, paths: Collection[str]) -> None: ...

    async def diagnostics(self, paths: Collection[str]) -> tuple[Diagnostic, ...]:
        return ()

    async def polished(self, path: str, before: str | None) -> FileEdit | None:
        return None

    async def remedy(self, diagnostic: Diagnostic) -> str:
        return ""

    async def outline(self, path: str) -> tuple[Symbol, ...]:
        return ()

    async def references(self, symbol: Symbol) -> tuple[Place, ...]:
        return ()

    async def rename(self, symbol: Symbol, to: str) -> Sequence[FileEdit]:
        return ()

    async def members(self, place: Place) -> tuple[Symbol, ...]:
        return ()

    async def describe(self, place: Place) -> Symbol | None:
        return None

    async def find(self, name: str) -> tuple[Symbol, ...]:
        return ()

    async def close(self) -> None: ...


class Plain(Go):
    """Folders with a `plain.project`: scripts `*.plain`, tests `*_test.plain` that pass with exit code 0."""

    @property
    def name(self) -> str:
        return "plain"

    @property
    def title(self) -> str:
        return "Plain"

    @property
    def project_file(self) -> str:
        return "plain.project"

    @property
    def environment(self) -> Mapping[str, str]:
        return {}

    @property
    def inherited(self) -> tuple[str, ...]:
        return ()

    def registries(self, environment: Mapping[str, str]) -> tuple[Registry, ...]:
        return ()

    @property
    def guidance(self) -> str:
        return "Scripts."

    def detect(self, paths: Collection[str]) -> tuple[Project, ...]:
        roots = {posixpath.dirname(path) or "." for path in paths if posixpath.basename(path) == self.project_file}
        return tuple(Project(language=self.name, root=root) for root in sorted(roots))

    def owns(self, path: str) -> bool:
        return path.endswith((".plain", self.project_file))

    def is_test(self, path: str) -> bool:
        return path.endswith("_test.plain")

    def is_code(self, path: str) -> bool:
        return path.endswith(".plain") and not self.is_test(path)

    def tokens(self, path: str, text: str) -> Sequence[tuple[int, int]]:
        return ()

    @property
    def artefacts(self) -> tuple[str, ...]:
        return ()

    def build(self, project: Project, packages: Sequence[str] = ()) -> Step:
        return Step(argv=("sh", "-c", _BUILD), cwd=project.root)

    def parse_build(self, project: Project, output: StepOutput) -> BuildReport:
        failed = ("all",) if output.exit_code else ()
        note = output.stdout.strip() if output.exit_code else ""
        return BuildReport(ok=not output.exit_code, packages=("all",), failed=failed, note=note)

    def vet(self, project: Project, packages: Sequence[str] = ()) -> Step:
        return Step(argv=("true",))

    def parse_vet(self, project: Project, output: StepOutput) -> BuildReport:
        return BuildReport(ok=True, packages=("all",))

    def test(self, project: Project, packages: Sequence[str] = (), run: str = "") -> Step:
        return Step(argv=("sh", "-c", _TEST), cwd=project.root)

    def parse_test(self, project: Project, output: StepOutput) -> TestReport:
        lines = [line.rpartition(" ") for line in output.stdout.splitlines()]
        cases = tuple(
            TestCase(package="all", name=name, status="passed" if outcome == "ok" else "failed")
            for outcome, _, name in lines
        )
        return TestReport(ok=not output.exit_code and all(case.status == "passed" for case in cases), cases=cases)

    def format(self, project: Project, paths: Sequence[str]) -> Step | None:
        return None

    def tidy(self, project: Project) -> Step | None:
        return None

    def scope(self, project: Project, paths: Sequence[str]) -> Step:
        return Step(argv=("true",))

    def parse_scope(self, project: Project, paths: Sequence[str], output: StepOutput) -> Scope:
        return Scope(whole=True)

    def outline(self, path: str, text: str) -> tuple[Symbol, ...]:
        return ()

    def mentions(self, path: str, text: str, name: str) -> tuple[Place, ...]:
        return ()

    def analysis(self, project: Project, bench: Bench) -> Analysis:
        return Nothing()

    def speaks(self, text: str) -> bool:
        return "plain" in text

    def survey(self, project: Project | None) -> Step:
        return Step(argv=("true",))

    def parse_survey(self, project: Project | None, output: StepOutput) -> Survey:
        return Survey()

    def named(self, text: str, survey: Survey) -> tuple[str, ...]:
        return ()
