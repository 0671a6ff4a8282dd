"""A session's checks: of what a commit would hold, in a folder of its own, compared with the base's.

The base is checked in the background, in a fork of the container, where neither disturbs the other. It lies at the same
path there, so that what it compiles is in the caches when the work is checked.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from containers.base import HOST, Container, ContainerDied, ContainerUnavailable
from containers.commits import TreeDifference, compare, lay_out_tree, tree_of, work_tree
from lang.base import Language, Project, Scope
from tools.base import silent
from tools.check import ALL_PARTS, Part, run_check
from tools.check_report import CheckReport
from tools.comparison import Comparison, compare_reports
from tools.steps import Runner
from tools.tree import projects

BASE_FOLDER, WORK_FOLDER = "/tmp/bactrian-base", "/tmp/bactrian-work"
_BASE_PATIENCE_S = 30.0
"""How long a check of some packages waits for the base's; the whole tree's waits until it is there."""
_EMPTY = CheckReport(projects=(), seconds=0.0)


class BaseStore(Protocol):
    """Keeps bases' checks from session to session, outside of the container."""

    def load(self, key: str) -> CheckReport | None:
        """Return what was kept; None where there is nothing, or nothing legible."""
        ...

    def save(self, key: str, report: CheckReport) -> None:
        """Keep a report. Raises nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A check of one tree, compared with the base's."""

    tree: str
    """The git tree that was checked."""
    changes: TreeDifference
    """How it differs from the base."""
    comparison: Comparison
    scopes: Mapping[Project, Scope]
    """What was looked at; a project that isn't named was left out."""
    base_known: bool = True
    """False: the base's check has not ended yet, and old failures may be among the new."""

    @property
    def whole(self) -> bool:
        """Whether everything was looked at."""
        return all(scope.whole for scope in self.scopes.values())

    @property
    def scope(self) -> str:
        """What was looked at, in words: `everything`, `./a ./b`, `nothing`."""
        if self.whole:
            return "everything" if self.scopes else "nothing"
        named = (
            " ".join(scope.packages)
            if not scope.whole
            else (f"all of {project.root}" if project.root != "." else "all")
            for project, scope in self.scopes.items()
        )
        return " ".join(part for part in named if part) or "nothing"


@dataclass(slots=True, kw_only=True)
class Checks:
    """One session's checks. `start` comes first, `stop` last; one check runs at a time.

    Methods raise ContainerDied and, where git in the container can't tell what the work is, RepositoryError.
    """

    container: Container
    languages: Sequence[Language]
    base_commit: str
    """Empty where there was none."""
    store: BaseStore | None = None
    on_base: Callable[[CheckReport], None] = silent
    """Called once with the base's check, unless there is nothing to check."""
    _base: asyncio.Task[CheckReport] | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def start(self) -> None:
        """Begin to check the base in the background."""
        self._base = asyncio.create_task(self._check_base(), name="base check")

    async def stop(self) -> None:
        """End the base's check if it still runs. Raises nothing."""
        if self._base:
            self._base.cancel()
            await asyncio.gather(self._base, return_exceptions=True)

    async def base(self) -> CheckReport:
        """Return the base's check once there is one."""
        assert self._base, "start comes first"
        return await asyncio.shield(self._base)

    def base_now(self) -> CheckReport | None:
        """Return the base's check if it has ended."""
        done = self._base is not None and self._base.done() and not self._base.cancelled()
        return self._base.result() if self._base and done and self._base.exception() is None else None

    async def check(
        self,
        *,
        packages: Sequence[str] = (),
        whole: bool = False,
        run: str = "",
        parts: Sequence[Part] = ALL_PARTS,
        on_output: Callable[[str], None] = silent,
        output_folder: str = "/tmp/bactrian",
        label: str = "",
    ) -> Checked:
        """Check the workspace as a commit would hold it.

        Without `packages` it is what differs from the base and all that depends on it; `whole`, or where nothing
        differs, it is everything. See `run_check` for the other arguments.
        """
        async with self._lock:
            tree = await work_tree(self.container, self.base_commit)
            await self._lay_out(self.container, tree, WORK_FOLDER)
            changes = await compare(self.container, self.base_commit, tree)
            scopes = await self._scopes(packages, changes, whole=whole)
            report = await run_check(
                self.container,
                self.languages,
                root=WORK_FOLDER,
                scopes=scopes,
                run=run,
                parts=parts,
                on_output=on_output,
                output_folder=output_folder,
                label=label or f"check-{next(self._numbers)}",
            )
        base = await self._base_for(whole=whole)
        everything = not run and all(scope.whole for scope in scopes.values())
        return Checked(
            tree=tree,
            changes=changes,
            comparison=compare_reports(base or _EMPTY, report, whole=everything and tuple(parts) == ALL_PARTS),
            scopes=scopes,
            base_known=base is not None,
        )

    async def _lay_out(self, container: Container, tree: str, folder: str) -> None:
        builds = [pattern for language in self.languages for pattern in language.artefacts]
        await lay_out_tree(container, tree, folder, builds)

    async def _scopes(self, packages: Sequence[str], changes: TreeDifference, *, whole: bool) -> dict[Project, Scope]:
        found = await projects(self.container, self.languages, WORK_FOLDER)
        if packages:
            return {project: Scope(packages=tuple(packages)) for _, project in found}
        touched = (*changes.added, *changes.modified, *changes.deleted)
        if whole or not touched:
            return {project: Scope(whole=True) for _, project in found}
        runner = Runner(container=self.container, root=WORK_FOLDER)
        scopes: dict[Project, Scope] = {}
        for language, project in found:
            paths = [path for path in touched if _lies_in(path, project)]
            if paths:
                scope = language.parse_scope(project, paths, await runner.run(language, language.scope(project, paths)))
                scopes |= {project: scope} if scope.whole or scope.packages else {}
        return scopes

    async def _base_for(self, *, whole: bool) -> CheckReport | None:
        try:
            return await asyncio.wait_for(self.base(), None if whole else _BASE_PATIENCE_S)
        except TimeoutError:
            return None

    async def _check_base(self) -> CheckReport:
        if not self.base_commit:
            return _EMPTY
        store = self.store if self.container.image != HOST else None  # the host's tools change under one name
        key = await self._key()
        report = store.load(key) if store else None
        if report is None:
            report = await self._fresh_base()
            # A note tells of a crash, a time limit, a network that was gone: another time it may be otherwise.
            if store and not any(project.notes for project in report.projects if not project.green):
                store.save(key, report)
        if report.projects:
            self.on_base(report)
        return report

    async def _fresh_base(self) -> CheckReport:
        try:
            # What it compiles is there for the work: else the first whole check takes ten times as long.
            fork = await self.container.fork(own_caches=False)
        except ContainerUnavailable:  # no room for a second one: beside the work, then
            await self._lay_out(self.container, self.base_commit, BASE_FOLDER)
            return await run_check(self.container, self.languages, root=BASE_FOLDER, label="base")
        async with fork:
            try:
                await self._lay_out(fork, self.base_commit, WORK_FOLDER)
                return await run_check(fork, self.languages, root=WORK_FOLDER, label="base")
            except ContainerDied:  # the base's tests ate all the memory, say: that much is known of it
                return _EMPTY

    async def _key(self) -> str:
        """Name the base's files and the tools that check them."""
        parts = (await tree_of(self.container, self.base_commit), self.container.image)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _lies_in(path: str, project: Project) -> bool:
    return project.root == "." or path.startswith(f"{project.root}/")
