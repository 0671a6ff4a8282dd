"""What Go tells before the first turn: the toolchain, a module's requirements and its main packages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from lang.base import Project, Step, StepOutput, Survey
from lang.mentions import names

_REQUIREMENTS_SHOWN = 24
_PROGRAMS_SHOWN = 20
_TOOLS = ("golangci-lint", "gofumpt", "goimports", "staticcheck")
_MARK = re.compile(r"^bactrian-(\w+): ?(.*)$", re.MULTILINE)
_MAJOR = re.compile(r"(?:/|\.)v\d+$")
_SPEAKS = re.compile(
    r"\b(?:golang|gofmt|gopls|goroutines?|go\.(?:mod|sum|work))\b|\w\.go\b"
    r"|\bgo (?:test|build|vet|run|get|mod|doc|modules?|packages?)\b|\b(?:in|a|the|with) Go\b"
    r"|\bGo(?= (?:code|program|project|library|package|module|service|server|CLI|tool|1\.\d)|[,.)]|$)"
    r"|(?<![\w/:.])(?:[\w-]+\.)+[a-z]{2,}/[\w.~-]+(?![\w.]*@)"
)
_STANDARD = re.compile(
    r"(?<![\w/.-])(?:archive|compress|container|crypto|database|debug|encoding|go|hash|html|image|index|io|log|math|mime|net"
    r"|os|path|regexp|runtime|sync|testing|text|unicode)(?:/[a-z0-9]+)+\b(?!/|\.\w)"
)
_PATH = re.compile(r"(?<![\w/:.@~-])(?:[\w-]+\.)+[a-z]{2,}(?:/[\w.~-]*[\w~-])+(?![\w.]*@)")
_NO_PACKAGE = re.compile(r"example\.(?:com|org|net)/|.*/(?:issues|pull|blob|tree|commit|wiki)/|.*\.\w{1,4}$")

_SURVEY = (
    r"""
say() { printf 'bactrian-%s: %s\n' "$1" "$2"; }
say version "$(go env GOVERSION GOOS GOARCH CGO_ENABLED | tr '\n' ' ')"
command -v gcc >/dev/null || command -v clang >/dev/null || say lacks cc
for tool in """
    + " ".join(_TOOLS)
    + r"""; do command -v "$tool" >/dev/null || say lacks "$tool"; done
[ -f go.mod ] || exit 0
for file in go.work vendor/modules.txt .golangci.*; do [ ! -e "$file" ] || say file "$file"; done
printf 'bactrian-module: '; go mod edit -json | tr -d '\n'; echo
git grep -hoE --untracked '^(import)?[[:space:]]+([[:alnum:]_.]+ )?"[^" ]+\.[^" ]+/[^" ]+"' -- '*.go' ':!vendor' |
    grep -o '"[^"]*"' | tr -d '"' | sort | uniq -c | sort -rn | head -n 300 |
    while read -r count path; do say import "$path"; done
GOPROXY=off go list -e -find -f '{{if eq .Name "main"}}{{.Dir}}{{end}}' ./... 2>/dev/null |
    while read -r directory; do directory=${directory#"$(pwd -P)"}; directory=${directory#/}
        say program "${directory:-.}"; done
"""
)


def survey_step(project: Project | None) -> Step:
    """Return the step that finds it all out; a fraction of a second with warm caches."""
    return Step(argv=("sh", "-c", _SURVEY), cwd=project.root if project else ".", timeout_s=20.0)


def parse_survey(project: Project | None, output: StepOutput) -> Survey:
    """Read what the step printed, as far as it came."""
    told: dict[str, list[str]] = {}
    for kind, value in _MARK.findall(output.stdout):
        told.setdefault(kind, []).append(value.strip())
    module = _module(told.get("module", ("",))[0])
    requirements = _requirements(module)
    packages = {path: version for path in told.get("import", ()) if (version := _version(path, requirements))}
    required = _required(project, requirements)
    facts = [*_toolchain(told), *_about(project, module, told)]
    return Survey(facts=tuple(facts), details=required, libraries={**packages, **requirements}, used=tuple(packages))


def _module(text: str) -> Mapping[str, Any]:
    try:
        read: object = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast(dict[str, Any], read) if isinstance(read, dict) else {}


def _requirements(module: Mapping[str, Any]) -> dict[str, str]:
    """The modules that go.mod requires itself, with their versions."""
    found = module.get("Require")
    entries = cast(list[object], found) if isinstance(found, list) else []
    fields = [cast(dict[str, object], entry) for entry in entries if isinstance(entry, dict)]
    return {str(entry.get("Path")): str(entry.get("Version")) for entry in fields if not entry.get("Indirect")}


def _version(path: str, requirements: Mapping[str, str]) -> str:
    """The version of the module that a package belongs to; empty where none that is required directly has it."""
    while path and path not in requirements:
        path = path.rpartition("/")[0]
    return requirements.get(path, "")


def _toolchain(told: Mapping[str, Sequence[str]]) -> Iterator[str]:
    version = " ".join(told.get("version", ())).split()
    if not version:
        return
    lacks = list(told.get("lacks", ()))
    cgo = version[-1] == "1" and "cc" not in lacks
    missing = [tool for tool in lacks if tool != "cc"]
    absent = f"; not installed: {', '.join(missing)}" if missing else ""
    yield f"{version[0]} {'/'.join(version[1:3])}, {'cgo and -race work' if cgo else 'no cgo and no -race'}{absent}."


def _required(project: Project | None, requirements: Mapping[str, str]) -> tuple[str, ...]:
    if project is None or not requirements:
        return ()
    required = [f"{path} {version}" for path, version in requirements.items()]
    listed = ", ".join(required[:_REQUIREMENTS_SHOWN])
    more = f" and {len(required) - _REQUIREMENTS_SHOWN} more" if len(required) > _REQUIREMENTS_SHOWN else ""
    return (f"go.mod requires {listed}{more}.",)


def _path(module: Mapping[str, Any]) -> str:
    return str(cast(Mapping[str, Any], module.get("Module") or {}).get("Path", ""))


def _about(project: Project | None, module: Mapping[str, Any], told: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if project is None:
        return
    if name := _path(module):
        yield f"Module {name} in {project.root}: go {module.get('Go', '?')}."
    programs = told.get("program", ())
    if programs:
        shown = ", ".join(programs[:_PROGRAMS_SHOWN])
        yield f"Main packages: {shown}{' …' if len(programs) > _PROGRAMS_SHOWN else ''}."
    files = set(told.get("file", ()))
    if "go.work" in files:
        yield "A go.work joins modules here."
    if "vendor/modules.txt" in files:
        yield "Dependencies are vendored."
    linter = next((file for file in files if file.startswith(".golangci.")), "")
    if linter and "golangci-lint" in told.get("lacks", ()):
        yield f"{linter} is for CI: golangci-lint is not here."


def speaks(text: str) -> bool:
    """Whether a task is about Go: by its name where it isn't the verb, its files, its commands, an import path."""
    return _SPEAKS.search(text) is not None


def named(text: str, survey: Survey) -> tuple[str, ...]:
    """Return the packages that a text names: by import path, whether it is required or not, by a required module's
    short name, `log/slog`."""
    whole = [path for path in survey.libraries if re.search(rf"(?<![\w/.-]){re.escape(path)}(?![\w-]|/\w)", text)]
    modules = {path for path in survey.libraries if any(names(text, name) for name in _short_names(path))}
    short = [
        next((used for used in survey.used if used == path or used.startswith(f"{path}/")), path) for path in modules
    ]
    others = [path for path in _PATH.findall(text) if not _NO_PACKAGE.match(path)]
    return tuple(dict.fromkeys([*whole, *others, *sorted(short), *_STANDARD.findall(text)]))


def _short_names(path: str) -> tuple[str, ...]:
    """What people call a package: `yaml` for gopkg.in/yaml.v3, `chi` for github.com/go-chi/chi/v5."""
    last = _MAJOR.sub("", path).rpartition("/")[2]
    bare = last.removeprefix("go-").removesuffix("-go")
    return tuple(dict.fromkeys((last, bare)))
