"""Which remedy a message gets: its pattern, and the function that knows more."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from lang.analysis import Bench, Symbols
from lang.base import Diagnostic, Project
from lang.ocaml.remedies import (
    build_files,
    calls,
    grammar,
    interfaces,
    modules,
    patterns,
    rewriters,
    shapes,
    types,
    values,
    warnings,
)
from lang.ocaml.remedies.case import Case

_LIMIT = 700
_Treat = Callable[[Case, re.Match[str]], Awaitable[str]]

_RULES: tuple[tuple[str, _Treat], ...] = (
    (r"Unbound value (?P<name>\( ?\S+ ?\)|\S+)", values.unbound_value),
    (r"Unbound module (?:type )?(?P<name>[\w.']+)", modules.unbound_module),
    (r"Unbound constructor (?P<name>[\w.']+)", shapes.unbound_constructor),
    (r"Unbound record field (?P<name>[\w.']+)", shapes.unbound_field),
    (r"Unbound type constructor (?P<name>[\w.']+)", shapes.unbound_type),
    (r"There is no field (?P<name>\S+) within type (?P<type>.+)$", shapes.no_such_field),
    (r"has type (?P<type>.+?) It has no method (?P<name>\w+)", shapes.no_such_method),
    (r"Some record fields are undefined: (?P<names>.+)$", shapes.missing_fields),
    (r"The record field (?P<name>\S+) is not mutable", shapes.not_mutable),
    (r"The type constructor (?P<name>\S+) expects (?P<wanted>\d+) argument", shapes.type_arity),
    (
        r"The constructor (?P<name>\S+) expects (?P<wanted>\d+) argument.*applied here to (?P<given>\d+)",
        shapes.constructor_arity,
    ),
    (r"^The constructor `\w+ has type .*does not allow tag\(s\) (?P<tag>`\w+)", shapes.variant_tag),
    (r"has type (?P<type>.+?) It is applied to too many arguments", calls.too_many),
    (r"has type (?P<type>.+?) This is not a function; it cannot be applied", calls.not_a_function),
    (r"cannot be applied (?:with label (?P<label>\S+)|without label)", calls.wrong_label),
    (r"labels? (?P<labels>[\w, ]+?) (?:was|were) omitted", calls.label_omitted),
    (r"this argument will not be used by the function", calls.ignored_argument),
    (r"this optional argument cannot be erased", calls.not_erasable),
    (r"invalid format", patterns.invalid_format),
    (r"should not be a constructor, the expected type is (?P<type>.+)$", types.not_a_constructor),
    (r"should not be a function, the expected type is (?P<type>.+)$", types.not_a_function_literal),
    (
        r"pattern matches values of type (?P<have>.+?) but a pattern was expected which matches values of type"
        r" (?P<want>.+?)(?: Type .*)?$",
        patterns.pattern_clash,
    ),
    (r"pattern is expected to have type (?P<type>.+?) There is no constructor", patterns.wrong_pattern),
    (r"is expected to have type (?P<type>.+?) There is no field (?P<name>\S+) within type", shapes.no_such_field),
    (r"has type .+ but an? (?:expression|pattern|term) was expected of type", types.clash),
    (r"does not match the interface|Signature mismatch|Modules do not match", interfaces.mismatch),
    (r"The type of this expression, (?P<type>.+?), contains the non-generalizable", interfaces.weak_type),
    (r"The type variable (?P<name>'\w+) is unbound in this type declaration", shapes.unbound_variable),
    (r"Uninterpreted extension '(?P<name>[\w.]+)'", rewriters.unknown_extension),
    (r"unused open", warnings.unused_open),
    (r"unused rec flag", warnings.unused_rec),
    (r"unused variable (?P<name>\S+)|variable (?P<other>\S+) is never", warnings.unused),
    (r"unused (?P<what>value) (?P<name>\S+)", warnings.unused_value),
    (r"record (?P<what>field) (?P<name>\S+) is never", warnings.unused_type),
    (
        r"(?:unused )?(?P<what>constructor|type|module|exception) (?P<name>\S+?)(?: is never|\.$|$)",
        warnings.unused_type,
    ),
    (r"pattern-matching is not exhaustive", warnings.partial_match),
    (r"this match case is unused", warnings.unused_case),
    (r"should have type unit|this statement never returns", warnings.statement),
    (r"deprecated", warnings.deprecated),
    (r"Syntax error", grammar.syntax_error),
    (r'Library "(?P<name>[^"]+)" not found', build_files.no_library),
    (r'Unknown (?:field|constructor|stanza) (?P<name>"[^"]+"|\S+)', build_files.unknown_field),
    (r'Module "(?P<name>\w+)" doesn\'t exist', build_files.no_module),
    (r"is used in several stanzas|Could not find the \.cmi file for interface", build_files.shared_modules),
    (r"no opam packages are defined|You cannot declare items to be installed", build_files.no_package),
    (r"No rule found for (?P<name>\S+)", build_files.no_rule),
    (r"Invalid first line, expected: \(lang", build_files.no_language),
    (r"unclosed parenthesis", build_files.parentheses),
    (r"Version \S+ of the dune language is not supported", build_files.language_version),
    (r"Atom or quoted string expected", build_files.atom_expected),
    (r"No implementations? provided for the following modules?: (?P<name>\w+)", build_files.not_linked),
    (r"The (?P<name>\w+) subdirectory has been automatically added", build_files.auto_included),
    (r"Module (?P<user>\w+) in directory \S+ depends on (?P<main>\w+)", modules.own_library),
    (r"Dependency cycle between", modules.cycle),
)
_COMPILED = tuple((re.compile(pattern, re.DOTALL), treat) for pattern, treat in _RULES)


async def remedy(diagnostic: Diagnostic, symbols: Symbols, bench: Bench, project: Project) -> str:
    """Return what one needs to mend a finding, in a few lines; empty where its message says all.

    Raises nothing but what the bench raises: the container's death.
    """
    flat = " ".join(diagnostic.message.split())
    found = next(((treat, match) for pattern, treat in _COMPILED if (match := pattern.search(flat))), None)
    if found is None:
        return ""
    treat, match = found
    text = await bench.read(diagnostic.path) if diagnostic.path else ""
    case = Case(diagnostic=diagnostic, text=text or "", symbols=symbols, bench=bench, project=project)
    said = (await treat(case, match)).strip()
    return said if len(said) <= _LIMIT else f"{said[: _LIMIT - 1].rstrip()}…"
