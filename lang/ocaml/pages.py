"""What a look-up found as a page that a model can read: signatures first, then what is said of them."""

from __future__ import annotations

import difflib
import posixpath
import re
from dataclasses import dataclass, field

from lang.ocaml.briefs import brief
from lang.ocaml.signature import Item, Signature

LIBRARY_CHARACTERS = 3_800
_PAGE_LINES = 120
_COMMENT_CHARACTERS = 150
_MODULE_CHARACTERS = 2_500
_VALUE_CHARACTERS = 3_500
_NEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something a module holds."""

    name: str
    kind: str
    """Merlin's word: Value, Type, Module, Signature, Constructor, Label, Exn …"""
    signature: str
    comment: str
    deprecated: bool = False


@dataclass(slots=True, kw_only=True)
class Answers:
    """What a documentation step printed, by question."""

    symbol: str
    library: tuple[str, str] | None = None
    """A library's name and version; the version is empty where it isn't known."""
    parts: list[str] = field(default_factory=list[str])
    """Other libraries that are shown for it or beside it."""
    entries: dict[str, list[Entry]] = field(default_factory=dict[str, list[Entry]])
    """What begins with a prefix."""
    comments: dict[str, str] = field(default_factory=dict[str, str])
    signatures: dict[str, Signature] = field(default_factory=dict[str, Signature])
    names: list[str] = field(default_factory=list[str])
    nested: list[str] = field(default_factory=list[str])
    """Modules inside of others that are called like the symbol's first component."""
    places: list[str] = field(default_factory=list[str])
    """Directories of installed libraries with a module of that name."""
    values: list[str] = field(default_factory=list[str])
    """`Module (library): val name : type` of values called like the symbol."""


def found(answers: Answers) -> str:
    """Return the page; empty where there is nothing of that name."""
    if answers.library:
        return _library_page(answers)
    page = _symbol_page(answers)
    others = [posixpath.basename(place) for place in answers.places[1:]]
    if page and others:
        first = posixpath.basename(answers.places[0])
        return f"{page}\n\n(This is {answers.symbol.partition('.')[0]} of {first}; also in {', '.join(others)}.)"
    return page


def _library_page(answers: Answers) -> str:
    name, version = answers.library or ("", "")
    if answers.names or not (answers.signatures or version):
        return ""
    modules = [module for module in answers.signatures if "." not in module]
    parts = f", here with {', '.join(answers.parts)}" if answers.parts else ""
    head = f"library {name} {version}".rstrip() + f"{parts}, modules: {', '.join(modules) or 'none of its own'}"
    deprecated = {
        f"{prefix}{each.name}" for prefix, found in answers.entries.items() for each in found if each.deprecated
    }
    return f"{head}\n{brief(answers.signatures, LIBRARY_CHARACTERS, deprecated)}".rstrip()


def _symbol_page(answers: Answers) -> str:
    prefix, _, last = answers.symbol.rpartition(".")
    known = answers.signatures.get(answers.symbol) if last[:1].isupper() else None
    comment = answers.comments.get(answers.symbol, "")
    if known:
        comments = {entry.name: entry.comment for entry in answers.entries.get(f"{answers.symbol}.", ())}
        module_type = any(entry.kind == "Signature" for entry in _exact(answers, last))
        head = f"module {'type ' if module_type else ''}{_outside(answers.symbol)} {known.parameters}".rstrip()
        listing = "\n".join(_described(item, comments.get(item.name, "")) for item in known.items)
        if len(listing) > _MODULE_CHARACTERS * 2:
            listing = "\n".join(_described(item, "") for item in known.items)
        return "\n\n".join(filter(None, [f"{head}\n{listing}", _shortened_to(comment, _MODULE_CHARACTERS)]))
    exact = _exact(answers, last)
    said = [entry.comment or (comment if len(exact) == 1 else "") for entry in exact]
    pages = [
        f"{_line(entry)}\n{_shortened_to(text, _VALUE_CHARACTERS)}".rstrip()
        for entry, text in zip(exact, said, strict=True)
    ]
    if prefix in answers.signatures and (not pages or last[:1].isupper()):
        pages += [item.text for item in answers.signatures[prefix].items if _declares(item, last)]
    return "\n\n".join([*([f"in {_outside(prefix)}:"] if prefix else []), *pages]) if pages else ""


def _exact(answers: Answers, last: str) -> list[Entry]:
    return [entry for entry in answers.entries.get(answers.symbol, ()) if entry.name == last]


def _declares(item: Item, name: str) -> bool:
    """Whether a type declares a field or constructor."""
    field = rf"[{{;] (?:mutable )?{re.escape(name)} :|[=|] {re.escape(name)}\b"
    return item.kind == "type" and re.search(field, item.text) is not None


def _outside(module: str) -> str:
    """`People.Greeting` for dune's own name of it, `People__Greeting`."""
    return module.removeprefix("Dune__exe__").replace("__", ".")


def _described(item: Item, comment: str) -> str:
    """An item with the beginning of what is said of it, where that fits on the line."""
    first = " ".join(comment.split("\n\n")[0].split())
    text = "\n".join([item.text, *(f"  {inner.text}" for inner in item.inner)])
    if item.kind == "module" and item.inner and len(text) > _COMMENT_CHARACTERS * 2:
        text = f"{item.text} : {' '.join(inner.name for inner in item.inner)}"
    return f"{text}  (* {first} *)" if first and len(first) + len(text) < _COMMENT_CHARACTERS else text


def _line(entry: Entry) -> str:
    signature = " ".join(entry.signature.split())
    match entry.kind.lower():
        case "value" | "method" | "#":
            return f"val {entry.name} : {signature}"
        case "type":
            return signature or f"type {entry.name}"
        case "module":
            return f"module {entry.name}"
        case "signature" | "modtype":
            return f"module type {entry.name}"
        case "constructor" if signature.endswith("exn"):
            return f"exception {entry.name}" + (f" of {signature[:-7]}" if signature.endswith(" -> exn") else "")
        case "constructor" | "label":
            return f"{entry.kind.lower()} {entry.name} : {signature}"
        case _:
            return f"{entry.kind.lower()} {entry.name} {signature}".rstrip()


def candidates(answers: Answers) -> str:
    """Return what an ambiguous name can mean; empty where it isn't one."""
    if len(answers.nested) > 1:
        rest = answers.symbol.partition(".")[2]
        names = (f"{module}.{rest}".rstrip(".") for module in answers.nested)
        return f"{answers.symbol} can be: {', '.join(names)}. Ask for one."
    if not answers.values:
        return ""
    several = "\n".join(dict.fromkeys(answers.values))
    return f"{answers.symbol} can be, among others; ask for one with its module:\n{several}"


def nothing(answers: Answers) -> str:
    """Say what is near: names of the deepest enclosing module that exists, installed modules, libraries."""
    parent, last = answers.symbol, ""
    while "." in parent and parent[:1].isupper():
        parent, _, last = parent.rpartition(".")
        entries = answers.entries.get(f"{parent}.", [])
        if entries:
            return f"{parent} has no {last}. Near it:\n" + "\n".join(map(_line, _near(last, entries)))
    return _unknown(answers)


def _unknown(answers: Answers) -> str:
    wanted = answers.symbol.partition(".")[0]
    kind = "library" if answers.library else "module"
    names = answers.names if answers.library else [name[:1].upper() + name[1:] for name in answers.names]
    known = list(dict.fromkeys(names))
    if kind == "module":
        wanted = wanted[:1].upper() + wanted[1:]
    near = difflib.get_close_matches(wanted, known, n=_NEAR, cutoff=0.6)
    near += [name for name in known if name.lower().startswith(wanted.lower()[:4]) and name not in near][:_NEAR]
    tail = f" Near it: {', '.join(near)}." if near else ""
    return f"no {kind} {wanted} is installed or in this project.{tail} `add_dependency` installs libraries."


def _near(wanted: str, entries: list[Entry]) -> list[Entry]:
    by_name: dict[str, Entry] = {entry.name: entry for entry in reversed(entries)}
    close = difflib.get_close_matches(wanted, by_name, n=_NEAR, cutoff=0.5)
    parts = [part for part in re.split(r"_|(?=[A-Z])", wanted) if len(part) > 2]
    related = [name for name in by_name if name not in close and any(part.lower() in name.lower() for part in parts)]
    chosen = [*close, *related][:_NEAR] or list(by_name)[::-1][: _NEAR * 2]
    return [by_name[name] for name in chosen]


_MARKUP = (
    (re.compile(r"\{\d(?::\w+)? ([^{}]*)\}"), r"\1"),
    (re.compile(r"\{\{[^{}]*\}([^{}]*)\}"), r"\1"),
    (re.compile(r"\{!(?:[a-z-]+[!:])?([^{}]*)\}"), r"\1"),
    (re.compile(r"\{[biemtC] ([^{}]*)\}"), r"\1"),
)


def unindented(comment: str) -> str:
    """Return a doc comment without its indentation, but for code's, and without markup that only a renderer needs."""
    prose, *rest = re.split(r"(\{[@\w]*\[.*?\]\})", comment.strip(), flags=re.DOTALL)
    pieces = [_prose(prose)]
    for code, after in zip(rest[::2], rest[1::2], strict=True):
        pieces += [code, _prose(after)]
    return "".join(pieces)


def _prose(text: str) -> str:
    text = "\n".join(line.strip() for line in text.split("\n"))
    for pattern, words in _MARKUP:
        text = pattern.sub(words, text)
    return text


def _shortened_to(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit].rpartition(chr(10))[0]}\n[… {len(text) - limit} more]"


def shortened(page: str) -> str:
    """Return a page cut to what one reads, with a hint what to ask for."""
    lines = page.splitlines()
    if len(lines) <= _PAGE_LINES:
        return page
    return "\n".join(
        [*lines[:_PAGE_LINES], f"[... {len(lines) - _PAGE_LINES} more lines: ask for one of the names above]"]
    )
