"""What OCaml tells before the first turn: compiler, dune, installed libraries, formatter, a project's stanzas."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from lang.base import Project, Step, StepOutput, Survey
from lang.mentions import names
from lang.ocaml import sexp
from lang.ocaml.layout import PREFIX

_STANZAS_SHOWN = 60
_LINE_CHARACTERS = 400
_MARK = re.compile(r"^bactrian-(\w+): ?(.*)$")
_SPEAKS = re.compile(r"\b(?:ocaml\w*|dune|opam|ppx_\w+|merlin)\b|\w\.mli?\b", re.IGNORECASE)
_VERSION = re.compile(r"v?\d[\w.+~-]*")
_INTERNAL = re.compile(
    r"merlin.*|dot-merlin-reader|ocaml-index|ocaml-compiler-libs|findlib|ppx_derivers|ppxlib_jane|jane-street-headers|"
    r"ocaml_intrinsics_kernel|stdlib-shims|time_now|csexp|.*-compiler|menhir(?:CST|GLR|Sdk)|oUnit"
)
"""Libraries that only tools and preprocessors use."""
_OWN_FIELDS = ("name", "names", "public_name", "public_names")

_SURVEY = (
    f'PATH="{PREFIX}/bin:$PATH"; export PATH\n'
    + r"""
say() { printf 'bactrian-%s: %s\n' "$1" "$2"; }
say compiler "$(ocamlc -version)"
say dune "$(dune --version)"
say formatter "$(ocamlformat --version 2>/dev/null)"
for tool in ocamllsp utop menhir; do command -v "$tool" >/dev/null || say lacks "$tool"; done
if [ -f dune-project ]; then
    find . \( -name _build -o -name _opam -o -name duniverse -o -name node_modules -o -name '.?*' \) \
        ! -name .ocamlformat -prune -o -type f \( -name dune -o -name dune-project -o -name '*.opam' \
        -o -path ./.ocamlformat \) -print | sort | head -n 300 | while read -r file; do
        say file "${file#./}"
        case $file in *.opam) ;; *) head -c 6000 "$file"; echo ;; esac
    done
    say end
fi
roots=$(ocamlfind printconf path | grep -v /METAS)
list=$(mktemp) || exit 1
for root in $roots; do
    for meta in "$root"/*/META; do
        directory=${meta%/META}
        for file in "$directory"/*.cmi "$directory"/*.cma "$directory"/*/*.cmi; do
            [ -e "$file" ] || continue
            printf '%s\n' "$meta"; break
        done
    done
done | xargs -r awk '
    FNR == 1 { if (name != "") print name, version, file; n = split(FILENAME, part, "/"); name = part[n - 1]
        file = FILENAME; version = "-"; inner = 0 }
    /^package|^ *package "/ { inner = 1 }
    !inner && /^ *version *= *"/ { split($0, quoted, "\""); gsub(/ /, "_", quoted[2])
        if (quoted[2] != "") version = quoted[2] }
    END { print name, version, file }' >"$list"
# What its META has no version for belongs to one of the distribution's packages.
if grep -q ' - ' "$list" && command -v dpkg-query >/dev/null; then
    versions=$(mktemp)
    dpkg-query -W -f '${binary:Package} ${source:Upstream-Version}\n' | sed 's/:[a-z0-9]* / /' >"$versions"
    sed -n 's/^.* - //p' "$list" | xargs dpkg-query -S 2>/dev/null | sed 's/:[^ ]*//' | awk -v versions="$versions" '
        BEGIN { while ((getline line < versions) > 0) { split(line, word, " "); version[word[1]] = word[2] } }
        { n = split($2, part, "/"); print "bactrian-library: " part[n - 1] " " version[$1] }'
    rm -f "$versions"
fi
sed 's/^/bactrian-library: /' "$list"
rm -f "$list"
"""
)


def survey_step(project: Project | None) -> Step:
    """Return the step that finds it all out; a fraction of a second with warm caches."""
    return Step(argv=("sh", "-c", _SURVEY), cwd=project.root if project else ".", timeout_s=20.0)


def parse_survey(project: Project | None, output: StepOutput) -> Survey:
    """Read what the step printed, as far as it came."""
    told, files = _told(output.stdout)
    compiler = next(iter(told.get("compiler", ())), "")
    libraries = _libraries(told.get("library", ()), compiler)
    stanzas = {path: text for path, text in files.items() if _is_dune(path) and "vendor" not in path.split("/")}
    wanted = Counter(word for text in stanzas.values() for word in _libraries_of(text))
    shown = (
        _named_by(stanzas, libraries)
        if stanzas
        else f"Installed libraries, beside the compiler's: {_listed(libraries)}."
    )
    lacking = [_lacks(name, stanzas) for name in _lacking(_needed(stanzas), told.get("library", ()), compiler, files)]
    absent = [f"Not installed: {'; '.join(lacking)}."] if lacking else []
    facts = [*_toolchain(told), *([shown] if libraries and shown else ()), *absent, *_about(project, told, files)]
    own = {word for text in stanzas.values() for word in _own_names(text)}
    # What is installed under a name of the project's own is not what its code uses.
    libraries = {name: version for name, version in libraries.items() if name not in own}
    used = [name for name, _ in wanted.most_common() if name.partition(".")[0] in libraries and _has_interface(name)]
    versions = {name: libraries[name.partition(".")[0]] for name in used}
    return Survey(facts=tuple(facts), libraries={**libraries, **versions}, used=tuple(used))


def _told(printed: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """What was said by kind, and the files that were printed."""
    told: dict[str, list[str]] = {}
    files: dict[str, str] = {}
    path = ""
    for line in printed.splitlines():
        mark = _MARK.match(line)
        if mark and mark[1] == "file":
            path = mark[2]
            files[path] = ""
        elif mark:
            path = ""
            told.setdefault(mark[1], []).append(mark[2].strip())
        elif path:
            files[path] += f"{line}\n"
    return told, files


def _libraries(lines: Sequence[str], compiler: str) -> dict[str, str]:
    """Libraries with their versions, without the compiler's own and what only tools use."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, rest = line.partition(" ")
        version = rest.partition(" ")[0]
        if version == compiler or version.startswith("[") or _INTERNAL.fullmatch(name):
            found.pop(name, None)
        elif not found.get(name):
            found[name] = re.sub(r"[+~].*", "", version).removeprefix("v") if _VERSION.fullmatch(version) else ""
    return dict(sorted(found.items()))


def _lacking(wanted: Collection[str], lines: Sequence[str], compiler: str, files: Mapping[str, str]) -> list[str]:
    """The libraries that stanzas ask for and that neither findlib nor the project has."""
    there = {line.partition(" ")[0] for line in lines}
    own = {word for path, text in files.items() if _is_dune(path) for word in _own_names(text)}
    if not there or not compiler:
        return []
    return sorted({name for name in wanted if name not in own and name.partition(".")[0] not in there | own})


def _own_names(text: str) -> Iterator[str]:
    for node in sexp.parse(text) or ():
        yield from (word for name in _OWN_FIELDS for word in _words(node, name))


def _needed(stanzas: Mapping[str, str]) -> list[str]:
    """The libraries and preprocessors that stanzas name."""
    return list(dict.fromkeys(word for text in stanzas.values() for word in (*_libraries_of(text), *_pps_of(text))))


def _named_by(stanzas: Mapping[str, str], libraries: Mapping[str, str]) -> str:
    own = {word for text in stanzas.values() for word in _own_names(text)}
    roots = {name.partition(".")[0] for name in _needed(stanzas) if name not in own}
    there = {name: version for name, version in libraries.items() if name in roots}
    return f"Installed libraries that it uses: {_listed(there)}." if there else ""


def _listed(libraries: Mapping[str, str]) -> str:
    return ", ".join(_grouped(libraries))


def _lacks(name: str, stanzas: Mapping[str, str]) -> str:
    """A library that isn't there, and what can't be built without it."""
    users = [posixpath.dirname(path) or "." for path, text in stanzas.items() if name in _needed({path: text})]
    return f"{name}, so {', '.join(users)} {'do' if len(users) > 1 else 'does'} not build"


def _toolchain(told: Mapping[str, Sequence[str]]) -> Iterator[str]:
    compiler, dune = (next(iter(told.get(kind, ())), "") for kind in ("compiler", "dune"))
    lacks = told.get("lacks", ())
    absent = f"; not installed: {', '.join(lacks)}" if lacks else ""
    if compiler:
        language = f", dune {dune} (at most `(lang dune {'.'.join(dune.split('.')[:2])})`)" if dune else ", no dune"
        yield f"OCaml {compiler}{language}{absent}."


def _grouped(libraries: Mapping[str, str]) -> Iterator[str]:
    """`lwt 6.1.2`, and `ppx_{compare,expect,hash} 0.17` where three or more share a beginning and a version."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, version in libraries.items():
        stem = re.match(r"[A-Za-z0-9]+(?:_of_[a-z]+)?[-_]", name)
        key = (stem[0], ".".join(version.split(".")[:2])) if stem else (name, version)
        groups.setdefault(key, []).append(name)
    for (stem, version), members in groups.items():
        if len(members) > 2:
            yield f"{stem}{{{','.join(name.removeprefix(stem) for name in members)}}} {version}".strip()
        else:
            yield from (f"{name} {libraries[name]}".strip() for name in members)


def _about(project: Project | None, told: Mapping[str, Sequence[str]], files: Mapping[str, str]) -> Iterator[str]:
    yield _formatter(files.get(".ocamlformat"), next(iter(told.get("formatter", ())), ""))
    if project is None:
        return
    language = re.search(r"\(lang\s+dune\s+([\d.]+)\)", files.get("dune-project", ""))
    opam = [posixpath.basename(path) for path in files if path.endswith(".opam")]
    generated = " (generated by dune)" if "(generate_opam_files" in files.get("dune-project", "") else ""
    told_opam = f"; {', '.join(opam)}{generated}" if opam else "; no opam file"
    yield f"dune project in {project.root}: (lang dune {language[1] if language else '?'}){told_opam}."
    own = {path: text for path, text in files.items() if _is_dune(path) and "vendor" not in path.split("/")}
    stanzas = [line for path, text in own.items() for line in _stanzas(path, text)]
    yield from stanzas[:_STANZAS_SHOWN]
    if len(stanzas) > _STANZAS_SHOWN:
        yield f"[and {len(stanzas) - _STANZAS_SHOWN} more stanzas]"


def _formatter(settings: str | None, installed: str) -> str:
    if settings is None:
        return "No .ocamlformat: nothing is formatted, and `dune fmt` does nothing."
    wanted = re.search(r"^\s*version\s*=\s*(\S+)", settings, re.MULTILINE)
    if not installed:
        return ".ocamlformat is there, ocamlformat is not: nothing is formatted."
    if wanted and wanted[1] != installed:
        return f".ocamlformat wants {wanted[1]}, {installed} is installed: nothing is formatted."
    return f"ocamlformat {installed} is set up."


def _is_dune(path: str) -> bool:
    return posixpath.basename(path) == "dune"


def _stanzas(path: str, text: str) -> Iterator[str]:
    """A line for each library, program and test: `lib: library people (yojson fmt)`."""
    kinds = ("library", "executable", "executables", "test", "tests")
    for node in sexp.parse(text) or ():
        if node.head not in kinds:
            continue
        own = " ".join(dict.fromkeys(word for field in _OWN_FIELDS for word in _words(node, field)))
        libraries = " ".join(_words(node, "libraries"))
        line = f"{posixpath.dirname(path) or '.'}: {node.head} {own}" + (f" ({libraries})" if libraries else "")
        pps = _pps(node)
        yield (line + (f", ppx: {' '.join(pps)}" if pps else ""))[:_LINE_CHARACTERS]


def _pps(node: sexp.Node) -> list[str]:
    return [word for field in node.fields("preprocess") for part in field.fields("pps") for word in _atoms(part)]


def _pps_of(text: str) -> Iterator[str]:
    for node in sexp.parse(text) or ():
        yield from (word for word in _pps(node) if not word.startswith("-"))


def _libraries_of(text: str) -> Iterator[str]:
    for node in sexp.parse(text) or ():
        yield from _words(node, "libraries")


def _words(node: sexp.Node, field: str) -> list[str]:
    return [word for found in node.fields(field) for word in _atoms(found)]


def _atoms(node: sexp.Node) -> list[str]:
    return [
        word.text
        for item in (node.items or ())[1:]
        for word in ([item] if item.items is None else item.items)
        if word.items is None and word.text not in ("re_export", "select", "from", "->")
    ]


def _has_interface(library: str) -> bool:
    """Whether code calls it: preprocessors are only named in dune files."""
    return not re.match(r"ppx_|ppxlib|.*_ppx$", library)


def speaks(text: str) -> bool:
    """Whether a task is about OCaml: by its name, its build tool, its files."""
    return _SPEAKS.search(text) is not None


def named(text: str, survey: Survey) -> tuple[str, ...]:
    """Return the installed libraries that a text names, as `yojson`, `Yojson` or `lwt.unix`, in its order."""
    found = [name for name in survey.libraries if names(text, name) and _has_interface(name)]
    lowered = text.lower()
    return tuple(sorted(found, key=lambda name: lowered.find(name.lower())))
