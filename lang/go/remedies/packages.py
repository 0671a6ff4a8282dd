"""Imports that lead nowhere: other modules' and this one's, cycles, directories with two packages."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lang.base import Step
from lang.go.remedies.nearness import likeness
from lang.go.remedies.question import Question

_SHOWN = 4
_VERSION = re.compile(r"^(?:require\s+|\t)(\S+\.\S+/\S+)\s+(v\S+)", re.MULTILINE)
_MAJOR = re.compile(r"/v\d+$")


async def not_required(question: Question, path: str) -> str:
    """`no required module provides package P`: one's own package misnamed, another major version, or a dependency."""
    own = await _own(question, path)
    if own:
        return own
    required = await question.required()
    plain = _MAJOR.sub("", path)
    other = next((each for each in required if _MAJOR.sub("", each) == plain and each != path), None)
    if other is None:
        other = next((each for each in required if _MAJOR.sub("", each) + "/" in path + "/" and each not in path), None)
    holding = next((each for each in required if f"{path}/".startswith(f"{each}/")), None)
    if holding is not None:
        return await not_contained(question, holding, path)
    if other is not None:
        rest = path.removeprefix(_MAJOR.sub("", other)).lstrip("/")
        rest = re.sub(r"^v\d+/?", "", rest)
        return f'go.mod requires {other}: import "{other}{f"/{rest}" if rest else ""}".'
    return f"add_dependency {path} adds it to go.mod."


async def not_standard(question: Question, path: str) -> str:
    """`package P is not in std`: the package of this module, or the standard one, that may be meant."""
    own = await _own(question, path)
    if own:
        return own
    standard = (await question.run("go", "list", "-find", "std")).split()
    last = path.rpartition("/")[2]
    public = [
        each for each in standard if "internal/" not in each and "/internal" not in each and "vendor/" not in each
    ]
    same = [each for each in public if each.rpartition("/")[2] == last]
    near = sorted(public, key=lambda each: -max(likeness(path, each), likeness(last, each.rpartition("/")[2])))
    likely = same or [each for each in near[:_SHOWN] if likeness(last, each.rpartition("/")[2]) > 0.7]
    said = f"The standard library has {', '.join(likely)}. " if likely else "The standard library has nothing like it. "
    module = await question.module()
    return f"{said}A library's import path begins with a host (example.com/…); this module is {module}."


async def _own(question: Question, path: str) -> str:
    """Return which of the project's packages an import path may mean."""
    packages = await question.project_packages()
    module = await question.module()
    parts = path.split("/")
    endings = ["/".join(parts[start:]) for start in range(len(parts))]
    for ending in endings:
        found = [each for each in packages if each == f"{module}/{ending}" or each.endswith(f"/{ending}")]
        if found and found != [path]:
            return f'This module is {module}: import "{found[0]}".'
    if module and (path + "/").startswith(module + "/"):
        return f"This module has no such package. It has {', '.join(packages[:8])}."
    return ""


async def not_summed(question: Question, path: str) -> str:
    """`missing go.sum entry`: nothing to do, unless the version that go.mod names doesn't exist."""
    required = dict(_VERSION.findall(await question.go_mod()))
    module = next((each for each in required if f"{path}/".startswith(f"{each}/")), "")
    if module:
        asked = await question.bench.run(
            Step(argv=("go", "list", "-m", f"{module}@{required[module]}"), cwd=question.project.root, timeout_s=5.0)
        )
        wrong = re.search(
            r"unknown revision|invalid version|no matching versions|[Nn]ot [Ff]ound|not available|: 4\d\d ",
            asked.stderr,
        )
        if wrong:
            return f"There is no {module} {required[module]}: add_dependency {module} picks a version that exists."
    return "Nothing to write by hand: `go mod tidy`, which runs before the final check, completes go.sum."


async def not_contained(question: Question, module: str, path: str) -> str:
    """`module M found, but does not contain package P`: the packages that it has."""
    required = await question.required()
    if module not in required:
        return f"Perhaps another major version or another path: add_dependency {module} shows the packages it has."
    packages = (await question.run("go", "list", "-find", f"{module}/...")).split()
    public = [each for each in packages if "/internal" not in each and "/vendor" not in each]
    near = sorted(public, key=lambda each: -likeness(path, each))[:8]
    return f"{module} has {', '.join(near)}." if near else ""


async def cycle(question: Question) -> str:
    """Spell an import cycle out, and say how one is undone."""
    printed = await question.run("go", "list", "-e", "-f", "{{.ImportPath}} {{join .Imports ` `}}", "./...")
    graph = {words[0]: words[1:] for words in (line.split() for line in printed.splitlines()) if words}
    found = _cycle(graph)
    told = f"{' → '.join(found)}. " if any(each not in question.diagnostic.message for each in found) else ""
    return (
        f"{told}To undo it: move what both need into a package that imports neither, "
        "or let one take an interface or a function instead of importing the other."
    )


def _cycle(graph: Mapping[str, list[str]]) -> list[str]:
    """Return a cycle's packages, its first one again at the end; empty where there is none."""
    done: set[str] = set()
    for name in graph:
        if found := _walk(name, [], graph, done):
            return found
    return []


def _walk(name: str, trail: list[str], graph: Mapping[str, list[str]], done: set[str]) -> list[str]:
    if name in trail:
        return [*trail[trail.index(name) :], name]
    if name in done or name not in graph:
        return []
    for each in graph[name]:
        if found := _walk(each, [*trail, name], graph, done):
            return found
    done.add(name)
    return []
