"""Signatures as the compiler prints them, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HEAD = re.compile(
    r"(?P<kind>module type|module|class type|class|val|external|exception|type|and|include|method)\b"
    r"(?: (?:nonrec |rec |virtual |private |_ )*(?:\((?=['+\-!_]).*?\) |[+\-!]*'\w+ )?(?P<name>\( *\S+ *\)|[\w']+))?"
)


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
