"""How a repository says that it is built and tested: targets of its Makefile or justfile, what its CI runs. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

_TARGET = re.compile(r"^@?([A-Za-z][\w.-]*)(?: [\w=\"' ]*)?:(?![=:])[^\n]*\n((?:[ \t]+\S[^\n]*\n?)*)", re.MULTILINE)
_RUN = re.compile(r"^( *)(?:- +)?run: *(?:[|>][+-]? *\n((?:\1 +[^\n]*\n|[ \t]*\n)+)|([^\n]+))", re.MULTILINE)
_TELLING = re.compile(r"^(?:all|build|check|ci|fmt|format|generate|gen|lint|tests?|verify|vet)\b")
_WORKS = re.compile(r"\b(?:build|check|fmt|format|generate|lint|promote|runtest|test|vet)\b")
_LINE_CHARACTERS = 160
_COMMAND_CHARACTERS = 100
_CI_LINES = 8

_MAKEFILES = ("makefile", "gnumakefile", "justfile", ".justfile")
_WORKFLOWS = re.compile(r"(?:\.github/workflows/[^/]+|\.gitlab-ci)\.ya?ml")


def is_recipe(path: str) -> bool:
    """Whether a file of the tree is one that `recipes` reads."""
    return path.lower() in _MAKEFILES or _WORKFLOWS.fullmatch(path) is not None


def recipes(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return lines that say how to build and test, from the texts of the files that `is_recipe` chose."""
    lines: list[str] = []
    commands: dict[str, None] = {}
    for path, text in sorted(files.items()):
        if path.lower() in _MAKEFILES:
            lines += _targets(path, text)
        else:
            commands |= dict.fromkeys(_commands(text))
    if commands:
        lines.append(f"CI runs: {'; '.join(list(commands)[:_CI_LINES])}")
    return tuple(lines)


def _targets(path: str, text: str) -> Iterator[str]:
    found = {match[1]: match[2] for match in _TARGET.finditer(text)}
    if not found:
        return
    program = "just" if "just" in path.lower() else "make"
    yield f"{posixpath.basename(path)} targets: {' '.join(list(found)[:40])}"
    for target, body in found.items():
        command = _command(target, body)
        if command and _TELLING.match(target):
            yield f"  {program} {target}: {command}"


def _command(target: str, body: str) -> str:
    """Return the line of a recipe that says most, as it is written; empty where all are long or part of a script."""
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    whole = [
        re.sub(r"^[@-]+ *", "", line)
        for before, line in zip(["", *lines], lines, strict=False)
        if not line.endswith("\\") and not before.endswith("\\") and len(line) <= _COMMAND_CHARACTERS
    ]
    if len(whole) < len(lines):
        return ""
    word = re.split(r"[.-]", target)[0]
    return next((line for line in whole if word in line), whole[0] if whole else "")


def _commands(text: str) -> Iterator[str]:
    for match in _RUN.finditer(text):
        for line in (match[2] or match[3]).splitlines():
            command = line.strip()
            if _WORKS.search(command) and "${{" not in command and not command.startswith(("#", "echo")):
                yield _cut(command)


def _cut(line: str) -> str:
    return line if len(line) <= _LINE_CHARACTERS else f"{line[:_LINE_CHARACTERS]}…"
