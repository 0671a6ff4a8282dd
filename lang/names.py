"""Symbols as people write them, and which definitions they may mean. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lang.analysis import Symbol

_PART = re.compile(r"\([^()]*\)|[^.]+")
_RECEIVER = re.compile(r"\(\s*[*&]?\s*([\w.]+)\s*\)(?=\.)")
_ARGUMENTS = re.compile(r"\[[^\[\]]*\]|\(\)$")
_VERSION = re.compile(r"v\d+")
_SPACED_OPERATOR = re.compile(r"\(\s*([^\w\s()]+|(?:let|and)[^\w\s()]+)\s*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """`Server.Shutdown`, `(*Server).Shutdown`, `path/to/pkg.Name`, `Lib.Module.t`, `file.go:Name`, taken apart."""

    parts: tuple[str, ...]
    """From the outside in; never empty."""
    within: str = ""
    """The file or directory that was named too, as it was written."""

    @property
    def word(self) -> str:
        """The name itself, without what it belongs to."""
        return self.parts[-1]

    @property
    def dotted(self) -> str:
        """All parts, without the file or directory."""
        return ".".join(self.parts)


def parse(written: str) -> Name | None:
    """Return what was written, taken apart; None where there is no name in it."""
    text = _SPACED_OPERATOR.sub(r"(\1)", written.strip().strip("`").strip())
    before, colon, after = text.rpartition(":")
    within = before.strip() if colon and _is_path(before) and re.match(r"[\w(]", after.strip()) else ""
    text = _ARGUMENTS.sub("", _RECEIVER.sub(r"\1", after.strip() if within else text))
    folder, slash, last = ("", "", text) if text.startswith("(") else text.rpartition("/")
    parts = tuple(part for part in _PART.findall(last) if part.strip() == part and not _VERSION.fullmatch(part))
    if not parts or (len(parts) == 1 and slash and not within):
        return None
    if slash and not within:
        # The last word of a package's path need not be the package's name.
        return Name(parts=parts[1:], within=f"{folder}/{last.partition('.')[0]}")
    return Name(parts=parts, within=within)


def last(qualified: str) -> str:
    """Return a qualified name's last part: `f` of `M.f`, `(+.)` of `M.(+.)`."""
    return (_PART.findall(qualified) or [qualified])[-1]


def best(name: Name, symbols: Iterable[Symbol]) -> tuple[Symbol, ...]:
    """Return the symbols that a name means: those that it fits exactly, else those that it fits loosely."""
    ranked = [(_fit(name, symbol), symbol) for symbol in symbols]
    most = max((fit for fit, _ in ranked), default=0)
    return tuple(symbol for fit, symbol in ranked if fit == most) if most else ()


def _fit(name: Name, symbol: Symbol) -> int:
    """Return 2 where the name's parts are the end of the symbol's, 1 where one says more than the other, 0 for no."""
    parts = tuple(_PART.findall(symbol.name))
    located = _located(name.within, symbol.place.path if symbol.place else "")
    if not located or not parts or parts[-1] != name.word:
        return 0
    if parts[-len(name.parts) :] == name.parts:
        return located
    # `Library.Module.t` for what its file calls `Module.t`; `server.Shutdown` for the method `server.Server.Shutdown`.
    return 1 if name.parts[-len(parts) :] == parts or _in_order(name.parts, parts) else 0


def _located(within: str, path: str) -> int:
    """Return 2 where a path is the file or in the directory that was named, 1 where it may be, 0 where it is not."""
    wanted = posixpath.normpath(within) if within else ""
    if not wanted or _ends(path, wanted):
        return 2
    folder = posixpath.dirname(path)
    if _ends(folder, wanted) or (folder and _ends(wanted, folder)):
        return 2
    # A module's root directory is called by the module's path, which the tree does not show.
    return 1 if not folder and "/" in wanted and not _is_file(wanted) else 0


def _ends(path: str, end: str) -> bool:
    return path == end or path.endswith(f"/{end.lstrip('/')}")


def _is_path(text: str) -> bool:
    return "/" in text or _is_file(text)


def _is_file(text: str) -> bool:
    return bool(re.search(r"\w\.\w+$", text))


def _in_order(parts: tuple[str, ...], among: tuple[str, ...]) -> bool:
    left = iter(among)
    return all(part in left for part in parts)
