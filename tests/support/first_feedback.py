"""What a model would read right after the reply that made a mistake."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from mistakes import Mistake, lay_out, write

from containers.base import Container
from lang.detect import languages
from tools.analyses import Analyses
from tools.check_report import CheckReport
from tools.checks import Checks
from tools.review import Review

_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Bases:
    """Keeps the checks of bases for one run: many mistakes begin with the same project."""

    reports: dict[str, CheckReport] = field(default_factory=dict[str, CheckReport])

    def load(self, key: str) -> CheckReport | None:
        return self.reports.get(key)

    def save(self, key: str, report: CheckReport) -> None:
        self.reports[key] = report


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A sandbox and what a session would have in it."""

    container: Container
    workspace: Path
    analyses: Analyses
    bases: Bases = field(default_factory=Bases)

    @classmethod
    @asynccontextmanager
    async def opened(cls, container: Container, workspace: Path) -> AsyncGenerator[Self]:
        """Start what a session starts; end it."""
        analyses = Analyses(container=container, languages=languages())
        analyses.start()
        yield cls(container=container, workspace=workspace, analyses=analyses)
        await analyses.close()

    async def first_feedback(self, mistake: Mistake) -> str:
        """Lay the project out, make the edit and return what comes back with it."""
        await self.analyses.changed(lay_out(mistake, self.workspace))
        await self.analyses.symbols(patience_s=_START_S)  # what is said while one still starts is less
        checks = Checks(container=self.container, languages=languages(), base_commit=self._head(), store=self.bases)
        review = Review(container=self.container, analyses=self.analyses, checks=checks)
        await review.start()
        checks.start()
        try:
            await checks.base()
            write(self.workspace, mistake.edits)
            reviewed = await review.after()
        finally:
            await checks.stop()
        return "\n".join(part for part in (*reviewed.by_path.values(), reviewed.rest) if part)

    def _head(self) -> str:
        argv = ["git", "-c", f"safe.directory={self.workspace}", "rev-parse", "HEAD"]
        return subprocess.run(argv, cwd=self.workspace, check=True, capture_output=True, text=True).stdout.strip()
