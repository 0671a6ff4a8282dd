"""Which types have all the methods that an interface declares, by syntax alone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from lang.analysis import Symbol
from lang.names import last


@dataclass(frozen=True, slots=True, kw_only=True)
class Implementer:
    """A type with an interface's methods: where it begins, and where in that file the last of its methods ends."""

    name: str
    path: str
    first_line: int
    line: int
    end_line: int


def own_methods(kind: Symbol, symbols: Collection[Symbol]) -> tuple[str, ...]:
    """Return the methods that a type's declaration lists within itself: there are some only in an interface's."""
    if not kind.place:
        return ()
    first, path = kind.place.line, kind.place.path
    return tuple(
        last(symbol.name)
        for symbol in symbols
        if symbol.kind == "method"
        and symbol.place
        and symbol.place.path == path
        and first <= symbol.place.line <= kind.end_line
        and symbol.name.rpartition(".")[0] == kind.name
    )


def implementers(interface: Symbol, methods: Collection[str], symbols: Sequence[Symbol]) -> tuple[Implementer, ...]:
    """Return the types that have all of `methods`, the interface itself left out, in the order of their methods."""
    if not methods:
        return ()
    owned: dict[str, list[Symbol]] = {}
    types = {symbol.name: symbol for symbol in symbols if symbol.kind == "type"}
    for symbol in symbols:
        if symbol.kind == "method" and symbol.place:
            owned.setdefault(symbol.name.rpartition(".")[0], []).append(symbol)
    fit = {
        owner: found
        for owner, found in owned.items()
        if owner != interface.name and set(methods) <= {last(method.name) for method in found}
    }
    return tuple(_implementer(owner, found, types) for owner, found in fit.items())


def _implementer(name: str, methods: Sequence[Symbol], types: Mapping[str, Symbol]) -> Implementer:
    start = types.get(name, methods[0])
    place = start.place or methods[0].place
    path, line = (place.path, place.line) if place else ("", 0)
    here = [method for method in methods if method.place and method.place.path == path]
    end = max([start.end_line, *(method.end_line for method in here)])
    return Implementer(name=name, path=path, first_line=start.first_line or line, line=line, end_line=end)
