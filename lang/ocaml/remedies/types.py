"""Two types that should be one: how to get from what there is to what is expected."""

from __future__ import annotations

import re

from lang.ocaml.remedies import calls, shapes
from lang.ocaml.remedies.case import Case, ancestors, application, arguments, callee
from lang.ocaml.remedies.clash import Clash, read, top
from lang.ocaml.remedies.conversions import conversion, operand, wrapper
from lang.ocaml.remedies.merlin import plain
from lang.ocaml.syntax import outline

_QUALIFIED = re.compile(r"(?:[A-Z][\w']*\.)+[a-z]\w*")


async def clash(case: Case, match: re.Match[str]) -> str:
    """`This expression has type A but an expression was expected of type B`."""
    one = read(case)
    if one is None:
        return ""
    if "module Base__" in one.want or "Hashtbl.Key.t" in one.want:
        return "Base's tables are made from their key's module: `Hashtbl.create (module String)`, ~size:16 if need be."
    if "->" in top(one.have) and "->" not in top(one.want) and not one.want.startswith("'"):
        told = _negative(one) or await calls.partial(case, one.have)
        if told:
            return told
    told = _unapplied(one) or operand(one) or _base(one) or await _format(one) or _cmdliner(one)
    told = told or wrapper(one) or _shape(one) or _records(one) or conversion(one)
    near = "" if told else await _between(one) or await _definition(one)
    signature = await calls.around(case)
    return "\n".join(filter(None, [told or near, signature, _labels(one, signature)]))


def _negative(one: Clash) -> str:
    """A call from which a negative argument became a subtraction: `f -1`."""
    for node in one.case.nodes:
        up = node.parent
        text = one.case.words(up) if up is not None and up.type == "infix_expression" else ""
        if node.type in ("application_expression", "value_path") and re.search(r"\s-\d", text):
            mended = re.sub(r"-(\d[\w.]*)", r"(-\1)", text, count=1)
            return f"`{text}` is a subtraction: a negative argument has parentheses, `{mended}`."
    return ""


def _unapplied(one: Clash) -> str:
    """A function where its result is due, or a value where a function without an argument is."""
    if one.want.startswith("unit -> ") and "->" not in top(one.have):
        return f"A function is expected: `(fun () -> {one.words.removeprefix('(').removesuffix(')')})`."
    result = top(one.have).rpartition("->")[2].split()
    if "->" not in top(one.have) or "->" in top(one.want):
        return ""
    if result[-1:] != top(one.want).partition(" = ")[0].split()[-1:]:
        return ""
    if one.have.startswith("unit ->"):
        return f"It is a function: call it, `{one.words} ()`."
    return f"{one.words} is a function ({one.have}): apply it first, `({one.words} …)`."


def _base(one: Clash) -> str:
    """Base restricts comparison to integers, and gives options where Stdlib raises."""
    base = calls.under_base(one.case)
    if not base:
        return ""
    operator = one.operator
    if one.want == "int" and operator in ("=", "<>", "<", ">", "<=", ">=", "==", "!=") and one.have != "int option":
        module = one.have.rpartition(".")[0] or {
            "string": "String",
            "char": "Char",
            "float": "Float",
            "bool": "Bool",
        }.get(one.have, "M")
        return (
            f"Under `open {base}`, `{operator}` compares integers only: write `{module}.equal a b`, `{module}.compare`,"
            f" or `{module}.(a {operator} b)`; `Poly.equal` for any type."
        )
    if one.have == f"{one.want} option":
        name = _callee_words(one)
        exn = f"`{name}_exn` raises, " if name else ""
        return f"{base} gives an option here: {exn}or match it, or `Option.value … ~default:…`."
    return ""


def _labels(one: Clash, signature: str) -> str:
    """That the callee takes labels, where Base hides the Stdlib's function of that name."""
    base = calls.under_base(one.case)
    labels = re.findall(r"(?:^|-> )\??([a-z_]\w*):", signature.partition(" : ")[2])
    if not (base and labels):
        return ""
    written = " ".join(f"~{label}" for label in labels)
    return f"Under `open {base}` this is {base}'s function, with labels: {written}."


async def _between(one: Clash) -> str:
    """Functions of a type's own module that lead to it, or away from it; another module's counterpart."""
    have, want = one.have.partition(" = ")[0], one.want.partition(" = ")[0]
    found: list[str] = []
    for kind, other, pattern in ((want, have, "{1} -> {0}"), (have, want, "{0} -> {1}")):
        if not _QUALIFIED.fullmatch(kind):
            continue
        module, _, name = kind.rpartition(".")
        wanted = {pattern.format(word, side) for word in (kind, name) for side in (other, other.rpartition(".")[2])}
        members = [entry for entry in await one.case.members(module) if entry.kind == "Value"]
        found += [entry.told(f"{module}.") for entry in members if plain(entry.signature) in wanted]
    counterpart = await _counterpart(one, have, want)
    return "\n".join(filter(None, [counterpart, *found[:3]]))


async def _definition(one: Clash) -> str:
    """What a record or variant type looks like, for one who wrote something else."""
    if not re.fullmatch(r"[\w.']+", one.want) or "->" in one.have:
        return ""
    found = await shapes.type_of(one.case, one.want)
    return found if re.search(r"= (?:\{|\[|[A-Z]\w* (?:of|\|)|[A-Z]\w*$)", found) else ""


async def _counterpart(one: Clash, have: str, want: str) -> str:
    """`Yojson.Basic.Util.member` for `Yojson.Safe.Util.member`, where a `Yojson.Basic.t` is given."""
    nodes = [node for node in one.case.nodes if application(node) is not None]
    call = application(nodes[-1]) if nodes else None
    function = callee(call) if call else None
    source, target = want.rpartition(".")[0], have.rpartition(".")[0]
    name = one.case.source.text(function) if function else ""
    if not (source and target and name.startswith(f"{source}.")):
        return ""
    candidate = target + name.removeprefix(source)
    (entries,) = await one.case.questions.complete([candidate])
    for entry in entries:
        if entry.name == candidate.rpartition(".")[2] and entry.kind == "Value":
            told = entry.told(candidate.rpartition(".")[0] + ".")
            return f"{have} and {want} are different types; for {have} there is {told}"
    return ""


def _records(one: Clash) -> str:
    """Two records that share a field: the last one is taken where nothing tells which."""
    have, want = (re.sub(r"\s(?:list|option|array)$", "", kind) for kind in (one.have, one.want))
    fields: dict[str, set[str]] = {}
    for symbol in outline(one.case.path, one.case.text):
        if symbol.kind == "field":
            owner, _, name = symbol.name.rpartition(".")
            fields.setdefault(owner.rpartition(".")[2], set()).add(name)
    shared = fields.get(have, set()) & fields.get(want, set())
    if not shared or have == want:
        return ""
    return (
        f"{have} and {want} both have the field {sorted(shared)[0]}; where nothing tells which, the type defined last"
        f" is taken. Annotate the variable whose field is read: `(x : {have})`."
    )


def _cmdliner(one: Clash) -> str:
    """`Arg.required` with a default that is no option."""
    if one.have == "string t" and "option" in one.want and re.search(r"\brequired\s*&", one.before):
        return "`required` takes an option: `required & pos 0 (some string) None & info …`; with a default use `value`."
    return ""


def _callee_words(one: Clash) -> str:
    call = one.case.node("application_expression")
    function = callee(call) if call else None
    return one.case.words(function, 40) if function else ""


async def _format(one: Clash) -> str:
    """An argument that the format string describes otherwise."""
    nodes = [node for node in one.case.nodes if application(node) is not None]
    call = application(nodes[-1]) if nodes else None
    function = callee(call) if call else None
    if (
        call is None
        or function is None
        or not re.search(r"printf|Fmt\.(?:str|pr|epr|pf)|failf", one.case.source.text(function))
    ):
        return ""
    given = list(arguments(call))
    at = next((index for index, node in enumerate(given) if node.type == "string"), None)
    if at is None:
        return ""
    specs = re.findall(r"%(?!%)[-+0 #]*\d*(?:\.\d+)?(?:l|n|L)?([a-zA-Z])", one.case.source.text(given[at]))
    number = next((index for index, node in enumerate(given) if node == nodes[-1]), at) - at - 1
    if not 0 <= number < len(specs):
        return ""
    right = {"int": "%d", "string": "%s", "float": "%g or %.2f", "char": "%c", "bool": "%b", "int64": "%Ld"}.get(
        one.have
    )
    kinds = {
        "d": "an int",
        "s": "a string",
        "f": "a float",
        "g": "a float",
        "c": "a char",
        "b": "a bool",
        "a": "a printer",
    }
    wants = kinds.get(specs[number], one.want)
    said = f"`%{specs[number]}` takes {wants}"
    return f"{said}: for {one.have} write `{right}`." if right else f"{said}: convert the argument first."


def _shape(one: Clash) -> str:
    """Statements, tuples for lists, modules."""
    have, want = one.have, one.want
    message = " ".join(one.case.message.split())
    if want == "unit" and "no else branch" in message:
        return f"An `if` without `else` gives unit: add `else …`, or drop the value {one.words}."
    if (have, want) == ("bool", "unit") and re.match(r"[^=]*[^=<>!:]=[^=]", one.case.rest):
        return "`=` compares: a reference is set by `r := v`, a mutable field by `r.f <- v`, an array by `a.(i) <- v`."
    if want == "unit" and ("left-hand side of a sequence" in message or "body of" in message):
        name = _callee_words(one)
        each = f"`{name[:-4]}.iter` does it for the effect alone; " if name.endswith(".map") else ""
        return f"Its result is thrown away: {each}`ignore (…)`, or `let x = … in` to use it."
    lists = [node for node in one.case.nodes for up in ancestors(node) if up.type == "list_expression"]
    if " * " in have and " * " not in want and lists:
        return "A list's elements are parted by `;`: `[ 1; 2; 3 ]`; commas make a tuple."
    if want.startswith("(module"):
        return f"Pack the module: `(module M : {want[8:-1]})`."
    return ""


async def not_a_constructor(case: Case, match: re.Match[str]) -> str:
    """`This expression should not be a constructor, the expected type is …`."""
    want = plain(match["type"])
    name = (case.node("constructor_path") or case.node("constructor_name")) if case.nodes else None
    word = case.source.text(name) if name else "M"
    if want.startswith("(module"):
        return f"A module as a value is packed: `(module {word} : {want[8:-1]})`."
    definition = await shapes.type_of(case, want) if re.fullmatch(r"[\w.']+", want) else ""
    return definition or await calls.around(case)


async def not_a_function_literal(case: Case, match: re.Match[str]) -> str:
    """`This expression should not be a function, the expected type is …`."""
    told = await calls.around(case)
    base = calls.under_base(case)
    if told and base and "f:" in told:
        return f"{told}\nWrite `~f:(fun … -> …)`: under `open {base}` these functions take labels."
    return told
