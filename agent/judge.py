"""Checks a session's tree when the model says it is done: format, tidy, build, vet, test, compare with the base."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from agent.events import CheckFinished, Progress
from agent.feedback import Feedback
from agent.verdict import Verdict, feedback, judge
from containers.commits import compare, work_tree
from tools.checks import Checked
from tools.steps import Runner
from tools.tree import projects

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
    """One session's judge."""

    feedback: Feedback
    base: str
    """The base's commit; empty where there was none."""
    save: Callable[[str], Awaitable[object]]
    """Commits a green tree, with the message given."""
    verdict: Verdict | None = None
    _count: int = 0
    _red_tree: str = ""
    _red_times: int = 0

    async def judge(self, summary: str) -> Judged:
        """Check what a commit of the workspace would hold; save it where it is green.

        Raises ContainerDied, RepositoryError.
        """
        await self.feedback.review.settle()
        await self._tidy()
        checked, verdict = await self._check()
        if verdict.green and await work_tree(self.feedback.container, self.base) != checked.tree:
            # Something in the background still writes: what is saved must be what was checked.
            checked, verdict = await self._check()
        self.verdict = verdict
        if verdict.green:
            await self.save(summary)
            return Judged(verdict=verdict, final=True, feedback="Done: everything is green.")
        self._red_times = self._red_times + 1 if checked.tree == self._red_tree else 1
        self._red_tree = checked.tree
        review = self.feedback.review
        words = await review.in_words(checked.comparison)
        told = feedback(verdict, checked.comparison, "\n\n".join(filter(None, (words, review.base_in_words()))))
        return Judged(verdict=verdict, final=self._red_times >= STUCK_LIMIT, feedback=told)

    async def _check(self) -> tuple[Checked, Verdict]:
        """Check a tree in a folder of its own: what git ignores is no part of the branch, and so not of the check."""
        self._count += 1
        checked = await self.feedback.checks.check(
            whole=True,
            label=f"verdict-{self._count}",
            on_output=lambda text: self.feedback.emit(Progress(step="check", text=text.strip())),
        )
        verdict = judge(await self.feedback.checks.base(), checked.comparison, checked.changes, self.feedback.languages)
        if not verdict.green:
            hidden = tuple(f"{path} is ignored by git: the branch lacks it" for path in await self._ignored_code())
            verdict = replace(verdict, reasons=(*verdict.reasons, *hidden))
        self.feedback.emit(
            CheckFinished(
                tree="work",
                green=verdict.green,
                rows=verdict.rows,
                reasons=verdict.reasons,
                seconds=checked.comparison.report.seconds,
            )
        )
        return checked, verdict

    async def _tidy(self) -> None:
        """Bring the build files of projects that were written to in line. A step that fails is no verdict."""
        tree = await work_tree(self.feedback.container, self.base)
        difference = await compare(self.feedback.container, self.base, tree)
        written = (*difference.added, *difference.modified)
        runner = Runner(container=self.feedback.container)
        for language, project in await projects(self.feedback.container, self.feedback.languages):
            prefix = "" if project.root == "." else f"{project.root}/"
            concerned = any(path.startswith(prefix) and language.owns(path) for path in written)
            if concerned and (step := language.tidy(project)):
                await runner.run(language, step)

    async def _ignored_code(self) -> Sequence[str]:
        argv = ["git", "ls-files", "-oiz", "--exclude-standard"]
        listed = (await self.feedback.container.exec(argv, limit_bytes=1 << 20)).stdout.text().split("\0")
        return [
            path for path in listed if any(each.owns(path) and each.is_code(path) for each in self.feedback.languages)
        ][:5]
