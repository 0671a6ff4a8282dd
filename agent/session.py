"""One session from start to end: workspace, container, conversation, limits; every event goes out through it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from agent.base_store import BaseFolder
from agent.config import Locations, Settings
from agent.context import first_message, system_prompt
from agent.errors import Cancelled, EarlyEnd, LimitReached, UserError, exit_code
from agent.events import (
    ErrorRaised,
    Event,
    Progress,
    SessionFinished,
    SessionStarted,
    Stamp,
    Stamped,
    Status,
    WorkSaved,
)
from agent.feedback import Feedback
from agent.judge import Judge, Judged
from agent.leftovers import leftovers
from agent.limits import Limits
from agent.loop import Loop
from agent.messages import Usage
from agent.naming import commit_message, slug
from agent.providers.base import Provider, ProviderError
from agent.transcript import TranscriptWriter
from containers.base import DEFAULT_PROCESSES, Container, ContainerDied, ContainerError
from containers.commits import commit_work
from containers.launch import LaunchSpec, clone_owner, launch
from containers.workspace import (
    BranchTaken,
    Clone,
    Repository,
    RepositoryError,
    fetch_result,
    free_branch,
    make_clone,
)
from lang.base import Language
from lang.dependencies import Propose
from tools.registry import Registry
from tools.survey import survey

Consumer = Callable[[Stamped], None]

PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

LAST_SAVE_S = 60.0
"""How long the end of a session may take to bring the work home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """What a session is to do, and with what. `branch` empty: named after the task."""

    task: str
    repository: Repository
    settings: Settings
    locations: Locations
    provider: Provider
    registry: Registry
    languages: Sequence[Language]
    branch: str = ""
    name_branch: Callable[[str], Awaitable[str]] | None = None
    """Finds a short name for the task (the small model's part); None, or a failure of it, takes the task's words."""
    propose: Propose | None = None
    """Asks the small model which libraries a name may mean; None where there is no small model."""
    started: float = field(default_factory=time.monotonic)
    """When the command began, by `time.monotonic()`."""


class Session:
    """Runs one task. Call `run` once; `cancel` may be called at any time from the event loop."""

    def __init__(self, spec: SessionSpec, consumers: Sequence[Consumer]) -> None:
        """Raises UserError: the transcript can't be written."""
        self.spec = spec
        self.id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{slug(spec.task)}-{secrets.token_hex(2)}"
        self.folder = spec.locations.state / "sessions" / self.id
        self._transcript = TranscriptWriter(self.folder / "transcript.jsonl")
        self._consumers = consumers
        self._seq = 0
        self._branch = ""
        self._saved = ""
        self._keeps_workspace = False
        self._unwritable = False
        self._container: Container | None = None
        self._clone: Clone | None = None
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
            finished = await self._finish(status, reason)
        return finished

    def emit(self, event: Event) -> None:
        """Number an event, write it down, show it.

        Raises UserError when the transcript can't be written, once: that ends the run, and its end is shown all the
        same. Raises what a consumer raises; the transcript has the event by then.
        """
        self._seq += 1
        time_now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        stamped = Stamped(stamp=Stamp(seq=self._seq, time=time_now, session=self.id), event=event)
        failure: UserError | None = None
        try:
            self._transcript.append(stamped)
        except UserError as error:
            failure = None if self._unwritable else error
            self._unwritable = True
        for consumer in self._consumers:
            consumer(stamped)
        if failure:
            raise failure

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
        await self._open()
        assert self._container
        assert self._clone
        spec = self.spec
        feedback = self._feedback = Feedback.of(
            self._container,
            spec.languages,
            base=self._clone.base,
            store=BaseFolder(folder=spec.locations.cache / "bases"),
            emit=self.emit,
        )
        await feedback.start()
        self._judge = Judge(feedback=feedback, base=self._clone.base, save=self._save)
        findings = await survey(self._container, spec.languages, spec.task)
        self._loop = Loop(
            provider=spec.provider,
            registry=spec.registry,
            context=replace(feedback.context, propose=spec.propose),
            system=system_prompt(findings.languages),
            emit=self.emit,
            judge=self._judge.judge,
            review=feedback.after_reply,
            limits=Limits(turns=spec.settings.max_turns, cost=spec.settings.max_cost),
        )
        judged = await self._loop.run(first_message(findings, spec.task))
        assert isinstance(judged, Judged)
        if judged.verdict.green:
            return "done", "the check of the final tree is green"
        return "red", "; ".join(judged.verdict.reasons[:3])

    async def _open(self) -> None:
        """Make the clone and start the container side by side."""
        spec = self.spec
        self._branch = spec.branch or await self._name_branch()
        workspace = self.folder / "workspace"
        workspace.mkdir(parents=True)
        artefacts = tuple(pattern for language in spec.languages for pattern in language.artefacts)
        clone, container = await asyncio.gather(
            asyncio.to_thread(make_clone, spec.repository, workspace, self._branch, clone_owner(), artefacts),
            self._launch(workspace),
            return_exceptions=True,
        )
        if not isinstance(container, BaseException):
            self._container = container
        if isinstance(clone, BaseException):
            raise clone
        if isinstance(container, BaseException):
            raise container
        self._clone = clone
        self.emit(
            SessionStarted(
                task=spec.task,
                model=spec.provider.name,
                container=container.name,
                repository=str(spec.repository.root),
                base=clone.base,
                branch=self._branch,
                languages=tuple(language.name for language in spec.languages),
                seconds=time.monotonic() - spec.started,
            )
        )
        for path in leftovers(spec.locations.state, spec.repository.root):
            if path != workspace:
                text = f"an earlier session here has not brought its work home; it lies in {path}"
                self.emit(Progress(step="workspace", text=text))
        if clone.uncommitted:
            text = f"{clone.uncommitted} uncommitted files of your checkout come along as a first commit"
            self.emit(Progress(step="workspace", text=text))

    async def _name_branch(self) -> str:
        name = slug(self.spec.task)
        if self.spec.name_branch:
            name = await self.spec.name_branch(self.spec.task) or name
        return await asyncio.to_thread(free_branch, self.spec.repository, self.spec.settings.branch_prefix + name)

    async def _launch(self, workspace: Path) -> Container:
        loop = asyncio.get_running_loop()
        settings = self.spec.settings

        def show(text: str) -> None:
            if self._ending is None:
                self.emit(Progress(step="container", text=text))

        def on_progress(text: str) -> None:  # comes from a thread, which may outlive the loop
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(show, text)

        return await launch(
            settings.container,
            LaunchSpec(
                repository=self.spec.repository.root,
                workspace=workspace,
                cache_folder=self.spec.locations.cache,
                environment=environment(settings, self.spec.languages),
                image_registry=settings.image_registry,
                memory_bytes=settings.memory_bytes,
                cpus=settings.cpus,
                processes=settings.pids or DEFAULT_PROCESSES,
            ),
            on_progress,
        )

    # Bringing the work home

    async def _save(self, message: str) -> str:
        """Commit the work and fetch it to the user's repository; return the commit, empty where there is nothing.

        Raises RepositoryError, ContainerDied.
        """
        assert self._container
        assert self._clone
        repository = self.spec.repository
        trailer = f"Bactrian-Session: {self.id}"
        text = f"{commit_message(message)}\n\n{trailer}\n"
        commit = await commit_work(self._container, self._clone.base, text, repository.author)
        if commit is None or commit.id == self._saved:
            return self._saved
        await self._fetch(self._clone, commit.id)
        self._saved = commit.id
        self.emit(
            WorkSaved(
                branch=self._branch, commit=commit.id, files=commit.files, added=commit.added, removed=commit.removed
            )
        )
        for name in commit.dirty_submodules:
            self._keeps_workspace = True
            text = f"changes inside the submodule {name} can't be part of the branch: they stay in {self._clone.path}"
            self.emit(Progress(step="workspace", text=text))
        return commit.id

    async def _fetch(self, clone: Clone, commit: str) -> None:
        """Fetch a commit to the session's branch; to one of another name where someone else has a hand on it."""
        repository = self.spec.repository
        try:
            await asyncio.to_thread(fetch_result, repository, clone.path, self._branch, commit, previous=self._saved)
        except BranchTaken as error:
            self._branch = await asyncio.to_thread(free_branch, repository, self._branch)
            self.emit(Progress(step="workspace", text=f"{error}: the work goes to {self._branch}"))
            await asyncio.to_thread(fetch_result, repository, clone.path, self._branch, commit, previous="")

    async def _bring_home(self) -> str:
        """Save what there is at an early end; a container that died is started once more for it. Return what failed."""
        if self._clone is None or self._container is None:
            return ""
        message = f"Work in progress: {self.spec.task.strip().splitlines()[0][:60]}"
        try:
            try:
                await self._save(message)
            except ContainerDied:
                await self._container.close()
                self._container = await self._launch(self._clone.path)
                await self._save(message)
        except (RepositoryError, ContainerError, UserError, EarlyEnd, TimeoutError) as error:
            return f"the work could not be saved ({error}); it is in {self._clone.path}"
        return ""

    async def _finish(self, status: Status, reason: str) -> SessionFinished:
        problem = ""
        try:
            if self._feedback:
                await self._feedback.stop()
            if status != "done":
                async with asyncio.timeout(LAST_SAVE_S):
                    problem = await self._bring_home()
        except TimeoutError:
            problem = f"the work could not be saved in {LAST_SAVE_S:.0f} s; it is in {self.folder / 'workspace'}"
        finally:
            if self._container:
                await self._container.close()
            await self.spec.provider.close()
        if not (problem or self._keeps_workspace):
            await asyncio.to_thread(shutil.rmtree, self.folder / "workspace", ignore_errors=True)
        finished = self._finished(status, "; ".join(part for part in (reason, problem) if part))
        with contextlib.suppress(EarlyEnd, UserError):  # nobody reads any more, or the disk is full
            self.emit(finished)
        self._transcript.close()
        return finished

    def _finished(self, status: Status, reason: str) -> SessionFinished:
        loop = self._loop
        verdict = self._judge.verdict if self._judge else None
        return SessionFinished(
            status=status,
            reason=reason,
            summary=loop.last_words if loop else "",
            branch=self._branch if self._saved else "",
            commit=self._saved,
            turns=loop.turn if loop else 0,
            requests=loop.requests if loop else 0,
            usage=loop.usage if loop else Usage(),
            cost=loop.cost if loop else 0.0,
            seconds=time.monotonic() - self.spec.started,
            verdict=verdict.rows if verdict else (),
            exit_code=int(exit_code(status)),
        )


def environment(settings: Settings, languages: Sequence[Language]) -> dict[str, str]:
    """Return the variables of every command: the way through a proxy, what the languages need, what settings say."""
    inherited = (*PROXIES, *(name for language in languages for name in language.inherited))
    found = {name: os.environ[name] for name in inherited if os.environ.get(name)}
    found |= {name: value for language in languages for name, value in language.environment.items()}
    if settings.opam_repository:
        found["BACTRIAN_OPAM_REPOSITORY"] = settings.opam_repository
    return found
