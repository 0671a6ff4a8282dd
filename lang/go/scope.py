"""Which packages a change can have broken: its own, and all that import them, tests included."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lang.base import Project, Scope, Step, StepOutput

# One line a package: directory, then the imports of the package, of its tests, of its outside tests.
_ROW = "{{.Dir}}|{{.ImportPath}}|{{join .Imports `,`}}|{{join .TestImports `,`}},{{join .XTestImports `,`}}"
_LIST = f"pwd; exec go list -e -f '{_ROW}' ./..."
_WHOLE_FILES = frozenset(("go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Package:
    directory: str
    """Relative to the project."""
    path: str
    imports: frozenset[str]
    test_imports: frozenset[str]


def scope_step(project: Project) -> Step:
    """Return the step that lists the module's packages and what they import."""
    return Step(argv=("sh", "-c", _LIST), cwd=project.root, timeout_s=60.0)


def parse_scope(project: Project, paths: Sequence[str], output: StepOutput) -> Scope:
    """Read the list; a change of go.mod, or a list that can't be had, concerns the whole module."""
    packages = _packages(output.stdout)
    if output.timed_out or not packages or any(posixpath.basename(path) in _WHOLE_FILES for path in paths):
        return Scope(whole=True)
    prefix = "" if project.root == "." else f"{project.root}/"
    inner = [path.removeprefix(prefix) for path in paths if path.startswith(prefix)]
    changed = {home for path in inner if (home := _home(path, packages)) is not None}
    # A package whose test files alone have changed is of no concern to others.
    sources = {home for path in inner if not path.endswith("_test.go") and (home := _home(path, packages)) is not None}
    affected = changed | _users(sources, packages.values())
    if affected >= packages.keys():
        return Scope(whole=True)
    return Scope(packages=tuple(sorted("./" + name if name != "." else "." for name in affected)))


def _packages(listed: str) -> Mapping[str, _Package]:
    """The packages by their directories; the first line says where the list was made."""
    lines = listed.splitlines()
    rows = [line.split("|") for line in lines[1:]]
    found = [
        _Package(
            directory=posixpath.relpath(row[0], lines[0]),
            path=row[1],
            imports=frozenset(row[2].split(",")),
            test_imports=frozenset(row[3].split(",")),
        )
        for row in rows
        if len(row) == 4 and row[0].startswith("/")
    ]
    return {package.directory: package for package in found}


def _home(path: str, directories: Collection[str]) -> str | None:
    """The nearest directory above a file that is a package: test data and embedded files belong to it."""
    directory = posixpath.dirname(path) or "."
    while directory not in directories:
        if directory == ".":
            return None
        directory = posixpath.dirname(directory) or "."
    return directory


def _users(changed: Collection[str], packages: Collection[_Package]) -> set[str]:
    """The directories of all packages that import one of the changed, directly or not, or whose tests do."""
    reached = {package.path for package in packages if package.directory in changed}
    while more := {each.path for each in packages if each.path not in reached and each.imports & reached}:
        reached |= more
    return set(_directories(packages, reached))


def _directories(packages: Collection[_Package], reached: set[str]) -> Iterator[str]:
    for package in packages:
        if package.path in reached or package.test_imports & reached:
            yield package.directory
