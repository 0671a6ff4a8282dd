"""One project's analysis, kept alive: started in the background, told of changes, timed, restarted when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from containers.base import ContainerDied
from lang.analysis import Analysis, AnalysisUnavailable, Bench, Place, Symbol
from lang.base import Diagnostic, FileEdit, Language, Project

_Answer = TypeVar("_Answer")

_CLOSE_S = 5.0
_SETTLED_S = 300.0
"""An analysis that lived this long has not failed at once: its failures are counted anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long things may take."""

    start_s: float = 300.0
    answer_s: float = 10.0
    """What a caller waits for an answer, unless it says otherwise."""
    hang_s: float = 120.0
    """How long an analysis may think before it counts as hung; its caller has left by then."""
    pauses_s: tuple[float, ...] = (0.0, 0.5, 5.0, 20.0)
    """Before each start; after as many failures in a row it is given up."""


class Attended:
    """An `Analysis` around the real one, which may be starting, dead or given up: then calls raise AnalysisUnavailable.

    Calls may overlap here; the real one gets them one by one. Every call may raise ContainerDied.
    """

    def __init__(self, *, language: Language, project: Project, bench: Bench, patience: Patience) -> None:
        self.language = language
        self.project = project
        self._bench = bench
        self._patience = patience
        self._analysis: Analysis | None = None
        self._version = 0
        self._untold: set[str] = set()
        self._lock = asyncio.Lock()
        self._turned = asyncio.Condition()
        self._lost = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._overdue: asyncio.Task[object] | None = None
        self._reason = "the analysis is starting"
        self._gone = False

    @property
    def version(self) -> int:
        """How often files have changed so far."""
        return self._version

    @property
    def given_up(self) -> str:
        """Why there will be no analysis any more; empty as long as there may be one."""
        return self._reason if self._gone else ""

    def attend(self) -> None:
        """Begin to start it, and to restart it whenever it fails."""
        self._keeper = asyncio.create_task(self._keep(), name=f"analysis of {self.project.root}")

    async def ready(self, timeout_s: float) -> bool:
        """Wait until it can answer; False if it can't after that time, or never will."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._turned:
                await self._turned.wait_for(lambda: self._analysis is not None or bool(self.given_up))
        return self._analysis is not None

    async def start(self) -> None:
        if not await self.ready(self._patience.start_s):
            raise AnalysisUnavailable(self._reason)

    async def changed(self, paths: Collection[str]) -> None:
        """Note what changed, and tell the analysis if it has nothing else to do; raises no AnalysisUnavailable."""
        self._version += 1
        self._untold.update(paths)
        if self._analysis is not None and not self._lock.locked():
            with contextlib.suppress(AnalysisUnavailable):
                await self._ask(self._tell, self._patience.answer_s)

    async def diagnostics(self, paths: Collection[str], *, timeout_s: float | None = None) -> tuple[Diagnostic, ...]:
        return await self._ask(lambda analysis: self._current(analysis, paths), timeout_s or self._patience.answer_s)

    async def polished(self, path: str, before: str | None) -> FileEdit | None:
        return await self._asked(lambda analysis: analysis.polished(path, before))

    async def remedy(self, diagnostic: Diagnostic, *, timeout_s: float | None = None) -> str:
        return await self._ask(lambda analysis: analysis.remedy(diagnostic), timeout_s or self._patience.answer_s)

    async def members(self, place: Place) -> tuple[Symbol, ...]:
        return await self._asked(lambda analysis: analysis.members(place))

    async def describe(self, place: Place) -> Symbol | None:
        return await self._asked(lambda analysis: analysis.describe(place))

    async def find(self, name: str) -> tuple[Symbol, ...]:
        return await self._asked(lambda analysis: analysis.find(name))

    async def outline(self, path: str) -> tuple[Symbol, ...]:
        return await self._asked(lambda analysis: analysis.outline(path))

    async def references(self, symbol: Symbol) -> tuple[Place, ...]:
        return await self._asked(lambda analysis: analysis.references(symbol))

    async def rename(self, symbol: Symbol, to: str) -> Sequence[FileEdit]:
        return await self._asked(lambda analysis: analysis.rename(symbol, to))

    async def close(self) -> None:
        """End it for good; raises nothing."""
        tasks = [task for task in (self._overdue, self._keeper) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Asking

    async def _asked(self, question: Callable[[Analysis], Awaitable[_Answer]]) -> _Answer:
        return await self._ask(question, self._patience.answer_s)

    async def _ask(self, question: Callable[[Analysis], Awaitable[_Answer]], timeout_s: float) -> _Answer:
        """Raises AnalysisUnavailable, also where no answer came in time: then it thinks on, up to `hang_s`."""
        if self._keeper is not None and self._keeper.done() and not self._keeper.cancelled():
            self._keeper.result()  # a fault in the analysis itself, if that is what ended it
        if self._overdue is not None and not self._overdue.done():
            raise AnalysisUnavailable("the analysis is busy with an earlier question")
        task = asyncio.create_task(self._answer(question), name=f"question about {self.project.root}")
        try:
            await asyncio.wait((task,), timeout=timeout_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done():
            return task.result()
        self._overdue = task
        task.add_done_callback(_retrieved)
        raise AnalysisUnavailable(f"the analysis did not answer in {timeout_s:.0f} s")

    async def _answer(self, question: Callable[[Analysis], Awaitable[_Answer]]) -> _Answer:
        async with self._lock:
            analysis = self._analysis
            if analysis is None:
                raise AnalysisUnavailable(self._reason)
            try:
                async with asyncio.timeout(self._patience.hang_s):
                    await self._tell(analysis)
                    return await question(analysis)
            except TimeoutError:
                self._lose(f"the analysis hung for {self._patience.hang_s:.0f} s")
                raise AnalysisUnavailable(self._reason) from None
            except AnalysisUnavailable as error:
                self._lose(str(error))
                raise

    async def _tell(self, analysis: Analysis) -> None:
        if self._untold:
            told, self._untold = self._untold, set()
            try:
                await analysis.changed(told)
            except asyncio.CancelledError:
                self._untold |= told
                raise

    async def _current(self, analysis: Analysis, paths: Collection[str]) -> tuple[Diagnostic, ...]:
        """Ask again for as long as files change while the answer is made."""
        while True:
            version = self._version
            await self._tell(analysis)
            found = await analysis.diagnostics(paths)
            if version == self._version:
                return found

    # Keeping

    async def _keep(self) -> None:
        try:
            failures = 0
            while failures < len(self._patience.pauses_s):
                await asyncio.sleep(self._patience.pauses_s[failures])
                began = time.monotonic()
                await self._live()
                failures = 1 if time.monotonic() - began > _SETTLED_S else failures + 1
        except ContainerDied as error:
            self._reason = str(error)
        finally:
            self._gone = True
            await self._turn()

    async def _live(self) -> None:
        """One life of the analysis, to its end."""
        # The import of a language server's client takes a while, which the terminal should not feel.
        analysis = await asyncio.to_thread(self.language.analysis, self.project, self._bench)
        try:
            self._lost.clear()
            self._untold.clear()
            async with asyncio.timeout(self._patience.start_s):
                await analysis.start()
            await self._turn(analysis)
            await self._lost.wait()
        except TimeoutError:
            self._reason = f"the analysis was not ready after {self._patience.start_s:.0f} s"
        except AnalysisUnavailable as error:
            self._reason = str(error)
        finally:
            self._analysis = None
            await _end(analysis)

    async def _turn(self, analysis: Analysis | None = None) -> None:
        async with self._turned:
            self._analysis = analysis
            self._turned.notify_all()

    def _lose(self, reason: str) -> None:
        self._reason = reason
        self._analysis = None
        self._lost.set()


def _retrieved(task: asyncio.Task[object]) -> None:
    """Take note of a late failure: nobody waits for it any more, and the container's death shows in the next call."""
    if not task.cancelled():
        task.exception()


async def _end(analysis: Analysis) -> None:
    with contextlib.suppress(TimeoutError, AnalysisUnavailable, ContainerDied):
        async with asyncio.timeout(_CLOSE_S):
            await analysis.close()
