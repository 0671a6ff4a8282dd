"""Looking code up: merlin for what is in scope and for types, the syntax of the files for what they define."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lang import names
from lang.analysis import Place, Symbol
from lang.base import Project, Step
from lang.ocaml import syntax
from lang.ocaml.layout import in_workspace as from_project
from lang.ocaml.layout import relative_to_project
from lang.ocaml.merlin import Fields, File, Merlin, as_fields, in_workspace, number, objects, word
from lang.ocaml.remedies.stanzas import module_of, survey
from lang.syntax import first_sentence, squeezed

_KINDS = {
    "Value": "value", "Constructor": "constructor", "Variant": "constructor", "Label": "field", "Type": "type",
    "Module": "module", "Signature": "module type", "Exn": "exception", "Class": "class", "ClassType": "class type",
    "Method": "method",
}  # fmt: skip
"""Merlin's words and ours; what has none is left out (keywords)."""

_PATH = re.compile(r"(?:(?:[A-Za-z_][\w']*|\))\s*\.\s*)*(?:[A-Za-z_][\w']*)?$")
_NAME = re.compile(r"[\w']+")
_RECORD = re.compile(r"[{;]\s*(?:mutable\s+)?([a-z_][\w']*)\s*:\s*([^;}]+)")
_NO_COMMENT = re.compile(r"\(module \S+\)|\s*")
_MARKUP = re.compile(r"\{!(?:[a-z-]+[!:])?([^{}]*)\}|\[([^\[\]]*)\]")

_GREP = r"""
find . \( -name _build -o -name _opam -o -name duniverse -o -name node_modules -o -name '.?*' \) -prune \
    -o -type f \( -name "$2.ml" -o -name "$2.mli" \) -print \
    -o -type f \( -name '*.ml' -o -name '*.mli' \) -exec grep -lF -e "$1" {} + 2>/dev/null | sort -u | head -n 1000
exit 0
"""
"""Arguments: a name, and the file of the module of that name without its ending."""

_PLACEHOLDER = "bactrian__"
"""Stands for a name that is still to be written: a bare dot is a syntax error."""

_OUTLINED_FILES = 60
"""Of the files that mention what is looked for, so many are parsed, those with a qualifier in their path first."""

_TYPED_FILES = 8
"""Of so many files that define what was looked for, merlin is asked for types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Answers about a project's code as its files are; raises only the bench's death."""

    project: Project
    merlin: Merlin

    async def members(self, place: Place) -> tuple[Symbol, ...]:
        """What could stand at a place: after `M.` what a module holds, after `r.` the fields, else all in scope."""
        file = await self.file(place.path)
        if file is None:
            return ()
        before = file.line(place.line)[: place.column - 1]
        after = file.line(place.line)[place.column - 1 :]
        typed = _PATH.search(before)
        qualifier, dot, begun = (typed[0] if typed else "").rpartition(".")
        position = f"{place.line}:{file.byte(place.line, place.column)}"
        if dot and not begun and not _NAME.match(after):
            lines = file.text.split("\n")
            lines[place.line - 1] = before + _PLACEHOLDER + after
            file = replace(file, text="\n".join(lines))
        prefix = re.sub(r"\s", "", qualifier + dot)
        answer = await self.merlin.ask(file, "complete-prefix", "-position", position, "-prefix", prefix, "-doc", "y")
        return tuple(dict.fromkeys(_members(objects(as_fields(answer).get("entries")), prefix)))

    async def describe(self, place: Place) -> Symbol | None:
        """What stands at a place, with the type that it has there."""
        file = await self.file(place.path)
        if file is None:
            return None
        at = f"{place.line}:{file.byte(place.line, place.column)}"
        rings = await self.merlin.ask(file, "type-enclosing", "-position", at, "-index", "0")
        ring = next((ring for ring in objects(rings) if isinstance(ring.get("type"), str)), None)
        path = _path_at(file.line(place.line), place.column)
        known = await self._known(file, at, path) if path else None
        if ring is None and known is None:
            return None
        described = known or Symbol(name=path or _text(file, ring or {}), kind="value" if path else "expression")
        place_of = await self._definition(file, at)
        if ring is not None and described.kind in ("value", "expression"):
            described = replace(described, signature=squeezed(word(ring, "type")))
        return replace(described, place=place_of or described.place)

    async def find(self, name: str) -> tuple[Symbol, ...]:
        """The project's definitions that a name may mean, the best fitting ones; a value once, for both its files."""
        wanted = names.parse(name)
        if wanted is None:
            return ()
        text = wanted.word.strip("() ")
        stem = text[:1].lower() + text[1:]
        found = await self.merlin.bench.run(
            Step(argv=("sh", "-c", _GREP, "sh", text, stem), cwd=self.project.root, timeout_s=10.0)
        )
        paths = sorted(map(posixpath.normpath, found.stdout.splitlines()), key=lambda path: _nearness(path, wanted))
        outlined = [await self._defined(from_project(self.project, path)) for path in paths[:_OUTLINED_FILES]]
        defined = [symbol for symbols in outlined for symbol in symbols]
        qualified = await self._qualified(defined, wanted.word)
        best = _joined(names.best(wanted, qualified))
        return await self._typed(best)

    async def outline(self, path: str) -> tuple[Symbol, ...]:
        """What a file defines, in order; values with the types that merlin infers."""
        file = await self.file(path)
        if file is None:
            return ()
        outlined = syntax.outline(path, file.text)
        if not any(symbol.kind == "value" for symbol in outlined) or path.endswith(".mli"):
            return outlined
        types = await self._types(file)
        return tuple(_with_type(symbol, types) for symbol in outlined)

    async def file(self, path: str) -> File | None:
        """A file with its text; None where there is none."""
        text = await self.merlin.bench.read(path)
        return None if text is None else File(path=path, text=text)

    async def _known(self, file: File, at: str, path: str) -> Symbol | None:
        """The entry of what is in scope that has exactly a name."""
        answer = await self.merlin.ask(file, "complete-prefix", "-position", at, "-prefix", path, "-doc", "y")
        entries = (each for each in objects(as_fields(answer).get("entries")))
        qualifier = path[: -len(names.last(path))]
        exact = [each for each in entries if word(each, "name") == names.last(path)]
        return next(_members(exact, qualifier), None)

    async def _definition(self, file: File, at: str) -> Place | None:
        answer = await self.merlin.ask(file, "locate", "-position", at, "-look-for", "ml")
        fields = as_fields(answer)  # merlin says in a string why it finds nothing
        if "pos" not in fields:
            return None
        target = in_workspace(word(fields, "file"))
        there = file if target in ("", file.path) else await self.file(target)
        return there.place(fields.get("pos")) if there else None

    async def _defined(self, path: str) -> list[Symbol]:
        """What a file defines by its syntax, itself as a module included."""
        file = await self.file(path)
        if file is None:
            return []
        lines = file.text.rstrip("\n").count("\n") + 1
        start = Place(path=path, line=1, column=1)
        module = Symbol(name=module_of(path), kind="module", place=start, end_line=lines, first_line=1)
        return [module, *syntax.outline(path, file.text)]

    async def _qualified(self, symbols: Sequence[Symbol], last: str) -> list[Symbol]:
        """Those with a last name, called as they are from outside of their library."""
        fitting = [symbol for symbol in symbols if names.last(symbol.name) == last]
        if not fitting:
            return []
        tree = await survey(self.merlin.bench, self.project)
        called: list[Symbol] = []
        for symbol in fitting:
            path = relative_to_project(self.project, symbol.place.path if symbol.place else "")
            home = tree.home(path)
            library = home.module if home else ""
            inner = symbol.name.partition(".")[0] == library
            called.append(symbol if inner or not library else replace(symbol, name=f"{library}.{symbol.name}"))
        return called

    async def _typed(self, symbols: Sequence[Symbol]) -> tuple[Symbol, ...]:
        """Symbols with the types that merlin infers for values."""
        types: dict[str, dict[tuple[int, str], str]] = {}
        for symbol in symbols:
            path = symbol.place.path if symbol.place else ""
            if symbol.kind == "value" and path.endswith(".ml") and path not in types and len(types) < _TYPED_FILES:
                file = await self.file(path)
                types[path] = await self._types(file) if file else {}
        return tuple(_with_type(one, types.get(one.place.path, {})) if one.place else one for one in symbols)

    async def _types(self, file: File) -> dict[tuple[int, str], str]:
        """The types of the values that a file defines, by line and name."""
        return dict(_outlined(await self.merlin.ask(file, "outline")))


def _nearness(path: str, name: names.Name) -> tuple[int, str]:
    """Sorts first the files whose paths have most of a name's qualifiers in them."""
    parts = {part.lower() for part in re.split(r"[/.]", path)}
    return -sum(part.lower() in parts for part in name.parts), path


def _members(entries: Iterable[Fields], prefix: str) -> Iterator[Symbol]:
    of_record = prefix.endswith(".") and not prefix[:1].isupper()
    for entry in entries:
        name, kind = word(entry, "name"), _KINDS.get(word(entry, "kind"), "")
        signature = squeezed(word(entry, "desc"))
        if not kind or "__" in name or (of_record and kind not in ("field", "method")):
            continue
        if kind == "constructor" and signature.endswith("exn"):
            kind = "exception"
        yield Symbol(name=prefix + name, kind=kind, signature=signature, doc=_sentence(word(entry, "info")))
        if kind == "type" and prefix and not of_record:
            # Merlin names a module's fields only where a record is expected.
            for field in _RECORD.finditer(signature):
                of = f"{prefix}{name} -> {field[2].strip()}"
                yield Symbol(name=prefix + field[1], kind="field", signature=of)


def _sentence(info: str) -> str:
    if _NO_COMMENT.fullmatch(info):
        return ""
    return first_sentence(_MARKUP.sub(lambda match: match[1] or match[2] or "", info))


def _path_at(line: str, column: int) -> str:
    """The qualified name that goes through a column, up to the end of its part there."""
    start = column - 1
    end = _NAME.match(line, start)
    before = _PATH.search(line[: end.end() if end else start])
    return before[0].lstrip(")").lstrip(".") if before else ""


def _text(file: File, ring: Fields) -> str:
    """An expression as it stands in the file, on one line."""
    start, end = ring.get("start"), ring.get("end")
    first, last = number(start, "line"), number(end, "line")
    lines = [file.line(each).encode() for each in range(first, last + 1)]
    if not lines:
        return ""
    lines[-1] = lines[-1][: number(end, "col")]
    lines[0] = lines[0][number(start, "col") :]
    return squeezed(b"\n".join(lines).decode(errors="replace"), 80)


def _outlined(items: object) -> Iterator[tuple[tuple[int, str], str]]:
    for item in objects(items):
        if word(item, "type"):
            selection = as_fields(item.get("selection")).get("start") or item.get("start")
            yield (number(selection, "line"), word(item, "name")), word(item, "type")
        yield from _outlined(item.get("children"))


def _with_type(symbol: Symbol, types: dict[tuple[int, str], str]) -> Symbol:
    last = names.last(symbol.name)
    found = types.get((symbol.place.line, last.strip("()"))) if symbol.place else None
    if symbol.kind != "value" or not found:
        return symbol
    return replace(symbol, signature=squeezed(f"val {last} : {found}"))


def _joined(symbols: Sequence[Symbol]) -> list[Symbol]:
    """Implementations and interfaces of one name as one: the place of the one, the words of the other."""
    joined: dict[tuple[str, str, str], Symbol] = {}
    for symbol in symbols:
        path = symbol.place.path if symbol.place else ""
        key = (symbol.name, symbol.kind, path.removesuffix("i"))
        other = joined.get(key)
        if other is None:
            joined[key] = symbol
        elif path.endswith(".mli"):
            joined[key] = replace(other, signature=symbol.signature, doc=symbol.doc or other.doc)
    return list(joined.values())
