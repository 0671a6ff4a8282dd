"""Calls: the callee's signature, labels, arguments too few, too many or in the wrong place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lang.analysis import AnalysisUnavailable, Place
from lang.ocaml.remedies.case import Case, application, arguments, callee
from lang.ocaml.remedies.merlin import plain

if TYPE_CHECKING:
    from tree_sitter import Node

_PATHS = ("value_path", "value_name", "constructor_path")
_BASE = re.compile(r"^\s*open!?\s+(Base|Core)\b", re.MULTILINE)


async def signature(case: Case, function: Node | None) -> str:
    """`List.map : ('a -> 'b) -> …` for what a call calls; empty where it isn't a plain name."""
    if function is None or function.type not in _PATHS:
        return ""
    name = "".join(case.source.text(function).split())
    module, dot, last = name.rpartition(".")
    (entries,) = await case.questions.complete([name])
    for entry in entries:
        if entry.name == last and entry.kind == "Value":
            return entry.told(module + dot)
    return await _described(case, function, name)


async def _described(case: Case, function: Node, name: str) -> str:
    row, column = function.end_point
    place = Place(path=case.path, line=row + 1, column=column)
    try:
        symbol = await case.symbols.describe(place)
    except AnalysisUnavailable:
        symbol = None
    if symbol and symbol.signature:
        return f"{name} : {plain(symbol.signature.partition(' : ')[2] or symbol.signature)}"
    told = await case.questions.type_at(row + 1, max(column - 1, 0))
    return f"{name} : {told}" if "->" in told else ""


def under_base(case: Case) -> str:
    """`Base` or `Core` where the file opens it."""
    found = _BASE.search(case.text)
    return found[1] if found else ""


async def wrong_label(case: Case, match: re.Match[str]) -> str:
    """`This argument cannot be applied with label ~f`, or without one."""
    node = case.nodes[0] if case.nodes else None
    call = case.above("application_expression") if node else None
    told = await signature(case, callee(call) if call else None)
    label = match["label"] or ""
    if not told:
        return ""
    if "~" not in told and not re.search(r"\b\w+:", told.partition(" : ")[2].partition("  (*")[0]):
        return f"{told}\nIt has no labels: pass its arguments by position, in that order."
    return f"{told}\nThere is no ~{label.lstrip('~?')} among its labels." if label else told


async def label_omitted(case: Case, match: re.Match[str]) -> str:
    """Warning 6: arguments by position where labels are due."""
    call = case.above("application_expression")
    told = await signature(case, callee(call) if call else None)
    labels = re.findall(r"[a-z_]\w*", match["labels"])
    written = " ".join(f"~{label}:…" for label in labels)
    base = under_base(case)
    note = (
        f" (`open {base}` replaces the Stdlib's List, String, Hashtbl… by {base}'s, which take labels)" if base else ""
    )
    return f"{told}\nWrite {written}{note}.".strip()


async def too_many(case: Case, match: re.Match[str]) -> str:
    """`It is applied to too many arguments`."""
    call = next((node for node in case.nodes if node.type == "application_expression"), None)
    if call is None:
        return ""
    function, given = callee(call), arguments(call)
    told = await signature(case, function)
    said = _nesting(case, function, given, match["type"])
    return "\n".join(filter(None, [told, said]))


def _nesting(case: Case, function: Node | None, given: Sequence[Node], kind: str) -> str:
    """How to write `f g x` where `f (g x)` is meant, or two statements without a `;`."""
    if function is None or len(given) < 2:
        return "Is a `;` missing before the last argument?"
    wanted = kind.count("->")
    at = max(wanted - 1, 0)
    inner = [case.words(node, 40) for node in given[at:]]
    outer = " ".join([case.words(function, 40), *(case.words(node, 30) for node in given[:at])])
    first = given[at]
    lines = {node.start_point[0] for node in (function, *given)}
    if first.type in _PATHS and len(inner) > 1 and len(lines) == 1:
        return f"Write `{outer} ({' '.join(inner)})`: an argument that is itself a call needs parentheses."
    return "Is a `;` or `in` missing between the calls, or an operator or parentheses?"


async def ignored_argument(case: Case, match: re.Match[str]) -> str:
    """Warning 20: an argument beyond what the function takes, or raise's."""
    call = case.above("application_expression")
    function = callee(call) if call else None
    if call is None or function is None:
        return ""
    name, given = case.source.text(function), arguments(call)
    words = [case.words(node, 50) for node in given]
    if name == "failwith" and len(words) > 1:
        return f"failwith takes one string and does not format: write `Printf.ksprintf failwith {' '.join(words)}`."
    if name == "raise" and len(words) > 1:
        return f"raise takes one argument: write `raise ({' '.join(words)})`."
    if name in ("invalid_arg", "print_endline", "print_string", "prerr_endline") and len(words) > 1:
        return f"{name} does not format: write `Printf.ksprintf {name} {' '.join(words)}`."
    told = await signature(case, function)
    return f"{told}\nIt takes fewer arguments than it is given." if told else ""


async def not_erasable(case: Case, match: re.Match[str]) -> str:
    """Warning 16: an optional argument with no positional one after it."""
    line = case.line(case.diagnostic.line)
    found = re.search(r"let\s+(?:rec\s+)?(\w+)\s*(.*?)\s*(?::\s*[^=]+)?=(?![^(]*\))", line)
    name = found[1] if found else "f"
    written = f"`let {name} {found[2]} () = …`" if found else "`()` as the last parameter"
    return f"Give it a last positional parameter: {written}, called `{name} ()`; or make it required (`~name`)."


async def partial(case: Case, kind: str) -> str:
    """A call that lacks arguments: the callee's signature and which are missing."""
    call = next((node for node in case.nodes if node.type == "application_expression"), None)
    if call is None:
        return ""
    function = callee(call)
    told = await signature(case, function)
    given = arguments(call)
    inner = given[0].named_children[0] if given and given[0].named_children else None
    tuples = len(given) == 1 and inner is not None and inner.type in ("product_expression", "tuple_expression")
    if tuples and inner is not None and function is not None:
        parts = " ".join(case.words(node, 20) for node in inner.named_children)
        flat = f"`{case.words(function)} {parts}`"
        return f"{told}\n`(a, b)` is one argument, a tuple: write {flat}."
    labels = re.findall(r"(?:^|-> )(\w+):", kind)
    if labels:
        return f"{told}\nMissing: {', '.join(f'~{label}' for label in labels)}."
    count = _arrows(kind)
    return f"{told}\nIt needs {count} more argument{'s' if count > 1 else ''}." if count else told


def _arrows(kind: str) -> int:
    """How many arguments a function type takes."""
    depth = count = 0
    for index, character in enumerate(kind):
        depth += (character in "([{") - (character in ")]}")
        count += depth == 0 and kind.startswith("->", index)
    return count


async def around(case: Case) -> str:
    """The signature of the function that the finding is an argument of."""
    for node in reversed(case.nodes):
        call = application(node)
        if call is not None:
            return await signature(case, callee(call))
    return ""


async def not_a_function(case: Case, match: re.Match[str]) -> str:
    """`This is not a function; it cannot be applied`."""
    call = next((node for node in case.nodes if node.type == "application_expression"), None)
    if call is None:
        return ""
    function, given = callee(call), arguments(call)
    name = case.words(function, 40) if function else "it"
    if given and given[0].type in ("list_expression", "array_expression"):
        index = case.words(given[0], 30).strip("[]| ")
        kind = plain(match["type"])
        access = {"string": f"`{name}.[{index}]`", "bytes": f"`Bytes.get {name} {index}`"}.get(
            kind, f"`{name}.({index})`"
        )
        return f"{name} [{index}] calls it with a list. Indexing is {access}" + (
            "." if kind in access or kind in ("string", "bytes") or "array" in kind else "; a list's is `List.nth`."
        )
    if given and function and given[0].start_point[0] > function.end_point[0]:
        return f"Is a `;` or `in` missing after {name}, at the end of line {function.end_point[0] + 1}?"
    return f"{name} has the type {plain(match['type'])}. Is an operator or a `;` missing after it?"
