"""The check: builds, vets and tests a tree in the container. The tools `check` and `test` use it, and the verdict."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from containers.base import WORKSPACE, Container
from lang.base import BuildReport, Language, Project, Scope, Step, StepOutput, TestReport
from tools.base import silent
from tools.check_report import CheckReport, ProjectReport
from tools.steps import Runner
from tools.tree import projects

Part = Literal["build", "vet", "test"]
ALL_PARTS: tuple[Part, ...] = ("build", "vet", "test")


async def run_check(
    container: Container,
    languages: Sequence[Language],
    *,
    root: str = WORKSPACE,
    packages: Sequence[str] = (),
    scopes: Mapping[Project, Scope] | None = None,
    run: str = "",
    parts: Sequence[Part] = ALL_PARTS,
    on_output: Callable[[str], None] = silent,
    output_folder: str = "/tmp/bactrian",
    label: str = "check",
) -> CheckReport:
    """Check a tree, one project and one step after the other.

    Args:
        container: Where the tree lies.
        languages: Whose projects are looked for.
        root: The tree's directory; paths in the report are relative to it.
        packages: Narrows every step, as the user names packages; empty for all.
        scopes: Narrows each project's steps instead; projects that it doesn't name are left out.
        run: Narrows the tests to names that match.
        parts: The steps to run. Tests run even where the build failed: other packages may have some.
        on_output: Gets a line after every step.
        output_folder: Where each step's whole output is kept, as `LABEL-LANGUAGE[-ROOT]-PART.log`.
        label: What those files begin with; another one for every check.

    Raises ContainerDied. *Not* an exception: no project, a missing toolchain, red of any kind.
    """
    started = time.monotonic()
    check = _Check(
        runner=Runner(container=container, root=root),
        run=run,
        on_output=on_output,
        prefix=f"{output_folder}/{label}",
    )
    reports: list[ProjectReport] = []
    for language, project in await projects(container, languages, root):
        chosen = packages
        if scopes is not None:
            if project not in scopes:
                continue
            chosen = scopes[project].packages
        reports.append(await check.project(language, project, parts, chosen))
    return CheckReport(projects=tuple(reports), seconds=time.monotonic() - started)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    runner: Runner
    run: str
    on_output: Callable[[str], None]
    prefix: str

    async def project(
        self, language: Language, project: Project, parts: Sequence[Part], packages: Sequence[str]
    ) -> ProjectReport:
        report = ProjectReport(project=project)
        for part in parts:
            step = self._step(language, project, part, packages)
            if step is None:
                continue
            kept = f"{self.prefix}-{_slug(project)}-{part}.log"
            started = time.monotonic()
            output = await self.runner.run(language, step, save_to=kept)
            report = _add(report, language, part, step, output)
            report = replace(report, outputs=(*report.outputs, kept))
            self._tell(project, part, ok=_ok(report, part), seconds=time.monotonic() - started)
        return report

    def _step(self, language: Language, project: Project, part: Part, packages: Sequence[str]) -> Step | None:
        match part:
            case "build":
                return language.build(project, packages)
            case "vet":
                return language.vet(project, packages)
            case "test":
                return language.test(project, packages, self.run)

    def _tell(self, project: Project, part: Part, *, ok: bool, seconds: float) -> None:
        where = "" if project.root == "." else f" in {project.root}"
        self.on_output(f"{project.language} {part}{where}: {'ok' if ok else 'red'}, {seconds:.1f} s\n")


def _add(report: ProjectReport, language: Language, part: Part, step: Step, output: StepOutput) -> ProjectReport:
    match part:
        case "build":
            return replace(report, build=_limited_build(language.parse_build(report.project, output), step, output))
        case "vet":
            return replace(report, vet=_limited_build(language.parse_vet(report.project, output), step, output))
        case "test":
            return replace(report, test=_limited_test(language.parse_test(report.project, output), step, output))


def _limited_build(report: BuildReport, step: Step, output: StepOutput) -> BuildReport:
    if not output.limit_note:
        return report
    return replace(report, ok=report.ok and output.exit_code == 0, note=_limited(step, output, report.note))


def _limited_test(report: TestReport, step: Step, output: StepOutput) -> TestReport:
    if not output.limit_note:
        return report
    return replace(report, ok=report.ok and output.exit_code == 0, note=_limited(step, output, report.note))


def _limited(step: Step, output: StepOutput, note: str) -> str:
    told = f"`{' '.join(step.argv)[:200]}`: {output.limit_note}."
    return f"{told}\n{note}" if note else told


def _ok(report: ProjectReport, part: Part) -> bool:
    found = {"build": report.build, "vet": report.vet, "test": report.test}[part]
    return found is None or found.ok


def _slug(project: Project) -> str:
    root = re.sub(r"[^A-Za-z0-9]+", "-", project.root).strip("-")
    return f"{project.language}-{root}" if root else project.language
