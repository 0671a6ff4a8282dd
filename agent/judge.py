"""Checks a session's tree when the model says it is done: format, build, vet, test, compare with the base."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from agent.events import CheckFinished, Event, Progress
from agent.verdict import Verdict, feedback, judge, rows_of
from containers.base import Container
from containers.commits import TreeDifference, compare, lay_out_tree, work_tree
from lang.base import Language
from tools.check import run_check
from tools.check_report import CheckReport
from tools.report import render
from tools.steps import Runner
from tools.tree import projects

BASE_FOLDER = "/tmp/bactrian-base"
STUCK_LIMIT = 3
"""After so many red verdicts on one and the same tree the run ends red: the model has nothing to add."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict and what the model is told of it."""

    verdict: Verdict
    final: bool
    feedback: str


@dataclass(slots=True, kw_only=True)
class Judge:
    """One session's judge. `start` begins the base's check in the background; `judge` waits for it where needed."""

    container: Container
    languages: Sequence[Language]
    base: str
    """The base's commit; empty where there was none."""
    emit: Callable[[Event], None]
    save: Callable[[str], Awaitable[object]]
    """Commits a green tree, with the message given."""
    verdict: Verdict | None = None
    _base_check: asyncio.Task[CheckReport] | None = None
    _count: int = 0
    _red_tree: str = ""
    _red_times: int = 0

    def start(self) -> None:
        """Begin to check the base, in a copy, so that it disturbs nothing."""
        self._base_check = asyncio.create_task(self._check_base(), name="base check")

    async def stop(self) -> None:
        """End the base's check if it still runs. Raises nothing."""
        if self._base_check:
            self._base_check.cancel()
            await asyncio.gather(self._base_check, return_exceptions=True)

    async def judge(self, summary: str) -> Judged:
        """Check the workspace as it is; save it where it is green. Raises ContainerDied, RepositoryError."""
        assert self._base_check, "start comes first"
        started = time.monotonic()
        tree = await work_tree(self.container, self.base)
        difference = await compare(self.container, self.base, tree)
        if await self._format(difference):
            tree = await work_tree(self.container, self.base)
        self._count += 1
        report = await run_check(
            self.container,
            self.languages,
            label=f"verdict-{self._count}",
            on_output=lambda text: self.emit(Progress(step="check", text=text.strip())),
        )
        base = await asyncio.shield(self._base_check)
        self.verdict = judge(base, report, difference, self.languages)
        self.emit(
            CheckFinished(
                tree="work",
                green=self.verdict.green,
                rows=self.verdict.rows,
                reasons=self.verdict.reasons,
                seconds=time.monotonic() - started,
            )
        )
        if self.verdict.green:
            await self.save(summary)
            return Judged(verdict=self.verdict, final=True, feedback="Done: everything is green.")
        self._red_times = self._red_times + 1 if tree == self._red_tree else 1
        self._red_tree = tree
        told = feedback(self.verdict, render(report).text)
        return Judged(verdict=self.verdict, final=self._red_times >= STUCK_LIMIT, feedback=told)

    async def _format(self, difference: TreeDifference) -> bool:
        """Run the projects' formatters over what was written; whether there was anything to run."""
        written = (*difference.added, *difference.modified)
        runner = Runner(container=self.container)
        ran = False
        for language, project in await projects(self.container, self.languages):
            prefix = "" if project.root == "." else f"{project.root}/"
            paths = [path for path in written if path.startswith(prefix) and language.owns(path)]
            step = language.format(project, paths) if paths else None
            if step:
                await runner.run(language, step)
                ran = True
        return ran

    async def _check_base(self) -> CheckReport:
        if not self.base:
            return CheckReport(projects=(), seconds=0.0)
        await lay_out_tree(self.container, self.base, BASE_FOLDER)
        report = await run_check(self.container, self.languages, root=BASE_FOLDER, label="base")
        if report.projects:
            self.emit(
                CheckFinished(
                    tree="base",
                    green=report.green,
                    rows=rows_of(report),
                    reasons=report.problems,
                    seconds=report.seconds,
                )
            )
        return report
