"""What a session hears unasked: its analyses, checks and reviews, and the events that tell of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.events import CheckFinished, DiagnosticsChanged, Event, FileChanged, Progress
from agent.verdict import rows_of
from containers.base import Container
from containers.commits import base_tree
from lang.base import Language
from tools.analyses import Analyses
from tools.base import ToolContext
from tools.check_report import CheckReport
from tools.checks import BaseStore, Checks
from tools.review import Review, Reviewed


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One session's sources of feedback. `start` comes first, `stop` last."""

    container: Container
    languages: Sequence[Language]
    analyses: Analyses
    checks: Checks
    review: Review
    emit: Callable[[Event], None]

    @classmethod
    def of(
        cls,
        container: Container,
        languages: Sequence[Language],
        *,
        base: str,
        store: BaseStore | None,
        emit: Callable[[Event], None],
    ) -> Feedback:
        """Make all of it; nothing runs yet. `base` is the base's commit, empty where there was none."""
        analyses = Analyses(container=container, languages=languages)
        checks = Checks(
            container=container,
            languages=languages,
            base_commit=base,
            store=store,
            on_base=lambda report: emit(_base_finished(report)),
        )
        review = Review(container=container, analyses=analyses, checks=checks)
        return cls(container=container, languages=languages, analyses=analyses, checks=checks, review=review, emit=emit)

    @property
    def context(self) -> ToolContext:
        """What tools may use."""
        return ToolContext(
            container=self.container,
            languages=self.languages,
            analyses=self.analyses,
            checks=self.checks,
            review=self.review,
        )

    async def start(self, *, since_base: bool = False) -> None:
        """Begin to check the base and to analyse the projects, in the background. Raises ContainerDied.

        The first review is of what is written from now on, or of all that differs from the base.
        """
        before = await base_tree(self.container, self.checks.base_commit) if since_base else ""
        await self.review.start(before)
        self.checks.start()
        self.analyses.start()

    async def after_reply(self) -> Reviewed:
        """Look at what the last calls have written, and tell of it in events. Raises ContainerDied."""
        started = time.monotonic()
        reviewed = await self.review.after(on_output=lambda text: self.emit(Progress(step="check", text=text.strip())))
        for change in reviewed.changes:
            self.emit(FileChanged(path=change.path, added=change.added, removed=change.removed))
        text = "\n".join(part for part in (*reviewed.by_path.values(), reviewed.rest) if part)
        if text:
            seconds = time.monotonic() - started
            self.emit(DiagnosticsChanged(errors=reviewed.errors, text=text, seconds=seconds))
        if reviewed.checked:
            compared = reviewed.checked.comparison
            self.emit(
                CheckFinished(
                    tree="work",
                    green=compared.green,
                    rows=rows_of(compared.report),
                    reasons=compared.problems,
                    seconds=compared.report.seconds,
                    scope=reviewed.checked.scope,
                )
            )
        return reviewed

    async def stop(self) -> None:
        """End what runs in the background. Raises nothing."""
        await self.checks.stop()
        await self.analyses.close()


def _base_finished(report: CheckReport) -> CheckFinished:
    return CheckFinished(
        tree="base", green=report.green, rows=rows_of(report), reasons=report.problems, seconds=report.seconds
    )
