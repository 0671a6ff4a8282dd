"""Reads the code that a task names, so that nobody asks for it: files by path, definitions and modules by name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from containers.base import Container
from lang.analysis import Symbol
from lang.base import Language
from lang.names import best, last, parse

WHOLE_BYTES = 9_000
"""Longer files are outlined."""

_EXCERPT_LINES = 80
_EXCERPTS = 12
_DIRECTORY_FILES = 12
_FILES_READ = 80
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*")
_IDENTIFIER = re.compile(
    r"`([A-Za-z_][\w.']*)(?:\(\))?`|\b((?:[A-Z]\w*\.)+\w+|[A-Za-z]+[a-z0-9][A-Z_]\w+|[a-z]+_\w+)\b"
)

Read = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Reads those of the workspace's files that are text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A definition's source."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Finds code by a task's words; runs one `git grep`."""

    container: Container
    languages: Sequence[Language]
    files: Sequence[str]
    read: Read

    async def find(self, task: str, budget: int) -> NamedCode:
        """Return what a task names, in at most about `budget` characters. Raises ContainerDied."""
        found = NamedCode()
        words = named_identifiers(task)
        paths = [
            path for path in named_files(task, self.files) if self._is_code(path) or path.endswith((".md", ".txt"))
        ]
        modules = [path for path in self.files if self._is_code(path) and _stem(path) in _components(words)]
        for path, text in (await self.read(list(dict.fromkeys([*paths, *modules]))[:_FILES_READ])).items():
            if len(text) <= min(WHOLE_BYTES, budget):
                found.texts[path] = text
                budget -= len(text)
            else:
                found.outlines[path] = tuple(_top(self._outline(path, text)))
        async for excerpt in self._definitions(words):
            if excerpt.path not in found.texts and len(excerpt.text) <= budget and len(found.excerpts) < _EXCERPTS:
                found.excerpts.append(excerpt)
                budget -= len(excerpt.text)
        return found

    def _is_code(self, path: str) -> bool:
        return any(language.owns(path) for language in self.languages)

    def _outline(self, path: str, text: str) -> tuple[Symbol, ...]:
        return next((found for each in self.languages if (found := each.outline(path, text))), ())

    async def _definitions(self, words: Sequence[str]):
        """Yield the sources of what the words define in this tree."""
        if not words:
            return
        patterns = [part for word in words for part in ("-e", last(word))]
        result = await self.container.exec(["git", "grep", "--untracked", "-lwzF", *patterns], timeout_s=5.0)
        paths = [path for path in result.stdout.text().split("\0") if path and self._is_code(path)]
        texts = await self.read(paths[:_FILES_READ])
        symbols = [symbol for path, text in texts.items() for symbol in _top(self._outline(path, text))]
        for word in words:
            name = parse(word)
            for symbol in best(name, symbols) if name else ():
                if symbol.place:
                    yield _excerpt(symbol, symbol.place.path, texts[symbol.place.path])


def _excerpt(symbol: Symbol, path: str, text: str) -> Excerpt:
    line = symbol.place.line if symbol.place else 1
    first = symbol.first_line or line
    end = max(symbol.end_line, line)
    lines = text.split("\n")[first - 1 : end]
    shown = lines[:_EXCERPT_LINES]
    more = [f"[{len(lines) - len(shown)} more lines]"] if len(lines) > len(shown) else []
    return Excerpt(path=path, name=symbol.name, first_line=first, text="\n".join([*shown, *more]))


def _top(symbols: Collection[Symbol]) -> Iterator[Symbol]:
    """Leave out the members of types: their type's signature says them."""
    owners = {symbol.name for symbol in symbols if symbol.kind == "type"}
    for symbol in symbols:
        inside = symbol.kind in ("field", "constructor")
        if not inside and not (symbol.name.rpartition(".")[0] in owners and not symbol.signature.startswith("func")):
            yield symbol


def _stem(path: str) -> str:
    return posixpath.splitext(posixpath.basename(path))[0].lower()


def _components(words: Collection[str]) -> set[str]:
    """The parts of qualified names that may be modules, in lower case."""
    return {part.lower() for word in words if "." in word for part in word.split(".") if part[:1].isupper()}


def named_files(task: str, files: Sequence[str]) -> list[str]:
    """Return the files that a text names, by a path or the end of one, and those of small directories, in order."""
    found: dict[str, None] = {}
    for match in _PATH.finditer(task):
        word = match[0].strip("./")
        if "." in word:
            found |= dict.fromkeys(path for path in files if path == word or path.endswith(f"/{word}"))
        if "/" in word:
            inside = [path for path in files if path.startswith(f"{word}/")]
            found |= dict.fromkeys(inside if len(inside) <= _DIRECTORY_FILES else ())
    return list(found)


def named_identifiers(task: str) -> list[str]:
    """Return the words of a text that look like names in code: in backquotes, or `camelCase`, `snake_case`, `A.b`."""
    return list(dict.fromkeys(first or second for first, second in _IDENTIFIER.findall(task)))
