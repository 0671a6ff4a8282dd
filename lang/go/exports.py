"""What a Go package offers, in brief: constructors and the main types in full, the rest by name."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence

from lang.base import Project, Step
from lang.go.printed import FUNCTION, METHOD, TYPE, Package, Type, read, sentence

_FULL_CHARACTERS = 2750
_NAMES_CHARACTERS = 400
_VALUES_CHARACTERS = 160
_TYPE_METHODS = 8
_LEAST_METHODS = 4
_CONSTRUCTORS = 6
_FEW_TYPES = 12
_USED_CONSTRUCTORS = 2
"""The same where it is known which of them are used, in packages of more than `_FEW_TYPES`."""
_ALIKE_METHODS = 4
_USE = 8.0
_ROOM = 0.05
"""How much a character costs of a block's weight, up to `_LARGE` of them."""
_LARGE = 250
_TOO = 12
_PACKAGES = 10
_ASIDE = re.compile(
    r"internal|cmd|examples?|tests?|testing|testdata|mocks|bench|benchmarks?|hack|scripts|docs|demo|fuzz|e2e|"
    r"vendor|[_.].*|.*(test|mocks)"
)

# A module's root need not be a package (golang.org/x/sync), or has nothing to call (testify).
_SHOW = r"""
# How often examples, the README and the module's other packages use each name.
uses() {
    [ -d "$2" ] && [ -d "$3" ] || return 0
    {
        cat "$2"/example*_test.go "$2"/README.md "$3"/README.md 2>/dev/null
        sed -n '/^func Example/,/^}/p' "$2"/*_test.go 2>/dev/null
        find "$3" -name '*.go' 2>/dev/null | head -n 600 | xargs grep -ohE "\b$1\.[A-Z][A-Za-z0-9_]*" 2>/dev/null
    } | grep -oE '\b[A-Z][A-Za-z0-9_]*' |
        sort | uniq -c | sort -rn | head -n 400 | awk '{ print $2, $1 }'
}
export GOFLAGS="${GOFLAGS:-} -mod=readonly"
name=$(go list -find -f '{{.Name}}' "$1" 2>/dev/null)
echo "bactrian-doc: $name"
[ -z "$name" ] || go doc -all "$1" 2>/dev/null
echo 'bactrian-uses:'
[ -z "$name" ] || uses "$name" $(
    go list -find -f '{{.Dir}} {{if .Module}}{{.Module.Dir}}{{else}}{{.Dir}}{{end}}' "$1" 2>/dev/null)
echo 'bactrian-packages:'
[ -z "$2" ] || go list -e -find -f '{{.ImportPath}}|{{.Name}}|{{join .Imports " "}}|{{.Doc}}' "$2/..." 2>/dev/null
"""

FOUND = "bactrian-exports: "

# What the project does not require is looked at in a module of its own, which leaves the project as it is. A package to
# be made in the project's own module is nobody's.
_FETCH = r"""
outside() {
    case ${1%%/*} in *.*) ;; *) return 1 ;; esac
    own=$(go list -m 2>/dev/null) || own=
    case $1/ in "${own:-.}"/*) return 1 ;; esac
    required=$1 version=
    while [ -n "$own" ] && [ -z "$version" ]; do
        version=$(go list -m -f '{{.Version}}' "$required" 2>/dev/null)
        case $required in */*) required=${required%/*} ;; *) break ;; esac
    done
    work=$(mktemp -d) || return 1
    trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
    export GOWORK=off
    cd "$work" && go mod init outside 2>/dev/null || return 1
    GOPROXY=$proxy GIT_TERMINAL_PROMPT=0 timeout 20 go get "$1@${version:-latest}" 2>/dev/null
}
proxy=$(go env GOPROXY | sed 's/[,|]direct//g; s/[,|]off//g')
export GOPROXY=off
go list -find "$1" >/dev/null 2>&1 || go list -m -f '{{.Dir}}' "$1" 2>/dev/null | grep -q . || outside "$1" || exit 1
"""

_FIND = r"""
module=$(go list -find -f '{{with .Module}}{{.Path}} {{.Version}}{{end}}' "$1" 2>/dev/null) || {
    # One that is not downloaded has no directory.
    module=$(go list -m -f '{{if .Dir}}{{.Path}} {{.Version}}{{end}}' "$1" 2>/dev/null)
    [ -n "$module" ] || exit 1
}
printf 'bactrian-exports: %s %s\n' "$1" "$module"
# The module's other packages, which take long to list, are told where the path itself is no package.
if go list -find "$1" >/dev/null 2>&1; then set -- "$1" ""; else set -- "$1" "${module%% *}"; fi
"""

_CONSTRUCTOR = re.compile(
    r"(Must)?(New|Open|Dial|Connect|Parse|Load|Read|Write|Default|Marshal|Unmarshal|Decode|Encode)"
)
_PLAIN = re.compile(
    r"(Go)?String|Error|Format|Is|As|Unwrap|(Unm|M)arshal(JSON|Text|Binary|YAML)|Scan|Value|Len|Less|Swap|"
    r"Gob(En|De)code|Proto(Message|Reflect)|Descriptor|Reset"
)
_OPTIONS = re.compile(r"(?:Opts|Options?|Config|Settings|Params)$")
_WORD = re.compile(r"\b[A-Z]\w*\b")


def show(project: Project, package: str, module: str) -> Step:
    """Print a package's documentation, and which packages its module has."""
    return Step(argv=("sh", "-c", _SHOW, "exports", package, module), cwd=project.root, timeout_s=60.0)


def brief(package: str, module: str, printed: str) -> str:
    """Return what `show` printed, in 4 kB at most."""
    documented, _, listed = printed.partition("bactrian-packages:\n")
    documented, _, used = documented.partition("bactrian-uses:\n")
    head, _, pages = documented.partition("\n")
    name = head.removeprefix("bactrian-doc:").strip()
    found = read(pages)
    others = _others(package, module, listed)
    if name == "main":
        return "It is a program, not a package to import: `go run` runs it, `go get -tool` keeps it in go.mod."
    if not name or not (found.functions or found.types or found.values):
        return "Its packages:\n" + "\n".join(others) if others else ""
    called = f"package {name}" if package.rpartition("/")[2] == name else f"package {name} (import {package!r})"
    lines = [f"{called.replace(chr(39), chr(34))}: {found.synopsis}".rstrip(": ")]
    if others:
        names = (line if line.endswith(" more") else line.split()[0].removeprefix(f"{module}/") for line in others)
        lines.append("Other packages: " + ", ".join(names))
    return "\n".join([*lines, *_essentials(found, _uses(used))])


def _uses(printed: str) -> dict[str, float]:
    """Return what each name's use in examples and other packages weighs."""
    counts = re.findall(r"^(\w+) (\d{1,9})$", printed, re.MULTILINE)
    return {name: _USE * math.log2(1 + int(count)) for name, count in counts}


def _essentials(package: Package, uses: Mapping[str, float]) -> list[str]:
    mentions = _mentions(package)
    ranked = _ranked(package, mentions, uses)
    twins = _twins([each for _, each in ranked])
    many = len(package.types) > _FEW_TYPES
    blocks = [(weight, _block(each, uses, twins.get(each.name, ""), sparing=many)) for weight, each in ranked]
    blocks += [
        (_function_weight(name) * (0.4 if uses else 1.0) + uses.get(name, 0), [text])
        for name, text in package.functions
    ]
    left, lines, rest = _FULL_CHARACTERS, list[str](), list[str]()
    # What takes little room goes before what takes much.
    cost = _ROOM if uses else 0.0
    sized = [
        (weight - cost * min(size, _LARGE), size, block)
        for weight, block in blocks
        if (size := sum(map(len, block)) + len(block))
    ]
    for _, size, block in sorted(sized, key=lambda one: -one[0]):
        if size <= left:
            lines += block
            left -= size
        else:
            rest.append(_named(block[0]))
    shown = set(_WORD.findall("\n".join(lines)))
    values = sorted((name for name in package.values if name not in shown), key=lambda name: -uses.get(name, 0.0))
    return [*lines, *_names("Also", rest), *_names("Values", values, _VALUES_CHARACTERS)]


def _ranked(package: Package, mentions: Mapping[str, int], uses: Mapping[str, float]) -> list[tuple[float, Type]]:
    """Return types by weight; the options that a constructor takes stand next to what it makes."""
    types = [each for each in package.types.values() if not each.deprecated]
    weights = {each.name: _weight(each, mentions, uses) for each in types}
    for each in sorted(types, key=lambda each: -weights[each.name]):
        taken = {word for text in _made(each, uses)[:1] for word in _WORD.findall(text.rpartition(")")[0])}
        for name in taken & weights.keys():
            if _OPTIONS.search(name):
                weights[name] = max(weights[name], weights[each.name] - 0.2)
        under = re.fullmatch(rf"type {each.name} ([A-Z]\w*)", each.text)
        if under and under[1] in weights:
            weights[under[1]] = max(weights[under[1]], weights[each.name] - 0.1)
    return sorted(((weights[each.name], each) for each in types), key=lambda pair: -pair[0])


def _made(each: Type, uses: Mapping[str, float]) -> list[str]:
    """Return a type's constructors, the most used first, variants of others last."""
    names = {_named(text) for text in each.constructors}

    def rank(text: str) -> tuple[bool, bool, float]:
        name = _named(text)
        return not _CONSTRUCTOR.match(name), _varies(name, names), -uses.get(name, 0.0)

    return sorted(each.constructors, key=rank)


def _varies(name: str, names: Collection[str]) -> bool:
    """Whether a name is another's with something added: `WaitN`, `MustNewThing`."""
    return any(name != other and (name.startswith(other) or name == f"Must{other}") for other in names)


def _twins(types: Sequence[Type]) -> dict[str, str]:
    """Return the types that have the same methods as one before them, with its name."""
    first: dict[tuple[str, ...], str] = {}
    twins: dict[str, str] = {}
    for each in types:
        names = tuple(sorted(name for name, _ in each.methods if not _PLAIN.fullmatch(name)))
        if len(names) >= _ALIKE_METHODS and first.setdefault(names, each.name) != each.name:
            twins[each.name] = first[names]
    return twins


def _names(title: str, names: Sequence[str], limit: int = _NAMES_CHARACTERS) -> list[str]:
    text = ""
    for count, name in enumerate(names):
        if len(text) + len(name) > limit:
            return [f"{title}: {text} and {len(names) - count} more."]
        text += f", {name}" if text else name
    return [f"{title}: {text}."] if text else []


def _named(line: str) -> str:
    found = FUNCTION.match(line) or TYPE.match(line)
    return found["name"] if found else line


def _mentions(package: Package) -> dict[str, int]:
    """How often signatures name each type: what others take and give is what a package is about."""
    signatures = [text for _, text in package.functions]
    for each in package.types.values():
        signatures += [*each.constructors, *(text for _, text in each.methods)]
    counts: dict[str, int] = {}
    for word in (word for text in signatures for word in set(_WORD.findall(text))):
        counts[word] = counts.get(word, 0) + 1
    return counts


def _weight(each: Type, mentions: Mapping[str, int], uses: Mapping[str, float]) -> float:
    made = [_named(text) for text in each.constructors]
    constructed = any(_CONSTRUCTOR.search(name) for name in made)
    # Where use is known, shape says little.
    weight = 30.0 * constructed + 2.0 * min(len(each.methods), 12) + min(mentions.get(each.name, 0), 20)
    weight *= 0.4 if uses else 1.0
    weight += max(uses.get(name, 0.0) for name in (each.name, *made))
    return weight - 25 * each.name.endswith(("Option", "Error", "Func", "Opt"))


def _function_weight(name: str) -> float:
    return 45.0 if _CONSTRUCTOR.match(name) else 15.0 if name.startswith(("With", "Must", "Set")) else 25.0


def _block(each: Type, uses: Mapping[str, float], twin: str, *, sparing: bool) -> list[str]:
    """Return a type with its constructors and methods, those most used in full."""
    named = [(name, text) for name, text in each.methods if not _PLAIN.fullmatch(name)]
    names = {name for name, _ in named}
    named.sort(key=lambda pair: (-uses.get(pair[0], 0.0), _varies(pair[0], names)))
    used_methods = [text for name, text in named if name in uses]
    methods = [text for _, text in named]
    count = max(_LEAST_METHODS, min(len(used_methods), _TYPE_METHODS)) if used_methods else _TYPE_METHODS
    made = _made(each, uses)
    used = [text for text in made if uses.get(_named(text))] or made[:1]
    full = used[:_USED_CONSTRUCTORS] if uses and sparing else made[:_CONSTRUCTORS]
    lines = [each.text, *(f"  {text}" for text in full)]
    if twin:
        lines.append(f"  methods as {twin}'s")
    else:
        lines += [f"  {text}" for text in methods[:count]]
    lines += _too("made by", [_named(text) for text in made if text not in full])
    rest = [] if twin else methods[count:]
    return lines + _too("methods", [METHOD.sub(r"\g<name>", text).partition("(")[0] for text in rest])


def _too(title: str, names: Sequence[str]) -> list[str]:
    more = f" and {len(names) - _TOO} more" if len(names) > _TOO else ""
    return [f"  {title} too: {', '.join(names[:_TOO])}{more}"] if names else []


def _others(package: str, module: str, listed: str) -> list[str]:
    """Return a module's other packages that are for use, those first that its own packages import most."""
    rows = [line.split("|", 3) for line in listed.splitlines() if line.count("|") >= 3]
    used: dict[str, int] = {}
    for row in rows:
        for path in row[2].split():
            used[path] = used.get(path, 0) + 1
    fit = [row for row in rows if row[0] != package and row[1] and row[1] != "main" and not _aside(row[0], module)]
    fit = [row for row in fit if not row[3].startswith("Deprecated:")]
    # Those below the package first: they are made for its use.
    below = f"{package}/"
    fit.sort(key=lambda row: (not row[0].startswith(below), row[0].count("/") - used.get(row[0], 0) / 4, row[0]))
    more = [f"{len(fit) - _PACKAGES} more"] if len(fit) > _PACKAGES else []
    return [f"{row[0]}  {sentence(row[3])[:100]}".rstrip() for row in fit[:_PACKAGES]] + more


def _aside(path: str, module: str) -> bool:
    return any(_ASIDE.fullmatch(part) for part in path.removeprefix(module).strip("/").split("/"))


def found(project: Project, package: str) -> Step:
    """Print the same for a package whose module isn't known: what is there already, or its newest version if an import
    path says where to find it; `told` reads it."""
    script = f"{_FETCH}{_FIND}{_SHOW}"
    return Step(argv=("sh", "-c", script, "exports", package), cwd=project.root, timeout_s=60.0)


def told(printed: str) -> str:
    """Return what `found` printed: the module's version, then what the package offers."""
    head, _, shown = printed.partition("\n")
    package, module, version = (*head.removeprefix(FOUND).split(), "", "", "")[:3]
    offered = brief(package, module or package, shown)
    return f"{module} {version}\n{offered}" if module and offered else offered
