"""The steps that find and install libraries: findlib first, then opam in a switch that has the image's own packages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lang.base import Project, Step, StepOutput

_VERSION_OF = r"""
version_of() {
    have=$(ocamlfind query -format '%v' "$1" 2>/dev/null) || return 1
    case $have in
    *' '* | '['* | '' | n/a)
        owner=$(dpkg-query -S "$(ocamlfind query "$1")/META" 2>/dev/null | sed 's/:.*//' | head -n 1)
        [ -z "$owner" ] || have=$(dpkg-query -W -f '${source:Upstream-Version}' "$owner" 2>/dev/null | sed 's/[+~].*//')
        [ -n "$owner" ] || have=$(opam show -f installed-version "${1%%.*}" 2>/dev/null | tr -d '"')
        ;;
    esac
    printf '%s\n' "${have#v}"
}
"""

_FIND = (
    _VERSION_OF
    + r"""
for library; do
    there=$(version_of "$library") && printf 'bactrian-there: %s %s\n' "$library" "$there"
done
ocamlfind list 2>/dev/null | sed 's/ .*//; s/^/bactrian-library: /'
exit 0
"""
)

_INSTALL = (
    _VERSION_OF
    + r"""
package=$1 library=$2 version=$3
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
report() {
    libraries=$(opam show --list-files "$package" 2>/dev/null | sed -n 's,.*/lib/\([^/]*\)/META$,\1,p' | tr '\n' ' ')
    printf 'bactrian-libraries: %s\n' "$libraries"
    printf 'bactrian-versions: %s\n' "$(opam show -f all-versions "$package" 2>/dev/null | tr -s ' ')"
    for each in "$library" $libraries; do
        there=$(version_of "$each") || continue
        printf 'bactrian-there: %s %s\n' "$each" "$there"
        exit 0
    done
    printf 'bactrian-there: %s %s\n' "" "$(opam show -f version "$package" 2>/dev/null)"
    exit 0
}
# fail KIND: the log says why.
fail() {
    printf 'bactrian-failure: %s\n' "$1"
    grep -vE '^ *$|^#? *opam-version|<><>' "$log" | tail -n 60 >&2
    exit 1
}
command -v opam >/dev/null || { echo "there is no opam to fetch it with" >"$log"; fail failed; }

repository=${BACTRIAN_OPAM_REPOSITORY:-}  # empty: the one that opam takes by itself
printf 'bactrian-repository: %s\n' "${repository:-https://opam.ocaml.org}"
system=$OPAMROOT/bactrian-system
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
if ! { mkdir -p "$OPAMROOT" && exec 9>"$OPAMROOT.lock" && flock 9; } 2>"$log"; then fail system; fi
# Only opam knows its own repository's address: back to it from another leads by a new start.
[ -n "$repository" ] || [ ! -s "$ready" ] || [ -z "$(cat "$ready")" ] || rm -rf "$OPAMROOT"
mkdir -p "$OPAMROOT"
if [ ! -f "$ready" ]; then
    # What an attempt left that went wrong is of no use to the next.
    [ ! -d "$system" ] || rm -rf "$OPAMROOT"
    set_up >"$log" 2>&1 || fail setup
elif [ "$(cat "$ready")" != "$repository" ]; then
    opam repository set-url default "$repository" >"$log" 2>&1 || fail setup
fi
printf '%s\n' "$repository" >"$ready"
if ! opam show "$package" >/dev/null 2>&1; then
    opam update >"$log" 2>&1 || :
    if ! opam show "$package" >/dev/null 2>&1; then
        opam list -A --short 2>/dev/null | sed 's/^/bactrian-package: /'
        fail unknown
    fi
fi
if [ -n "$version" ] && ! opam show "$package.$version" >/dev/null 2>&1; then
    printf 'bactrian-versions: %s\n' "$(opam show -f all-versions "$package" | tr -s ' ')"
    fail version
fi
if opam install "$package${version:+.$version}" >"$log" 2>&1; then report; fi
# A repository's copy may be older than what it refers to.
if grep -qiE 'failed to get sources|404' "$log" && opam update >/dev/null 2>&1 &&
    opam install "$package${version:+.$version}" >"$log" 2>&1; then report; fi
lacks=
for each in $(opam list --depexts --resolve="$package" --short 2>/dev/null); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$each" 2>/dev/null)" = installed ] || lacks="$lacks $each"
done
printf 'bactrian-lacks: %s\n' "$lacks"
for each in $(sed -nE 's/.*→ ([A-Za-z0-9_+-]+) .*/\1/p' "$log" | sort -u | head -n 8); do
    printf 'bactrian-offers: %s %s\n' "$each" "$(opam show -f all-versions "$each" 2>/dev/null | tr -s ' ')"
done
fail install
"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a step printed on the lines that are meant for us."""

    there: tuple[tuple[str, str], ...] = ()
    """Installed libraries with their versions."""
    libraries: tuple[str, ...] = ()
    """All that findlib knows, or all that a package brought."""
    packages: tuple[str, ...] = ()
    """All that opam knows; only where a package was unknown."""
    versions: tuple[str, ...] = ()
    failure: str = ""
    """`setup`, `unknown`, `version`, `install`, `system` or `failed`."""
    repository: str = ""
    lacks: tuple[str, ...] = ()
    """Packages of the operating system that the package wants and that aren't there."""
    offers: tuple[tuple[str, str], ...] = ()
    """What opam has of the packages that a conflict is about."""


def find(project: Project, libraries: Sequence[str]) -> Step:
    """Say which of the libraries are installed, and list all that are."""
    return Step(argv=("sh", "-c", _FIND, "sh", *libraries), cwd=project.root, timeout_s=60.0)


def install(project: Project, package: str, library: str, version: str) -> Step:
    """Install an opam package and say which version of the library is there then."""
    words = (package, library, version)
    return Step(argv=("sh", "-c", _INSTALL, "sh", *words), cwd=project.root, timeout_s=1800.0)


def parse(output: StepOutput) -> Told:
    """Read what `find` or `install` printed."""
    rows = re.findall(r"^bactrian-(\w+): ?(.*)$", output.stdout, re.MULTILINE)

    def words(kind: str) -> tuple[str, ...]:
        return tuple(word for key, rest in rows if key == kind for word in rest.split())

    def pairs(kind: str) -> tuple[tuple[str, str], ...]:
        split = [rest.partition(" ") for key, rest in rows if key == kind]
        return tuple((name, rest.strip()) for name, _, rest in split)

    return Told(
        there=pairs("there"),
        libraries=(*words("library"), *words("libraries")),
        packages=words("package"),
        versions=words("versions"),
        failure=next(iter(words("failure")), "failed" if output.exit_code else ""),
        repository=next(iter(words("repository")), ""),
        lacks=words("lacks"),
        offers=pairs("offers"),
    )
