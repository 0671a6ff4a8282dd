"""Findings whose remedy is the same for every program: a table of patterns and of what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping

TABLE: tuple[tuple[str, str], ...] = (
    # Declarations and assignments
    (r"^no new variables on left side of :=", "All of them are declared in this scope already: assign with =."),
    (r"^missing return", "A path through the function ends without a return: add one, or a panic, before this brace."),
    (
        r"^cannot assign to struct field .+ in map",
        "Map elements have no address: copy (v := m[k]), change v, put it back (m[k] = v); or store pointers.",
    ),
    (
        r"^cannot assign to (?P<text>\w+)\[.*neither addressable nor a map index",
        "Strings can't be changed: b := []byte({text}), change b, string(b).",
    ),
    (r"^append\(.* is not used|\(value of type \[\]\S+\) is not used", "Assign the result: s = append(s, …)."),
    (r"^initialization cycle", "Package variables refer to each other in a circle: set one of them in init."),
    (r"^label (?P<name>\w+) defined and not used", "Remove the label, or name it: break {name}, continue {name}."),
    # Types
    (
        r"mismatched types (?:u?int\w*|float64) and time\.Duration|mismatched types time\.Duration and (?:u?int|float)",
        "Convert: time.Duration(n) * time.Second.",
    ),
    (
        r"^cannot use .* of type (?:float\d+|int\d*)\) as time\.Duration",
        "Convert: time.Duration(x * float64(time.Second)).",
    ),
    (r"mismatched types int\d* and float64|mismatched types float64 and int\d*", "Convert one side: float64(n)."),
    (
        r"mismatched types (?P<type>(?!bool|string|u?int|float)[\w.]+) and untyped nil",
        "{type} is no pointer and never nil. To know whether a map holds a key: v, ok := m[k].",
    ),
    (
        r"^cannot use nil as (?P<type>[\w.]+) value in return",
        "{type} is no pointer: return its zero value, {type}{} for a struct.",
    ),
    (r"iter\.Seq\[.* as \[\]", "slices.Sorted(seq) or slices.Collect(seq) makes a slice of it."),
    (r"is pointer to interface, not interface", "Interfaces are passed as they are: declare the type without the *."),
    (
        r"^cannot call pointer method (?P<method>\w+) on",
        "{method} has a pointer receiver: call it on a variable; map elements and results have no address.",
    ),
    (r"^invalid recursive type", "A struct can't hold itself: make the field a pointer or a slice."),
    (
        r"^(?P<name>\S+) \(type\) is not an expression",
        "A value is wanted: {name}{} for a struct, or a conversion {name}(v).",
    ),
    # Generics
    (r"type parameter (?P<name>\w+) cannot use operator [<>+]", "Constrain it: [{name} cmp.Ordered]."),
    (r"incomparable types in type set", "Constrain the type parameter: [T comparable]."),
    (
        r"^cannot use generic (?:type|function) (?P<name>\w+)\S* .*without instantiation|^cannot use generic type "
        r"(?P<other>\w+)\[.*without instantiation",
        "Give its type arguments: {name}{other}[T].",
    ),
    (
        r"^method must have no type parameters|^methods cannot have type parameters",
        "Methods take no type parameters: put them on the type, or write a function.",
    ),
    # What the standard library hasn't got
    (
        r"^undefined: (?:slices|maps)\.(?P<name>Map|Filter|Reduce|Any|Find|ForEach|GroupBy|Uniq|FlatMap)$",
        "The standard library has no {name} over slices: write a loop.",
    ),
    (r"^undefined: errors\.(?:Wrap|Wrapf|Errorf|WithMessage|WithStack)$", 'Wrap: fmt.Errorf("loading: %w", err).'),
    (r"^undefined: errors\.Cause$", "errors.Is(err, target) and errors.As(err, &target) look through wrapped errors."),
    # Syntax
    (r"^invalid character U\+003F '\?'", "Go has no ?: operator: write if and else."),
    (
        r"^syntax error: unexpected name \w+ at end of statement",
        "Was a loop meant: for condition { … }; there is no while, do or foreach.",
    ),
    (
        r"^(?:syntax error: )?unexpected semicolon or newline before \{|^missing function body",
        "The opening brace stands on the same line as func, if or for.",
    ),
    (
        r"^(?:syntax error: )?non-declaration statement outside function body",
        "Outside of functions are only declarations (var x = …, not x := …): perhaps a brace closes too early.",
    ),
    # Modules and packages
    (
        r"requires go(?P<version>\d+\.\d+) or later",
        "go.mod's go directive sets the language version: write go {version} (or later) there, or do without.",
    ),
    (
        r"requires go >= \S+ \(running go (?P<version>\d+\.\d+)",
        "Write go {version} in go.mod: no other toolchain is here.",
    ),
    (r"^invalid go version", "Write it as go 1.N or go 1.N.P, without a v."),
    (r"^updates to go\.mod needed", "`go mod tidy`, which runs before the final check, brings go.mod up to date."),
    (r"^use of internal package \S+ not allowed", "Only code below the parent of internal may import it."),
    (
        r"^found packages (?P<one>\w+) \((?P<file>\S+)\) and (?P<two>\w+) \((?P<other>\S+)\) in",
        "A directory holds one package: write one package clause in {file} and {other}, or move one to a directory of "
        "its own. Besides, _test.go files may say PACKAGE_test.",
    ),
    # Vet
    (r"(?:passes|copies|copy of|return copies) lock", "Use a pointer: receivers, parameters and elements of type *T."),
    (r"^the cancel function", "ctx, cancel := …; defer cancel(). Or return cancel to the caller."),
    (
        r"^struct field tag",
        'A tag is written `json:"name,omitempty"`: no blank after the colon, one blank between pairs.',
    ),
    (r"yields a string of one rune", "strconv.Itoa(n), or fmt.Sprint(n)."),
    (r"^result of \S+ call not used", "Assign or return the result."),
    (r"^self-assignment of", "Perhaps a parameter hides the field: s.x = x."),
)
_FIELD = re.compile(r"\{(\w+)\}")
_COMPILED = tuple((re.compile(pattern, re.DOTALL), text) for pattern, text in TABLE)


def remark(message: str) -> str:
    """Return what to do about a finding of a well-known kind; empty for others."""
    for pattern, text in _COMPILED:
        match = pattern.search(message)
        if match:
            return _filled(text, match.groupdict(default=""))
    return ""


def _filled(text: str, groups: Mapping[str, str]) -> str:
    """Put what the pattern found in place; other braces are Go's."""
    return _FIELD.sub(lambda field: groups[field[1]], text)
