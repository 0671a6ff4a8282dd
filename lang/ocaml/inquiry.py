"""The script that asks findlib and merlin what a library, module or value is, in the project's own environment."""

from __future__ import annotations

DOCUMENT = r"""
symbol=$1 top=$2 mode=$3 parts=${4:-$1} inner=${5:-}
m() { printf '%s' "$buffer" | timeout 60 ocamlmerlin single "$@" -filename bactrian_query.ml $paths 2>/dev/null; echo; }
complete() { printf 'bactrian-complete: %s\n' "$1"; m complete-prefix -position 1:0 -prefix "$1" -doc y; }
capital() { printf '%s%s' "$(printf '%s' "$1" | cut -c1 | tr 'a-z' 'A-Z')" "$(printf '%s' "$1" | cut -c2-)"; }
stem=$(printf '%s' "$top" | cut -c1 | tr 'A-Z' 'a-z')$(printf '%s' "$top" | cut -c2-)
roots=$({ ocamlfind printconf path | grep -v /METAS; ocamlfind ocamlc -where; } 2>/dev/null | sort -u)
paths= buffer=
add() { case " $paths " in *" -build-path $1 "*) ;; *) paths="$paths -build-path $1" ;; esac; }
add_package() { for d in $(ocamlfind query -r "$1" 2>/dev/null); do add "$d"; done; }
local_module() {
    for d in $(find _build/default -name "$top.cmi" -o -name "$stem.cmi" -o -name "*__$top.cmi" 2>/dev/null |
        sed 's,/[^/]*$,,' | sort -u); do
        add "$d"; found=$d
    done
}
installed_module() {
    for cmi in $(find -L $roots -maxdepth 3 \( -name "$top.cmi" -o -name "$stem.cmi" \) 2>/dev/null |
        grep -v -e /compiler-libs/ -e _shadow_ | sort -u | head -n 3); do
        found=${cmi%/*}; add "$found"
        printf 'bactrian-place: %s\n' "$found"
        for root in $roots; do
            case $found in "$root"/*) below=${found#"$root"/}; add_package "${below%%/*}" ;; esac
        done
    done
}
type_of() {
    printf 'bactrian-type: %s\n' "$1"
    buffer="module X__ = $1"; m type-enclosing -position "1:${#buffer}" -verbosity 1; buffer=
}
# Modules that are other names of modules; those that are spelt out stand in the signature already.
aliases() {
    sed 's/},{"start".*//' | grep -oE '\\n  module [A-Z][A-Za-z0-9_]* =' | awk '!seen[$3]++ { print $3 }' | head -n "$1"
}
version_of() {
    have=$(ocamlfind query -format '%v' "$1" 2>/dev/null)
    case $have in
    *' '* | '['* | '' | n/a)
        owner=$(dpkg-query -S "$(ocamlfind query "$1" 2>/dev/null)/META" 2>/dev/null | sed 's/:.*//' | head -n 1)
        have=$(dpkg-query -W -f '${source:Upstream-Version}' "${owner:-none}" 2>/dev/null | sed 's/[+~].*//') ;;
    esac
    printf '%s' "${have#v}"
}
package() {
    printf 'bactrian-library: %s %s\n' "$symbol" "$(version_of "$symbol")"
    ocamlfind query "$symbol" >/dev/null 2>&1 || return 1
    left=16
    for part in $parts; do part "$part"; done
    for each in $inner; do
        printf 'bactrian-complete: %s.\n' "$each"; m complete-prefix -position 1:0 -prefix "$each."
    done
}
part() {
    directory=$(ocamlfind query "$1" 2>/dev/null) || return 0
    [ "$1" = "$symbol" ] || printf 'bactrian-part: %s\n' "$1"
    add_package "$1"
    for name in $(find "$directory" -maxdepth 1 -name '*.cmi' ! -name '*__*' 2>/dev/null |
        sed 's,.*/,,; s,\.cmi$,,' | sort | head -n 12); do
        name=$(capital "$name")
        printf 'bactrian-complete: %s.\n' "$name"; m complete-prefix -position 1:0 -prefix "$name."
        said=$(type_of "$name"); printf '%s\n' "$said"
        for sub in $(printf '%s' "$said" | aliases 8); do
            [ "$left" -gt 0 ] || break
            left=$((left - 1))
            said=$(type_of "$name.$sub"); printf '%s\n' "$said"
            for deep in $(printf '%s' "$said" | aliases 2); do
                left=$((left - 1)); type_of "$name.$sub.$deep"
            done
        done
    done
}
# Interfaces that declare a value of this name, the project's first.
values() {
    { find . -name _build -prune -o -name '*.mli' -print; find -L $roots -name '*.mli' 2>/dev/null |
        grep -vE '/(compiler-libs|merlin-lib|[a-z_]*-compiler|ppxlib)/|__' | sort -u; } |
        xargs -r grep -HE "^ *(val|external) $1 *:" 2>/dev/null | head -n 24 |
        while IFS= read -r line; do
            file=${line%%:*}; folder=${file%/*}; library=${folder##*/}; module=$(capital "$(basename "$file" .mli)")
            [ ! -e "$folder/${library}__$module.cmi" ] || module=$(capital "$library").$module
            case $folder in /*) ;; *) library=${file#./} ;; esac
            printf 'bactrian-value: %s (%s): %s\n' "$module" "$library" "${line#*:}"
        done
}
if [ "$mode" = library ]; then
    package || {
        values "$symbol"
        printf 'bactrian-libraries:\n'; ocamlfind list 2>/dev/null | sed 's/ .*//'
    }
    exit 0
fi
found=
local_module
[ -n "$found" ] || [ -z "$(find . -name _build -prune -o -name "$stem.ml*" -print 2>/dev/null | head -n 1)" ] || {
    dune build --root . --no-print-directory --display quiet @check >/dev/null 2>&1; local_module; }
[ -n "$found" ] || installed_module
if [ -z "$found" ]; then
    # A module inside of another, whose file dune calls Outer__Inner.
    nested=$(find -L $roots -maxdepth 3 -name "*__$top.cmi" 2>/dev/null | sed 's,.*/,,; s,\.cmi$,,' |
        grep -vE '^[A-Za-z0-9_]*__.*__' | sort -u)
    for each in $nested; do printf 'bactrian-nested: %s\n' "$(capital "${each%%__*}").$top"; done
    if [ "$(printf '%s\n' "$nested" | grep -c .)" = 1 ]; then
        rest=${symbol#"$top"}
        top=$(capital "${nested%%__*}"); stem=${nested%%__*}; symbol=$top.${nested##*__}$rest
        installed_module
        printf 'bactrian-symbol: %s\n' "$symbol"
    fi
fi
inner=$(find _build/default -name "*__$top.cmi" 2>/dev/null | sed 's,.*/,,; s,\.cmi$,,' | head -n 1)
own=$(find _build/default -name "$stem.cmi" -o -name "$top.cmi" 2>/dev/null | head -n 1)
if [ -n "$inner" ] && [ -z "$own" ]; then
    symbol=$(capital "$inner")${symbol#"$top"}
    printf 'bactrian-symbol: %s\n' "$symbol"
fi
printf 'bactrian-document: %s\n' "$symbol"; m document -position 1:0 -identifier "$symbol"
complete "$symbol"
last=${symbol##*.}
case $last in
[A-Z]*)
    complete "$symbol."
    type_of "$symbol"
    printf 'bactrian-type: %s\n' "$symbol"
    buffer="module X__ (Y__ : $symbol) = Y__"; m type-enclosing -position "1:${#buffer}" -verbosity 1; buffer= ;;
esac
parent=$symbol
[ "$symbol" = "${symbol%.*}" ] || type_of "${symbol%.*}"
while [ "$parent" != "${parent%.*}" ]; do parent=${parent%.*}; complete "$parent."; done
if [ -z "$found" ]; then
    case $symbol in *.[a-z_]*) values "$last" ;; esac
    printf 'bactrian-modules:\n'
    find -L $roots -maxdepth 3 -name '*.cmi' ! -name '*__*' 2>/dev/null | sed 's,.*/,,; s,\.cmi$,,' | sort -u
fi
exit 0
"""
"""Arguments: the symbol, its first component, `module` or `library`; for a library, those to show and modules inside of
their own whose deprecated names are asked for.

Prints merlin's answers as JSON, each after a line that names its question.
"""
