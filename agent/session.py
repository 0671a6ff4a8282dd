"""One session from start to end: workspace, container, conversation, limits; every event goes out through it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from agent.approval import Approvals
from agent.base_store import BaseFolder
from agent.context import first_message, system_prompt
from agent.errors import Cancelled, EarlyEnd, LimitReached, UserError, exit_code
from agent.event_log import Consumer, EventLog
from agent.events import (
    ErrorRaised,
    Event,
    Progress,
    SessionFinished,
    SessionOpened,
    SessionResumed,
    SessionStarted,
    Status,
)
from agent.feedback import Feedback
from agent.homecoming import Homecoming
from agent.judge import Judge, Judged
from agent.limits import Limits
from agent.loop import Loop
from agent.messages import Usage
from agent.naming import slug
from agent.network import SessionNetwork
from agent.providers.base import ProviderError
from agent.redacted import redacted
from agent.resumption import Past, hindrance, note
from agent.session_spec import SessionSpec
from agent.sessions import TRANSCRIPT, left_behind, unfinished
from agent.trust import rules_of
from agent.workplace import Workplace
from containers.base import ContainerDied, ContainerError
from containers.caches import repository_caches
from containers.commits import base_tree
from containers.workspace import RepositoryError
from lang.base import Language
from tools.checks import BaseStore
from tools.survey import languages_at_hand, survey
from tools.tree import changes

OTHERS = 5
"""How many earlier sessions are told of that left work behind."""

LAST_SAVE_S = 60.0
"""How long the end of a session may take to bring the work home."""


class Session:
    """Runs one task. Call `run` once; `cancel` may be called at any time from the event loop."""

    def __init__(self, spec: SessionSpec, consumers: Sequence[Consumer]) -> None:
        """Raises UserError: the transcript can't be written."""
        self.spec = spec
        words = slug(spec.redactor.text(spec.task))
        self.id = spec.resumes or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{words}-{secrets.token_hex(4)}"
        self.folder = spec.locations.state / "sessions" / self.id
        self._log = EventLog(self.folder / TRANSCRIPT, self.id, consumers, spec.redactor)
        self._past = Past.of(self._log.events())
        self._network = SessionNetwork(
            reach=spec.reach,
            approvals=Approvals(approver=spec.approver, emit=self._note),
            emit=self._note,
            remember=spec.remember_host,
        )
        place = Workplace(
            spec=spec,
            path=self.folder / "workspace",
            emit=self.emit,
            gate=self._network,
            resumes=self._past.started,
        )
        self._workplace = place
        self._home = Homecoming(session=self.id, task=spec.task, workplace=place, emit=self.emit)
        self._loop: Loop | None = None
        self._judge: Judge | None = None
        self._feedback: Feedback | None = None
        self._ending: tuple[Status, str] | None = None
        self._task: asyncio.Task[SessionFinished] | None = None

    def cancel(self, status: Literal["cancelled", "terminated"]) -> None:
        """End the run in order: what runs is stopped, the work so far is saved, `session_finished` follows.

        Does nothing once the run is ending: that takes a minute at most.
        """
        end = Cancelled(status)
        self._end(end.status, str(end))

    def fail(self, reason: str) -> None:
        """End the run like `cancel`, as failed."""
        self._end("failed", reason)

    def _end(self, status: Status, reason: str) -> None:
        if self._ending is None and self._task is not None:
            self._ending = (status, reason)
            self._task.cancel()

    async def run(self) -> SessionFinished:
        """Work until the end, whatever it is. The last event of every run is the SessionFinished that this returns.

        Raises what no one expects (a defect), after recording it.
        """
        self._task = asyncio.current_task()
        status, reason = "failed", ""
        try:
            status, reason = await self._limited()
        except asyncio.CancelledError:
            if self._task:
                self._task.uncancel()
            end = Cancelled()
            status, reason = self._ending or (end.status, str(end))
        except EarlyEnd as end:
            status, reason = end.status, str(end)
        except (ContainerError, ProviderError, RepositoryError, UserError) as error:
            reason = str(error)
            self.emit(ErrorRaised(message=reason, error=type(error).__name__))
        except Exception as error:
            reason = f"defect in Bactrian: {type(error).__name__}: {error}"
            self.emit(ErrorRaised(message=reason, error=type(error).__name__))
            raise
        finally:
            self._ending = (status, reason)  # a signal from here on has nothing more to end
            finished = await _to_its_end(self._finish(status, reason))
        return finished

    def emit(self, event: Event) -> None:
        """Send an event out. Raises as `EventLog.emit`."""
        self._log.emit(event)

    def _note(self, event: Event) -> None:
        """Emit where nobody could take what is raised: that ends the run."""
        try:
            self.emit(event)
        except (EarlyEnd, UserError) as error:
            self.fail(str(error))

    # The run

    async def _limited(self) -> tuple[Status, str]:
        limit_s = self.spec.settings.max_time_s
        timer = asyncio.timeout(limit_s)
        try:
            async with timer:
                return await self._work()
        except TimeoutError:
            if not timer.expired():
                raise
            raise LimitReached("time", f"{limit_s:.0f} s are used up (--max-time)") from None

    async def _work(self) -> tuple[Status, str]:
        try:
            return await self._attempt(self._past.ending)
        except ContainerDied as death:
            if not self._workplace.is_open:
                raise
            if self._feedback:
                await self._feedback.stop()
            await self._workplace.close()
            self._past = Past.of(self._log.events())
            return await self._attempt(str(death).removesuffix("; start a new session"))

    def _base_store(self) -> BaseStore | None:
        """What code that gets caches of its own has made of a check is not believed later either."""
        spec = self.spec
        if spec.settings.caches == "session":
            return None
        caches = repository_caches(spec.repository.common)
        return BaseFolder(folder=spec.locations.cache / "bases", repository=caches, redactor=spec.redactor)

    async def _attempt(self, ending: str) -> tuple[Status, str]:
        """Work in one container, from the start or from where the transcript ends."""
        past, left = self._past, ""
        if past.started:
            left = await self._reopen(past, ending)
        else:
            await self._open()
        spec, container, base = self.spec, self._workplace.container, self._workplace.clone.base
        feedback = self._feedback = Feedback.of(
            container,
            spec.languages,
            base=base,
            store=self._base_store(),
            emit=self.emit,
        )
        await feedback.start(since_base=past.started)
        if past.messages:
            changed = await changes(container, await base_tree(container, base))
            loop = self._converse(feedback, base, await languages_at_hand(container, spec.languages, spec.task))
            told = note(past, f"{ending}; {left}", changed, spec.more)
            judged = await loop.resume(told, past.ran, hindrance(past, spec.more))
        else:
            findings = await survey(container, spec.languages, spec.task, rules_of(spec.steering))
            loop = self._converse(feedback, base, findings.languages)
            judged = await loop.run(first_message(findings, spec.task, spec.reach.in_words))
        assert isinstance(judged, Judged)
        if judged.verdict.green:
            return "done", "the check of the final tree is green"
        return "red", "; ".join(judged.verdict.reasons[:3])

    def _converse(self, feedback: Feedback, base: str, languages: Sequence[Language]) -> Loop:
        """Make the conversation, with what is known of it from before."""
        spec, past = self.spec, self._past
        self._judge = Judge(feedback=feedback, base=base, save=self._home.save)
        self._loop = Loop(
            provider=spec.provider,
            registry=spec.registry,
            context=replace(feedback.context, propose=spec.propose),
            system=system_prompt(languages),
            emit=self.emit,
            judge=self._judge.judge,
            review=feedback.after_reply,
            news=self._network.news,
            limits=Limits(turns=spec.settings.max_turns, cost=spec.settings.max_cost),
            history=list(past.told_to(spec.provider.name)),
            turn=past.turns,
            requests=past.requests,
            usage=past.usage,
            cost=past.cost,
        )
        return self._loop

    async def _open(self) -> None:
        """Get the workplace ready and say so. Raises RepositoryError, ContainerError."""
        spec, place = self.spec, self._workplace
        root = str(spec.repository.root)
        if not self._past.task:
            self.emit(SessionOpened(task=spec.task, model=spec.provider.name, repository=root))
        self._home.branch = spec.branch or await place.name_branch()
        await place.open(self._home.branch)
        self.emit(
            SessionStarted(
                task=spec.task,
                model=spec.provider.name,
                container=place.container.name,
                repository=root,
                base=place.clone.base,
                branch=self._home.branch,
                languages=tuple(language.name for language in spec.languages),
                seconds=time.monotonic() - spec.started,
            )
        )
        self._tell_of_others()
        if count := place.clone.uncommitted:
            text = f"{count} uncommitted files of your checkout come along as a first commit"
            self.emit(Progress(step="workspace", text=text))
        for clause in place.clone.left:
            self.emit(Progress(step="workspace", text=f"left behind: {clause}"))

    def _tell_of_others(self) -> None:
        """Say which sessions here have ended and left work behind, a line each."""
        spec = self.spec
        for entry in islice(unfinished(spec.locations.state, spec.repository.root), OTHERS):
            if entry.id != self.id:
                self.emit(Progress(step="workspace", text=left_behind(entry)))

    async def _reopen(self, past: Past, ending: str) -> str:
        """Get the workplace ready again and say so; return what became of the files. Raises like `_open`."""
        spec, place, home = self.spec, self._workplace, self._home
        home.branch = past.branch
        await home.look_for(past.saved)
        left = await place.reopen(home.branch, past.base, home.saved)
        self.emit(
            SessionResumed(
                reason=f"{ending}; {left}",
                more=spec.more,
                model=spec.provider.name,
                container=place.container.name,
                base=place.clone.base,
                branch=home.branch,
                turns=past.turns,
                seconds=time.monotonic() - spec.started,
            )
        )
        return left

    async def _finish(self, status: Status, reason: str) -> SessionFinished:
        problem = ""
        try:
            await self._network.withdraw()
            if self._feedback:
                await self._feedback.stop()
            if status != "done":
                async with asyncio.timeout(LAST_SAVE_S):
                    problem = await self._home.save_what_there_is()
        except TimeoutError:
            problem = f"the work could not be saved in {LAST_SAVE_S:.0f} s; it is in {self._workplace.path}"
        finally:
            await self._workplace.close()
            self._network.close()
            await self.spec.provider.close()
        if not (problem or self._home.keeps_workspace):
            await asyncio.to_thread(self._workplace.remove)
        finished = self._finished(status, "; ".join(part for part in (reason, problem) if part))
        finished = redacted(finished, self.spec.redactor)
        with contextlib.suppress(EarlyEnd, UserError):  # nobody reads any more, or the disk is full
            self.emit(finished)
        self._log.close()
        return finished

    def _finished(self, status: Status, reason: str) -> SessionFinished:
        loop = self._loop
        verdict = self._judge.verdict if self._judge else None
        return SessionFinished(
            status=status,
            reason=reason,
            summary=loop.last_words if loop else "",
            branch=self._home.branch if self._home.saved else "",
            commit=self._home.saved,
            turns=loop.turn if loop else 0,
            requests=loop.requests if loop else 0,
            usage=loop.usage if loop else Usage(),
            cost=loop.cost if loop else 0.0,
            seconds=time.monotonic() - self.spec.started,
            verdict=verdict.rows if verdict else (),
            exit_code=int(exit_code(status)),
        )


async def _to_its_end(work: Coroutine[None, None, SessionFinished]) -> SessionFinished:
    """Await the end of a run: a cancellation that was asked for before it began may not have come yet."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    return task.result()
