"""What a model would read right after the reply that made a mistake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mistakes import Mistake, lay_out, write

from containers.base import Container
from lang.detect import languages
from tools.check import run_check
from tools.report import render


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A sandbox and what a session would have in it."""

    container: Container
    workspace: Path

    @classmethod
    @asynccontextmanager
    async def opened(cls, container: Container, workspace: Path) -> AsyncIterator[Self]:
        """Start what a session starts; end it."""
        yield cls(container=container, workspace=workspace)

    async def first_feedback(self, mistake: Mistake) -> str:
        """Lay the project out, make the edit and return what comes back with it."""
        lay_out(mistake, self.workspace)
        write(self.workspace, mistake.edits)
        report = await run_check(self.container, languages())
        return render(report).text
