"""Where analyses work: a session's container and workspace, with the variables that a language's commands get."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from containers.base import WORKSPACE, Container, Process
from lang.base import Language, Step, StepOutput
from tools.steps import Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerBench:
    """A `Bench` for one language. All methods raise ContainerDied."""

    container: Container
    language: Language
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    async def run(self, step: Step) -> StepOutput:
        """Run a step as the check does."""
        return await Runner(container=self.container, environment=self.environment).run(self.language, step)

    async def open(self, step: Step) -> Process:
        """Start a process in the environment that a step has."""
        return await self.container.open(
            step.argv,
            cwd=posixpath.normpath(posixpath.join(WORKSPACE, step.cwd)),
            env={**self.environment, **self.language.environment, **step.env},
        )

    async def read(self, path: str) -> str | None:
        """Return a text file; None also for one that can't be read, isn't UTF-8 or leads out of the workspace."""
        within = "/" if path.startswith("/") else WORKSPACE
        try:
            return (await self.container.read(path, within=within)).decode()
        except (OSError, UnicodeDecodeError):
            return None
