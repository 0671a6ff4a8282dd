"""What a model would read right after the reply that made a mistake."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mistakes import Mistake, lay_out, write

from containers.base import Container
from lang.analysis import AnalysisUnavailable, Place, Symbol
from lang.detect import languages
from lang.go.remedies import remedy
from tools.bench import ContainerBench
from tools.check import run_check


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A sandbox and what a session would have in it."""

    container: Container
    workspace: Path

    @classmethod
    @asynccontextmanager
    async def opened(cls, container: Container, workspace: Path) -> AsyncGenerator[Self]:
        """Start what a session starts; end it."""
        yield cls(container=container, workspace=workspace)

    async def first_feedback(self, mistake: Mistake) -> str:
        """Lay the project out, make the edit and return what comes back with it."""
        lay_out(mistake, self.workspace)
        write(self.workspace, mistake.edits)
        report = await run_check(self.container, languages())
        told = ["Green" if report.green else "Red"]
        for language in languages():
            bench = ContainerBench(container=self.container, language=language)
            for project in (one.project for one in report.projects if one.project.language == language.name):
                for one in report.diagnostics:
                    told.append(f"{one.path}:{one.line}:{one.column}: {one.message}")
                    if language.name == "go" and (answer := await remedy(one, _Absent(), bench, project)):
                        told.append("    " + answer.replace("\n", "\n    "))
        told += [
            f"--- {case.package} {case.name} ({case.path}:{case.line})\n{case.output}"
            for case in report.cases
            if case.status == "failed"
        ]
        told += [note for project in report.projects if not project.green for note in project.notes]
        return "\n".join(told)


class _Absent:
    async def members(self, place: Place) -> tuple[Symbol, ...]:
        raise AnalysisUnavailable("none")

    async def describe(self, place: Place) -> Symbol | None:
        raise AnalysisUnavailable("none")

    async def find(self, name: str) -> tuple[Symbol, ...]:
        raise AnalysisUnavailable("none")
