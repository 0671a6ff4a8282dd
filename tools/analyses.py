"""A session's analyses: one for each project, kept alive, with the compiler's word wherever one can't answer."""

from __future__ import annotations

import asyncio
import posixpath
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from containers.base import Container
from lang.analysis import Analysis, AnalysisUnavailable
from lang.base import Diagnostic, FileEdit, Language, Project, Step, StepOutput
from tools.attended import Attended, Patience
from tools.bench import ContainerBench
from tools.tree import projects

_REMEDY_S = 4.0
_STARTING_S = 3.0
_LEAST_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosed:
    """What is wrong in some files and in all that depends on them."""

    diagnostics: tuple[Diagnostic, ...] = ()
    fresh: bool = True
    """False: it could not be found out in time for the files as they are, and `diagnostics` is empty."""
    note: str = ""
    """What a reader should know besides; said once."""


class Analyses:
    """The analyses of all projects in a workspace; `start` comes first. Its methods may be called side by side.

    Every method but `close` may raise ContainerDied and nothing else.
    """

    def __init__(
        self,
        *,
        container: Container,
        languages: Sequence[Language],
        environment: Mapping[str, str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._container = container
        self._languages = languages
        self._environment = dict(environment or {})
        self._patience = patience or Patience()
        self._attended: dict[Project, Attended] = {}
        self._finding = asyncio.Lock()
        self._first: asyncio.Task[None] | None = None
        self._told: set[Project] = set()

    def start(self) -> None:
        """Find the projects and start each one's analysis, in the background."""
        self._first = asyncio.create_task(self._find(), name="finding projects")

    async def changed(self, paths: Collection[str]) -> None:
        """Hear that files (relative to the workspace) were written, made or removed; new projects are found."""
        await self._found()
        if any(self._may_make_project(path) for path in paths):
            await self._find()
        await asyncio.gather(*(one.changed(paths) for one in self._attended.values()))

    async def diagnostics(self, paths: Collection[str], *, timeout_s: float = 10.0) -> Diagnosed:
        """Return the findings in these files and their dependents, as the files are now; takes `timeout_s` at most."""
        await self._found()
        concerned: dict[Attended, list[str]] = {}
        for path in paths:
            if one := self._of(path):
                concerned.setdefault(one, []).append(path)
        parts = await asyncio.gather(*(self._diagnosed(one, owned, timeout_s) for one, owned in concerned.items()))
        return Diagnosed(
            diagnostics=tuple(sorted({item for part in parts for item in part.diagnostics})),
            fresh=all(part.fresh for part in parts),
            note=" ".join(part.note for part in parts if part.note),
        )

    async def polished(self, path: str, before: str | None) -> FileEdit | None:
        """Return a file as formatter and safe fixes leave it; None where nothing would change.

        `before` is its text before the change, None for a new file. Without an analysis a new file is formatted where
        it lies, and a file that was there stays as it is: whether it had been in the standard format is not known.
        """
        await self._found()
        one = self._of(path)
        if one is None:
            return None
        try:
            await one.ready(_STARTING_S)
            return await one.polished(path, before)
        except AnalysisUnavailable:
            return await self._formatted(one, path) if before is None else None

    async def remedy(self, diagnostic: Diagnostic) -> str:
        """Return what one needs to mend a finding; empty where nobody can say, or not in a few seconds.

        A finding without a file is anybody's. Where an analysis can't answer, one that was never started does: it
        knows what the bench can tell.
        """
        await self._found()
        one = self._of(diagnostic.path)
        asked = [one] if one else [] if diagnostic.path else list(self._attended.values())
        answers = await asyncio.gather(*(self._remedy(each, diagnostic) for each in asked))
        return next(filter(None, answers), "")

    async def _remedy(self, one: Attended, diagnostic: Diagnostic) -> str:
        try:
            if await one.ready(0):
                return await one.remedy(diagnostic, timeout_s=_REMEDY_S)
        except AnalysisUnavailable:
            pass
        bench = ContainerBench(container=self._container, language=one.language, environment=self._environment)
        try:
            async with asyncio.timeout(_REMEDY_S):
                return await one.language.analysis(one.project, bench).remedy(diagnostic)
        except (AnalysisUnavailable, TimeoutError):
            return ""

    async def symbols(
        self, path: str = "", *, patience_s: float = _STARTING_S
    ) -> Sequence[tuple[Language, Project, Analysis]]:
        """Return the analyses that can answer: of the project that holds `path`, or all. Waits a little for one."""
        await self._found()
        holder = self._of(path) if path else None
        wanted = ([holder] if holder else []) if path else list(self._attended.values())
        ready = await asyncio.gather(*(one.ready(patience_s) for one in wanted))
        return [(one.language, one.project, one) for one, able in zip(wanted, ready, strict=True) if able]

    async def close(self) -> None:
        """End all analyses. Raises nothing."""
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        await asyncio.gather(*(one.close() for one in self._attended.values()), return_exceptions=True)
        self._attended.clear()

    # Projects

    async def _found(self) -> None:
        if self._first is not None:
            await asyncio.shield(self._first)

    async def _find(self) -> None:
        """Start what has no analysis yet, end those of projects that are gone."""
        async with self._finding:
            found = {project: language for language, project in await projects(self._container, self._languages)}
            gone = [project for project in self._attended if project not in found]
            await asyncio.gather(*(self._attended.pop(project).close() for project in gone))
            for project, language in found.items():
                if project not in self._attended:
                    self._attended[project] = self._attend(language, project)

    def _attend(self, language: Language, project: Project) -> Attended:
        bench = ContainerBench(container=self._container, language=language, environment=self._environment)
        one = Attended(language=language, project=project, bench=bench, patience=self._patience)
        one.attend()
        return one

    def _may_make_project(self, path: str) -> bool:
        """A project's file; or any of a language's that has no project yet: what makes one is the language's to say."""
        if any(posixpath.basename(path) == language.project_file for language in self._languages):
            return True
        covered = {project.language for project in self._attended}
        return any(language.name not in covered and language.owns(path) for language in self._languages)

    def _of(self, path: str) -> Attended | None:
        """Return the innermost project of the language that owns a file."""
        holding = [
            one
            for project, one in self._attended.items()
            if one.language.owns(path) and (project.root == "." or path.startswith(f"{project.root}/"))
        ]
        return max(holding, key=lambda one: "" if one.project.root == "." else one.project.root, default=None)

    # The compiler's word

    async def _diagnosed(self, one: Attended, paths: Sequence[str], timeout_s: float) -> Diagnosed:
        until = time.monotonic() + timeout_s
        if await one.ready(timeout_s / 2):
            try:
                return Diagnosed(diagnostics=await one.diagnostics(paths, timeout_s=timeout_s / 2))
            except AnalysisUnavailable:
                pass
        compiled = await self._compiled(one, paths, until)
        return replace(compiled, note=" ".join(filter(None, (self._loss(one), compiled.note))))

    def _loss(self, one: Attended) -> str:
        if not one.given_up or one.project in self._told:
            return ""
        self._told.add(one.project)
        where = "" if one.project.root == "." else f" in {one.project.root}"
        return f"No {one.language.title} analysis{where} ({one.given_up}): findings come from the compiler."

    async def _compiled(self, one: Attended, paths: Sequence[str], until: float) -> Diagnosed:
        """Build what the files belong to and what depends on it."""
        version, language, project = one.version, one.language, one.project
        scope = language.parse_scope(project, paths, await self._run(one, language.scope(project, paths), until))
        output = await self._run(one, language.build(project, () if scope.whole else scope.packages), until)
        if output.timed_out or one.version != version:
            return Diagnosed(fresh=False)
        report = language.parse_build(project, output)
        return Diagnosed(diagnostics=report.diagnostics, note=report.note)

    async def _run(self, one: Attended, step: Step, until: float) -> StepOutput:
        bench = ContainerBench(container=self._container, language=one.language, environment=self._environment)
        left_s = max(until - time.monotonic(), _LEAST_S)
        return await bench.run(replace(step, timeout_s=min(step.timeout_s, left_s)))

    async def _formatted(self, one: Attended, path: str) -> FileEdit | None:
        bench = ContainerBench(container=self._container, language=one.language, environment=self._environment)
        step = one.language.format(one.project, [path])
        text = await bench.read(path)
        if step is None or text is None:
            return None
        await bench.run(step)
        formatted = await bench.read(path)
        return None if formatted is None or formatted == text else FileEdit(path=path, content=formatted)
