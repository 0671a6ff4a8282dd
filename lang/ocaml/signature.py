"""Signatures as the compiler prints them, taken apart; and a library's modules in brief."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

_HEAD = re.compile(
    r"(?P<kind>module type|module|class type|class|val|external|exception|type|and|include|method)\b"
    r"(?: (?:nonrec |rec |virtual |private |_ )*(?:\(.*?\) |[+\-!]*'\w+ )?(?P<name>\( *\S+ *\)|[\w']+))?"
)
_MAKER = re.compile(r"(?:of|from|make|create|return|run|parse|compile|v|string)(?:_|$)")
_ASIDE = re.compile(r"(?:write|read|finish|skip|buffer|unsafe|lexer|init_lexer|sexp_of|bin|hash_fold|map_ident)(?:_|$)")
"""Values that serve generated code and lexers: their names do."""
_FAMILY = re.compile(r"[a-z0-9]+_")
_FAMILY_SIZE = 5
_ALIKE = 0.7
_LINE_CHARACTERS = 420
_NAMES_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One declaration of a signature."""

    kind: str
    """Its keyword: `val`, `type`, `module`, `module type`, `exception`…"""
    name: str
    text: str
    """All of it on one line; a module's up to its signature."""
    inner: tuple[Item, ...] = ()
    """What a module or module type that is spelt out holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a module holds; `parameters` as written, where it is a functor."""

    parameters: str
    items: tuple[Item, ...]


def parse(printed: str) -> Signature | None:
    """Read a signature or a functor's type; None for anything else."""
    text = printed.rstrip()
    if not re.search(r"\bend$", text) or not re.search(r"(?:^|\s)sig\b", text):
        return None
    lines = text.split("\n")
    depth = _indent(lines[-1])
    starts = [at for at, line in enumerate(lines) if _indent(line) == depth and re.match(r"\s*sig\b", line)]
    if lines[-1].strip() != "end" or not starts:
        parameters, _, body = text.partition("sig ")
        return Signature(parameters=_squeezed(parameters), items=tuple(_one_line(body.removesuffix("end"))))
    start = starts[-1]
    return Signature(parameters=_squeezed(" ".join(lines[:start])), items=tuple(_items(lines[start + 1 : -1])))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _squeezed(text: str) -> str:
    return re.sub(r"\(\s+|\s+\)", lambda found: found[0].strip(), " ".join(text.split()))


def _items(lines: Sequence[str]) -> Iterator[Item]:
    base = min((_indent(line) for line in lines if line.strip()), default=0)
    starts = [at for at, line in enumerate(lines) if _indent(line) == base and _HEAD.match(line.strip())]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield _item(lines[start:end])


def _item(lines: Sequence[str]) -> Item:
    head = _HEAD.match(lines[0].strip())
    assert head
    kind, name = head["kind"], "".join((head["name"] or "").split())
    inner = parse("\n".join(lines[1:])) if kind in ("module", "module type") and len(lines) > 1 else None
    if inner:
        text = f"{lines[0].strip()} {inner.parameters}".rstrip(" :=")
        return Item(kind=kind, name=name, text=_squeezed(text), inner=inner.items)
    text = _squeezed(" ".join(lines))
    if kind == "external":
        return Item(kind="val", name=name, text=f"val{text.removeprefix('external').partition(' = ')[0]}")
    return Item(kind="type" if kind == "and" else kind, name=name, text=text)


def _one_line(body: str) -> Iterator[Item]:
    """The items of a signature that fits on one line."""
    pieces = re.split(r"\s+(?=(?:val|type|exception|module|external|include|and) )", f" {body.strip()}")
    for piece in pieces:
        head = _HEAD.match(piece.strip())
        if head:
            yield Item(kind=head["kind"], name="".join((head["name"] or "").split()), text=_squeezed(piece))


def brief(modules: Mapping[str, Signature], budget: int, left_out: Collection[str] = ()) -> str:
    """Return what modules hold, but for qualified names `left_out`, in at most about `budget` characters.

    Full signatures first of the module that says most; one that repeats another is only named, and so are the
    members of large families (`write_int`, `write_bool`…) and what no longer fits.
    """
    shown: dict[str, Signature] = {}
    lines: list[str] = []
    later: list[str] = []
    for name in _order({name: found for name, found in modules.items() if name not in left_out}):
        signature = modules[name]
        items = (item for item in signature.items if not item.name.startswith("__"))
        kept = tuple(item for item in items if f"{name}.{item.name}" not in left_out)
        like = next((other for other, known in shown.items() if _alike(signature, known)), "")
        if like:
            later.append(f"module {name}: much as {like}")
            continue
        shown[name] = signature
        title = f"module {name}{' ' + signature.parameters if signature.parameters else ''}"
        room = budget - sum(len(line) + 1 for line in lines)
        listed = _lines(kept)
        fitting = _fitting(listed, room if not lines else room * 2 // 3)
        lines += [title, *(line.text for line in fitting)] if fitting else []
        rest = [each for line in listed[len(fitting) :] for each in line.names]
        if rest:
            lines.append(_names("  also" if fitting else f"{title}:", rest))
    return "\n".join([*lines, *later])[: budget * 6 // 5]


def _order(modules: Mapping[str, Signature]) -> Iterator[str]:
    """Modules that say most first, each with those inside of it."""
    inner = [name for name in modules if name.count(".") > 1]
    for name in sorted((name for name in modules if name not in inner), key=lambda name: -_weight(modules[name])):
        yield name
        yield from (each for each in inner if each.rpartition(".")[0] == name)


def _weight(signature: Signature) -> int:
    """How much a module holds; ways to make values count more, and what a functor only promises less."""
    values = [item.name for item in signature.items if item.kind == "val"]
    weight = len(values) + 4 * sum(_MAKER.match(value) is not None for value in values)
    return weight // 10 if signature.parameters else weight


def _alike(one: Signature, other: Signature) -> bool:
    names = {item.name for item in one.items if item.kind == "val"}
    known = {item.name for item in other.items if item.kind == "val"}
    return len(names) > 3 and len(names & known) >= _ALIKE * len(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    text: str
    names: tuple[str, ...]


def _lines(items: Sequence[Item]) -> list[_Line]:
    """A line an item, in order, members of large families by name only, at the first one's place."""
    families = _families(items)
    lines: list[_Line] = []
    others = [item.name for item in items if _is_alias(item)]
    aside = [item.name for item in items if _ASIDE.match(item.name)]
    for item in (item for item in items if item.name not in others and item.name not in aside):
        family = _family(item)
        members = families.get(family)
        if members is None:
            text = "\n".join([_cut(item.text), *(f"  {_cut(inner.text)}" for inner in item.inner[:40])])
            lines.append(_Line(text=text, names=(item.name,)))
        elif members[0] is item:
            names = [member.name for member in members]
            text = f"{_cut(item.text)}\n{_names('  likewise', names[1:], family)}"
            lines.append(_Line(text=text, names=tuple(names)))
    if others:
        lines.insert(0, _Line(text=_names("modules in it:", others), names=()))
    if aside:
        lines.append(_Line(text=_names("  also", aside), names=tuple(aside)))
    return lines


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


def _names(title: str, names: Sequence[str], prefix: str = "") -> str:
    """`title a b c`, or `title x_{a b c}` for names that begin with `prefix`."""
    text = " ".join(name.removeprefix(prefix) for name in names)
    if len(text) > _NAMES_CHARACTERS:
        head = text[:_NAMES_CHARACTERS].rpartition(" ")[0]
        text = f"{head} … {len(names) - head.count(' ') - 1} more"
    return f"{title} {prefix}{{{text}}}" if prefix else f"{title} {text}"


def _fitting(lines: Sequence[_Line], room: int) -> Sequence[_Line]:
    for at, line in enumerate(lines):
        room -= len(line.text) + 1
        if room < 0:
            return lines[:at] if at > 1 else ()
    return lines


def _cut(line: str) -> str:
    return line if len(line) <= _LINE_CHARACTERS else f"{line[: _LINE_CHARACTERS - 1]}…"
