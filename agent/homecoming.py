"""Brings a session's work home: commits in the clone, fetched to a branch of the user's repository."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agent.errors import EarlyEnd, UserError
from agent.events import Event, Progress, WorkSaved
from agent.naming import commit_message
from agent.workplace import Workplace
from containers.base import ContainerDied, ContainerError
from containers.commits import commit_work, dirty_submodules
from containers.recovery import tip
from containers.workspace import BranchTaken, RepositoryError, fetch_result, free_branch

TRAILER = "Bactrian-Session"
"""Names the session in each of its commits."""

NAMES = 100
"""How many are tried for a branch: other sessions that end in the same moment take them too."""


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
    _kept: set[str] = field(default_factory=set[str])
    """Submodules with work inside, which can't be part of the branch."""

    @property
    def keeps_workspace(self) -> bool:
        """Whether the clone has something that can't be part of the branch."""
        return bool(self._kept)

    async def save(self, message: str) -> str:
        """Commit the work and fetch it to the user's repository; return the commit, empty where there is nothing.

        Raises RepositoryError, ContainerDied.
        """
        workplace = self.workplace
        text = f"{commit_message(workplace.spec.redactor.text(message))}\n\n{TRAILER}: {self.session}\n"
        author = workplace.spec.repository.author
        container, base = workplace.container, workplace.clone.base
        commit = await commit_work(container, base, text, author)
        # Also where they are all that has changed: then there is no commit to tell of them.
        self._keep(commit.dirty_submodules if commit else await dirty_submodules(container, base))
        if commit is None or commit.id == self.saved:
            return self.saved
        await self._fetch(commit.id)
        self.saved = commit.id
        self.emit(
            WorkSaved(
                branch=self.branch, commit=commit.id, files=commit.files, added=commit.added, removed=commit.removed
            )
        )
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

    def _keep(self, submodules: Iterable[str]) -> None:
        """Keep the clone for what is in submodules, and say so, once of each."""
        for name in submodules:
            if name not in self._kept:
                self._kept.add(name)
                path = self.workplace.path
                text = f"changes inside the submodule {name} can't be part of the branch: they stay in {path}"
                self.emit(Progress(step="workspace", text=text))

    async def _fetch(self, commit: str) -> None:
        """Fetch a commit to the session's branch; to one of another name where someone else has a hand on it."""
        repository, clone = self.workplace.spec.repository, self.workplace.path
        wanted, previous = self.branch, self.saved
        for left in reversed(range(NAMES)):
            try:
                await asyncio.to_thread(fetch_result, repository, clone, self.branch, commit, previous=previous)
                return
            except BranchTaken as error:
                if not left:
                    raise
                self.branch, previous = await asyncio.to_thread(free_branch, repository, wanted), ""
                self.emit(Progress(step="workspace", text=f"{error}: the work goes to {self.branch}"))
