"""What `go doc -all` prints of a package, taken apart: its types with constructors and methods, its functions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_LINE_CHARACTERS = 200
_FIELDS_CHARACTERS = 160
FUNCTION = re.compile(r"func (?P<name>[A-Z]\w*)")
METHOD = re.compile(r"func \((?:\w+ )?\*?(?P<type>\w+)(?:\[[^\]]*\])?\) (?P<name>[A-Z]\w*)")
TYPE = re.compile(r"type (?P<name>[A-Z]\w*)")


@dataclass(slots=True, kw_only=True)
class Type:
    """A type, on one line each: its shape, the functions that make it, its methods with their names."""

    name: str
    text: str = ""
    constructors: list[str] = field(default_factory=list[str])
    methods: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    deprecated: bool = False


@dataclass(slots=True, kw_only=True)
class Package:
    """What a package exports; `values` are the names of constants and variables."""

    synopsis: str = ""
    functions: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    types: dict[str, Type] = field(default_factory=dict[str, Type])
    values: list[str] = field(default_factory=list[str])


def read(pages: str) -> Package:
    """Read `go doc -all`: declarations stand at the margin, what is said of them is indented."""
    package, section, current = Package(), "", None
    head, _, body = pages.partition("\n\n")
    told = body.strip().split("\n\n", 1)[0] if head.startswith("package ") else ""
    if not re.match(r"(CONSTANTS|VARIABLES|FUNCTIONS|TYPES)\b", told):
        package.synopsis = sentence(told)
    for text, comment in _declarations(pages):
        if text in ("CONSTANTS", "VARIABLES", "FUNCTIONS", "TYPES"):
            section = text
        elif section in ("CONSTANTS", "VARIABLES"):
            package.values += _value_names(text)
        elif section:
            current = _declare(package, current, text, "Deprecated:" in comment)
    return package


def _declare(package: Package, current: Type | None, text: str, deprecated: bool) -> Type | None:
    method, function, kind = METHOD.match(text), FUNCTION.match(text), TYPE.match(text)
    if kind:
        current = Type(name=kind["name"], text=_shape(text), deprecated=deprecated)
        package.types[current.name] = current
    elif method and current and not deprecated:
        current.methods.append((method["name"], _one_line(text)))
    elif function and not deprecated:
        if current:
            current.constructors.append(_one_line(text))
        else:
            package.functions.append((function["name"], _one_line(text)))
    return current


def _declarations(pages: str) -> Iterable[tuple[str, str]]:
    """Yield each declaration with what is said of it."""
    text, comment, open_ = "", "", ""
    for line in pages.splitlines():
        if open_:
            text += "\n" + line
            # What a function returns follows its parameters' closing bracket.
            if line.startswith(open_):
                open_ = ""
        elif line and not line[0].isspace():
            if text:
                yield text, comment
            text, comment = line, ""
            open_ = {"{": "}", "(": ")"}.get(line[-1], "")
        else:
            comment += line + "\n"
    if text:
        yield text, comment


def _value_names(text: str) -> list[str]:
    if text.endswith(")") and "(\n" in text:
        return [found[1] for found in re.finditer(r"^\t(?:\w+, )*([A-Z]\w*)\b", text, re.MULTILINE)]
    found = re.match(r"(?:const|var) ([A-Z]\w*)", text)
    return [found[1]] if found else []


def _shape(text: str) -> str:
    """Return a type on one line, its fields or methods only where they are few."""
    if "\n" not in text:
        return _one_line(text)
    first, *rest = text.splitlines()
    inner = [re.sub(r"\s+", " ", line.split("//")[0]).strip() for line in rest[:-1]]
    inner = [re.sub(r" `.*`$", "", line) for line in inner if line]
    joined = "; ".join(inner)
    if joined and len(joined) <= _FIELDS_CHARACTERS:
        return f"{first} {joined} }}"
    names = ", ".join(found[0] for line in inner if (found := re.match(r"[A-Z]\w*", line)))
    return f"{first} {names[:_FIELDS_CHARACTERS]}… }}" if names else f"{first} … }}"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    line = re.sub(r"\( | ?,? \)", lambda bracket: bracket[0].strip(" ,"), line)
    return line if len(line) <= _LINE_CHARACTERS else f"{line[:_LINE_CHARACTERS]}…"


def sentence(text: str) -> str:
    """Return a package's first sentence without the words that every one begins with."""
    line = " ".join(text.split())
    found = re.match(r"(?:Package \w+ )?(.{3,200}?[.])(?:\s|$)", line)
    text = found[1] if found else line[:200]
    return re.sub(r"^(is|provides|implements|contains) (an? |the )?", "", text)
