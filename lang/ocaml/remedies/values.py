"""Values that are not in scope: near names with signatures, definitions further down, interfaces, derivers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from lang.ocaml.remedies.case import Case, ancestors, arguments, callee
from lang.ocaml.remedies.equivalents import DERIVERS, FUNCTORS, OPERATORS, RETIRED, VALUES, WORDS
from lang.ocaml.remedies.merlin import Entry, plain
from lang.ocaml.remedies.nearness import near
from lang.ocaml.remedies.rewriters import derivers_in, missing_derivers
from lang.ocaml.remedies.stanzas import Tree, capital
from lang.ocaml.syntax import outline

_NEAR = 4
_COMMON = (
    "Stdlib",
    "Effect",
    "Seq",
    "Bytes",
    "In_channel",
    "List",
    "String",
    "Printf",
    "Hashtbl",
    "Option",
    "Array",
    "Fun",
    "Char",
    "Buffer",
    "Filename",
    "Sys",
)
_DERIVED = re.compile(r"(show|pp|equal|compare|hash|make|sexp_of)(?:_\w+)?|\w+_(of_sexp|of_yojson|to_yojson)")


async def unbound_value(case: Case, match: re.Match[str]) -> str:
    """`Unbound value X`, qualified or not."""
    path = "".join(match["name"].split())
    bare = path.strip("()")
    if bare in OPERATORS:
        return OPERATORS[bare]
    if path.removeprefix("Cmdliner.") in RETIRED:
        return RETIRED[path.removeprefix("Cmdliner.")]
    module, _, name = path.rpartition(".")
    if module in FUNCTORS:
        made = FUNCTORS[module].split()[1]
        return f"{module} only has functors: write `{FUNCTORS[module]}`, then {made}.{name}."
    if module:
        return await _derived(case, module, name) or await _hidden(case, module, name) or await _member(case, path)
    if case.message.count("`rec'") or "add the rec keyword" in " ".join(case.message.split()):
        return f"Write `let rec {name} …` to let it call itself."
    return await _derived(case, "", name) or _below(case, name) or await _bare(case, name)


async def _bare(case: Case, name: str) -> str:
    word = WORDS.get(name)
    if word:
        return word[:1].upper() + word[1:] + "."
    opened = _opened(case)
    elsewhere, listed = await asyncio.gather(_elsewhere(case, name), _common(case, name, opened))
    found = list(dict.fromkeys([*elsewhere, *listed]))[:_NEAR]
    return "\n".join(["Near: " + "\n".join(found), *_local_open(case, found)]) if found else ""


def _local_open(case: Case, found: Sequence[str]) -> list[str]:
    """How to open a module for one call whose function is named with it."""
    call = case.above("application_expression")
    outer = next((up for up in ancestors(call) if up.type == "application_expression"), None) if call else None
    function = callee(outer) if outer else None
    module, _, name = case.source.text(function).rpartition(".") if function else ("", "", "")
    if not module or outer is None or not found[0].startswith(f"{module}."):
        return []
    given = " ".join(case.words(node, 30) for node in arguments(outer)[:1])
    return [f"Or open it for the expression: `{module}.({name} {given}) …`."]


def _opened(case: Case) -> str:
    """The modules of the `M.( … )` around the finding, where the name was looked for first."""
    node = case.above("local_open_expression")
    path = node.child_by_field_name("module") if node else None
    if node is not None and path is None:
        path = next(
            (child for child in node.named_children if child.type in ("module_path", "extended_module_path")), None
        )
    return case.source.text(path) if path else ""


async def _common(case: Case, name: str, opened: str) -> list[str]:
    """Near names in scope, and names just like it in modules that everybody uses."""
    beside = list(dict.fromkeys(re.findall(r"\b[A-Z][\w']*(?:\.[A-Z][\w']*)*(?=\.)", case.line(case.diagnostic.line))))
    common = (*beside[:4], *_COMMON)
    prefixes = [f"{opened}." if opened else "", *(f"{module}." for module in common)]
    scope, *modules = await case.questions.complete(prefixes)
    close = [entry.told(f"{opened}." if opened else "") for entry in near(name, scope)]
    same = [
        entry.told("" if module == "Stdlib" else f"{module}.")
        for module, entries in zip(common, modules, strict=False)
        for entry in entries
        if entry.name == name and entry.kind == "Value"
    ]
    return [*same[:3], *close]


async def _elsewhere(case: Case, name: str) -> list[str]:
    """Definitions of that name in other modules of the project."""
    tree = await case.tree()
    here = tree.home(_inner(case))
    found: list[str] = []
    for path in await mentioning(case, name):
        if case.within(path) == case.path:
            continue
        for symbol in outline(path, await case.read(case.within(path))):
            if symbol.kind == "value" and symbol.name.rpartition(".")[2] == name:
                qualified = from_inside(tree, path, symbol.name, here is tree.home(path))
                found.append(f"{qualified} ({case.within(path)}:{symbol.place.line if symbol.place else 0})")
    return list(dict.fromkeys(found))[:2]


def from_inside(tree: Tree, path: str, name: str, same_stanza: bool) -> str:
    """A definition's name as another file writes it."""
    home = tree.home(path)
    if same_stanza or home is None or not home.module or name.startswith(f"{home.module}."):
        return name
    return f"{home.module}.{name}"


async def mentioning(case: Case, word: str) -> list[str]:
    """The project's OCaml files (relative to it) that contain a word, at most twelve."""
    from lang.base import Step

    script = r"""grep -rlwF --include='*.ml' --include='*.mli' --exclude-dir=_build --exclude-dir=_opam -- "$1" . |
        sed 's,^\./,,' | sort | head -n 12"""
    output = await case.bench.run(Step(argv=("sh", "-c", script, "sh", word), cwd=case.project.root, timeout_s=10.0))
    return output.stdout.split()


def _below(case: Case, name: str) -> str:
    """A definition after its use."""
    pattern = re.compile(rf"(\s*)(?:let|and)\s+(?:rec\s+)?{re.escape(name)}\b")
    for number in range(case.diagnostic.line + 1, len(case.lines) + 1):
        found = pattern.match(case.line(number))
        if found and not found[1]:
            return _joined(case, name, number) or (
                f"{name} is defined below, at line {number}: in OCaml a definition comes before its uses. Move it up."
            )
    return ""


def _joined(case: Case, name: str, number: int) -> str:
    """Two functions that call each other."""
    for above in range(case.diagnostic.line, 0, -1):
        user = re.match(r"(?:let|and)\s+(?:rec\s+)?(\w+)", case.line(above))
        if user is None:
            continue
        body = re.split(r"\n(?=\S)", "\n".join(case.lines[number - 1 :]))[0]
        if not re.search(rf"\b{user[1]}\b", body.partition("=")[2]):
            return ""
        return (
            f"{name} is defined below, at line {number}, and calls {user[1]}: join the two as"
            f" `let rec {user[1]} … and {name} …`, without a `let` before the second."
        )
    return ""


async def _member(case: Case, path: str) -> str:
    """Near names of a module that exists."""
    module, _, name = path.rpartition(".")
    members = await case.members(module)
    wanted = VALUES.get(path, ()) if not _shadowed(case, module) else ()
    known = await _known(case, wanted)
    close = [entry.told(f"{module}.") for entry in [*_converting(module, name, members), *near(name, members)]]
    close = close or await _inside(case, module, name, members)
    told = list(dict.fromkeys([*known, *close]))[: max(len(known), _NEAR - len(known) + 1)]
    if not told:
        names = [entry.name for entry in members if entry.kind == "Value"]
        return f"{module} has: {', '.join(names[:25])}." if names else ""
    return f"{module} has no {name}. Near:\n" + "\n".join(told)


def _converting(module: str, name: str, members: Sequence[Entry]) -> list[Entry]:
    """For `to_string`, what leads from the module's type to string; for `of_string` the way back."""
    way, _, kind = name.partition("_")
    wanted = {"to": f"{module}.t -> {kind}", "of": f"{kind} -> {module}.t"}.get(way, "")
    return [entry for entry in members if entry.kind == "Value" and plain(entry.signature) == wanted][:2]


async def _inside(case: Case, module: str, name: str, members: Sequence[Entry]) -> list[str]:
    """A value of that name in a module's own modules."""
    inner = [f"{module}.{entry.name}" for entry in members if entry.kind == "Module"][:12]
    answers = await case.questions.complete([f"{one}.{name}" for one in inner]) if inner else []
    return [
        entry.told(f"{one}.")
        for one, entries in zip(inner, answers, strict=False)
        for entry in entries
        if entry.name == name and entry.kind == "Value"
    ]


def _shadowed(case: Case, module: str) -> bool:
    return bool(re.search(r"^\s*open!?\s+(?:Base|Core)\b", case.text, re.MULTILINE)) and not module.startswith("Stdlib")


async def _known(case: Case, names: Sequence[str]) -> list[str]:
    """Those of some names that exist, with their signatures."""
    if not names:
        return []
    answers = await case.questions.complete(names)
    found: list[str] = []
    for name, entries in zip(names, answers, strict=True):
        module, dot, last = name.rpartition(".")
        found += [entry.told(module + dot) for entry in entries if entry.name == last and entry.kind == "Value"]
    return found


async def _hidden(case: Case, module: str, name: str) -> str:
    """A value of a project's module that its interface leaves out."""
    last = module.rpartition(".")[2]
    tree = await case.tree()
    for found, path, _ in tree.modules():
        interface = path.removesuffix(".ml") + ".mli"
        if found != last or not path.endswith(".ml") or interface not in tree.files:
            continue
        text = await case.read(case.within(path))
        for symbol in outline(path, text):
            if symbol.place and symbol.kind == "value" and symbol.name == f"{found}.{name}":
                return await _unlisted(case, case.within(path), case.within(interface), name, symbol.place.line)
    return ""


async def _unlisted(case: Case, path: str, interface: str, name: str, line: int) -> str:
    text = await case.read(path)
    before = text.split("\n")[line - 1].partition(name)[0]
    from dataclasses import replace

    signature = await replace(case.questions, path=path).type_at(line, len(before.encode()))
    return (
        f"{path}:{line} defines {name}, but {interface} does not list it: add `val {name} : {signature or '…'}` there."
    )


async def _derived(case: Case, module: str, name: str) -> str:
    """A function that a deriver would make, in a stanza that doesn't run it."""
    if not _DERIVED.fullmatch(name):
        return ""
    path, text = case.path, case.text
    if module:
        tree = await case.tree()
        last = module.rpartition(".")[2]
        path = next((case.within(file) for found, file, _ in tree.modules() if found == last), "")
        text = await case.read(path) if path else ""
        if not path:
            return ""
    wanted = [word for word in derivers_in(text) if word in DERIVERS]
    return await missing_derivers(case, path, wanted) if wanted else ""


def _inner(case: Case) -> str:
    root = case.project.root
    return case.path if root == "." else case.path.removeprefix(f"{root}/")


def module_name(case: Case) -> str:
    """The module of the finding's file."""
    return capital(case.path.rpartition("/")[2].partition(".")[0])
