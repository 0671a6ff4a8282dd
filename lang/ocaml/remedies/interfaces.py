"""Modules that don't give what their interface or a functor's parameter asks for, and types that stay open."""

from __future__ import annotations

import re

from lang.ocaml.layout import relative_to_project
from lang.ocaml.remedies.case import Case
from lang.ocaml.remedies.equivalents import SIGNATURES
from lang.ocaml.remedies.stanzas import joined
from lang.ocaml.syntax import outline

_VALUE = re.compile(r"The value [`']?(?P<name>\([^)]*\)|\S+?)'? is required but not provided")
_TYPE = re.compile(r"The type [`']?(?P<name>\S+?)'? is required but not provided")
_PLACE = re.compile(r"The implementation (?P<ml>\S+) does not match the interface (?P<mli>\S+?):")
_CLASH = re.compile(
    r"Values do not match:\s+(?P<have>val .*?)\s+is not included in\s+(?P<want>val .*?)(?=\s+The type |\s+File |$)",
    re.DOTALL,
)


async def mismatch(case: Case, match: re.Match[str]) -> str:
    """`The implementation X does not match the interface Y`, `Signature mismatch`, `Modules do not match`."""
    flat = " ".join(case.message.split())
    place = _PLACE.search(flat)
    values, types = _VALUE.findall(flat), _TYPE.findall(flat)
    if not place:
        return _required(values, types)
    ml, mli = place["ml"], place["mli"]
    clash = _CLASH.search(flat)
    if clash:
        return (
            f"If the code is right, write `{clash['have']}` in {mli}; if the interface is, make {ml} give that type"
            f" (`{clash['want']}`)."
        )
    return await _lacking(case, ml, mli, values, types)


async def _lacking(case: Case, ml: str, mli: str, values: list[str], types: list[str]) -> str:
    interface = outline(mli, await case.read(case.within(relative_to_project(case.project, mli))))
    code = outline(ml, await case.read(case.within(relative_to_project(case.project, ml))))
    told: list[str] = []
    for name in values[:4]:
        declared = next((one.signature for one in interface if one.name.endswith(f".{name}")), f"val {name}")
        told.append(f"`let {name} = …` (interface: `{declared}`)")
    for name in types[:3]:
        declared = next((one.signature for one in interface if one.name.endswith(f".{name}")), f"type {name}")
        told.append(f"`{declared}{'' if '=' in declared else ' = …'}`")
    own = [one.signature for one in code if one.kind == "type"] if types else []
    has = f" It defines {joined([f'`{one}`' for one in own[:3]], 'and')}: rename one?" if own else ""
    return f"Define in {ml}: {'; '.join(told)}. Or take it out of {mli}.{has}" if told else ""


def _required(values: list[str], types: list[str]) -> str:
    """What a functor's argument or a `: SIG` lacks."""
    told: list[str] = []
    for name in values[:5]:
        kind, written = SIGNATURES.get(name, ("", ""))
        told.append(f"`{written}` ({name} : {kind})" if written else f"`let {name} = …`")
    told += [f"`type {name} = …`" for name in types[:3]]
    return f"Add to the module: {'; '.join(told)}." if told else ""


async def weak_type(case: Case, match: re.Match[str]) -> str:
    """`contains the non-generalizable type variable(s)`."""
    name = re.match(r"\w+", case.rest)
    word = name[0] if name else "x"
    kind = re.sub(r"'_weak\d+", "…", " ".join(match["type"].split()))
    example = {"(…, …) Hashtbl.t": "(string, int) Hashtbl.t", "… list ref": "string list ref"}.get(kind, kind)
    body = case.rest.partition("=")[2].strip() or "…"
    return (
        f"Nothing in this file fixes its type. Write it down: `let {word} : {example} = {body}` (with your types);"
        f" or make it a function, a new one at each call: `let {word} () = {body}`."
    )
