"""From the type that an expression has to the one that is expected: conversions, operators, wrapping, unwrapping."""

from __future__ import annotations

import re

from lang.ocaml.remedies.clash import Clash

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
_FLOAT_OPERATORS = {"+": "+.", "-": "-.", "*": "*.", "/": "/."}


def conversion(one: Clash) -> str:
    """The function between two types of the standard library."""
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


def operand(one: Clash) -> str:
    """An operand of an operator of the other numbers, or of `+` between strings."""
    operator = one.operator
    if operator in _FLOAT_OPERATORS and (one.have, one.want) == ("float", "int"):
        return (
            f"`{operator}` is for integers: floats take `{_FLOAT_OPERATORS[operator]}` (and `float_of_int n` for an"
            " integer among them)."
        )
    if operator in _FLOAT_OPERATORS and one.want == "int" and one.have == "string":
        return f"`{operator}` is for integers: strings are joined with `^` (String.concat for lists)."
    if operator.endswith(".") and (one.have, one.want) == ("int", "float"):
        literal = f"`{one.words}.` for a literal, " if _LITERAL.match(one.words) else ""
        return f"`{operator}` is for floats: {literal}`float_of_int {one.words}`, or the integers' `{operator[0]}`."
    if operator == "^" and one.want == "string":
        return conversion(one)
    if operator == "@" and "list" in one.want and "list" not in one.have:
        return f"`@` joins lists: `[ {one.words} ]`, or `x :: xs`."
    return ""


def wrapper(one: Clash) -> str:
    """Options, results, references, promises: put into one or taken out of one."""
    have, want, text = one.have, one.want, one.words
    if have.endswith(" option") and want.endswith(" result"):
        return f"An option among results: `Option.to_result ~none:error {text}` (`Result.to_option` back)."
    if have.endswith(" option") and not want.endswith((" option", "->")) and "->" not in want:
        return f"It is an option: `match {text} with Some x -> … | None -> …`, or `Option.value {text} ~default:…`."
    if want.endswith(" option") and not have.endswith(" option"):
        return f"An option is expected: `Some {text}`."
    if want.endswith(" result") and not have.endswith(" result"):
        return f"A result is expected: `Ok {text}` (or `Error …`)."
    if have.endswith(" result") and not want.endswith(" result"):
        return f"It is a result: `match {text} with Ok x -> … | Error e -> …`, or Result.bind, Result.get_ok."
    if want.endswith(" ref") and one.before.endswith("!"):
        return f"`!` reads a reference; the negation of a bool is `not {text}`."
    if have.endswith(" ref") and not want.endswith(" ref"):
        return f"{text} is a reference: `!{text}` is the value in it."
    if want.endswith(" ref") and not have.endswith(" ref"):
        return (
            f"{text} is no reference: bind it by `let {text} = ref …`, set it by `{text} := …`, read it by `!{text}`."
        )
    if want.endswith(" Lwt.t") and not have.endswith(" Lwt.t"):
        return f"A promise is expected: `Lwt.return {text}`, or Lwt.map instead of Lwt.bind."
    if have.endswith(" Lwt.t") and not want.endswith(" Lwt.t") and "->" not in want:
        return f"It is a promise: `let* x = {text} in …` (open Lwt.Syntax), or Lwt.bind, Lwt.map."
    if want == "exn" and have == "string":
        return f"raise takes an exception: `failwith {text}`, or `raise (Failure {text})`."
    return ""
