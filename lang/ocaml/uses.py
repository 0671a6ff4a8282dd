"""Where a definition is used, by merlin and the index that dune builds; and files with it renamed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from lang import names
from lang.analysis import Place, Symbol
from lang.base import FileEdit
from lang.ocaml import syntax
from lang.ocaml.lookup import Lookup
from lang.ocaml.merlin import Fields, File, as_fields, in_workspace, number, objects, word

_LOWER = re.compile(r"[a-z_][\w']*")
_UPPER = re.compile(r"[A-Z][\w']*")
_OPENING, _CLOSING = "([{", ")]}"
_KEYWORDS = re.compile(
    r"and|as|assert|asr|begin|class|constraint|do|done|downto|effect|else|end|exception|external|false|for|fun|function"
    r"|functor|if|in|include|inherit|initializer|land|lazy|let|lor|lsl|lsr|lxor|match|method|mod|module|mutable|new"
    r"|nonrec|object|of|open|or|private|rec|sig|struct|then|to|true|try|type|val|virtual|when|while|with"
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Use:
    path: str
    line: int
    start: int
    """In characters from 0."""
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """Needs an index that is up to date. Raises the bench's death."""

    lookup: Lookup

    async def references(self, symbol: Symbol) -> tuple[Place, ...]:
        """Where a symbol is named, its definition and its declaration included; `()` without a place."""
        found, _ = await self._uses(symbol)
        return tuple(Place(path=use.path, line=use.line, column=use.start + 1) for use in found)

    async def rename(self, symbol: Symbol, to: str) -> Sequence[FileEdit]:
        """The files with a symbol renamed; labels and fields that stand for a renamed variable keep their names.

        Raises ValueError where it can't be called that, or where merlin can't tell all that is meant.
        """
        old = names.last(symbol.name)
        _refuse_name(symbol, old, to)
        found, files = await self._uses(symbol)
        if not found:
            raise ValueError(f"merlin finds no use of {symbol.name}, not even its definition")
        outside = next((use.path for use in found if use.path.startswith("/")), "")
        if outside:
            raise ValueError(f"{symbol.name} belongs to a library: {outside}")
        self._refuse_clash(symbol, old, to, {use.path for use in found}, files)
        by_file: dict[str, list[_Use]] = {}
        for use in found:
            by_file.setdefault(use.path, []).append(use)
        return [
            FileEdit(path=path, content=_replaced(files[path].text, uses, old, to, symbol.kind == "field"))
            for path, uses in by_file.items()
        ]

    async def _uses(self, symbol: Symbol) -> tuple[list[_Use], Mapping[str, File]]:
        """All places that spell a symbol's name and mean it, and the texts of their files."""
        old = names.last(symbol.name).strip("()")
        files: dict[str, File] = {}
        found: set[_Use] = set()
        for place in await self._definitions(symbol):
            file = await self._file(place.path, files)
            if file is None:
                continue
            at = f"{place.line}:{file.byte(place.line, place.column)}"
            answer = await self.lookup.merlin.ask(file, "occurrences", "-identifier-at", at, "-scope", "renaming")
            for item in objects(answer):
                path = _path(item, file.path)
                # Merlin loses the directory of the file that it is asked about.
                there = await self._file(path, files) or (file if path.endswith(file.path.rpartition("/")[2]) else None)
                use = _use(there, item, old) if there else None
                if use:
                    found.add(use)
        return sorted(found), files

    async def _definitions(self, symbol: Symbol) -> tuple[Place, ...]:
        """A symbol's place and that of the same name in the interface or implementation beside it.

        For merlin a constructor or field of the one is none of the other's.
        """
        if symbol.place is None:
            return ()
        path = symbol.place.path
        twin = path.removesuffix("i") if path.endswith(".mli") else f"{path}i"
        mine = await self.lookup.file(path)
        other = await self.lookup.file(twin)
        if mine is None or other is None:
            return (symbol.place,)
        here = [one for one in syntax.outline(path, mine.text) if one.place == symbol.place]
        there = [
            one.place
            for one in syntax.outline(twin, other.text)
            if one.place and here and (one.name, one.kind) == (here[0].name, here[0].kind)
        ]
        return (symbol.place, *there)

    async def _file(self, path: str, files: dict[str, File]) -> File | None:
        if path not in files:
            file = await self.lookup.file(path)
            if file is None:
                return None
            files[path] = file
        return files[path]

    @staticmethod
    def _refuse_clash(symbol: Symbol, old: str, to: str, paths: Collection[str], files: Mapping[str, File]) -> None:
        """Raise ValueError where a file that defines the symbol has the new name beside it."""
        for path in sorted(paths):
            outlined = syntax.outline(path, files[path].text)
            for one in outlined:
                scope, last = one.name[: -len(names.last(one.name))], names.last(one.name)
                clash = [each for each in outlined if each.name == scope + to and each.kind == one.kind]
                mine = last == old and one.kind == symbol.kind and one.place and one.place == symbol.place
                if mine and clash and clash[0].place:
                    raise ValueError(f"{scope}{to} is there already: {path}:{clash[0].place.line}")


def _path(item: Fields, asked: str) -> str:
    return in_workspace(word(item, "file")) if word(item, "file") else asked


def _use(file: File, item: Fields, old: str) -> _Use | None:
    """Where in the range that merlin names the name itself stands; None where it isn't spelt there."""
    start, end = as_fields(item.get("start")), as_fields(item.get("end"))
    line = number(start, "line")
    if number(end, "line") != line:
        return None
    first = file.column(line, number(start, "col")) - 1
    last = file.column(line, number(end, "col")) - 1
    spelt = file.line(line)[first:last]
    # A range may be all of `Module.value`, also where the module is meant.
    parts = [part for part in re.finditer(r"[\w']+|[^\w'.\s()]+", spelt) if part[0] == old]
    if not parts:
        return None
    part = parts[-1] if old[:1].islower() else parts[0]
    return _Use(path=file.path, line=line, start=first + part.start(), end=first + part.end())


def _refuse_name(symbol: Symbol, old: str, to: str) -> None:
    upper = old[:1].isupper()
    shape = "a capital letter" if upper else "a small letter or _"
    if not old[:1].isalpha() and not old.startswith("_"):
        raise ValueError(f"{old} is an operator: rename it by editing")
    if not (_UPPER if upper else _LOWER).fullmatch(to) or _KEYWORDS.fullmatch(to):
        raise ValueError(f"{to!r} can't be the name of a {symbol.kind}: it takes a word that begins with {shape}")
    if symbol.kind == "module" and symbol.place and (symbol.place.line, symbol.place.column) == (1, 1):
        raise ValueError(f"{symbol.name} is a file: move {symbol.place.path} and edit what names it")


def _replaced(text: str, uses: Sequence[_Use], old: str, to: str, is_field: bool) -> str:
    lines = text.split("\n")
    for use in sorted(uses, reverse=True):
        line = lines[use.line - 1]
        before, after = line[: use.start], line[use.end :]
        if not is_field and before.endswith(("~(", "?(")):
            before = f"{before[:-1]}{old}:("  # it was label and variable in one
        around = ("\n".join([*lines[: use.line - 1], before]), "\n".join([after, *lines[use.line :]]))
        lines[use.line - 1] = before + _written(around, old, to, is_field) + after
    return "\n".join(lines)


def _written(around: tuple[str, str], old: str, to: str, is_field: bool) -> str:
    """What to write for a use: where one word is both a variable and a label or field, only one of them changes."""
    before, after = around[0].rstrip(), around[1].lstrip()
    if is_field:
        return f"{to} = {old}" if _is_pun(before, after) else to
    if before.endswith(("~", "?")) and not after.startswith(":"):
        return f"{old}:{to}"
    return f"{old} = {to}" if _is_pun(before, after) else to


def _is_pun(before: str, after: str) -> bool:
    """Whether a word alone stands for a field and a variable: `{ name; age }`, `{ r with name }`."""
    ends = after[:1] in (";", "}")
    qualified = re.sub(r"(?:[A-Z][\w']*\s*\.\s*)+$", "", before).rstrip()
    begins = qualified[-1:] in ("{", ";") or bool(re.search(r"\bwith$", qualified))
    return ends and begins and _innermost(qualified) == "{"


def _innermost(before: str) -> str:
    """The bracket that is open at the end of a text; strings and comments are taken for code."""
    depth = 0
    for character in reversed(before):
        if character in _CLOSING:
            depth += 1
        elif character in _OPENING:
            if not depth:
                return character
            depth -= 1
    return ""
