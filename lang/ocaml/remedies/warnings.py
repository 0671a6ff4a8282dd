"""Warnings that dune's dev profile makes errors: what is unused, what a match leaves out."""

from __future__ import annotations

import re

from lang.ocaml.layout import relative_to_project
from lang.ocaml.remedies.case import Case, ancestors


async def unused(case: Case, match: re.Match[str]) -> str:
    """Warnings 26, 27, 35: a variable that nothing reads."""
    name = (match["name"] or match["other"]).rstrip(".")
    if (
        case.diagnostic.line
        and re.search(r"\b" + re.escape(name) + r"\s*;", case.rest)
        and "{" in case.line(case.diagnostic.line)
    ):
        return f"Take {name} out of the pattern (`; _` for the other fields), or use it."
    return f"Remove it, or call it _{name} (or _) if it has to be there."


async def unused_open(case: Case, match: re.Match[str]) -> str:
    """Warning 33."""
    return f"Remove line {case.diagnostic.line}: `{case.line(case.diagnostic.line).strip()}`."


async def unused_value(case: Case, match: re.Match[str]) -> str:
    """Warning 32: a definition that the interface leaves out and nothing uses."""
    name = match["name"].rstrip(".")
    tree = await case.tree()
    interface = case.path.removesuffix(".ml") + ".mli"
    if relative_to_project(case.project, interface) in tree.files:
        column = len(case.line(case.diagnostic.line)[: case.diagnostic.column - 1].encode())
        kind = await case.questions.type_at(case.diagnostic.line, column)
        return f"If it is for others, add `val {name} : {kind or '…'}` to {interface}; otherwise use it or remove it."
    return f"Nothing uses {name} and nothing outside can: use it, remove it, or call it _{name}."


async def unused_type(case: Case, match: re.Match[str]) -> str:
    """Warnings 34, 37, 60, 69: types, constructors, modules and fields that nobody reads."""
    what = match["what"]
    if what == "field":
        return f"Nothing reads it: remove {match['name']} from the type and from where it is set, or use it."
    return f"Nothing uses it: remove {match['name'].rstrip('.')}, use it, or list it in the module's interface."


async def unused_rec(case: Case, match: re.Match[str]) -> str:
    """Warning 39."""
    return "It does not call itself: remove `rec`."


async def partial_match(case: Case, match: re.Match[str]) -> str:
    """Warning 8: the cases that a match lacks."""
    missing = re.search(r"not matched: (.*?)(?:\s*\(However.*)?$", " ".join(case.message.split()))
    if missing is None:
        return "Add the missing cases, or a last case `| _ -> …`."
    pattern = missing[1].strip()
    if re.match(r"let\b", case.line(case.diagnostic.line).strip()) and "match" not in case.line(case.diagnostic.line):
        return f"The pattern does not cover `{pattern}`: use `match … with` and add `| {pattern} -> …`."
    return f"Add `| {pattern} -> …`."


async def unused_case(case: Case, match: re.Match[str]) -> str:
    """Warning 11: a case that the ones before cover."""
    node = case.nodes[-1] if case.nodes else None
    block = (
        next((up for up in ancestors(node) if up.type in ("match_expression", "function_expression")), None)
        if node
        else None
    )
    for child in block.named_children if block else ():
        pattern = child.child_by_field_name("pattern") if child.type == "match_case" else None
        if pattern is None or pattern.start_point[0] + 1 > case.diagnostic.line:
            continue
        word = case.source.text(pattern)
        if pattern.type in ("value_pattern", "value_name") and word != "_":
            return (
                f"The pattern `{word}` matches everything and binds a new {word}: to compare with a value, write"
                f" `| n when n = {word} -> …`."
            )
    return "The cases above match all that it could: move it up or remove it."


async def statement(case: Case, match: re.Match[str]) -> str:
    """Warnings 10 and 21: a statement whose value is thrown away."""
    return "Its value is thrown away: bind it (`let x = … in`), or `ignore (…)` if only the effect counts."


async def deprecated(case: Case, match: re.Match[str]) -> str:
    """Alerts that name what to use instead already say all."""
    said = case.message
    if "Base." in said and "Stdio" in said:
        tree = await case.tree()
        home = tree.home(relative_to_project(case.project, case.path))
        if home and "stdio" not in home.libraries:
            return f"Write `{home.with_libraries('stdio')}` in {case.within(home.file)} for it."
    return ""
