"""The steps that find and get modules. None writes in the project: go.mod and go.sum are worked on as copies."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from lang.base import Project, Step, StepOutput
from lang.dependencies import STAGE

_GET_TIMEOUT_S = 300.0
_PROBE_TIMEOUT_S = 30.0

# `go mod tidy` drops a requirement that no file imports, and right after `go get` none does. So tidy sees, through an
# overlay, one file more that imports the package. Requirements added before this one and not imported yet would still
# go: then go.mod stays as `go get` left it and only the checksums are taken, those of the package's own tests included.
# Everything tidy wants is downloaded on the way, so the first build with the new import needs no network.
# The modules of a go.work are replaced by their directories meanwhile: -modfile doesn't go with a workspace.
_GET = r"""
set -u
target=$1 package=$2 stage=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
printf 'bactrian-proxy: %s\n' "$(go env GOPROXY)"
cp go.mod "$work/go.mod" || exit 1
if [ -f go.sum ]; then cp go.sum "$work/go.sum" || exit 1; fi
direct() {
    awk '/^require \(/ { block = 1; next } block && /^\)/ { block = 0 }
         /\/\/ indirect/ { next } block { print $1 } /^require [^(]/ { print $2 }' "$1" | sort
}
case $(go env GOWORK) in
'' | off) ;;
*) go list -m -f '{{.Path}} {{.Dir}}' | while read -r path directory; do
        [ "$directory" != "$PWD" ] || continue
        ! grep -q "replace.*$path " go.mod || continue
        go mod edit -replace="$path=$directory" "$work/go.mod" && echo "$path" >>"$work/replaced"
    done ;;
esac
export GOWORK=off
go get -modfile="$work/go.mod" -- "$target" 2>"$work/said" || { cat "$work/said" >&2; exit 1; }
sed 's/^go: /bactrian-said: /' "$work/said"
mkdir "$work/tidy" || exit 1
cp "$work/go.mod" "$work/tidy/" || exit 1
if [ -f "$work/go.sum" ]; then cp "$work/go.sum" "$work/tidy/" || exit 1; fi
printf 'package bactrian\n\nimport _ "%s"\n' "$package" >"$work/import.go" || exit 1
printf '{"Replace": {"%s/bactrian_import/import.go": "%s/import.go"}}' "$PWD" "$work" >"$work/overlay.json" || exit 1
find_module() { go list -modfile="$work/go.mod" -mod=mod "$@" 2>/dev/null; }
module=$(find_module -find -f '{{with .Module}}{{.Path}}{{end}}' "$package")
if [ -z "$module" ]; then
    module=$package
elif go mod tidy -e -modfile="$work/tidy/go.mod" -overlay="$work/overlay.json" 2>"$work/errors"; then
    direct "$work/go.mod" >"$work/before"
    direct "$work/tidy/go.mod" >"$work/after"
    touch "$work/go.sum" "$work/tidy/go.sum"
    if [ -z "$(comm -23 "$work/before" "$work/after")" ]; then
        cp "$work/tidy/go.mod" "$work/tidy/go.sum" "$work/" || exit 1
    else
        grep -vxFf "$work/go.sum" "$work/tidy/go.sum" >"$work/sums"
        cat "$work/sums" >>"$work/go.sum"
    fi
else
    printf 'bactrian-said: go mod tidy failed, so go.mod is as go get writes it: '
    grep -v downloading "$work/errors" | tail -n 1
fi
awk -v module="$module" '($1 == module || $2 == module) { sub(/ *\/\/ indirect$/, "") } { print }' \
    "$work/go.mod" >"$work/marked" && cp "$work/marked" "$work/go.mod" || exit 1
printf 'bactrian-module: %s\n' "$(find_module -m -f '{{.Path}} {{.Version}}' "$module")"
if [ -f vendor/modules.txt ]; then
    mkdir -p "$stage" || exit 1
    go mod vendor -modfile="$work/go.mod" -overlay="$work/overlay.json" -o "$stage/vendor" || exit 1
    echo 'bactrian-vendor:'
fi
if [ -f "$work/replaced" ]; then
    while read -r path; do go mod edit -dropreplace="$path" "$work/go.mod" || exit 1; done <"$work/replaced"
fi
for name in go.mod go.sum; do
    [ ! -f "$work/$name" ] || printf 'bactrian-file: %s %s\n' "$name" "$(base64 -w 0 "$work/$name")"
done
"""

# Away from the project, whose own go.mod may be broken, and without the last resort `direct`: to learn of each
# path that isn't there what its git host thinks takes seconds.
_PROBE = r"""
kind=$1 limit=$2; shift 2
here=$(mktemp -d) && cd "$here" || exit 1
trap 'rm -rf "$here"' EXIT
export GOWORK=off
printf 'bactrian-proxy: %s\n' "$(go env GOPROXY)"
proxy=$(go env GOPROXY | sed 's/[,|]direct//g; s/[,|]off//g')
case $proxy in '' | direct | off) ;; *) export GOPROXY=$proxy ;; esac
case $kind in
modules) timeout "$limit" go list -m -e -json "$@" ;;
versions) timeout "$limit" go list -m -e -json -versions "$@" ;;
news) timeout "$limit" go list -m -e -json -u -retracted "$@" ;;
needs) timeout "$limit" go list -m -e -f '{{.Version}} {{.GoMod}}' "$@" | while read -r version file; do
        echo "$version $(sed -n 's/^go  *//p' "$file" 2>/dev/null | head -n 1)"
    done ;;
esac
"""

_STANDARD = "go list std; go env GOVERSION"

# Which others require a module, and in which versions: what a conflict is about.
_REQUIRERS = r"""
export GOWORK=off
go mod graph 2>/dev/null | awk -v module="$1" 'index($2, module "@") == 1 { print $1, $2 }' | head -n 40
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """What `go get` would make of a project."""

    module: str
    version: str
    said: tuple[str, ...]
    """What it told: upgraded, downgraded, retracted."""
    files: Mapping[str, bytes]
    """go.mod and go.sum as they should be."""
    vendored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """What a proxy says of a module."""

    path: str
    version: str = ""
    """Empty where there is no such module."""
    versions: tuple[str, ...] = ()
    deprecated: str = ""
    retracted: tuple[str, ...] = ()
    newest: str = ""
    """The version to upgrade to, empty where there is none."""
    time: str = ""
    error: str = ""


def get(project: Project, target: str, package: str) -> Step:
    """Get `path@version` and print what go.mod and go.sum become."""
    stage = "/".join([".."] * (0 if project.root == "." else project.root.count("/") + 1) + [STAGE])
    return _script(project, _GET, target, package, stage, timeout_s=_GET_TIMEOUT_S)


def parse_get(output: StepOutput) -> Got:
    """Read what `get` printed when it succeeded."""
    said: list[str] = []
    files: dict[str, bytes] = {}
    module = version = ""
    for line in output.stdout.splitlines():
        word, _, rest = line.partition(": ")
        if word == "bactrian-said" and not rest.startswith("downloading "):
            said.append(rest)
        elif word == "bactrian-module":
            module, _, version = rest.strip().partition(" ")
        elif word == "bactrian-file":
            name, _, packed = rest.partition(" ")
            files[name] = _unpacked(packed)
    vendored = "\nbactrian-vendor:" in output.stdout
    return Got(module=module, version=version, said=tuple(said), files=files, vendored=vendored)


def _unpacked(packed: str) -> bytes:
    try:
        return base64.b64decode(packed, validate=True)
    except binascii.Error:
        return b""


def proxy_of(output: StepOutput) -> str:
    """Return the setting GOPROXY that `get` ran with."""
    found = re.search(r"^bactrian-proxy: (.*)$", output.stdout, re.MULTILINE)
    return found[1] if found else "not set"


def probe(project: Project, kind: str, queries: Iterable[str], *, timeout_s: float = _PROBE_TIMEOUT_S) -> Step:
    """Ask the proxy about `path@version`s; the kind is `modules`, `versions`, `news` or `needs`."""
    return _script(project, _PROBE, kind, f"{timeout_s:.0f}", *queries, timeout_s=timeout_s + 5)


def parse_probe(output: StepOutput) -> tuple[Module, ...]:
    """Read modules as the go command prints them, one JSON object after the other; what is cut off is dropped."""
    found: list[Module] = []
    decoder, text, at = json.JSONDecoder(), output.stdout, 0
    while (at := text.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        if isinstance(value, dict):
            found.append(_module(cast(dict[str, object], value)))
    return tuple(found)


def _module(value: Mapping[str, object]) -> Module:
    problem, update = value.get("Error"), value.get("Update")
    error = str(cast(dict[str, object], problem).get("Err", "")) if isinstance(problem, dict) else ""
    return Module(
        path=str(value.get("Path", "")),
        version="" if error else str(value.get("Version", "")),
        versions=_words(value.get("Versions")),
        deprecated=str(value.get("Deprecated", "")),
        retracted=_words(value.get("Retracted")),
        newest=str(cast(dict[str, object], update).get("Version", "")) if isinstance(update, dict) else "",
        time=str(value.get("Time", "")),
        error=error,
    )


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in cast(list[object], value)) if isinstance(value, list) else ()


def parse_needs(output: StepOutput) -> dict[str, str]:
    """Return the go that each version asks for; empty where its go.mod has no such line."""
    rows = (line.split() for line in output.stdout.splitlines())
    return {row[0]: row[1] if len(row) > 1 else "" for row in rows if row}


def standard(project: Project) -> Step:
    """List the standard library's packages, and at last the toolchain's version."""
    return _script(project, _STANDARD, timeout_s=_PROBE_TIMEOUT_S)


def parse_standard(output: StepOutput) -> tuple[str, ...]:
    """Return the packages that anyone may import."""
    paths = [line.strip() for line in output.stdout.splitlines() if line.strip() and not line.startswith("go1")]
    return tuple(path for path in paths if not {"internal", "vendor"} & set(path.split("/")))


def requirers(project: Project, module: str) -> Step:
    """List which modules require a module in which version, as go.mod is now."""
    return _script(project, _REQUIRERS, module, timeout_s=60.0)


def parse_requirers(output: StepOutput) -> tuple[tuple[str, str], ...]:
    """Return pairs such as `example.com/a@v1.2.0`, `example.com/b@v1.5.0`."""
    rows: Sequence[list[str]] = [line.split() for line in output.stdout.splitlines()]
    return tuple((row[0], row[1]) for row in rows if len(row) == 2)


def _script(project: Project, script: str, *words: str, timeout_s: float) -> Step:
    return Step(argv=("sh", "-c", script, "go", *words), cwd=project.root, timeout_s=timeout_s)
