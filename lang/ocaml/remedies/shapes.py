"""Constructors, fields, types and methods that are not in scope, or used in another shape than they have."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from lang.analysis import Symbol
from lang.ocaml.layout import relative_to_project
from lang.ocaml.remedies.case import Case
from lang.ocaml.remedies.equivalents import FUNCTORS, METHODS, TYPES
from lang.ocaml.remedies.merlin import Entry, plain
from lang.ocaml.remedies.stanzas import Tree, joined
from lang.ocaml.remedies.values import from_inside, mentioning
from lang.ocaml.syntax import outline

_NEAR = 4


async def defined(case: Case, tree: Tree, word: str, kinds: Sequence[str]) -> list[tuple[str, Symbol]]:
    """The project's definitions of a word, each with the name that the finding's file writes."""
    here = relative_to_project(case.project, case.path)
    found: list[tuple[str, Symbol]] = []
    for path in await mentioning(case, word):
        for symbol in outline(path, await case.read(case.within(path))):
            if symbol.kind in kinds and symbol.name.rpartition(".")[2] == word:
                name = symbol.name.partition(".")[2] if path == here else symbol.name
                found.append((from_inside(tree, path, name, tree.home(path) is tree.home(here)), symbol))
    return list(dict(found).items())


async def unbound_constructor(case: Case, match: re.Match[str]) -> str:
    """`Unbound constructor X`."""
    name = match["name"]
    module, _, last = name.rpartition(".")
    if module:
        near = _near(last, [entry for entry in await case.members(module) if entry.kind == "Constructor"])
        said = ", ".join(f"{module}.{entry.name} : {plain(entry.signature)}" for entry in near)
        return f"{module} has: {said}" if said else await _elsewhere(case, last)
    return await _elsewhere(case, name)


async def _elsewhere(case: Case, name: str) -> str:
    tree = await case.tree()
    found = await defined(case, tree, name, ("constructor", "exception"))
    if found:
        hidden = await _abstract(case, tree, found[0][1])
        if hidden:
            return hidden
        told = joined([f"`{qualified}` ({_place(case, symbol)})" for qualified, symbol in found[:3]])
        return f"It is {told}: write it so, or annotate the type that is expected there."
    if name[:1].isupper() and name in (module for module, _, _ in tree.modules()):
        return f"{name} is a module, not a constructor."
    (scope,) = await case.questions.complete([name[:1]], kind="constructor")
    near = _near(name, scope)
    return f"Near: {', '.join(f'{entry.name} : {plain(entry.signature)}' for entry in near)}" if near else ""


async def _abstract(case: Case, tree: Tree, symbol: Symbol) -> str:
    """That an interface keeps a type abstract whose constructor or field one wants; empty where it doesn't."""
    path = symbol.place.path if symbol.place else ""
    here = relative_to_project(case.project, case.path)
    if not path.endswith(".ml") or path == here or f"{path}i" not in tree.files:
        return ""
    interface = outline(f"{path}i", await case.read(case.within(f"{path}i")))
    word = symbol.name.rpartition(".")[2]
    if any(one.kind == symbol.kind and one.name.rpartition(".")[2] == word for one in interface):
        return ""
    values = [one.signature.removeprefix("val ") for one in interface if one.kind == "value"]
    return (
        f"{case.within(path)}:{symbol.place.line if symbol.place else 0} defines `{symbol.signature}`, but"
        f" {case.within(path)}i keeps its type abstract. Use its functions ({'; '.join(values[:6])}), or write the"
        " type's definition into the interface."
    )


def _near(name: str, entries: Sequence[Entry]) -> list[Entry]:
    by_name = {entry.name: entry for entry in entries}
    lower = {word.lower(): word for word in by_name}
    close = [lower[word] for word in difflib.get_close_matches(name.lower(), lower, n=_NEAR, cutoff=0.6)]
    chosen = close or list(by_name)[:8]
    return [by_name[word] for word in chosen]


def _place(case: Case, symbol: Symbol) -> str:
    return f"{case.within(symbol.place.path)}:{symbol.place.line}" if symbol.place else ""


async def constructor_arity(case: Case, match: re.Match[str]) -> str:
    """`The constructor C expects n argument(s)`."""
    name = match["name"].rpartition(".")[2]
    tree = await case.tree()
    found = await defined(case, tree, name, ("constructor", "exception"))
    wanted, given = int(match["wanted"]), int(match["given"])
    write = f"`{name} ({', '.join(['…'] * wanted)})`" if wanted > 1 else f"`{name} …`" if wanted else f"`{name}` alone"
    if found:
        symbol = found[0][1]
        return f"It is `{symbol.signature}` ({_place(case, symbol)}): write {write}."
    (entries,) = await case.questions.complete([match["name"]], kind="constructor")
    told = [plain(entry.signature) for entry in entries if entry.name == name]
    hint = ' Parentheses around the call: `raise (Failure "…")`.' if given == 0 and wanted else ""
    return f"{name} : {told[0]}: write {write}.{hint}" if told else f"Write {write}.{hint}"


async def unbound_field(case: Case, match: re.Match[str]) -> str:
    """`Unbound record field x`."""
    name = match["name"].rpartition(".")[2]
    tree = await case.tree()
    found = await defined(case, tree, name, ("field",))
    if not found and name in METHODS:
        return f"Values have no methods or properties: write `{METHODS[name]}`."
    if not found:
        near = await _fields_of_project(case, tree, name)
        return f"No record has that field. Near: {', '.join(near)}." if near else ""
    hidden = await _abstract(case, tree, found[0][1]) if len(found) == 1 else ""
    if hidden:
        return hidden
    told = list(_reached(case, found))
    return told[0] if len(told) == 1 else f"Several records have it: {' '.join(told[:2])}"


def _reached(case: Case, found: Sequence[tuple[str, Symbol]]) -> Iterator[str]:
    get = case.above("field_get_expression")
    record = get.child_by_field_name("record") if get else None
    value = case.words(record, 30) if record else "r"
    for qualified, symbol in found:
        path, _, field = qualified.rpartition(".")
        module = path.rpartition(".")[0]
        written = f"`{value}.{module}.{field}`" if get else f"`{module}.{field}`"
        yield f"It is a field of {path} ({_place(case, symbol)}): write {written}, or annotate `({value} : {path})`."


async def _fields_of_project(case: Case, tree: Tree, name: str) -> list[str]:
    paths = [path for path in tree.files if path.endswith(".ml")][:40]
    fields: dict[str, str] = {}
    for path in paths:
        for symbol in outline(path, await case.read(case.within(path))):
            if symbol.kind == "field":
                fields.setdefault(
                    symbol.name.rpartition(".")[2], f"{symbol.signature} (of {symbol.name.rpartition('.')[0]})"
                )
    return [fields[word] for word in difflib.get_close_matches(name, fields, n=3, cutoff=0.6)]


async def no_such_field(case: Case, match: re.Match[str]) -> str:
    """`There is no field x within type t`."""
    get = case.above("field_get_expression")
    record = get.child_by_field_name("record") if get else None
    if record:
        entries = await case.members(case.source.text(record))
        labels = [entry for entry in entries if entry.kind == "Label"]
        fields = [f"{entry.name} : {plain(entry.signature).partition(' -> ')[2]}" for entry in reversed(labels)]
        if fields:
            return f"{match['type']} has: {'; '.join(fields[:12])}."
    return await type_of(case, match["type"])


async def type_of(case: Case, name: str) -> str:
    """A type's definition; empty where it can't be found."""
    module, dot, last = name.rpartition(".")
    (entries,) = await case.questions.complete([module + dot + last], kind="type")
    return next((plain(entry.signature) for entry in entries if entry.name == last), "")


async def missing_fields(case: Case, match: re.Match[str]) -> str:
    """`Some record fields are undefined: a b`."""
    names = match["names"].split()
    tree = await case.tree()
    told: list[str] = []
    for name in names[:6]:
        found = await defined(case, tree, name.rpartition(".")[2], ("field",))
        told += [symbol.signature for _, symbol in found[:1]]
    return f"Add {'; '.join(told)}. From an existing record: `{{ r with … }}`." if told else ""


async def not_mutable(case: Case, match: re.Match[str]) -> str:
    """`The record field x is not mutable`."""
    name = match["name"].rpartition(".")[2]
    found = await defined(case, await case.tree(), name, ("field",))
    record = re.match(r"([\w.]+)\.\w+\s*<-", case.rest)
    copy = f"`{{ {record[1] if record else 'r'} with {name} = … }}` makes a changed copy"
    if not found:
        return f"{copy}."
    symbol = found[0][1]
    return f"Declare it `mutable {symbol.signature}` ({_place(case, symbol)}), or: {copy}."


async def unbound_type(case: Case, match: re.Match[str]) -> str:
    """`Unbound type constructor t`."""
    name = match["name"]
    module, _, last = name.rpartition(".")
    if not module and last in TYPES:
        return f"OCaml's type is {TYPES[last]}."
    if module in FUNCTORS and last == "t":
        made = FUNCTORS[module].split()[1]
        parameter = "int " if module == "Map" else ""
        return f"{module} only has functors: write `{FUNCTORS[module]}`, then `{parameter}{made}.t`."
    if module:
        types = [entry for entry in await case.members(module) if entry.kind == "Type"]
        return f"{module} has: {'; '.join(plain(entry.signature) for entry in types[:6])}" if types else ""
    here = relative_to_project(case.project, case.path)
    found = await defined(case, await case.tree(), last, ("type",))
    others = [(qualified, symbol) for qualified, symbol in found if symbol.place]
    own = [symbol for _, symbol in others if symbol.place and symbol.place.path + "i" == here]
    if own:
        return (
            f"{case.path[:-1]} defines it, and {case.path} has to list it before using it: `{own[0].signature}`, or"
            f" `type {last}` to keep it abstract."
        )
    for qualified, symbol in others:
        if qualified == last and symbol.place and symbol.place.line > case.diagnostic.line:
            return (
                f"{last} is defined below, at line {symbol.place.line}: move it up, or join them with `type … and …`."
            )
    if others:
        return f"It is {joined([f'`{qualified}` ({_place(case, symbol)})' for qualified, symbol in others[:3]])}."
    (scope,) = await case.questions.complete([last[:1]], kind="type")
    near = difflib.get_close_matches(last, [entry.name for entry in scope], n=3, cutoff=0.6)
    return f"Near: {', '.join(near)}." if near else ""


async def unbound_variable(case: Case, match: re.Match[str]) -> str:
    """`The type variable 'a is unbound in this type declaration`."""
    above = case.lines[: case.diagnostic.line]
    heads = (re.match(r"\s*(?:type|and)\s+(?:nonrec\s+)?([a-z_]\w*)", line) for line in reversed(above))
    name = next((head[1] for head in heads if head), "t")
    variable = match["name"]
    return f"Declare it: `type {variable} {name} = …`, and write `{variable} {name}` wherever the type is used."


async def type_arity(case: Case, match: re.Match[str]) -> str:
    """`The type constructor t expects n argument(s)`."""
    name, wanted = match["name"], int(match["wanted"])
    examples = {0: name, 1: f"string {name}", 2: f"(string, int) {name}"}
    told = await type_of(case, name)
    told = "" if re.search(rf"= .*{re.escape(name)}$", told) else told
    example = examples.get(wanted, f"({', '.join(['…'] * wanted)}) {name}")
    return f"Write it with its parameters: `{example}`, for one." + (f" {told}" if told else "")


async def no_such_method(case: Case, match: re.Match[str]) -> str:
    """`This expression has type c; It has no method m`."""
    kind = match["type"].rpartition(".")[2]
    tree = await case.tree()
    own = [path for path in tree.files if path.endswith((".ml", ".mli"))]
    here = relative_to_project(case.project, case.path)
    methods: list[str] = []
    for path in [here, *(path for path in await mentioning(case, kind) if path in own and path != here)]:
        for symbol in outline(path, await case.read(case.within(path))):
            if symbol.kind == "method" and symbol.name.split(".")[-2] == kind:
                methods += [symbol.name.rpartition(".")[2]]
    found = list(dict.fromkeys(methods)) or re.findall(r"(\w+) :", match["type"])
    return f"{match['type']} has the methods: {', '.join(found[:15])}." if found else ""


async def variant_tag(case: Case, match: re.Match[str]) -> str:
    """A polymorphic variant's tag that the type doesn't allow."""
    expected = re.search(r"expected of type\s+([\w.]+)\s", case.message)
    definition = await type_of(case, expected[1]) if expected else ""
    tags = re.findall(r"`\w+", definition or case.message.partition("expected of type")[2])
    near = difflib.get_close_matches(match["tag"], [tag for tag in tags if tag != match["tag"]], n=2, cutoff=0.5)
    return " ".join(filter(None, [f"Near: {joined(near)}." if near else "", definition]))
