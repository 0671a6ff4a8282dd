"""What a reply's writes bring back unasked: what the formatter changed, new findings with their remedies, a check.

Everything is found out once, after all calls of a reply: what stands between two edits is nobody's error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from containers.base import Container, ContainerDied
from containers.git import RepositoryError
from lang.base import Diagnostic
from tools.analyses import Analyses
from tools.base import Change, silent
from tools.checks import Checked, Checks
from tools.comparison import Comparison, Told, alone, new_findings, told_as
from tools.polishing import Polish
from tools.report import findings, headline, render
from tools.text import plural
from tools.tree import changes, snapshot

CHECK_S = 60.0
"""What an unasked check may take; a longer one is the model's, or the verdict's, to ask for."""
_DIAGNOSTICS_S = 10.0
_REMEDIES = 8
"""How many findings of one answer get a remedy: the first are those that the others follow from."""
_REMEDIES_S = 6.0
_BASE_PROBLEMS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What is said to a reply's writes. `by_path` belongs to what wrote the file; `rest` to nobody in particular."""

    by_path: Mapping[str, str] = field(default_factory=dict[str, str])
    rest: str = ""
    changes: tuple[Change, ...] = ()
    """What formatter and safe fixes wrote."""
    errors: int = 0
    checked: Checked | None = None


@dataclass(slots=True, kw_only=True)
class Review:
    """One session's reviews, one at a time. Methods raise ContainerDied."""

    container: Container
    analyses: Analyses
    checks: Checks
    _told_findings: frozenset[Told] = frozenset()
    """What was shown and is still there: it is not shown again until it changes."""
    _told_failures: frozenset[Told] = frozenset()
    _seen: str = ""
    """The tree at the end of the last review."""
    _written: set[str] = field(default_factory=set[str])
    _base_told: bool = False
    _polish: Polish = field(init=False)

    def __post_init__(self) -> None:
        self._polish = Polish(container=self.container, analyses=self.analyses, checks=self.checks)

    async def start(self, before: str = "") -> None:
        """Remember the files as they are now, or as they are in the tree `before`."""
        self._seen = before or await snapshot(self.container)

    async def after(self, *, check: bool = True, on_output: Callable[[str], None] = silent) -> Reviewed:
        """Polish what was written since the last review, whoever wrote it, and say what is wrong with it.

        New errors come alone. Without any the changed packages and their dependents are checked, if `check`.
        """
        written = await changes(self.container, self._seen)
        if not written:
            return Reviewed()
        paths = [each.path for each in written]
        self._written |= set(paths)
        await self.analyses.changed(paths)
        edits = await self._polish.after(paths, self._seen)
        self._seen = await snapshot(self.container)
        by_path = {path: text for path, (_, text) in edits.items()}
        polished = tuple(each for each, _ in edits.values())
        found = await self.analyses.diagnostics(paths, timeout_s=_DIAGNOSTICS_S)
        new = self._new(found.diagnostics)
        errors = [one for one in new if one.severity == "error"]
        for path, text in (await self._told(errors or new)).items():
            by_path[path] = f"{by_path[path]}\n{text}" if path in by_path else text
        rest = [by_path.pop(path) for path in list(by_path) if path not in paths]
        rest += [self.base_in_words(), found.note]
        checked: Checked | None = None
        if check and not errors:
            checked, told = await self._check(on_output)
            rest.append(told)
        return Reviewed(
            by_path=by_path,
            rest="\n".join(part for part in rest if part),
            changes=polished,
            errors=len(errors),
            checked=checked,
        )

    async def settle(self) -> None:
        """Polish what was written since the last review, and say nothing."""
        paths = [each.path for each in await changes(self.container, self._seen)]
        self._written |= set(paths)
        if paths:
            await self.analyses.changed(paths)
        if await self._polish.last(paths, self._seen):
            self._seen = await snapshot(self.container)

    def base_in_words(self) -> str:
        """Say what was red at the base, once, as soon as that is known; empty otherwise."""
        base = self.checks.base_now()
        if base is None or self._base_told:
            return ""
        self._base_told = True
        problems = alone(base).problems
        more = f"; and {len(problems) - _BASE_PROBLEMS} more" if len(problems) > _BASE_PROBLEMS else ""
        return f"Red before you, and not yours: {'; '.join(problems[:_BASE_PROBLEMS])}{more}." if problems else ""

    async def in_words(self, compared: Comparison) -> str:
        """Return a check for the model: what is new with its remedies, what was told before by its place alone."""
        told = self._told_findings | self._told_failures
        fresh = [one for one in compared.errors if told_as(one) not in told]
        text = render(compared, remedies=await self._remedies(fresh), told=told).text
        self._told_findings = frozenset(map(told_as, (*compared.errors, *compared.warnings)))
        self._told_failures = frozenset(map(told_as, compared.failures))
        return text

    # What is wrong

    def _new(self, found: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
        """Leave out what the base has; while that is not known, what stands in files that nobody has touched."""
        base = self.checks.base_now()
        if base is None:
            return tuple(one for one in found if one.path in self._written)
        return new_findings(base.diagnostics, found)

    async def _told(self, found: Sequence[Diagnostic]) -> dict[str, str]:
        """Return what is said of findings by the file that it is said beside."""
        fresh = [one for one in found if told_as(one) not in self._told_findings]
        remedies = await self._remedies(fresh)
        said: dict[str, str] = {}
        for path in dict.fromkeys(one.path for one in found):
            here = [one for one in fresh if one.path == path]
            old = sum(one.path == path for one in found) - len(here)
            lines = findings(here, remedies)
            lines += [f"{path}: {plural(old, 'finding')} told before still there"] if old else []
            said[path] = "\n".join(lines)
        self._told_findings = frozenset(map(told_as, found))
        return said

    async def _remedies(self, found: Sequence[Diagnostic]) -> dict[Diagnostic, str]:
        """Ask for the first findings' remedies, side by side, in bounded time; those that don't come are left out."""
        first = list({one.message: one for one in reversed(found)}.values())[::-1][:_REMEDIES]
        tasks = {one: asyncio.create_task(self.analyses.remedy(one)) for one in first}
        if not tasks:
            return {}
        try:
            await asyncio.wait(tasks.values(), timeout=_REMEDIES_S)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
        return {one: _remedy(task) for one, task in tasks.items() if not task.cancelled()}

    async def _check(self, on_output: Callable[[str], None]) -> tuple[Checked | None, str]:
        try:
            async with asyncio.timeout(CHECK_S):
                checked = await self.checks.check(on_output=on_output)
        except TimeoutError:
            return None, f"Not checked: that takes more than {CHECK_S:.0f} s. Call check, or finish."
        except RepositoryError as error:
            return None, f"Not checked: {error}."
        if not checked.scopes or not checked.comparison.report.projects:
            return None, ""
        if checked.comparison.green and not checked.comparison.warnings:
            return checked, f"Checked {checked.scope}: {headline(checked.comparison)}"
        doubt = "" if checked.base_known else "\nThe base is still being checked: some of it may be old."
        return checked, f"Checked {checked.scope}: {await self.in_words(checked.comparison)}{doubt}"


def _remedy(task: asyncio.Task[str]) -> str:
    """Return a remedy. A fault in finding it is said, and costs nothing else; the container's death is raised."""
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, ContainerDied):
        raise error
    return f"(no remedy: {type(error).__name__}: {error}; this is a fault in Bactrian)"
