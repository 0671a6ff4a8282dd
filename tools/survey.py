"""Finds out, side by side and within seconds, what a model would ask first about a repository and its container."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from containers.base import Container
from lang.base import Language, Project, Survey
from tools.named_code import NamedCode, Reader
from tools.recipes import is_recipe, recipes
from tools.steering import steers
from tools.steps import Runner
from tools.text import decode
from tools.tree import files

LIMIT_S = 4.0
"""What isn't known after this time is left out."""
FETCH_LIMIT_S = 6.0
"""The same for libraries that the task names and that are not there yet."""
SMALL_TREE_BYTES = 20_000
"""Trees with no more text than that are shown whole; of others, as much of what the task names."""

_FILES_READ = 120
_PROJECTS = 6
_NAMED_LIBRARIES = 5
_USED_LIBRARIES = 2
_COMMANDS = ("python3", "node", "make", "gcc", "jq", "curl", "sudo", "docker")
_UNREAD = re.compile(
    r"(?:^|/)(?:go\.sum|LICEN[CS]E[^/]*|COPYING|[^/]*\.lock|package-lock\.json)$|\.(?:png|jpe?g|gif|pdf|zip|gz|svg|opam)$",
    re.IGNORECASE,
)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """A language's findings about a project; without one, about its toolchain."""

    language: Language
    project: Project | None
    survey: Survey


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """What a library exports. `named`: the task names it."""

    name: str
    text: str
    named: bool


@dataclass(slots=True, kw_only=True)
class Findings:
    """All that was found out in time."""

    languages: Sequence[Language] = ()
    """Those at hand: that have projects here or that the task is about; all where neither says."""
    files: Sequence[str] = ()
    projects: Sequence[Project] = ()
    surveys: list[Surveyed] = field(default_factory=list[Surveyed])
    commands: Mapping[str, bool] = field(default_factory=dict[str, bool])
    """What people expect in a shell, and whether it is there."""
    recipes: Sequence[str] = ()
    rules: tuple[str, str] = ("", "")
    """The file that tells agents how to work here, and its text."""
    whole: bool = False
    """Whether `code.texts` are all of the tree that is worth reading."""
    code: NamedCode = field(default_factory=NamedCode)
    """What the task names; all of it where the tree is small."""
    interfaces: Sequence[Interface] = ()


async def survey(
    container: Container, languages: Sequence[Language], task: str, rules: tuple[str, str] = ("", "")
) -> Findings:
    """Look around before the first turn; never longer than `FETCH_LIMIT_S` after the tree's files are known.

    `rules` are the file that tells agents how to work here, if a person trusts it, and its text; what else would steer
    the model is not shown to it unasked.

    Raises ContainerDied. What fails or takes too long is missing in the findings.
    """
    paths = await files(container)
    found = [(language, project) for language in languages for project in language.detect(paths)]
    at_hand = _at_hand(languages, {language.name for language, _ in found}, task)
    findings = Findings(languages=at_hand, files=paths, projects=[project for _, project in found], rules=rules)
    surveyor = _Surveyor(container=container, task=task, findings=findings)
    subjects: list[tuple[Language, Project | None]] = [*found[:_PROJECTS]]
    present = {language.name for language, _ in found}
    subjects += [(language, None) for language in at_hand if language.name not in present]
    await surveyor.run(subjects)
    return findings


async def languages_at_hand(container: Container, languages: Sequence[Language], task: str) -> tuple[Language, ...]:
    """Return the languages that the survey of this tree would name. Raises ContainerDied."""
    paths = await files(container)
    return _at_hand(languages, {language.name for language in languages if language.detect(paths)}, task)


def _at_hand(languages: Sequence[Language], present: Collection[str], task: str) -> tuple[Language, ...]:
    chosen = tuple(language for language in languages if language.name in present or language.speaks(task))
    return chosen or tuple(languages)


@dataclass(slots=True, kw_only=True)
class _Surveyor:
    container: Container
    task: str
    findings: Findings
    main: dict[str, Project | None] = field(default_factory=dict[str, "Project | None"])
    """The outermost project of each language."""
    asked: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Languages and libraries whose interface some project was asked for."""
    begun: float = field(default_factory=time.monotonic)

    async def run(self, subjects: Iterable[tuple[Language, Project | None]]) -> None:
        order = [*subjects]
        self.main = {language.name: project for language, project in reversed(order)}
        languages = [self._language(*subject) for subject in order]
        parts: list[Coroutine[Any, Any, None]] = [self._commands(), self._recipes(), self._texts()]
        await asyncio.gather(*languages, *(self._in_time(part) for part in parts))
        self.findings.surveys.sort(key=lambda each: order.index((each.language, each.project)))

    async def _in_time(self, part: Awaitable[_Result], limit_s: float = LIMIT_S) -> _Result | None:
        """Wait for a part of the findings; None where time ran out."""
        try:
            async with asyncio.timeout(self.begun + limit_s - time.monotonic()):
                return await part
        except TimeoutError:
            return None

    async def _language(self, language: Language, project: Project | None) -> None:
        runner = Runner(container=self.container)
        output = await self._in_time(runner.run(language, language.survey(project)))
        if output is None:
            return
        survey = language.parse_survey(project, output)
        self.findings.surveys.append(Surveyed(language=language, project=project, survey=survey))
        main = project == self.main[language.name]
        # What no project has need not be fetched for each of them.
        named = [name for name in language.named(self.task, survey) if main or name in survey.libraries]
        named = [name for name in named[:_NAMED_LIBRARIES] if (language.name, name) not in self.asked]
        used = [name for name in survey.used if name not in named][: _USED_LIBRARIES if main and project else 0]
        self.asked.update((language.name, name) for name in (*named, *used))
        where = project or Project(language=language.name, root=".")
        # Side by side, but the surest first: each is shown as soon as it is there, whatever becomes of the others.
        found = await asyncio.gather(
            *(
                self._in_time(
                    self._interface(runner, language, where, name),
                    LIMIT_S if name in survey.libraries else FETCH_LIMIT_S,
                )
                for name in (*named, *used)
            )
        )
        interfaces = [
            Interface(name=name, text=text, named=name in named)
            for name, text in zip((*named, *used), found, strict=True)
            if text
        ]
        self.findings.interfaces = [*self.findings.interfaces, *interfaces]

    async def _interface(self, runner: Runner, language: Language, project: Project, name: str) -> str:
        output = await runner.run(language, language.exports(project, name))
        documentation = language.parse_documentation(name, output)
        return documentation.text.strip() if documentation.found else ""

    async def _commands(self) -> None:
        script = 'for name; do if command -v "$name" >/dev/null; then echo "$name"; fi; done'
        result = await self.container.exec(["sh", "-c", script, "sh", *_COMMANDS], timeout_s=LIMIT_S)
        there = result.stdout.text().split()
        self.findings.commands = {name: name in there for name in _COMMANDS}

    async def _recipes(self) -> None:
        chosen = [path for path in self.findings.files if is_recipe(path)][:_FILES_READ]
        self.findings.recipes = recipes(await self._read(chosen))

    async def _texts(self) -> None:
        findings = self.findings
        worth = [path for path in findings.files if not (_UNREAD.search(path) or steers(path))]
        sizes = await self._sizes(worth) if len(worth) <= _FILES_READ else {}
        if worth and sizes and sum(sizes.values()) <= SMALL_TREE_BYTES:
            findings.code = NamedCode(texts=await self._read(worth))
            findings.whole = True
            return
        reader = Reader(container=self.container, languages=findings.languages, files=findings.files, read=self._read)
        findings.code = await reader.find(self.task, SMALL_TREE_BYTES)

    async def _sizes(self, paths: Sequence[str]) -> dict[str, int]:
        stdin = "\0".join(paths).encode()
        argv = ["xargs", "-0", "-r", "stat", "--printf", "%s %n\\0"]
        result = await self.container.exec(argv, stdin=stdin, timeout_s=LIMIT_S)
        entries = [entry.partition(" ") for entry in result.stdout.text().split("\0") if entry]
        return {path: int(size) for size, _, path in entries if size.isdecimal()}

    async def _read(self, paths: Sequence[str]) -> dict[str, str]:
        """The texts of those that are text files."""
        found = await asyncio.gather(*(self._read_one(path) for path in paths))
        return {path: text for path, text in zip(paths, found, strict=True) if text is not None}

    async def _read_one(self, path: str) -> str | None:
        try:
            decoded = decode(await self.container.read(path))
        except OSError:
            return None
        return decoded.shown if decoded else None
