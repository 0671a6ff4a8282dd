"""Two types that should be one: how to get from what there is to what is expected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lang.ocaml.remedies import calls, shapes
from lang.ocaml.remedies.case import Case, ancestors, application, arguments, callee
from lang.ocaml.remedies.merlin import plain

if TYPE_CHECKING:
    from tree_sitter import Node

_END = (
    r"(?=$|\s(?:Type |because |The (?:second|first) |Hint: |File |This |These |The method|It has no|line \d+, column"
    r"|Definition of|The type (?:variable|constructor)|Module types|One ))"
)
CLASH = re.compile(
    r"(?:This (?P<this>\w+)|The (?P<what>\w+) (?P<name>\S+)) has type (?P<have>.+?) "
    r"but an? (?:expression|pattern|term) was expected of type (?P<want>.+?)" + _END
)
_LITERAL = re.compile(r"(\d[\d_]*)(\.[\d_]*)?$")
_CONVERSIONS: dict[tuple[str, str], str] = {
    ("int", "float"): "float_of_int {0}",
    ("float", "int"): "int_of_float {0} (truncates; Float.round first to round)",
    ("int", "string"): "string_of_int {0}",
    ("float", "string"): 'string_of_float {0}, or Printf.sprintf "%g" {0}',
    ("bool", "string"): "string_of_bool {0}",
    ("string", "int"): "int_of_string {0} (raises Failure), int_of_string_opt {0}",
    ("string", "float"): "float_of_string {0}, float_of_string_opt {0}",
    ("char", "string"): "String.make 1 {0}",
    ("string", "char"): "{0}.[0] (a character is written 'a')",
    ("char", "int"): "Char.code {0} (a digit's value: Char.code {0} - Char.code '0')",
    ("int", "char"): "Char.chr {0}",
    ("bytes", "string"): "Bytes.to_string {0}",
    ("string", "bytes"): "Bytes.of_string {0}",
    ("Buffer.t", "string"): "Buffer.contents {0}",
    ("int", "Z.t"): "Z.of_int {0}",
    ("Z.t", "int"): "Z.to_int {0}",
    ("string", "Z.t"): "Z.of_string {0}",
    ("int", "int64"): "Int64.of_int {0} (a literal: 1L)",
    ("int64", "int"): "Int64.to_int {0}",
    ("int", "int32"): "Int32.of_int {0} (a literal: 1l)",
    ("int32", "int"): "Int32.to_int {0}",
    ("Re__Ast.t", "Re__Compile.re"): "Re.compile {0}",
    ("Re.t", "Re.re"): "Re.compile {0}",
}
_INFIX = ("int", "float", "string", "bool", "unit")
"""Types that operators give."""
_FLOAT_OPERATORS = {"+": "+.", "-": "-.", "*": "*.", "/": "/."}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clash:
    case: Case
    have: str
    want: str
    what: str
    """`expression`, `constant`, `value`…: what the compiler calls it."""

    @property
    def node(self) -> Node | None:
        """The expression that has the wrong type, as far as its beginning tells."""
        nodes = [node for node in self.case.nodes if node.is_named]
        if not nodes or self.what != "expression":
            return nodes[0] if nodes else None
        call = [node for node in nodes if application(node) is not None]
        infix = self.case.node("infix_expression") if self.have in _INFIX else None
        return next(iter(call[-1:]), None) or infix or self.case.node("application_expression") or nodes[0]

    @property
    def words(self) -> str:
        """The expression, in parentheses where one needs them."""
        found = self.node
        if found is None:
            return "…"
        text = self.case.words(found, 40)
        bare = found.type in ("parenthesized_expression", "number", "string", "character") or re.fullmatch(
            r"[\w.']+", text
        )
        return text if bare else f"({text})"


async def clash(case: Case, match: re.Match[str]) -> str:
    """`This expression has type A but an expression was expected of type B`."""
    said = CLASH.search(" ".join(case.message.split()))
    if said is None:
        return ""
    have, want = plain(said["have"]), plain(said["want"])
    one = _Clash(case=case, have=have, want=want, what=said["what"] or said["this"])
    if "module Base__" in want or "Hashtbl.Key.t" in want:
        return "Base's tables are made from their key's module: `Hashtbl.create (module String)`, ~size:16 if need be."
    if "->" in _top(have) and "->" not in _top(want) and not want.startswith("'"):
        told = await calls.partial(case, have)
        if told:
            return told
    told = _unapplied(one) or _operator(one) or _base(one) or await _format(one) or _wrapper(one) or _shape(one)
    signature = await calls.around(case)
    return "\n".join(filter(None, [told or _conversion(one), signature]))


def _unapplied(one: _Clash) -> str:
    """A function where its result is due."""
    result = _top(one.have).rpartition("->")[2].split()
    if (
        "->" not in _top(one.have)
        or "->" in _top(one.want)
        or result[-1:] != _top(one.want).partition(" = ")[0].split()[-1:]
    ):
        return ""
    return f"{one.words} is a function ({one.have}): apply it first, `({one.words} …)`."


def _top(kind: str) -> str:
    """A type without what stands in parentheses."""
    while True:
        shorter = re.sub(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>-]*>", "_", kind)
        if shorter == kind:
            return kind
        kind = shorter


def _conversion(one: _Clash) -> str:
    have, want = one.have.partition(" = ")[0], one.want.partition(" = ")[0]
    form = _CONVERSIONS.get((have.replace("Re__.Ast.t", "Re__Ast.t"), want))
    if form is None:
        return ""
    text = one.words
    if have == "char" and re.fullmatch(r"'[^'\\]'", text):
        return f'Between strings it is "{text[1]}"; from a char: {form.format(text)}.'
    if (have, want) == ("int", "float") and _LITERAL.match(text):
        return f"Write it `{text}.`; otherwise {form.format('n')}."
    return f"Convert: {form.format(text)}."


def _operator(one: _Clash) -> str:
    """An operand of an operator of the other numbers, or of `+` between strings."""
    operator = _operator_around(one.case)
    if operator == "!" or operator is None:
        return ""
    if operator in _FLOAT_OPERATORS and (one.have, one.want) == ("float", "int"):
        return (
            f"`{operator}` is for integers: floats take `{_FLOAT_OPERATORS[operator]}` (and `float_of_int n` for an integer"
            " among them)."
        )
    if operator in _FLOAT_OPERATORS and one.want == "int" and one.have == "string":
        return f"`{operator}` is for integers: strings are joined with `^` (String.concat for lists)."
    if operator.endswith(".") and (one.have, one.want) == ("int", "float"):
        literal = f"`{one.words}.` for a literal, " if _LITERAL.match(one.words) else ""
        return f"`{operator}` is for floats: {literal}`float_of_int {one.words}`, or the integers' `{operator[0]}`."
    if operator == "^" and one.want == "string":
        return _conversion(one)
    if operator == "@" and "list" in one.want and "list" not in one.have:
        return f"`@` joins lists: `[ {one.words} ]`, or `x :: xs`."
    return ""


def _operator_around(case: Case) -> str | None:
    for node in case.nodes:
        parent = node.parent
        if parent is not None and parent.type == "infix_expression":
            sign = parent.child_by_field_name("operator")
            if sign is not None:
                return case.source.text(sign)
    return None


def _base(one: _Clash) -> str:
    """Base restricts comparison to integers, and gives options where Stdlib raises."""
    base = calls.under_base(one.case)
    if not base:
        return ""
    operator = _operator_around(one.case) or ""
    if one.want == "int" and operator in ("=", "<>", "<", ">", "<=", ">=", "==", "!=") and one.have != "int option":
        module = one.have.rpartition(".")[0] or {
            "string": "String",
            "char": "Char",
            "float": "Float",
            "bool": "Bool",
        }.get(one.have, "M")
        return (
            f"Under `open {base}`, `{operator}` compares integers only: write `{module}.equal a b` (`{module}.compare`), or"
            f" `{module}.(a {operator} b)`; `Poly.equal` for any type."
        )
    if one.have == f"{one.want} option":
        name = _callee_words(one)
        exn = f"`{name}_exn` raises, " if name else ""
        return f"{base} gives an option here: {exn}or match it, or `Option.value … ~default:…`."
    return ""


def _callee_words(one: _Clash) -> str:
    call = one.case.node("application_expression")
    function = callee(call) if call else None
    return one.case.words(function, 40) if function else ""


async def _format(one: _Clash) -> str:
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


def _wrapper(one: _Clash) -> str:
    """Options, results, references, promises: put into one or taken out of one."""
    have, want, text = one.have, one.want, one.words
    if have.endswith(" option") and not want.endswith(" option"):
        return f"It is an option: `match {text} with Some x -> … | None -> …`, or `Option.value {text} ~default:…`."
    if want.endswith(" option") and not have.endswith(" option"):
        return f"An option is expected: `Some {text}`."
    if want.endswith(" result") and not have.endswith(" result"):
        return f"A result is expected: `Ok {text}` (or `Error …`)."
    if have.endswith(" result") and not want.endswith(" result"):
        return f"It is a result: `match {text} with Ok x -> … | Error e -> …`, or Result.bind, Result.get_ok."
    if want.endswith(" ref") and _before(one.case).endswith("!"):
        return f"`!` reads a reference; the negation of a bool is `not {text}`."
    if have.endswith(" ref") and not want.endswith(" ref"):
        return f"{text} is a reference: `!{text}` is the value in it."
    if want.endswith(" ref") and not have.endswith(" ref"):
        return (
            f"{text} is no reference: bind it by `let {text} = ref …`, set it by `{text} := …`, read it by `!{text}`."
        )
    if want.endswith(" Lwt.t") and not have.endswith(" Lwt.t"):
        return f"A promise is expected: `Lwt.return {text}`, or Lwt.map instead of Lwt.bind."
    if have.endswith(" Lwt.t") and not want.endswith(" Lwt.t"):
        return f"It is a promise: `let* x = {text} in …` (open Lwt.Syntax), or Lwt.bind, Lwt.map."
    if want == "exn" and have == "string":
        return f"raise takes an exception: `failwith {text}`, or `raise (Failure {text})`."
    return ""


def _before(case: Case) -> str:
    return case.line(case.diagnostic.line)[: max(case.diagnostic.column - 1, 0)]


def _shape(one: _Clash) -> str:
    """Statements, tuples for lists, modules."""
    have, want = one.have, one.want
    message = " ".join(one.case.message.split())
    if want == "unit" and "no else branch" in message:
        return f"An `if` without `else` gives unit: add `else …`, or drop the value {one.words}."
    if want == "unit" and ("left-hand side of a sequence" in message or "body of" in message):
        name = _callee_words(one)
        each = f"`{name[:-4]}.iter` does it for the effect alone; " if name.endswith(".map") else ""
        return f"Its result is thrown away: {each}or `ignore (…)`, or `let _ = … in`."
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


async def invalid_format(case: Case, match: re.Match[str]) -> str:
    """`invalid format "…"`."""
    return (
        "A percent sign is written `%%`; conversions are %d %s %c %b %f %g %x %a %t (%S and %C quote; %Ld for int64)."
    )


async def pattern_clash(case: Case, match: re.Match[str]) -> str:
    """`This pattern matches values of type A but a pattern was expected which matches values of type B`."""
    have, want = plain(match["have"]), plain(match["want"])
    head = have.rpartition(" ")[2]
    if head == want.rpartition(" ")[2] and have != want and _is_gadt(case, head):
        found = re.search(r"^(\s*)let\s+rec\s+(\w+)(.*?)=", _definition(case), re.MULTILINE)
        name = found[2] if found else "eval"
        return (
            f"A function over a GADT needs a polymorphic annotation:"
            f" `let rec {name} : type a. a {head} -> … = function …` (`type a. a {head} -> a` if it gives what it holds)."
        )
    if have.endswith(" option") or want.endswith(" option"):
        return "One side is an option: match `Some x` and `None`."
    return _outer(case)


def _definition(case: Case) -> str:
    """The source from the start of the definition around the finding to the finding."""
    before = case.lines[: case.diagnostic.line]
    starts = [number for number, line in enumerate(before) if re.match(r"\s*let\b.*=\s*(?:function)?", line)]
    return "\n".join(before[starts[-1] if starts else 0 :])


def _is_gadt(case: Case, head: str) -> bool:
    name = re.escape(head.rpartition(".")[2])
    return bool(re.search(rf":[^=|\n]*->[^=|\n]*\b{name}\b", case.text))


def _outer(case: Case) -> str:
    match = [
        up
        for node in case.nodes[:1]
        for up in ancestors(node)
        if up.type in ("match_expression", "function_expression")
    ]
    if len(match) < 2:
        return ""
    inner, outer = match[0].start_point[0] + 1, match[1].start_point[0] + 1
    return (
        f"It is read as a case of the inner match of line {inner}, which has no end of its own. If it belongs to the match of"
        f" line {outer}, put the inner one in parentheses (or begin … end)."
    )


async def wrong_pattern(case: Case, match: re.Match[str]) -> str:
    """`This variant pattern is expected to have type t. There is no constructor C within type t`."""
    told = _outer(case)
    definition = await shapes.type_of(case, re.sub(r".*[)\s]", "", plain(match["type"])))
    return " ".join(filter(None, [told, definition]))
