"""Where a session works: its clone of the user's repository and the container around it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.environment import environment, withheld
from agent.events import Event, Progress
from agent.naming import slug
from agent.session_spec import SessionSpec
from agent.trust import DOCKERFILE
from containers.base import DEFAULT_PROCESSES, Container
from containers.gate import Gate
from containers.launch import LaunchSpec, clone_owner, launch
from containers.recovery import mend_clone, take_up
from containers.removal import remove_tree
from containers.repository import Repository, rev_parse
from containers.workspace import Clone, free_branch, make_clone, remake_clone

_HALF_MADE = ("clone-*", "bactrian-*")
"""What making the clone and fetching from it leave beside it when they are killed."""


@dataclass(slots=True, kw_only=True)
class Workplace:
    """One session's clone and container. `open` comes first, `close` last."""

    spec: SessionSpec
    path: Path
    """Where the clone is, or will be."""
    emit: Callable[[Event], None]
    gate: Gate
    resumes: bool = False
    """Whether an earlier run may have left a clone: until this run has it open, nobody knows what is in it."""
    _container: Container | None = None
    _clone: Clone | None = None
    _closing: bool = False

    @property
    def container(self) -> Container:
        """The container that is open."""
        assert self._container
        return self._container

    @property
    def clone(self) -> Clone:
        """The clone, once it is made."""
        assert self._clone
        return self._clone

    @property
    def is_open(self) -> bool:
        """Whether there are both."""
        return self._container is not None and self._clone is not None

    @property
    def is_untouched(self) -> bool:
        """Whether an earlier run's clone is there that this run did not come to open."""
        return self.resumes and not self.is_open and self._is_there()

    async def name_branch(self) -> str:
        """Return a free name for the session's branch. Raises RepositoryError."""
        task = self.spec.redactor.text(self.spec.task)
        name = slug(task)
        if self.spec.name_branch:
            name = await self.spec.name_branch(task) or name
        return await asyncio.to_thread(free_branch, self.spec.repository, self.spec.settings.branch_prefix + name)

    async def open(self, branch: str) -> None:
        """Make the clone and start the container side by side. Raises RepositoryError, ContainerError."""
        spec = self.spec
        await asyncio.to_thread(self.remove)  # what a run has left that was killed before it had a whole clone
        self.path.mkdir(parents=True, exist_ok=True)
        clone, container = await asyncio.gather(
            asyncio.to_thread(make_clone, spec.repository, self.path, branch, clone_owner(), self._artefacts),
            self._launch(),
            return_exceptions=True,
        )
        if not isinstance(container, BaseException):
            self._container = container
        if isinstance(clone, BaseException):
            raise clone
        if isinstance(container, BaseException):
            raise container
        self._clone = clone

    async def reopen(self, branch: str, base: str, saved: str) -> str:
        """Go on in the clone that an earlier run has left, or in one made anew; return what became of it, in words.

        `base` and `saved` are the commits that the work began from and last came home as. Raises RepositoryError: the
        clone is gone and the user's repository has not got what was saved; ContainerError.
        """
        self._closing = False
        if not self._is_there():
            return await self._remake(branch, base, saved)
        self._clone = Clone(path=self.path, base=base, uncommitted=0)
        self._container = await self._launch()
        if await take_up(self._container, base):
            return "the files are as they were"
        await self._container.close()
        await asyncio.to_thread(mend_clone, *self._clone_of(branch, base, saved))
        self._container = await self._launch()
        return "the files are as they were; git's own were broken and have been made anew, without later commits"

    async def _remake(self, branch: str, base: str, saved: str) -> str:
        repository = self.spec.repository
        if not saved and not (base and rev_parse(repository.root, f"{base}^{{commit}}")):
            await self.open(branch)
            return "nothing had been saved, so that the files are those of the user's checkout as it is now"
        self._clone = await asyncio.to_thread(remake_clone, *self._clone_of(branch, base, saved))
        self._container = await self._launch()
        return "the files are as they were last saved" if saved else "the files are those of the base"

    def _clone_of(
        self, branch: str, base: str, saved: str
    ) -> tuple[Repository, Path, str, str, str, tuple[int, int] | None, Sequence[str]]:
        return (self.spec.repository, self.path, branch, base, saved, clone_owner(), self._artefacts)

    def _is_there(self) -> bool:
        return os.path.lexists(self.path)

    @property
    def _artefacts(self) -> Sequence[str]:
        return tuple(pattern for language in self.spec.languages for pattern in language.artefacts)

    async def restart(self) -> None:
        """Start another container around the clone, in place of one that died. Raises ContainerError."""
        await self.container.close()
        self._container = await self._launch()

    def remove(self) -> None:
        """Remove the clone and what was put beside it. Raises nothing."""
        for pattern in (self.path.name, f"{self.path.name}.*", *_HALF_MADE):
            for path in self.path.parent.glob(pattern):
                remove_tree(path)

    async def close(self) -> None:
        """End the container; the clone stays. Raises nothing."""
        self._closing = True
        if self._container:
            await self._container.close()

    async def _launch(self) -> Container:
        loop = asyncio.get_running_loop()
        settings = self.spec.settings

        def show(text: str) -> None:
            if not self._closing:
                self.emit(Progress(step="container", text=text))

        def on_progress(text: str) -> None:  # comes from a thread, which may outlive the loop
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(show, text)

        for name in withheld(settings, self.spec.languages):
            show(f"the password in {name} stays on the host: no secret goes into the container")
        return await launch(
            settings.container,
            LaunchSpec(
                common=self.spec.repository.common,
                caches=settings.caches,
                workspace=self.path,
                cache_folder=self.spec.locations.cache,
                project_dockerfile=self.spec.steering.get(DOCKERFILE, b""),
                environment=environment(settings, self.spec.languages),
                image_registry=settings.image_registry,
                memory_bytes=settings.memory_bytes,
                cpus=settings.cpus,
                processes=settings.pids or DEFAULT_PROCESSES,
                disk_bytes=settings.disk_bytes,
                gate=self.gate,
            ),
            on_progress,
        )
