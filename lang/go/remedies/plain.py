"""Findings whose remedy is the same for every program: a table of patterns and of what to do."""

from __future__ import annotations

import re

_TABLE: tuple[tuple[str, str], ...] = (
    (r"^no new variables on left side of :=", "All of them are declared in this scope already: assign with =."),
    (
        r"^declared and not used: (?P<name>\w+)",
        "Use {name}, or assign to _. A := in an inner block declares a new {name} and leaves the outer one alone.",
    ),
    (
        r"^missing return",
        "A path through the function ends without return: add one (or a panic) before the closing brace.",
    ),
    (
        r"^(?:invalid operation: )?.* \(mismatched types (?:int|int64|float64|int32|uint64) and time\.Duration\)",
        "Convert: time.Duration(n) * time.Second.",
    ),
    (
        r"^(?:invalid operation: )?.* \(mismatched types time\.Duration and (?:int|int64|float64|int32|uint64)\)",
        "Convert: time.Duration(n) * time.Second.",
    ),
    (
        r"^(?:cannot use )?.*(?:passes|copies|copy of|return copies) lock|lock by value",
        "Use a pointer: *T as parameter, receiver and element, &v for the value.",
    ),
    (
        r"^missing go\.sum entry",
        "Nothing to write by hand: `go mod tidy`, which runs before every check, completes go.sum.",
    ),
    (r"^updates to go\.mod needed", "`go mod tidy` brings go.mod up to date."),
    (
        r"^found packages (?P<one>\w+) \((?P<file>\S+)\) and (?P<two>\w+) \((?P<other>\S+)\) in",
        "A directory holds one package: write one package clause in {file} and {other}, or move one to a directory of "
        "its own. Only _test.go files may say {one}_test.",
    ),
    (
        r"^cannot call pointer method (?P<method>\w+) on",
        "{method} has a pointer receiver: call it on a variable or &value; map elements and results have no address.",
    ),
    (
        r"^cannot assign to struct field (?P<field>.+) in map",
        "Map elements have no address: copy (v := m[k]), change v, put it back (m[k] = v); or store pointers.",
    ),
    (
        r"^implicit function instantiation requires|^embedding .* requires|requires go(?P<version>\d+\.\d+) or later",
        "go.mod's go directive sets the language version: write go {version} (or later) there, or do without.",
    ),
    (r"^invalid recursive type", "A struct can't hold itself: make the field a pointer or a slice."),
    (
        r"^initialization cycle",
        "Package variables refer to each other in a circle: set one of them in a function or in init.",
    ),
    (
        r"^(?P<name>\S+) \(type\) is not an expression",
        "A value is wanted: {name}{{}} for a struct, or a conversion {name}(v).",
    ),
    (
        r"^method must have no type parameters|^methods cannot have type parameters",
        "Methods take no type parameters: put them on the type, or write a function.",
    ),
    (r"^cannot use generic type (?P<name>\S+?)\[.*without instantiation", "Give its type arguments: {name}[T]."),
    (r"^cannot use generic function (?P<name>\S+) without instantiation", "Give its type arguments: {name}[T]."),
    (
        r"^label (?P<name>\w+) defined and not used",
        "Remove the label, or name it: break {name}, continue {name}.",
    ),
    (r"^(?:loop variable|range var)", "Since go 1.22 each iteration has its own variable."),
    (r"^result of (?:fmt\.Errorf|errors\.New|append|fmt\.Sprintf) call not used", "Assign or return the result."),
    (
        r"^the cancel function (?:returned by|is not used)|^the cancel function is not used",
        "defer cancel() right after it.",
    ),
    (
        r"^struct field tag",
        'A tag is written `json:"name,omitempty"`: no blank after the colon, pairs parted by one blank.',
    ),
    (r"^self-assignment of", "Perhaps a parameter hides the field: s.x = x."),
    (r"^unreachable code", "Remove it, or the return before it."),
    (
        r"^missing function body|^unexpected semicolon or newline before \{",
        "The opening brace stands on the line of func.",
    ),
    (
        r"^non-declaration statement outside function body",
        "Only declarations stand outside of functions: var x = …, not x := ….",
    ),
)
_COMPILED = tuple((re.compile(pattern, re.DOTALL), text) for pattern, text in _TABLE)


def remark(message: str) -> str:
    """Return what to do about a finding of a well-known kind; empty for others."""
    for pattern, text in _COMPILED:
        match = pattern.search(message)
        if match:
            return text.format(**{key: value or "" for key, value in match.groupdict().items()})
    return ""
