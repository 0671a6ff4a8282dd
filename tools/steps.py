"""Runs a language's step in the container and hands back what its parser wants."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from containers.base import WORKSPACE, Container
from lang.base import Language, Step, StepOutput

LIMIT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs steps in one tree. A tree elsewhere than `/workspace` appears in outputs as if it lay there."""

    container: Container
    root: str = WORKSPACE
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    async def run(self, language: Language, step: Step, *, save_to: str | None = None) -> StepOutput:
        """Run a step to its end. Raises ContainerDied and nothing else."""
        result = await self.container.exec(
            step.argv,
            cwd=posixpath.normpath(posixpath.join(self.root, step.cwd)),
            env={**self.environment, **language.environment, **step.env},
            stdin=step.stdin.encode(),
            timeout_s=step.timeout_s,
            limit_bytes=LIMIT_BYTES,
            save_to=save_to,
        )
        return StepOutput(
            exit_code=result.exit_code,
            stdout=self._at_home(result.stdout.text()),
            stderr=self._at_home(result.stderr.text()),
            timed_out=result.timed_out,
            limit_note=result.limit_note,
        )

    def _at_home(self, output: str) -> str:
        if self.root == WORKSPACE:
            return output
        return re.sub(rf"{re.escape(self.root)}(?![\w.-])", WORKSPACE, output)
