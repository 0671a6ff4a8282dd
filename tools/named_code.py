"""Reads the code that a task names, so that nobody asks for it: files by path, definitions, types and modules by name,
with the tests beside them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from containers.base import Container
from lang.analysis import Symbol
from lang.base import Language
from lang.names import best, last, parse
from tools.implementers import Implementer, implementers, own_methods
from tools.task_words import (
    files_testing,
    modules_named,
    named_files,
    named_identifiers,
    named_types,
    names_to_make,
)

WHOLE_BYTES = 9_000
"""Longer files are outlined."""

_EXCERPT_LINES = 80
_EXCERPTS = 12
_FILES_READ = 80
_NAMESAKES = 4
_IMPLEMENTERS_LISTED = 8
_IMPLEMENTERS_SHOWN = 2
_TESTS = 4
_TEST_BYTES = 3_000
_TEST_LINES = 40
_CHANGELOG_LINES = 12
_CHANGELOG_CHARACTERS = 1_200
_CHANGELOG = re.compile(r"change(?:s|log)(?:\.(?:md|txt|rst))?", re.IGNORECASE)
_GENERATED = re.compile(r"^\W*(?:code|this file|file|auto\w*)\b.*\bgenerated\b.*\bedit\b", re.IGNORECASE | re.MULTILINE)
_HEAD_CHARACTERS = 3_000

Read = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Reads those of the workspace's files that are text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A part of a file: a definition's source, mostly. `name` is empty where it is something else."""

    path: str
    name: str
    first_line: int
    text: str


@dataclass(slots=True, kw_only=True)
class NamedCode:
    """What the task names, as much of it as may be shown."""

    texts: dict[str, str] = field(default_factory=dict[str, str])
    excerpts: list[Excerpt] = field(default_factory=list[Excerpt])
    outlines: dict[str, Sequence[Symbol]] = field(default_factory=dict[str, Sequence[Symbol]])
    """What the long files declare, without the members of types."""
    notes: list[str] = field(default_factory=list[str])
    """A line each: who implements an interface, where a name that is to be made is in use already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Finds code by a task's words; runs two or three `git grep`."""

    container: Container
    languages: Sequence[Language]
    files: Sequence[str]
    read: Read

    async def find(self, task: str, budget: int) -> NamedCode:
        """Return what a task names, in at most about `budget` characters. Raises ContainerDied."""
        return await _Search(reader=self, task=task, left=budget).run()

    async def grep(self, words: Iterable[str]) -> dict[str, str]:
        """Return the source files that have one of the words, without generated ones: what is tested first."""
        patterns = [part for word in words for part in ("-e", word)]
        if not patterns:
            return {}
        result = await self.container.exec(["git", "grep", "--untracked", "-lwzF", *patterns], timeout_s=5.0)
        paths = [path for path in result.stdout.text().split("\0") if path and self.is_code(path)]
        texts = await self.read(sorted(paths, key=self.is_test)[:_FILES_READ])
        return {path: text for path, text in texts.items() if not generated(text)}

    def is_code(self, path: str) -> bool:
        """Whether a language reads the file, build files included."""
        return any(language.owns(path) for language in self.languages)

    def is_test(self, path: str) -> bool:
        """Whether the file holds tests."""
        return any(language.is_test(path) for language in self.languages)

    def outline(self, path: str, text: str) -> tuple[Symbol, ...]:
        """Return what a file declares."""
        return next((found for each in self.languages if (found := each.outline(path, text))), ())


def generated(text: str) -> bool:
    """Whether a file says of itself that a program wrote it and nobody should edit it."""
    return _GENERATED.search(text[:_HEAD_CHARACTERS]) is not None


@dataclass(slots=True, kw_only=True)
class _Search:
    reader: Reader
    task: str
    left: int
    """Characters."""
    found: NamedCode = field(default_factory=NamedCode)

    async def run(self) -> NamedCode:
        made = names_to_make(self.task)
        words = [word for word in named_identifiers(self.task) if word not in made]
        await self._files(words, made)
        await self._definitions(words, made)
        await self._tests()
        await self._changelog()
        return self.found

    async def _files(self, words: Sequence[str], made: Sequence[str]) -> None:
        reader = self.reader
        by_path = [
            path
            for path in named_files(self.task, reader.files)
            if reader.is_code(path) or path.endswith((".md", ".txt"))
        ]
        sources = [path for path in reader.files if reader.is_code(path) and not reader.is_test(path)]
        chosen = list(dict.fromkeys([*by_path, *modules_named([*words, *made], sources)]))[:_FILES_READ]
        for path, text in (await reader.read(chosen)).items():
            if generated(text):
                continue
            if len(text) <= min(WHOLE_BYTES, self.left):
                self.found.texts[path] = text
                self.left -= len(text)
            else:
                self.found.outlines[path] = tuple(_top(reader.outline(path, text)))

    async def _definitions(self, words: Sequence[str], made: Sequence[str]) -> None:
        types = named_types(self.task, made)
        texts = await self.reader.grep(last(word) for word in dict.fromkeys([*types, *words, *made]))
        symbols = [symbol for path, text in texts.items() for symbol in self.reader.outline(path, text)]
        top = [*_top(symbols)]
        for word in types:
            for kind in _meant(word, [symbol for symbol in top if symbol.kind == "type"])[:2]:
                self._add(_excerpt(kind, texts))
                await self._implementers(kind, own_methods(kind, symbols))
        for word in words:
            for symbol in _meant(word, top):
                self._add(_excerpt(symbol, texts))
        for word in made:
            self._namesakes(word, _meant(word, top))

    async def _implementers(self, interface: Symbol, methods: Sequence[str]) -> None:
        if not methods:
            return
        texts = await self.reader.grep([max(methods, key=len)])
        symbols = [symbol for path, text in texts.items() for symbol in self.reader.outline(path, text)]
        fit = implementers(interface, methods, symbols)
        listed = [f"{each.name} ({each.path}:{each.line})" for each in fit[:_IMPLEMENTERS_LISTED]]
        more = f" and {len(fit) - len(listed)} more" if len(fit) > len(listed) else ""
        told = f"{', '.join(listed)}{more}" if listed else "none here"
        self.found.notes.append(f"Types with all of {interface.name}'s own methods: {told}.")
        for each in [each for each in fit if not self.reader.is_test(each.path)][:_IMPLEMENTERS_SHOWN]:
            self._add(_region(each, texts[each.path]))

    def _namesakes(self, word: str, symbols: Sequence[Symbol]) -> None:
        places = [f"{each.place.path}:{each.place.line}" for each in symbols if each.place]
        if places:
            more = f" and {len(places) - _NAMESAKES} more" if len(places) > _NAMESAKES else ""
            self.found.notes.append(f"{last(word)} exists at {', '.join(places[:_NAMESAKES])}{more}.")

    async def _tests(self) -> None:
        reader, found = self.reader, self.found
        shown = [*found.texts, *found.outlines, *(excerpt.path for excerpt in found.excerpts)]
        sources = [path for path in dict.fromkeys(shown) if not reader.is_test(path)]
        fit = [path for source in sources for path in files_testing(source, reader.files, reader.is_test)[:1]]
        for path, text in (await reader.read(list(dict.fromkeys(fit))[:_TESTS])).items():
            if path in found.texts:
                continue
            if len(text) <= min(_TEST_BYTES, self.left):
                found.texts[path] = text
                self.left -= len(text)
            else:
                for excerpt in _model(path, text, reader.outline(path, text)):
                    self._add(excerpt)

    async def _changelog(self) -> None:
        named = [path for path in self.reader.files if _CHANGELOG.fullmatch(path)][:1]
        for path, text in (await self.reader.read(named)).items():
            head = "\n".join(text.split("\n")[:_CHANGELOG_LINES])[:_CHANGELOG_CHARACTERS]
            if path not in self.found.texts:
                self._add(Excerpt(path=path, name="", first_line=1, text=head))

    def _add(self, excerpt: Excerpt) -> None:
        fits = len(excerpt.text) <= self.left and len(self.found.excerpts) < _EXCERPTS
        if fits and excerpt.path not in self.found.texts and excerpt not in self.found.excerpts:
            self.found.excerpts.append(excerpt)
            self.left -= len(excerpt.text)


def _meant(word: str, symbols: Collection[Symbol]) -> tuple[Symbol, ...]:
    name = parse(word)
    return tuple(symbol for symbol in best(name, symbols) if symbol.place) if name else ()


def _excerpt(symbol: Symbol, texts: Mapping[str, str]) -> Excerpt:
    path, line = (symbol.place.path, symbol.place.line) if symbol.place else ("", 1)
    return _lines(path, symbol.name, texts[path], symbol.first_line or line, max(symbol.end_line, line))


def _region(each: Implementer, text: str) -> Excerpt:
    """A type and its methods, as they mostly stand together."""
    return _lines(each.path, each.name, text, each.first_line, each.end_line)


def _lines(path: str, name: str, text: str, first: int, end: int) -> Excerpt:
    lines = text.split("\n")[first - 1 : end]
    shown = lines[:_EXCERPT_LINES]
    more = [f"[{len(lines) - len(shown)} more lines]"] if len(lines) > len(shown) else []
    return Excerpt(path=path, name=name, first_line=first, text="\n".join([*shown, *more]))


def _model(path: str, text: str, symbols: Sequence[Symbol]) -> Iterator[Excerpt]:
    """What stands above a test file's definitions, and one of its tests."""
    functions = [each for each in symbols if each.place and each.end_line - each.first_line <= _TEST_LINES]
    tests = [each for each in functions if "test" in last(each.name).lower()] or functions
    first = min((each.first_line for each in symbols), default=1)
    lines = text.split("\n")[: first - 1]
    start = next((number for number, line in enumerate(lines, 1) if line and not line.startswith(_COMMENT)), first)
    if start < first <= _TEST_LINES + start:
        yield _lines(path, "", text, start, first - 1)
    for symbol in sorted(tests, key=lambda each: each.end_line)[:1]:
        yield _excerpt(symbol, {path: text})


_COMMENT = ("//", "/*", "*", " *", "(*")


def _top(symbols: Collection[Symbol]) -> Iterator[Symbol]:
    """Leave out the members of types: their type's signature says them."""
    owners = {symbol.name for symbol in symbols if symbol.kind == "type"}
    for symbol in symbols:
        inside = symbol.kind in ("field", "constructor")
        if not inside and not (symbol.name.rpartition(".")[0] in owners and not symbol.signature.startswith("func")):
            yield symbol
