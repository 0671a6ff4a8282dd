"""What a task's words may mean in code: files, names, types, and names that are only to be made. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Sequence

from lang.names import last

_DIRECTORY_FILES = 12
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*")
_BARE = r"\b((?:[A-Z]\w*\.)+\w+|[A-Za-z]+[a-z0-9][A-Z_]\w+|[a-z]+_\w+)\b"
_IDENTIFIER = re.compile(rf"`([A-Za-z_][\w.']*)(?:`|\(| ?:)|{_BARE}")
_MADE = re.compile(
    r"\b(?:[Aa]dd|[Ww]rite|[Cc]reate|[Ii]ntroduce|[Nn]ew)\b"
    r"(?:\s+(?!(?:to|in|on|for|of|from|with|so|as|that)\b)[\w,'-]+){0,5}?\s+"
    rf"((?:`[^`\n]+`|{_BARE})(?:(?:,| and|, and) `[^`\n]+`)*)"
)
_NOUN = r"(?:interface|type|struct|record|class|module|signature)"
_TYPE = re.compile(
    rf"\b([A-Z]\w*)`?\s+{_NOUN}\b|\b{_NOUN}\s+`?([A-Z]\w*)|(?<=[a-z,] )`?([A-Z][A-Za-z0-9]+)\b(?!\.\w|\()"
)


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


def named_identifiers(text: str) -> list[str]:
    """Return the words of a text that look like names in code: in backquotes, or `camelCase`, `snake_case`, `A.b`."""
    return list(dict.fromkeys(first or second for first, second in _IDENTIFIER.findall(text)))


def names_to_make(task: str) -> list[str]:
    """Return the names that a task says to add or write: nothing in the tree is meant by them."""
    return list(dict.fromkeys(name for match in _MADE.finditer(task) for name in named_identifiers(match[1])))


def named_types(task: str, made: Collection[str]) -> list[str]:
    """Return the words that may be types: beside a word like `interface`, capitals in a sentence, owners of `made`."""
    owners = [name.split(".")[-2] for name in made if "." in name]
    words = [word for match in _TYPE.findall(task) for word in match if word]
    return [word for word in dict.fromkeys([*owners, *words]) if word not in {last(name) for name in made}]


def modules_named(words: Collection[str], files: Collection[str]) -> list[str]:
    """Return the files of the modules in qualified names: of each name the innermost that has any, least deep.

    Outer parts are the library's own name more often than a module to be read.
    """
    stems: dict[str, list[str]] = {}
    for path in files:
        stems.setdefault(_stem(path), []).append(path)
    found: dict[str, None] = {}
    for word in words:
        parts = [part.lower() for part in word.split(".")[:-1] if part[:1].isupper()]
        innermost = next((part for part in reversed(parts) if part in stems), "")
        matches = stems.get(innermost, [])
        depth = min((path.count("/") for path in matches), default=0)
        found |= dict.fromkeys(path for path in matches if path.count("/") == depth)
    return list(found)


def files_testing(path: str, files: Collection[str], is_test: Callable[[str], bool]) -> list[str]:
    """Return the files that test a source file, by their names, the nearest first: beside it or in a test directory."""
    folder, stem = posixpath.dirname(path), _stem(path)
    names = {f"{stem}_test", f"test_{stem}", f"{stem}_tests", f"t_{stem}"}
    fit = [other for other in files if _stem(other) in names and other != path and is_test(other)]
    fit = [other for other in fit if posixpath.splitext(other)[1] == posixpath.splitext(path)[1]]
    near = [other for other in fit if _related(folder, posixpath.dirname(other))]
    return sorted(near, key=lambda other: (posixpath.dirname(other) != folder, other.count("/"), other))


def _related(folder: str, other: str) -> bool:
    return other == folder or any(part.startswith("test") for part in other.split("/"))


def _stem(path: str) -> str:
    return posixpath.splitext(posixpath.basename(path))[0].lower()
