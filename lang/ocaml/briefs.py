"""A library's modules in brief: what programs need with signatures, the rest by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from lang.ocaml.essentials import ESSENTIALS
from lang.ocaml.signature import Item, Signature

_MAKER = re.compile(r"(?:of|from|make|create|return|run|parse|compile|v|string)(?:_|$)")
_ASIDE = re.compile(r"(?:write|read|finish|skip|buffer|unsafe|lexer|init_lexer|sexp_of|bin|hash_fold|map_ident)(?:_|$)")
"""Values that serve generated code and lexers: their names do."""
_FAMILY = re.compile(r"[a-z0-9]+_")
_FAMILY_SIZE = 5
_ALIKE = 0.7
_LARGER = 3
"""A module that is so many times larger holds the same names for something else."""
_LINE_CHARACTERS = 420
_NAMES_CHARACTERS = 500
_REST_CHARACTERS = 260
"""For the names of what isn't essential, where that is known."""
_OTHER_CHARACTERS = 130
"""The same for a module of which nothing is."""
_SPELT_OUT = 4
"""Modules inside of a module that hold no more than that stay at their place."""
_OPTIONS = 4
"""So many optional arguments in a row are named without their types."""
_MOST_OPTIONS = 10


def brief(modules: Mapping[str, Signature], budget: int, left_out: Collection[str] = ()) -> str:
    """Return what modules hold, but for qualified names `left_out`, in at most about `budget` characters.

    Where `ESSENTIALS` knows the library, those in full and the rest by name. Else full signatures first of the module
    that says most; one that repeats another is only named, and so are the members of large families (`write_int`,
    `write_bool`…) and what no longer fits.
    """
    flat = {name: found for name, found in _flat(modules) if name not in left_out}
    told = [name for name in ESSENTIALS if name in flat]
    page = _Page(budget=budget, modules=flat, essential=bool(told))
    for name in (*told, *(name for name in _order(flat) if name not in told)):
        items = (item for item in flat[name].items if not item.name.startswith("__"))
        page.add(name, tuple(item for item in items if f"{name}.{item.name}" not in left_out))
    return page.text()


def _flat(modules: Mapping[str, Signature]) -> Iterator[tuple[str, Signature]]:
    """Yield each module and, under their full names, those that are spelt out in it and hold more than a little."""
    for name, signature in modules.items():
        large = [item for item in signature.items if item.kind == "module" and _is_large(item)]
        inner = {f"{name}.{item.name}": Signature(parameters=_parameters(item), items=item.inner) for item in large}
        yield (
            name,
            Signature(
                parameters=signature.parameters, items=tuple(item for item in signature.items if item not in large)
            ),
        )
        yield from _flat({each: found for each, found in inner.items() if each not in modules})


def _is_large(item: Item) -> bool:
    return len(item.inner) > _SPELT_OUT or any(inner.kind == "module" for inner in item.inner)


def _parameters(item: Item) -> str:
    """A functor's parameters: what its head says after the name."""
    return item.text.partition(item.name)[2].strip(" :")


@dataclass(slots=True, kw_only=True)
class _Page:
    budget: int
    modules: Mapping[str, Signature]
    essential: bool
    """Whether it is known what is needed of the library."""
    shown: dict[str, Signature] = field(default_factory=dict[str, Signature])
    lines: list[str] = field(default_factory=list[str])
    alike: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Modules by the one on the page that they repeat."""
    options: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])
    """Rows of optional arguments that stand on the page already."""

    def add(self, name: str, items: Sequence[Item]) -> None:
        """Put a module on the page."""
        signature = self.modules[name]
        like = next((other for other, known in self.shown.items() if _alike(signature, known)), "")
        if like and name not in ESSENTIALS:
            self.alike.setdefault(like, []).append(name)
            return
        self.shown[name] = signature
        title = f"module {name} {signature.parameters}".rstrip()
        room = self.budget - sum(len(line) + 1 for line in self.lines)
        if self.essential:
            fitting = _fitting(self._lines(_essential(name, items)), room)
            told = {each for line in fitting for each in line.names}
            rest = [item.name for item in items if item.name not in told]
        else:
            listed = self._lines(items)
            fitting = _fitting(listed, room if len(self.modules) == 1 else room * 2 // 3)
            rest = [each for line in listed[len(fitting) :] for each in line.names]
        self.lines += [title, *(line.text for line in fitting)] if fitting else []
        if rest:
            limit = (_REST_CHARACTERS if fitting else _OTHER_CHARACTERS) if self.essential else _NAMES_CHARACTERS
            self.lines.append(_names("  also" if fitting else f"{title}:", list(dict.fromkeys(rest)), limit=limit))

    def text(self) -> str:
        """Return the page, whole lines only."""
        alike = [f"much as {like}: {', '.join(names)}" for like, names in self.alike.items()]
        whole = "\n".join([*self.lines, *alike])
        limit = self.budget if self.essential else self.budget * 6 // 5
        return whole if len(whole) <= limit else whole[: limit + 1].rpartition("\n")[0]

    def _lines(self, items: Sequence[Item]) -> list[_Line]:
        """A line an item, in order, members of large families by name only, at the first one's place."""
        families = _families(items) if not self.essential else {}
        lines: list[_Line] = []
        others = [item.name for item in items if _is_alias(item)]
        aside = [item.name for item in items if _ASIDE.match(item.name) and not self.essential]
        for item in (item for item in items if item.name not in others and item.name not in aside):
            family = _family(item)
            members = families.get(family)
            if members is None:
                text = "\n".join([self._cut(item), *(f"  {self._cut(inner)}" for inner in item.inner[:40])])
                lines.append(_Line(text=text, names=(item.name,)))
            elif members[0] is item:
                names = [member.name for member in members]
                text = f"{self._cut(item)}\n{_names('  likewise', names[1:], family)}"
                lines.append(_Line(text=text, names=tuple(names)))
        if others:
            lines.insert(0, _Line(text=_names("modules in it:", others), names=()))
        if aside:
            lines.append(_Line(text=_names("  also", aside), names=tuple(aside)))
        return lines

    def _cut(self, item: Item) -> str:
        line = self._without_options(item.text)
        return line if len(line) <= _LINE_CHARACTERS else f"{line[: _LINE_CHARACTERS - 1]}…"

    def _without_options(self, text: str) -> str:
        """Return a type with long rows of optional arguments by name, and as `?…` where they stood before."""
        head, mark, type_ = text.partition(" : " if text.startswith("val ") else " = ")
        pieces: list[str] = []
        for optional, row in groupby(_arguments(type_), lambda argument: argument.startswith("?")):
            arguments = list(row)
            if not optional or len(arguments) < _OPTIONS:
                pieces += arguments
                continue
            names = tuple(argument.partition(":")[0] for argument in arguments)
            more = " ?…" if len(names) > _MOST_OPTIONS else ""
            pieces.append("?…" if names in self.options else " ".join(names[:_MOST_OPTIONS]) + more)
            self.options.add(names)
        return f"{head}{mark}{' -> '.join(pieces)}"


def _essential(name: str, items: Sequence[Item]) -> list[Item]:
    """Return what is needed of a module, in the table's order; a type before values that are called like it."""
    wanted = ESSENTIALS.get(name, ())
    return sorted((item for item in items if item.name in wanted), key=lambda item: wanted.index(item.name))


def _arguments(type_: str) -> list[str]:
    """Split a type at the arrows that aren't inside of brackets."""
    found, depth, start = list[str](), 0, 0
    for at, sign in enumerate(type_):
        if sign in "([{<":
            depth += 1
        elif sign in ")]}" or (sign == ">" and type_[at - 1] != "-"):
            depth -= 1
        elif depth == 0 and type_.startswith(" -> ", at):
            found.append(type_[start:at])
            start = at + 4
    return [*found, type_[start:]]


def _order(modules: Mapping[str, Signature]) -> Iterator[str]:
    """Modules that say most first, each with those inside of it."""
    inner = [name for name in modules if name.count(".") > 1 and name.rpartition(".")[0] in modules]
    weights = {name: _weight(name, modules) for name in modules}
    for name in sorted((name for name in modules if name not in inner), key=lambda name: -weights[name]):
        yield name
        yield from (each for each in inner if each.split(".")[:2] == name.split("."))


def _weight(name: str, modules: Mapping[str, Signature]) -> int:
    """How much a module holds; ways to make values count more, constants and what a functor only promises less.

    What other modules of the library take or give counts as well.
    """
    values = [item for item in modules[name].items if item.kind == "val"]
    functions = [item for item in values if "->" in item.text]
    weight = len(functions) + len(values) // 4 + 4 * sum(_MAKER.match(value.name) is not None for value in functions)
    mention = re.compile(rf"\b{re.escape(name.rpartition('.')[2])}\.[a-z]")
    others = (item for other, found in modules.items() if other != name for item in found.items)
    weight += sum(mention.search(item.text) is not None for item in others)
    return weight // 10 if modules[name].parameters else weight


def _alike(one: Signature, other: Signature) -> bool:
    names = {item.name for item in one.items if item.kind == "val"}
    known = {item.name for item in other.items if item.kind == "val"}
    return len(names) > 3 and len(names & known) >= _ALIKE * len(names) and len(known) < _LARGER * len(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    text: str
    names: tuple[str, ...]


def _is_alias(item: Item) -> bool:
    """Whether a module is another name of one that is described elsewhere, if at all."""
    return item.kind == "module" and not item.inner


def _families(items: Sequence[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(_family(item), []).append(item)
    found.pop("", None)
    return {prefix: members for prefix, members in found.items() if len(members) >= _FAMILY_SIZE}


def _family(item: Item) -> str:
    """The beginning that a value's name may share with others; empty where that tells nothing."""
    family = _FAMILY.match(item.name)
    return family[0] if family and item.kind == "val" and family[0] not in ("of_", "to_", "from_") else ""


def _names(title: str, names: Sequence[str], prefix: str = "", limit: int = _NAMES_CHARACTERS) -> str:
    """`title a b c`, or `title x_{a b c}` for names that begin with `prefix`."""
    text = " ".join(name.removeprefix(prefix) for name in names)
    if len(text) > limit:
        head = text[:limit].rpartition(" ")[0]
        text = f"{head} … {len(names) - head.count(' ') - 1} more"
    return f"{title} {prefix}{{{text}}}" if prefix else f"{title} {text}"


def _fitting(lines: Sequence[_Line], room: int) -> Sequence[_Line]:
    for at, line in enumerate(lines):
        room -= len(line.text) + 1
        if room < 0:
            return lines[:at] if at > 1 else ()
    return lines
