"""Adding a module: `go get`, then a `go mod tidy` that keeps what nothing imports yet."""

from __future__ import annotations

import re

from lang.base import Project, Step

_BARE_VERSION = re.compile(r"^\d+\.\d+")

# `go mod tidy` drops a requirement that no file imports, and right after `go get` none does. So tidy sees, through an
# overlay, one file more that imports the package. Requirements added before this one and not imported yet would still
# go: then go.mod stays as `go get` left it and only the checksums are taken, those of the package's own tests included.
# Everything tidy wants is downloaded on the way, so the first build with the new import needs no network.
_TIDY = r"""
set -eu
package=$1
keep=$(mktemp -d)
trap 'rm -rf "$keep"' EXIT
direct() {
    awk '/^require \(/ { block = 1; next } block && /^\)/ { block = 0 }
         /\/\/ indirect/ { next } block { print $1 } /^require [^(]/ { print $2 }' "$1" | sort
}
export GOWORK=off
cp go.mod "$keep/go.mod"
if [ -f go.sum ]; then cp go.sum "$keep/go.sum"; fi
printf 'package bactrian\n\nimport _ "%s"\n' "$package" > "$keep/import.go"
printf '{"Replace": {"%s/bactrian_import/import.go": "%s/import.go"}}' "$PWD" "$keep" > "$keep/overlay.json"
if ! go list -mod=readonly "$package" > /dev/null 2>&1; then
    echo "$package is a module without a package of that name: import one of its packages."
    exit 0
fi
if ! go mod tidy -e -modfile="$keep/go.mod" -overlay="$keep/overlay.json" 2> "$keep/errors"; then
    echo "go mod tidy failed, go.mod stays as go get wrote it:"
    tail -n 12 "$keep/errors"
    exit 0
fi
direct go.mod > "$keep/before"
direct "$keep/go.mod" > "$keep/after"
if [ -z "$(comm -23 "$keep/before" "$keep/after")" ]; then
    cp "$keep/go.mod" go.mod
    if [ -f "$keep/go.sum" ]; then cp "$keep/go.sum" go.sum; fi
else
    module=$(go list -mod=readonly -f '{{with .Module}}{{.Path}}{{end}}' "$package")
    awk -v module="$module" '($1 == module || $2 == module) { sub(/ *\/\/ indirect$/, "") } { print }' \
        go.mod > "$keep/marked"
    cp "$keep/marked" go.mod
    touch go.sum "$keep/go.sum"
    grep -vxFf go.sum "$keep/go.sum" > "$keep/sums" || true
    cat "$keep/sums" >> go.sum
fi
if [ -f vendor/modules.txt ]; then go mod vendor -overlay="$keep/overlay.json"; fi
"""

# A module's root need not be a package (golang.org/x/sync): then the packages it has are what one wants to see.
_EXPORTS = r"""
go list -find -f '{{with .Module}}{{.Path}} {{.Version}}{{end}}' "$1" 2>/dev/null ||
    go list -m -f '{{.Path}} {{.Version}}' "$1" 2>/dev/null
echo
if go list -find "$1" > /dev/null 2>&1; then
    go doc -short "$1"
else
    echo "Its packages:"
    go list -find "$1/..." | grep -v /internal
fi
"""


def import_path(name: str) -> tuple[str, str]:
    """Return the import path and the version (or empty) of a name such as `https://github.com/a/b.git@v1.2.0`."""
    path, _, version = name.strip().partition("@")
    path = path.removeprefix("https://").removeprefix("http://").strip("/").removesuffix(".git")
    return path, version


def add_steps(project: Project, name: str, version: str | None) -> tuple[Step, ...]:
    """Return the steps that fetch a module for the package `name` and record it."""
    path, named_version = import_path(name)
    wanted = (version or named_version).strip()
    if _BARE_VERSION.match(wanted):
        wanted = f"v{wanted}"
    target = f"{path}@{wanted}" if wanted else path
    return (
        Step(argv=("go", "get", "--", target), cwd=project.root, timeout_s=300.0),
        Step(argv=("sh", "-c", _TIDY, "tidy", path), cwd=project.root, timeout_s=300.0),
    )


def exports_step(project: Project, name: str) -> Step:
    """Return the step that prints a dependency's version and what it exports."""
    return Step(argv=("sh", "-c", _EXPORTS, "exports", import_path(name)[0]), cwd=project.root, timeout_s=60.0)
