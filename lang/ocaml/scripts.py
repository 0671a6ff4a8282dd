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
told=$(mktemp) || exit 1
dune trace cat --trace-file "$trace" 2>/dev/null | grep -E '"cat":"diagnostics"|/\.actions/' \
    | sed -E 's/,"backtrace":"([^"\\]|\\.)*"//; s/,"rusage":\{[^}]*\}//; s/^/bactrian-trace: /' >"$told"
cat "$told"
# A program that dies of an exception only says where with this setting, which would change what cram tests print.
grep '"name":"finish"' "$told" | grep 'Fatal error: exception' | grep -v 'Called from' | grep '"process_args":\[\]' \
    | sed -n 's,.*"prog":"\./\([^"]*\.exe\)".*"dir":"\([^"]*\)".*,\2 \1,p' | head -n 3 \
    | while read -r directory program; do
    printf 'bactrian-frames: %s %s\n' "${directory#_build/default}" "${program%.exe}"
    (cd "$directory" && OCAMLRUNPARAM=b timeout 10 "./$program" </dev/null 2>&1 >/dev/null \
        | grep -E '^(Raised|Called|Re-raised) ' | head -n 20)
done
rm -f "$trace" "$told"
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

OPAM_FILES = r"""
grep -qs '(generate_opam_files' dune-project || exit 0
names=$(tr '\n' ' ' <dune-project | grep -o '(package *(name *[^)]*)' | sed 's/.*(name *//; s/ *)$/.opam/')
for name in $names; do
    if dune build --root . --display quiet "$name.generated" 2>/dev/null; then
        cmp -s "_build/default/$name.generated" "$name" || cat "_build/default/$name.generated" >"$name"
    else
        dune build --root . --display quiet "$name"
    fi
done
"""
"""Writes the opam file of every package, where the project wants dune to.

From dune language 3.24 or so on dune leaves that to a promotion of what `NAME.opam.generated` holds.
"""
