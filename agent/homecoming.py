"""Brings a session's work home: commits in the clone, fetched to a branch of the user's repository."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import EarlyEnd, UserError
from agent.events import Event, Progress, WorkSaved
from agent.naming import commit_message
from agent.workplace import Workplace
from containers.base import ContainerDied, ContainerError
from containers.commits import commit_work
from containers.recovery import tip
from containers.workspace import BranchTaken, RepositoryError, fetch_result, free_branch

TRAILER = "Bactrian-Session"
"""Names the session in each of its commits."""


@dataclass(slots=True, kw_only=True)
class Homecoming:
    """One session's way home."""

    session: str
    task: str
    workplace: Workplace
    emit: Callable[[Event], None]
    branch: str = ""
    saved: str = ""
    """The commit that the branch is at; empty while there is none."""
    keeps_workspace: bool = False
    """Whether the clone has something that can't be part of the branch."""

    async def save(self, message: str) -> str:
        """Commit the work and fetch it to the user's repository; return the commit, empty where there is nothing.

        Raises RepositoryError, ContainerDied.
        """
        workplace = self.workplace
        text = f"{commit_message(workplace.spec.redactor.text(message))}\n\n{TRAILER}: {self.session}\n"
        author = workplace.spec.repository.author
        commit = await commit_work(workplace.container, workplace.clone.base, text, author)
        if commit is None or commit.id == self.saved:
            return self.saved
        await self._fetch(commit.id)
        self.saved = commit.id
        self.emit(
            WorkSaved(
                branch=self.branch, commit=commit.id, files=commit.files, added=commit.added, removed=commit.removed
            )
        )
        for name in commit.dirty_submodules:
            self.keeps_workspace = True
            text = f"changes inside the submodule {name} can't be part of the branch: they stay in {workplace.path}"
            self.emit(Progress(step="workspace", text=text))
        return commit.id

    async def look_for(self, saved: str) -> None:
        """Take `saved` for the branch's commit, or what is on it if that is ours: a killed run may not have said so."""
        commit, message = await asyncio.to_thread(tip, self.workplace.spec.repository, self.branch)
        self.saved = commit if f"{TRAILER}: {self.session}" in message.splitlines() else saved

    async def save_what_there_is(self) -> str:
        """Save at an early end; a container that died is started once more for it. Return what failed."""
        if self.workplace.is_untouched:
            return f"the work so far is still in {self.workplace.path}"
        if not self.workplace.is_open:
            return ""
        # Before it is cut: half a secret is not recognised.
        task = self.workplace.spec.redactor.text(self.task)
        message = f"Work in progress: {task.strip().splitlines()[0][:60]}"
        try:
            try:
                await self.save(message)
            except ContainerDied:
                await self.workplace.restart()
                await self.save(message)
        except (RepositoryError, ContainerError, UserError, EarlyEnd, TimeoutError) as error:
            return f"the work could not be saved ({error}); it is in {self.workplace.path}"
        return ""

    async def _fetch(self, commit: str) -> None:
        """Fetch a commit to the session's branch; to one of another name where someone else has a hand on it."""
        repository, clone = self.workplace.spec.repository, self.workplace.path
        try:
            await asyncio.to_thread(fetch_result, repository, clone, self.branch, commit, previous=self.saved)
        except BranchTaken as error:
            self.branch = await asyncio.to_thread(free_branch, repository, self.branch)
            self.emit(Progress(step="workspace", text=f"{error}: the work goes to {self.branch}"))
            await asyncio.to_thread(fetch_result, repository, clone, self.branch, commit, previous="")
