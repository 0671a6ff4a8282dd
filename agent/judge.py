"""Checks a session's tree when the model says it is done: format, build, vet, test, compare with the base."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from agent.events import CheckFinished, Event, Progress
from agent.verdict import Verdict, feedback, judge, rows_of
from containers.base import Container
from containers.commits import compare, lay_out_tree, work_tree
from lang.base import Language
from tools.check import run_check
from tools.check_report import CheckReport
from tools.report import render
from tools.steps import Runner
from tools.tree import projects

BASE_FOLDER, WORK_FOLDER = "/tmp/bactrian-base", "/tmp/bactrian-work"
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
    _rendered: str = ""

    def start(self) -> None:
        """Begin to check the base, in a copy, so that it disturbs nothing."""
        self._base_check = asyncio.create_task(self._check_base(), name="base check")

    async def stop(self) -> None:
        """End the base's check if it still runs. Raises nothing."""
        if self._base_check:
            self._base_check.cancel()
            await asyncio.gather(self._base_check, return_exceptions=True)

    async def judge(self, summary: str) -> Judged:
        """Check what a commit of the workspace would hold; save it where it is green.

        Raises ContainerDied, RepositoryError.
        """
        assert self._base_check, "start comes first"
        await self._settle()
        tree = await work_tree(self.container, self.base)
        verdict = await self._check(tree)
        if verdict.green and await work_tree(self.container, self.base) != tree:
            # Something in the background still writes: what is saved must be what was checked.
            tree = await work_tree(self.container, self.base)
            verdict = await self._check(tree)
        self.verdict = verdict
        if verdict.green:
            await self.save(summary)
            return Judged(verdict=verdict, final=True, feedback="Done: everything is green.")
        self._red_times = self._red_times + 1 if tree == self._red_tree else 1
        self._red_tree = tree
        told = feedback(verdict, self._rendered)
        return Judged(verdict=verdict, final=self._red_times >= STUCK_LIMIT, feedback=told)

    async def _check(self, tree: str) -> Verdict:
        """Check a tree in a folder of its own: what git ignores is no part of the branch, and so not of the check."""
        assert self._base_check
        started = time.monotonic()
        await lay_out_tree(self.container, tree, WORK_FOLDER)
        self._count += 1
        report = await run_check(
            self.container,
            self.languages,
            root=WORK_FOLDER,
            label=f"verdict-{self._count}",
            on_output=lambda text: self.emit(Progress(step="check", text=text.strip())),
        )
        self._rendered = render(report).text
        base = await asyncio.shield(self._base_check)
        verdict = judge(base, report, await compare(self.container, self.base, tree), self.languages)
        if not verdict.green:
            hidden = tuple(f"{path} is ignored by git: the branch lacks it" for path in await self._ignored_code())
            verdict = replace(verdict, reasons=(*verdict.reasons, *hidden))
        self.emit(
            CheckFinished(
                tree="work",
                green=verdict.green,
                rows=verdict.rows,
                reasons=verdict.reasons,
                seconds=time.monotonic() - started,
            )
        )
        return verdict

    async def _settle(self) -> None:
        """Tidy the projects that were written to, and format what was written. A step that fails is no verdict."""
        tree = await work_tree(self.container, self.base)
        difference = await compare(self.container, self.base, tree)
        written = (*difference.added, *difference.modified)
        runner = Runner(container=self.container)
        for language, project in await projects(self.container, self.languages):
            prefix = "" if project.root == "." else f"{project.root}/"
            paths = [path for path in written if path.startswith(prefix) and language.owns(path)]
            for step in (language.tidy(project), language.format(project, paths)) if paths else ():
                if step:
                    await runner.run(language, step)

    async def _ignored_code(self) -> Sequence[str]:
        argv = ["git", "ls-files", "-oiz", "--exclude-standard"]
        listed = (await self.container.exec(argv, limit_bytes=1 << 20)).stdout.text().split("\0")
        return [path for path in listed if any(each.owns(path) and each.is_code(path) for each in self.languages)][:5]

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
