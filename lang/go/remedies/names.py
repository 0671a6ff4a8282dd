"""Names that aren't there: undefined, not exported, no such field or method. The answer lists what is near."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Sequence

from lang.go.remedies.declarations import Declaration, Package
from lang.go.remedies.nearness import CLEAR_LIKENESS, likeness, listing, nearest, useful
from lang.go.remedies.question import Question

_FEW = 12
"""Members that a type may have to be listed whole where none is near."""
_LOCAL = re.compile(r"[A-Za-z_]\w*")
_FEW_PACKAGES = 2
"""A name that more packages export says nothing about what was meant."""
_ODD_PACKAGES = ("io/ioutil", "syscall", "expvar")
_KINDS = re.compile(r"^(\[\]|map\[|chan |func\(|<-chan |\[\d)")
_LITERAL_LEAST = 0.7

# The standard library's exported names, as the toolchain keeps them for its compatibility promise.
_STANDARD = r"""
cat "$(go env GOROOT)"/api/go1*.txt 2>/dev/null |
    sed -nE "s/^pkg ([a-z0-9/]+)(, | \([^)]*\), )(func|type|var|const) $1([^A-Za-z0-9_].*|)\$/\1/p" | sort -u
"""

# The packages that are called $1: standard, of the project, of the modules in go.mod.
_CALLED = r"""
{ go list -find -f '{{.Name}} {{.ImportPath}}' std
  go list -e -find -f '{{.Name}} {{.ImportPath}}' ./...
  awk '/^require \(/ { block = 1; next } block && /^\)/ { block = 0 }
       block && /^\t[a-z]/ { print $1 "/..." } /^require [^(]/ { print $2 "/..." }' go.mod |
      xargs -r go list -e -find -f '{{.Name}} {{.ImportPath}}'
} 2>/dev/null | awk -v name="$1" '$1 == name && ("/" $2 "/") !~ /\/(internal\/[^\/]*|vendor)\/.*\/v[0-9]/ { print $2 }'
"""


async def in_package(question: Question, qualifier: str, name: str) -> str:
    """`undefined: strings.Contain`: near names of that package, and which other package has this one."""
    path = await question.import_path(qualifier)
    package = await question.package(path)
    if not path or not package.declarations:
        return await qualifier_of(question, qualifier, name)
    hidden = next((one for one in package.declarations if not one.owner and one.name == name), None)
    near = nearest(name, package.top(exported=True))
    where = [] if near and likeness(name, near[0].name) >= CLEAR_LIKENESS else await _standard(question, name)
    told = [f"{name} is in {', '.join(where)}."] if where else []
    if hidden is not None and not hidden.exported:
        told.append(f"{hidden.signature} is not exported by {path}.")
    told.append(listing(f"{path} has", near))
    others = [one for one in package.top(exported=True) if one.kind in ("func", "type")]
    if not any(told):
        told.append(listing(f"{path} has no {name}. It has", (), others))
    return "\n".join(filter(None, told))


async def _standard(question: Question, name: str) -> list[str]:
    """Return the standard packages that export this very name."""
    if not name[:1].isupper():
        return []
    found = (await question.run("sh", "-c", _STANDARD, "standard", name)).split()
    public = [path for path in found if path not in _ODD_PACKAGES]
    return public if len(public) <= _FEW_PACKAGES else []


async def not_exported(question: Question, name: str, qualifier: str) -> str:
    """`name total not exported by package cart`."""
    path = await question.import_path(qualifier.rpartition("/")[2]) if "/" not in qualifier else qualifier
    package = await question.package(path)
    near = nearest(name, package.top(exported=True)) or nearest("New" + name, package.top(exported=True))
    others = [one for one in package.top(exported=True) if one.kind in ("func", "type")]
    exported = listing(f"{path or qualifier} exports", near, () if near else others)
    hidden = package.named(name)
    return "\n".join(filter(None, (exported, f"Unexported there: {hidden.signature}" if hidden else "")))


async def in_type(question: Question, type_text: str, name: str) -> str:
    """`x.F undefined (type T has no field or method F)`: near fields and methods."""
    if _KINDS.match(type_text.lstrip("*")):
        return _unnamed_type(type_text)
    members = await question.members(name)
    package, bare = await question.type_of(type_text)
    own = package.path.startswith(".")
    # The server knows what embedded types bring, too; `go doc` has the documentation of them all.
    members = members or package.members(bare)
    return _members(type_text.lstrip("*").replace('"', ""), name, [one for one in members if one.exported or own])


def _unnamed_type(type_text: str) -> str:
    plain = type_text.lstrip("*")
    if type_text.startswith("*"):
        return f"Write (*x) to reach the {plain} behind the pointer; it has no fields or methods."
    if plain.startswith("[]"):
        return "A slice has no methods: len(s), append(s, v), s[i:j], range; package slices (Contains, Sort, Index…)."
    if plain.startswith("map["):
        return "A map has no methods: len(m), m[k], v, ok := m[k], delete(m, k), range; package maps (Keys, Clone…)."
    return f"{plain} has no fields or methods."


def _members(type_text: str, name: str, members: Sequence[Declaration]) -> str:
    members = useful(members)
    exact = [one for one in members if one.name.lower() == name.lower() and one.name != name]
    near = exact[:1] or nearest(name, members)
    if exact:
        return listing(f"{type_text} has", near)
    strong = bool(near) and likeness(name, near[0].name) >= CLEAR_LIKENESS
    others = () if strong else members
    if not near and len(members) <= _FEW // 2:
        return listing(f"{type_text} has only", list(members)) or (f"{type_text} has no fields or methods.")
    return listing(f"{type_text} has", near, others)


async def in_literal(question: Question, name: str, type_text: str) -> str:
    """`unknown field F in struct literal of type T`: the fields that there are."""
    package, bare = await question.type_of(type_text)
    own = package.path.startswith(".")
    fields = [one for one in useful(package.members(bare)) if one.kind == "field" and (one.exported or own)]
    near = nearest(name, fields, _LITERAL_LEAST) or ([] if len(fields) > _FEW else nearest(name, fields))
    if not fields and package.declarations:
        makers = [one for one in package.top(exported=True) if one.name.startswith("New")]
        return listing(f"{type_text} has no exported fields. To make one:", nearest(f"New{bare}", makers, 0.3))
    if len(fields) <= 4:
        return listing(f"{type_text} has only the fields", fields)
    return listing(f"{type_text} has", near, fields)


async def bare(question: Question, name: str) -> str:
    """`undefined: name`: a missing import, a near name in file or package, or who else exports it."""
    qualified = await _selected(question, name)
    if qualified:
        return await qualifier_of(question, name, qualified)
    package = await question.own_package()
    tested = await _tested(question, package, name)
    if tested:
        return tested
    near = nearest(name, package.top(exported=False), 0.65)
    local = await _locals(question, name, {one.name for one in package.declarations})
    told: list[str] = []
    if local:
        told.append(f"In this file: {', '.join(local)}.")
    told.append(listing("This package has", near))
    if not near or likeness(name, near[0].name) < CLEAR_LIKENESS:
        told.append(await _exporters(question, name))
    methods = [one for one in package.declarations if one.owner and one.name == name]
    if methods:
        told.append(f"{name} is a {methods[0].kind} of {methods[0].owner}: {methods[0].signature}")
    return "\n".join(filter(None, told))


async def _tested(question: Question, package: Package, name: str) -> str:
    """Return how a test in a package of its own names what it tests."""
    clause = re.search(r"^package (\w+)_test\b", await question.source(), re.MULTILINE)
    found = package.named(name)
    if clause is None or found is None:
        return ""
    if not found.exported:
        return (
            f"{clause[1]}_test sees only what {clause[1]} exports: write package {clause[1]} to test {found.signature}."
        )
    path = posixpath.normpath(posixpath.join(await question.module(), question.directory))
    return f'This is package {clause[1]}_test: {clause[1]}.{found.signature}, import "{path}".'


async def _selected(question: Question, name: str) -> str:
    """Return what the source selects from the name, if it stands as a qualifier there."""
    lines = (await question.source()).splitlines()
    if not 0 < question.diagnostic.line <= len(lines):
        return ""
    match = re.search(rf"(?<![\w.]){re.escape(name)}\.(\w+)", lines[question.diagnostic.line - 1])
    return match[1] if match else ""


async def _locals(question: Question, name: str, known: set[str]) -> list[str]:
    """Return names of the file that are a slip away and not the package's: parameters and variables."""
    counted = set(_LOCAL.findall(await question.source())) - known - {name}
    likely = [(likeness(name, one), one) for one in counted if len(one) > 1]
    fitting = [pair for pair in likely if pair[1][:1].isupper() == name[:1].isupper()]
    return [one for ratio, one in sorted(fitting, reverse=True) if ratio >= CLEAR_LIKENESS][:2]


async def _exporters(question: Question, name: str) -> str:
    """Return where an exported name may come from: the file's imports, else the standard library."""
    if not name[:1].isupper():
        return ""
    imports = dict(list((await question.imports()).items())[:8])
    packages = await asyncio.gather(*(question.package(path) for path in imports.values()))
    found = [
        f"{alias}.{one.signature}" if one.kind == "func" else f"{alias}.{one.name} ({one.signature})"
        for alias, package in zip(imports, packages, strict=True)
        if (one := package.named(name)) is not None
    ]
    if found:
        return f"Meant may be {'; '.join(found)}"
    standard = await _standard(question, name)
    return f"{name} is in {', '.join(standard)}." if standard else ""


async def qualifier_of(question: Question, qualifier: str, name: str) -> str:
    """`undefined: yaml` before a selector: which package of that name has what is selected."""
    paths = list(dict.fromkeys((await question.run("sh", "-c", _CALLED, "called", qualifier)).split()))
    packages = await asyncio.gather(*(question.package(path) for path in paths[:5]))
    having = [(package, one) for package in packages if (one := package.named(name)) is not None]
    if having:
        told = [f'import "{package.path}" ({one.line})' for package, one in having]
        return "\n".join(["Not imported:", *(f"  {line}" for line in told)])
    if paths:
        nears = ((package.path, nearest(name, package.top(exported=True))) for package in packages)
        told = [f"{path} has {', '.join(one.signature for one in near)}" for path, near in nears if near]
        return "\n".join((f"Not imported, and {name} isn't in {', '.join(paths[:5])}.", *told))
    local = await _locals(question, qualifier, set())
    near_local = f"In this file: {', '.join(local)}. " if local else ""
    return (
        f"{near_local}No package {qualifier} in the standard library, this module or those that go.mod requires; "
        f"if it is a library: add_dependency, then import it."
    )
