"""Looking up a library, module or value: merlin's answers as a page that a model can read."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from lang.base import Documentation, StepOutput

_MARK = re.compile(r"bactrian-(?P<kind>[a-z]+): ?(?P<argument>.*)$")
_PAGE_LINES = 120
_LISTED = 80
_NEAR = 12
_NO_ANSWER = re.compile(
    r"Not in environment|No documentation|Not a valid identifier|didn't manage|Needed cmti|could not be found|"
    r"The initial environment|doc comment"
)
_IDENTIFIER = re.compile(r"[A-Za-z_][\w'.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something a module holds."""

    name: str
    kind: str
    """Merlin's word: Value, Type, Module, Signature, Constructor, Label, Exn …"""
    signature: str
    comment: str


@dataclass(slots=True, kw_only=True)
class Answers:
    """What a documentation step printed, by question."""

    symbol: str
    library: tuple[str, str] | None = None
    """A library's name and version; the version is empty where there is no such library."""
    entries: dict[str, list[Entry]]
    comments: dict[str, str]
    types: list[str]
    names: list[str]


def query(symbol: str) -> tuple[str, str, str]:
    """The arguments of the documentation script: the symbol, its first component, what it seems to be."""
    words = symbol.strip().replace("#", ".").split()
    word = words[0].strip("`\"'();,:") if words else ""
    if not _IDENTIFIER.fullmatch(word):
        # An operator's module is found at least.
        word = re.sub(r"[^\w'.-]", "", word).strip(".-") or "Stdlib"
    top = word.partition(".")[0]
    return word, top, "module" if top[:1].isupper() else "library"


def parse_documentation(symbol: str, output: StepOutput) -> Documentation:
    """Read one look-up; the text has at most about 120 lines."""
    answers = _answers(symbol, output.stdout)
    page = _library_page(answers) if answers.library else _symbol_page(answers)
    if page:
        return Documentation(found=True, text=_shortened(page))
    return Documentation(found=False, text=_shortened(_nothing(answers)))


def _answers(symbol: str, stdout: str) -> Answers:
    answers = Answers(symbol=query(symbol)[0], entries={}, comments={}, types=[], names=[])
    kind, argument = "", ""
    for line in stdout.splitlines():
        mark = _MARK.match(line)
        if mark:
            kind, argument = mark["kind"], mark["argument"].strip()
            _remember(answers, kind, argument)
        elif kind in ("modules", "libraries"):
            answers.names.append(line.strip())
        elif line.startswith("{"):
            _answer(answers, kind, argument, line)
    return answers


def _remember(answers: Answers, kind: str, argument: str) -> None:
    if kind == "symbol":
        answers.symbol = argument
    elif kind == "library":
        name, _, version = argument.partition(" ")
        version = "" if version in ("n/a", "[unspecified]") else version
        answers.library = (name, version)


def _answer(answers: Answers, kind: str, argument: str, line: str) -> None:
    try:
        value = cast(dict[str, object], json.loads(line)).get("value")
    except (ValueError, RecursionError):
        return
    if kind == "document" and isinstance(value, str) and not _NO_ANSWER.search(value):
        answers.comments[argument] = _unindented(value)
    elif kind == "complete" and isinstance(value, dict):
        answers.entries[argument] = list(_entries(cast(dict[str, object], value)))
    elif kind == "type" and isinstance(value, list):
        rings = [cast(dict[str, object], ring) for ring in cast(list[object], value) if isinstance(ring, dict)]
        answers.types.extend(str(ring.get("type", "")) for ring in rings)


def _entries(value: dict[str, object]) -> Iterator[Entry]:
    found = value.get("entries")
    for each in cast(list[object], found) if isinstance(found, list) else ():
        fields = cast(dict[str, object], each) if isinstance(each, dict) else {}
        name, kind, signature, comment = (str(fields.get(key, "")) for key in ("name", "kind", "desc", "info"))
        yield Entry(name=name, kind=kind, signature=signature, comment=_unindented(comment))


def _symbol_page(answers: Answers) -> str:
    last = answers.symbol.rpartition(".")[2]
    exact = [entry for entry in answers.entries.get(answers.symbol, ()) if entry.name == last]
    inside = answers.entries.get(f"{answers.symbol}.", [])
    shapes = (text for text in answers.types if "\n" in text or "->" in text or text.startswith("sig"))
    # What merlin says of a module that it doesn't know.
    shape = next((text for text in shapes if text != "sig end"), "")
    comment = answers.comments.get(answers.symbol, "")
    if inside:
        head = f"module {_outside(answers.symbol)}"
        return "\n\n".join(filter(None, [head, comment, "\n".join(_listing(inside))]))
    if shape and last[:1].isupper():
        return "\n\n".join(filter(None, [f"{answers.symbol} : {shape}", comment]))
    if not exact:
        return ""
    pages = [_line(entry) + (f"\n{entry.comment}" if entry.comment else "") for entry in exact]
    prefix = answers.symbol.rpartition(".")[0]
    return "\n\n".join([*([f"in {_outside(prefix)}:"] if prefix else []), *pages])


def _outside(module: str) -> str:
    """`People.Greeting` for dune's own name of it, `People__Greeting`."""
    return module.removeprefix("Dune__exe__").replace("__", ".")


def _listing(entries: list[Entry]) -> list[str]:
    """A module's contents: submodules in a line, then types, exceptions and values; types show their constructors."""
    modules = [entry.name for entry in entries if entry.kind == "Module"]
    signatures = [entry.name for entry in entries if entry.kind == "Signature"]
    exceptions = [entry for entry in entries if entry.kind == "Constructor" and entry.signature.endswith("exn")]
    types = [entry for entry in entries if entry.kind == "Type"]
    shown = ("Module", "Signature", "Constructor", "Type", "Label")
    rest = [entry for entry in entries if entry.kind not in shown]
    heads = [f"modules: {', '.join(modules)}"] if modules else []
    heads += [f"module types: {', '.join(signatures)}"] if signatures else []
    return heads + [_brief(entry) for entry in [*types, *exceptions, *rest]]


def _library_page(answers: Answers) -> str:
    name, version = answers.library or ("", "")
    modules = [argument.removesuffix(".") for argument in answers.entries]
    if answers.names or not (modules or version):
        return ""
    parts = [f"library {name} {version}".rstrip() + f", modules: {', '.join(modules) or 'none of its own'}"]
    # The module that is called like the library is what people come for.
    plain = name.replace("-", "_").replace(".", "_").lower()
    ordered = sorted(modules, key=lambda module: module.lower() != plain)
    for module in ordered:
        entries = answers.entries.get(f"{module}.", [])
        parts += [f"module {module}", *filter(None, [answers.comments.get(module, "")[:1500]])]
        parts.append("\n".join(_listing(entries)[:_LISTED]))
    return "\n\n".join(part for part in parts if part)


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


def _brief(entry: Entry) -> str:
    first = entry.comment.split("\n\n")[0].replace("\n", " ")
    line = _line(entry)
    return f"{line}  (* {' '.join(first.split())} *)" if first and len(first) + len(line) < 150 else line


def _nothing(answers: Answers) -> str:
    """What is near: names of the deepest enclosing module that exists, or of installed modules and libraries."""
    parent, last = answers.symbol, ""
    while "." in parent:
        parent, _, last = parent.rpartition(".")
        entries = answers.entries.get(f"{parent}.", [])
        if entries:
            return f"{parent} has no {last}. Near it:\n" + "\n".join(map(_line, _near(last, entries)))
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
    (re.compile(r"\{\{[^{}]*\}([^{}]*)\}"), r"\1"),
    (re.compile(r"\{!(?:[a-z-]+[!:])?([^{}]*)\}"), r"\1"),
    (re.compile(r"\{[biemC] ([^{}]*)\}"), r"\1"),
)


def _unindented(comment: str) -> str:
    """A doc comment without its indentation and without the markup that only a renderer needs."""
    text = "\n".join(line.strip() for line in comment.strip().splitlines())
    for pattern, words in _MARKUP:
        text = pattern.sub(words, text)
    return text


def _shortened(page: str) -> str:
    lines = page.splitlines()
    if len(lines) <= _PAGE_LINES:
        return page
    return "\n".join(
        [*lines[:_PAGE_LINES], f"[... {len(lines) - _PAGE_LINES} more lines: ask for one of the names above]"]
    )
