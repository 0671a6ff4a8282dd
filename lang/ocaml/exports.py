"""What an OCaml library offers, in brief: its types and main functions in full, the rest by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from lang.base import Project, Step, StepOutput

_FULL_CHARACTERS = 2400
_NAMES_CHARACTERS = 500
_LINE_CHARACTERS = 180
_FEW = 6
_TYPES = 12

# Arguments: the library, then the modules to show; without any, those that are called like the library, or all.
_SHOW = r"""
library=$1; shift
directory=$(ocamlfind query "$library" 2>/dev/null) || exit 0
paths=$(for each in $(ocamlfind query -r "$library" 2>/dev/null) $(ocamlfind ocamlc -where); do
    printf ' -build-path %s' "$each"; done)
capital() { printf '%s%s' "$(printf '%s' "$1" | cut -c1 | tr 'a-z' 'A-Z')" "$(printf '%s' "$1" | cut -c2-)"; }
modules=$(find "$directory" -maxdepth 1 -name '*.cmi' ! -name '*__*' 2>/dev/null | sed 's,.*/,,; s,\.cmi$,,' | sort |
    while read -r name; do capital "$name"; echo; done)
printf 'bactrian-modules: %s\n' "$(echo $modules)"
if [ $# = 0 ]; then
    main=$(capital "$(printf '%s' "$library" | tr '.-' '__')")
    case " $(echo $modules) " in *" $main "*) set -- "$main" ;; *) set -- $(echo "$modules" | head -n 2) ;; esac
fi
for name; do
    printf 'bactrian-module: %s\n' "$name"
    echo | timeout 30 ocamlmerlin single complete-prefix -position 1:0 -prefix "$name." -doc y \
        -filename bactrian_query.ml $paths 2>/dev/null
    echo
done
"""

_MAIN = re.compile(
    r"(v|make|create|init|open_\w+|connect|empty|return|bind|map|iter|fold|run\w*|main|add|find|mem|get|set|remove|"
    r"parse\w*|of_\w+|from_\w+|to_\w+|pp|test_case|check|exec\w*|compile|matches|eval|info|cmd|term|equal|int|string|bool|"
    r"list)"
)
_ASIDE = re.compile(
    r"(write_|with_|unsafe_|stream_|buffer_|read_|lexer_|finish_|skip_|register|__|pp_|sexp_of_|bin_|hash_)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    name: str
    kind: str
    signature: str
    deprecated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What `show` printed: the library's modules, and what those asked for hold."""

    modules: tuple[str, ...]
    entries: dict[str, list[_Entry]]

    def inner(self) -> tuple[str, ...]:
        """Return the modules to look into as well, where those shown hold little but modules; `()` mostly."""
        for name, entries in self.entries.items():
            inside = [f"{name}.{entry.name}" for entry in entries if entry.kind == "Module"]
            if inside and sum(entry.kind == "Value" for entry in entries) <= _FEW:
                # A safe or general variant is what people want; `Raw`, `Private` and their like are not.
                inside.sort(key=lambda path: (not re.search(r"\.(Safe|Std|Basic|Syntax|Infix)$", path), path))
                return tuple(path for path in inside if not re.search(r"\.(Private|Raw|Internal|O|Legacy)$", path))[:2]
        return ()


def show(project: Project, library: str, modules: Sequence[str] = ()) -> Step:
    """Ask merlin what a library's modules hold: those named, else the main one."""
    return Step(argv=("sh", "-c", _SHOW, "sh", library, *modules), cwd=project.root, timeout_s=90.0)


def parse(output: StepOutput) -> Shown:
    """Read what `show` printed, as far as it came."""
    modules, entries, name = tuple[str, ...](), dict[str, list[_Entry]](), ""
    for line in output.stdout.splitlines():
        word, _, rest = line.partition(": ")
        if word == "bactrian-modules":
            modules = tuple(rest.split())
        elif word == "bactrian-module":
            name = rest.strip()
        elif line.startswith("{"):
            entries[name] = list(_entries(line))
    return Shown(modules=modules, entries=entries)


def _entries(line: str) -> Iterator[_Entry]:
    try:
        value = cast(dict[str, object], json.loads(line)).get("value")
    except (ValueError, RecursionError):
        return
    found = cast(dict[str, object], value).get("entries") if isinstance(value, dict) else None
    for each in cast(list[object], found) if isinstance(found, list) else ():
        if isinstance(each, dict):
            fields = cast(dict[str, object], each)
            name, kind, signature = (str(fields.get(key, "")) for key in ("name", "kind", "desc"))
            yield _Entry(
                name=name, kind=kind, signature=" ".join(signature.split()), deprecated=bool(fields.get("deprecated"))
            )


def brief(library: str, shown: Sequence[Shown]) -> str:
    """Return what a library offers, in about 3 kB."""
    if not shown or not shown[0].modules:
        return ""
    entries = {name: found for each in shown for name, found in each.entries.items()}
    lines = [f"library {library}, modules: {_joined(shown[0].modules)}"]
    left = _FULL_CHARACTERS
    for at, (name, found) in enumerate(entries.items()):
        budget = left // (len(entries) - at)
        page = _page(name, found, budget)
        left -= sum(len(line) + 1 for line in page[1:])
        lines += page
    return "\n".join(lines)


def _page(name: str, entries: Sequence[_Entry], budget: int) -> list[str]:
    modules = [entry.name for entry in entries if entry.kind == "Module"]
    types = [_shaped(entry) for entry in entries if entry.kind == "Type" and not entry.deprecated][:_TYPES]
    failures = [_failing(entry) for entry in entries if entry.kind == "Constructor" and entry.signature.endswith("exn")]
    values = [entry for entry in entries if entry.kind == "Value" and not entry.deprecated]
    head = f"module {name}" + (f" (modules in it: {_joined(modules)})" if modules else "")
    lines, names = [head], list[str]()
    for text in types:
        budget -= len(text) + 3
        lines += [f"  {text}"] if budget > 0 else []
    for entry in sorted(values, key=_order(name)):
        line = f"val {entry.name} : {_plain(entry.signature, name)}"
        if len(line) + 3 <= budget and len(line) <= _LINE_CHARACTERS:
            lines.append(f"  {line}")
            budget -= len(line) + 3
        else:
            names.append(entry.name)
    lines += [f"  exceptions: {', '.join(failures[:8])}"] if failures else []
    return [*lines, *([f"  values too: {_joined(names)}"] if names else [])]


def _order(module: str):
    own = module.rpartition(".")[2].lower()

    def weight(entry: _Entry) -> tuple[int, int]:
        aside, main = _ASIDE.match(entry.name), _MAIN.fullmatch(entry.name)
        rank = 2 if aside or not entry.name[:1].isalpha() else 0 if main or entry.name.lower() == own else 1
        return rank, len(entry.signature)

    return weight


def _plain(signature: str, module: str) -> str:
    """Return a signature as it would stand in the module itself."""
    return signature.replace(f"{module}.", "")


def _shaped(entry: _Entry) -> str:
    text = entry.signature if entry.signature.startswith("type") else f"type {entry.name}"
    return text if len(text) <= _LINE_CHARACTERS else f"{text[:_LINE_CHARACTERS]}…"


def _failing(entry: _Entry) -> str:
    carried = entry.signature.removesuffix("exn").removesuffix(" -> ")
    return f"{entry.name} of {carried}" if carried else entry.name


def _joined(names: Sequence[str]) -> str:
    text = ""
    for count, name in enumerate(names):
        if len(text) + len(name) > _NAMES_CHARACTERS:
            return f"{text} and {len(names) - count} more"
        text += f", {name}" if text else name
    return text or "none of its own"
