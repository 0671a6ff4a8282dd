"""The script that looks a package or symbol up with `go doc`, wherever a short name may lead, with its examples."""

from __future__ import annotations

MARK = "bactrian-"
"""Begins the lines that say what the next ones are."""

# A short package name may mean several (`rand`, `template`): the one that the project imports is taken, or the only one
# that has the symbol; otherwise all are named. Examples are test functions of the package's own sources.
LOOK = r"""
word=$1 symbol=$2
own() { go list -e -find ./... 2>/dev/null; }
imported() {
    go list -e -f '{{range .Imports}}{{println .}}{{end}}{{range .TestImports}}{{println .}}{{end}}{{range
        .XTestImports}}{{println .}}{{end}}' ./... 2>/dev/null | sort -u | grep .
}
standard() { go list -find std | grep -vE '(^|/)(internal|vendor)(/|$)'; }
required() {
    [ ! -f go.mod ] || awk '/^require \(/ { block = 1; next } block && /^\)/ { block = 0 }
        block && /^\t[a-z]/ { print $1 "/..." } /^require [^(]/ { print $2 "/..." }' go.mod |
        xargs -r go list -e -find -f "$1" 2>/dev/null
}
# Packages by the last element of their path, which is nearly always their name; only then by the name they declare.
called() {
    { own; imported; required '{{.ImportPath}}'; standard; } | awk -v name="$1" '
        ("/" $1 "/") ~ /\/(internal|vendor)\// { next }
        { n = split($1, part, "/"); last = part[n]; if (n > 1 && last ~ /^v[0-9]+$/) last = part[n - 1]
          sub(/\.v[0-9]+$/, "", last); bare = last; sub(/^go-/, "", bare); sub(/-go$/, "", bare) }
        (last == name || bare == name) && !seen[$1]++' | grep . || {
        go list -e -deps -test -f '{{.Name}} {{.ImportPath}}' ./... 2>/dev/null
        required '{{.Name}} {{.ImportPath}}'
    } | awk -v name="$1" '$1 == name && !/ \[/ && !/\/(internal|vendor)\// && !seen[$2]++ { print $2 }'
}
# Standard packages that declare a name at the top, found in their sources: to ask go doc about each would take long.
declaring() {
    cd "$(go env GOROOT)/src" && grep -rlE --include='*.go' --exclude='*_test.go' --exclude-dir=internal \
        --exclude-dir=vendor --exclude-dir=cmd --exclude-dir=testdata "^(func|type|var|const) $1\\b" . |
        sed 's,^\./,,; s,/[^/]*$,,' | sort -u | head -n 40
}
holding() {
    xargs -r -n 1 -P 4 sh -c 'go doc "$2${1:+.$1}" >/dev/null 2>&1 && echo "$2"' holding "$symbol" | head -n 12 | sort
}
examples() {
    directory=$(go list -find -f '{{.Dir}}' "$1" 2>/dev/null)
    name=Example$(printf '%s' "$symbol" | tr . _)
    for file in "$directory"/*_test.go; do
        [ -f "$file" ] && awk -v name="$name" '
            $0 ~ "^func " name "(_[a-z][A-Za-z0-9_]*)?\\(\\) *\\{" { printing = 1; lines = 0 }
            printing && ++lines <= 40
            printing && /^}/ { printing = 0; if (++shown == 2) exit }' "$file"
    done | head -n 60
}
show() {
    version=$(go list -find -f '{{with .Module}}{{.Version}}{{end}}' "$1" 2>/dev/null)
    printf 'bactrian-package: %s %s\n' "$1" "$version"
    if [ -n "$symbol" ]; then
        go doc "$1.$symbol" 2>/dev/null
    else
        go doc -short "$1"; printf 'bactrian-about:\n'; go doc "$1" 2>/dev/null
    fi
    printf 'bactrian-examples:\n'; examples "$1"
}
choose() {
    set -- $(printf '%s\n' "$@" | holding)
    [ $# -gt 0 ] || return 1
    if [ $# -gt 1 ]; then
        used=$( { own; imported; } | grep -xF "$(printf '%s\n' "$@")")
        if [ -n "$used" ] && [ "$(printf '%s\n' "$used" | grep -c .)" = 1 ]; then
            printf 'bactrian-others: %s\n' "$(printf '%s\n' "$@" | grep -vxF "$used" | tr '\n' ' ')"
            set -- "$used"
        fi
    fi
    [ $# -gt 1 ] || { show "$1"; return; }
    for each; do
        printf 'bactrian-candidate: %s\n' "$each"
        if [ -n "$symbol" ]; then go doc -short "$each.$symbol" 2>/dev/null; fi
    done
}
if [ -z "$word" ]; then
    choose $(own | head -n 60) || choose $(imported | head -n 60) || choose $(declaring "${symbol%%.*}")
    exit
fi
case $word in
*/* | .) exact=$(go list -find "$word" 2>/dev/null) && choose "$exact" && exit ;;
esac
choose $(called "${word##*/}" | if [ "$word" = "${word##*/}" ]; then cat; else grep -E "(^|/)$word(/v[0-9]+)?$"; fi)
"""
"""Arguments: the package, as a path or by its name, empty where the symbol stands alone; the symbol or nothing."""
