"""What a package declares, read from `go doc -all -u`: names with signatures and first doc sentences."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

SENTENCE_CHARACTERS = 110
SIGNATURE_CHARACTERS = 160

_FUNC = re.compile(r"^func (?:\((?:\w+ )?\*?(?P<owner>\w+)(?:\[[^\]]*\])?\) )?(?P<name>\w+)(?P<rest>.*)$")
_TYPE = re.compile(r"^type (?P<name>\w+)(?P<rest>.*)$")
_VALUE = re.compile(r"^(?P<kind>const|var) (?P<name>\w+)\b(?P<rest>.*)$")
_BLOCK = re.compile(r"^(?P<kind>const|var) \($")
_MEMBER = re.compile(r"^\t(?P<names>\w+(?:, \w+)*)(?P<rest>[ (].*)?$")
_EMBEDDED = re.compile(r"^\t\*?(?P<name>[\w.]+)(?:\[.*\])?(?:\s+(?:`.*|//.*))?$")
_LINK = re.compile(r"\[(\*?(?:\w+\.)*[A-Z]\w*(?:\.\w+)?)\](?!\()")
_EXPORTED = re.compile(r"(?<![\w.\"])[A-Z]\w*\b(?![\w(]| \w)")
_SENTENCE = re.compile(r"^(.+?[.!?])(?:\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Something that a package declares. `owner` is the type that a method or field belongs to."""

    name: str
    kind: str
    """`func`, `method`, `field`, `type`, `const` or `var`."""
    signature: str
    owner: str = ""
    doc: str = ""

    @property
    def exported(self) -> bool:
        """Whether other packages may name it."""
        return self.name[:1].isupper()

    @property
    def line(self) -> str:
        """Signature and first sentence, as a remedy shows them."""
        return f"{self.signature} — {self.doc}" if self.doc else self.signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package's declarations, in the order of its documentation."""

    path: str = ""
    declarations: tuple[Declaration, ...] = ()
    embedded: tuple[tuple[str, str], ...] = ()
    """Pairs of a type and what it embeds, as written."""

    def top(self, *, exported: bool) -> tuple[Declaration, ...]:
        """Return what stands at the package's level."""
        return tuple(one for one in self.declarations if not one.owner and (one.exported or not exported))

    def members(self, owner: str) -> tuple[Declaration, ...]:
        """Return a type's fields and methods, those of what it embeds from the same package included."""
        found = [one for one in self.declarations if one.owner == owner]
        names = [name for outer, name in self.embedded if outer == owner and name != owner]
        for name in names:
            found.extend(one for one in self.declarations if one.owner == name)
        return tuple(found)

    def qualified(self, name: str) -> Package:
        """Return the same as others have to write it: with the package's name before its types."""
        types = {one.name for one in self.declarations if one.kind == "type" and one.exported}

        def written(one: Declaration) -> Declaration:
            head, rest = one.signature[: len(one.name)], one.signature[len(one.name) :]
            if one.kind in ("type", "const"):
                return one
            return replace(one, signature=head + _EXPORTED.sub(lambda found: _with(name, found[0], types), rest))

        return replace(self, declarations=tuple(map(written, self.declarations)))

    def named(self, name: str) -> Declaration | None:
        """Return the declaration with this name at the package's level."""
        return next((one for one in self.declarations if not one.owner and one.name == name), None)


def _with(package: str, name: str, types: Collection[str]) -> str:
    return f"{package}.{name}" if name in types else name


def sentence(text: str) -> str:
    """Return a documentation's first sentence, cut where it is very long."""
    plain = _LINK.sub(r"\1", " ".join(text.split()))
    match = _SENTENCE.match(plain)
    first = match[1] if match else plain
    return first if len(first) <= SENTENCE_CHARACTERS else f"{first[: SENTENCE_CHARACTERS - 1]}…"


def read_package(path: str, printed: str) -> Package:
    """Read what `go doc -all -u` printed of a package; what isn't understood is left out."""
    reader = _Reader()
    for group in _groups(printed.splitlines()):
        reader.take(group)
    return Package(path=path, declarations=tuple(reader.found), embedded=tuple(reader.embedded))


def _groups(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield each declaration's lines, its documentation (indented by four blanks) included."""
    group: list[str] = []
    for line in lines:
        opens = line[:1] not in ("", " ", "\t", ")", "}")
        if opens and group:
            yield group
            group = []
        if opens or group:
            group.append(line)
    if group:
        yield group


@dataclass(slots=True)
class _Reader:
    found: list[Declaration] = field(default_factory=list[Declaration])
    embedded: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def take(self, group: list[str]) -> None:
        code = [line for line in group if not line.startswith("    ")]
        doc = sentence("\n".join(_paragraph(group)))
        if match := _FUNC.match(group[0]):
            rest = " ".join((match["rest"], *(line.strip() for line in code[1:]))).strip()
            self._add(match["name"], "method" if match["owner"] else "func", rest, match["owner"] or "", doc)
        elif match := _TYPE.match(group[0]):
            self._take_type(match["name"], match["rest"], code[1:], doc)
        elif match := _VALUE.match(group[0]):
            self._add(match["name"], match["kind"], match["rest"], "", doc)
        elif match := _BLOCK.match(group[0]):
            for name, rest, said in _members(code[1:]):
                self._add(name, match["kind"], rest, "", said)

    def _take_type(self, name: str, rest: str, body: Sequence[str], doc: str) -> None:
        shape = rest.strip().rstrip("{ ")
        self.found.append(
            Declaration(name=name, kind="type", signature=f"type {name} {shape}", doc=_unnamed(doc, name))
        )
        if not rest.endswith("{"):
            return
        kind = "method" if "interface" in rest else "field"
        for member, text, said in _members(body):
            self._add(member, kind, text, name, said)
        for line in body:
            if match := _EMBEDDED.match(line):
                self.embedded.append((name, match["name"]))

    def _add(self, name: str, kind: str, rest: str, owner: str, doc: str) -> None:
        signature = f"{name}{'' if rest.startswith(('(', '[')) and kind in ('func', 'method') else ' '}{rest.strip()}"
        plain = " ".join(signature.split())
        if len(plain) > SIGNATURE_CHARACTERS:
            plain = f"{plain[: SIGNATURE_CHARACTERS - 1]}…"
        self.found.append(Declaration(name=name, kind=kind, signature=plain, owner=owner, doc=_unnamed(doc, name)))


def _paragraph(group: Sequence[str]) -> Iterator[str]:
    """Yield the documentation's first paragraph."""
    begun = False
    for line in group:
        if line.startswith("    "):
            begun = True
            yield line
        elif begun:
            return


def _members(body: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the fields, methods or values of a block: name, what follows it, first sentence of the remark above."""
    remark: list[str] = []
    for line in body:
        if line.startswith("\t//"):
            remark.append(line.strip().removeprefix("//"))
            continue
        match = _MEMBER.match(line)
        if match and match["rest"]:
            plain, _, trailing = match["rest"].partition(" //")
            for name in match["names"].split(", "):
                yield name, plain.split(" `", 1)[0].rstrip(), sentence("\n".join(remark) or trailing)
        elif match:
            yield match["names"], "", sentence("\n".join(remark))
        remark = []


def _unnamed(doc: str, name: str) -> str:
    """Drop the name that a doc comment begins with: it stands in the signature before it."""
    return doc.removeprefix(f"{name} ")
