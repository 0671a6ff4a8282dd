"""The POSIX shell scripts that OCaml's steps run: `sh -c SCRIPT sh ARGUMENTS…`, in the project's root."""

from __future__ import annotations

from lang.ocaml.layout import PREFIX

_PATH = f'PATH="{PREFIX}/bin:$PATH"; export PATH\n'

_PACKAGES = r"""
packages() {
    find "$@" \( -name _build -o -name _opam -o -name duniverse -o -name node_modules -o -name '.?*' \) -prune \
        -o -type f -name dune -print 2>/dev/null | sed 's,/dune$,,; s,^\./,,; s,^,bactrian-package: ,' | sort -u
}
"""

_TARGETS = r"""
count=$#
while [ "$count" -gt 0 ]; do
    directory=$1; shift; count=$((count - 1))
    [ -d "$directory" ] || directory=.
    for alias in $aliases; do set -- "$@" "@$directory/$alias"; done
    all="$all $directory"
done
"""

# A dune that the model left watching would take requests over, without our options.
_ALONE = r"""
[ ! -S _build/.rpc/dune ] || timeout 10 dune shutdown --root . >/dev/null 2>&1 || :
"""

BUILD = (
    _PATH
    + _ALONE
    + _PACKAGES
    + r"""
aliases='check default' all=
"""
    + _TARGETS
    + r"""
packages ${all:-.}
exec dune build --root . --no-print-directory --display quiet "$@" 1>&2
"""
)
"""Arguments: directories. Standard output names the packages, standard error is dune's.

`check` covers what a project leaves out of `default`, tests among it; `default` compiles natively and links.
"""

TEST = (
    _PATH
    + _ALONE
    + _PACKAGES
    + r"""
aliases=runtest all=
limit=$1; printf 'bactrian-run: %s\n' "$2"; shift 2
"""
    + _TARGETS
    + r"""
packages ${all:-.}
trace=$(mktemp) || exit 1
# Its own time limit, shorter than the step's: the trace then says which test did not end.
timeout -k 10 "$limit" dune build --root . --no-print-directory --display quiet --force --trace-file "$trace" "$@" 1>&2
code=$?
# Only what concerns tests: an alias's actions and what went wrong, without dune's own backtraces.
dune trace cat --trace-file "$trace" 2>/dev/null | grep -E '"cat":"diagnostics"|/\.actions/' \
    | sed -E 's/,"backtrace":"([^"\\]|\\.)*"//; s/,"rusage":\{[^}]*\}//; s/^/bactrian-trace: /'
rm -f "$trace"
find _build/default -path '*/.*.inline-tests/inline-test-runner.exe' 2>/dev/null | sort | while read -r runner; do
    library=${runner%.inline-tests/*}; library=${library##*/.}
    directory=${runner%/.*.inline-tests/*}
    printf 'bactrian-inline: %s %s\n' "${directory#_build/default/}" "$library"
    (cd "$directory" && timeout 20 "./.$library.inline-tests/inline-test-runner.exe" inline-test-runner "$library" \
        -list-test-names </dev/null 2>/dev/null | grep '^File ')
done
exit "$code"
"""
)
"""Arguments: seconds, the filter, then directories. `--force`, since dune is silent about tests that passed before."""

FORMAT = r"""
[ -f .ocamlformat ] || exit 0
want=$(sed -n 's/^ *version *= *//p' .ocamlformat | head -n 1)
[ -z "$want" ] || [ "$want" = "$(ocamlformat --version)" ] || exit 0
code=0
for file; do
    case ${file##*/} in
    dune | dune-project | dune-workspace)
        formatted=$(mktemp) && dune format-dune-file "$file" >"$formatted" && cat "$formatted" >"$file" || code=$?
        rm -f "$formatted" ;;
    *) ocamlformat --inplace "$file" || code=$? ;;
    esac
done
exit "$code"
"""
"""Arguments: files. A version other than the one a project asks for would change lines that nobody touched."""

INSTALL = r"""
package=$1 library=$2 version=$3
fail() { printf '%s\n' "$1" >&2; exit 1; }
case $package in
[A-Za-z0-9]*) ;;
*) fail "'$package' is not the name of a package" ;;
esac
version_of() {
    have=$(ocamlfind query -format '%v' "$1" 2>/dev/null) || return 1
    case $have in
    *' '* | '['* | '' | n/a)
        owner=$(dpkg-query -S "$(ocamlfind query "$1")/META" 2>/dev/null | sed 's/:.*//' | head -n 1)
        [ -z "$owner" ] || have=$(dpkg-query -W -f '${source:Upstream-Version}' "$owner" 2>/dev/null | sed 's/[+~].*//')
        ;;
    esac
    printf '%s\n' "${have#v}"
}
report() { printf '%s %s\n' "$library" "$(version_of "$library" || opam show -f version "$package")"; exit 0; }
if there=$(version_of "$library"); then
    [ -n "$version" ] && [ "$there" != "${version#v}" ] || report
fi
near() {
    { ocamlfind list 2>/dev/null | sed 's/ .*//'; opam list -A --short 2>/dev/null; } |
        grep -i -- "^$(printf '%.4s' "$package")" | sort -u | head -n 12 | tr '\n' ' ' | sed 's/^./; near: &/; s/ $//'
}
command -v opam >/dev/null || fail "$package is not installed and there is no opam to fetch it with"

repository=${BACTRIAN_OPAM_REPOSITORY:-}  # empty: the one that opam takes by itself
system=$OPAMROOT/bactrian-system
log=$(mktemp) || exit 1
# opam keeps to what the image brings: each library of it is a package that needs no building. A second copy
# under the same name would not link with the image's others.
virtual() {
    mkdir -p "$system/packages/$1/$1.$2"
    { printf 'opam-version: "2.0"\nsynopsis: "Part of the image"\n'; printf "$3"; } >"$system/packages/$1/$1.$2/opam"
    [ "$1" = ocaml-system ] || printf '%s.%s\n' "$1" "$2" >>"$system/names"
}
describe_system() {
    rm -rf "$system"; mkdir -p "$system"
    printf 'opam-version: "2.0"\n' >"$system/repo"
    compiler=$(ocamlc -version)
    virtual ocaml-system "$compiler" 'flags: compiler\nconflict-class: "ocaml-core-compiler"\n'
    virtual ocaml "$compiler" "depends: [\"ocaml-system\" {= \"$compiler\"}]\n"
    virtual dune "$(dune --version)" ''
    virtual ocamlfind "$(ocamlfind query -format '%v' findlib)" ''
    for name in base-unix base-threads base-bigarray; do virtual "$name" base ''; done
    for name in $(ocamlfind list 2>/dev/null | sed -nE 's/^([A-Za-z0-9_-]+) .*/\1/p'); do
        case $name in
        compiler-libs | dynlink | findlib | graphics | ocamldoc | runtime_events | stdlib) continue ;;
        str | threads | unix | bigarray | bytes | dune) continue ;;
        esac
        found=$(ocamlfind query -format '%v' "$name")
        case $found in
        *' '* | '['* | '' | n/a) found=$(version_of "$name") ;;
        esac
        [ -z "$found" ] || virtual "$name" "$found" ''
    done
}
set_up() {
    describe_system || return 1
    opam init --bare --disable-sandboxing --no-setup ${repository:+default "$repository"} || return 1
    opam repository add --dont-select system "$system" || return 1
    opam switch create "$OPAMSWITCH" --repositories=system,default ocaml-system || return 1
    opam install $(cat "$system/names") || return 1
}
ready=$OPAMROOT/bactrian-ready
mkdir -p "$OPAMROOT" && exec 9>"$OPAMROOT.lock" && flock 9 || fail "opam's cache can't be written: $OPAMROOT"
# Only opam knows its own repository's address: back to it from another leads by a new start.
[ -n "$repository" ] || [ ! -s "$ready" ] || [ -z "$(cat "$ready")" ] || rm -rf "$OPAMROOT"
mkdir -p "$OPAMROOT"
if [ ! -f "$ready" ]; then
    # What an attempt left that went wrong is of no use to the next.
    [ ! -d "$system" ] || rm -rf "$OPAMROOT"
    set_up >"$log" 2>&1 || {
        grep -E 'ERROR|rror:' "$log" >&2
        fail "$package is not installed, and opam could not be set up with ${repository:-its own repository}$(near)"
    }
elif [ "$(cat "$ready")" != "$repository" ]; then
    opam repository set-url default "$repository" >"$log" 2>&1 || fail "opam can't read the repository $repository"
fi
printf '%s\n' "$repository" >"$ready"
if opam install "$package${version:+.$version}" >"$log" 2>&1; then report; fi
if ! opam show "$package" >/dev/null 2>&1; then
    opam update >/dev/null 2>&1 && opam install "$package${version:+.$version}" >"$log" 2>&1 && report
    fail "no library or opam package is called '$package'$(near)"
fi
if [ -n "$version" ] && ! opam show "$package.$version" >/dev/null 2>&1; then
    fail "$package has no version $version; it has: $(opam show -f all-versions "$package" | tr -s ' ')"
fi
grep -vE '^ *$|^#? *opam-version|<><>' "$log" | tail -n 30 >&2
fail "opam could not install $package${version:+ $version}"
"""
"""Arguments: opam package, findlib library, version or an empty word. Prints `LIBRARY VERSION` at its end."""

DOCUMENT = r"""
symbol=$1 top=$2 mode=$3
m() { printf '%s' "$buffer" | timeout 60 ocamlmerlin single "$@" -filename bactrian_query.ml $paths 2>/dev/null; echo; }
complete() { printf 'bactrian-complete: %s\n' "$1"; m complete-prefix -position 1:0 -prefix "$1" -doc y; }
capital() { printf '%s%s' "$(printf '%s' "$1" | cut -c1 | tr 'a-z' 'A-Z')" "$(printf '%s' "$1" | cut -c2-)"; }
stem=$(printf '%s' "$top" | cut -c1 | tr 'A-Z' 'a-z')$(printf '%s' "$top" | cut -c2-)
roots=$(ocamlfind printconf path 2>/dev/null | grep -v /METAS; ocamlfind ocamlc -where 2>/dev/null)
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
        grep -v -e /compiler-libs/ -e _shadow_ | head -n 3); do
        found=${cmi%/*}; add "$found"
        for root in $roots; do
            case $found in "$root"/*) below=${found#"$root"/}; add_package "${below%%/*}" ;; esac
        done
    done
}
package() {
    printf 'bactrian-library: %s %s\n' "$symbol" "$(ocamlfind query -format '%v' "$symbol" 2>/dev/null)"
    directory=$(ocamlfind query "$symbol" 2>/dev/null) || return 1
    add_package "$symbol"
    for name in $(find "$directory" -maxdepth 1 -name '*.cmi' ! -name '*__*' 2>/dev/null |
        sed 's,.*/,,; s,\.cmi$,,' | sort | head -n 12); do
        name=$(capital "$name")
        printf 'bactrian-document: %s\n' "$name"; m document -position 1:0 -identifier "$name"
        complete "$name."
    done
}
if [ "$mode" = library ]; then
    package || { printf 'bactrian-libraries:\n'; ocamlfind list 2>/dev/null | sed 's/ .*//'; }
    exit 0
fi
found=
local_module
[ -n "$found" ] || [ -z "$(find . -name _build -prune -o -name "$stem.ml*" -print 2>/dev/null | head -n 1)" ] || {
    dune build --root . --no-print-directory --display quiet @check >/dev/null 2>&1; local_module; }
[ -n "$found" ] || installed_module
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
    printf 'bactrian-type: %s\n' "$symbol"
    buffer="module X__ = $symbol"; m type-enclosing -position "1:${#buffer}" -verbosity 1
    printf 'bactrian-type: %s\n' "$symbol"
    buffer="module X__ (Y__ : $symbol) = Y__"; m type-enclosing -position "1:${#buffer}" -verbosity 1; buffer= ;;
esac
parent=$symbol
while [ "$parent" != "${parent%.*}" ]; do parent=${parent%.*}; complete "$parent."; done
if [ -z "$found" ]; then
    printf 'bactrian-modules:\n'
    find -L $roots -maxdepth 3 -name '*.cmi' ! -name '*__*' 2>/dev/null | sed 's,.*/,,; s,\.cmi$,,' | sort -u
fi
exit 0
"""
"""Arguments: the symbol, its first component, `module` or `library`.

Prints merlin's answers as JSON, each after a line that names its question.
"""

OPAM_FILES = r"""
grep -qs '(generate_opam_files' dune-project || exit 0
names=$(tr '\n' ' ' <dune-project | grep -o '(package *(name *[^)]*)' | sed 's/.*(name *//; s/ *)$/.opam/')
[ -z "$names" ] || dune build --root . $names
"""
"""Writes the opam file of every package, where the project wants dune to."""
