"""Questions to merlin's server, which reads configuration and results from the watching dune's build directory."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from lang.analysis import Bench, Place, Streams
from lang.base import Project, Step, StepOutput
from lang.ocaml.layout import PREFIX, WORKSPACE
from lang.ocaml.watch import build_directory, directory

_ASK = f'PATH="{PREFIX}/bin:$PATH"; exec ocamlmerlin server "$@" 2>/dev/null'
_LIMIT_S = 10.0

Fields = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedBench:
    """A bench on which merlin finds what the watching dune built, and has a server of its own."""

    bench: Bench
    project: Project

    async def run(self, step: Step) -> StepOutput:
        """Run a step so."""
        return await self.bench.run(self._watched(step))

    async def open(self, step: Step) -> Streams:
        """Start a process so."""
        return await self.bench.open(self._watched(step))

    async def read(self, path: str) -> str | None:
        """Return a file's text."""
        return await self.bench.read(path)

    def _watched(self, step: Step) -> Step:
        # Merlin's clients and its server meet at a socket in TMPDIR; the server hands its environment to dune.
        ours = {"DUNE_BUILD_DIR": build_directory(self.project), "TMPDIR": f"{directory(self.project)}/tmp"}
        return replace(step, env={**step.env, **ours})


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file's text, and places in it as merlin counts: lines from 1, columns in bytes from 0."""

    path: str
    """Relative to the workspace, or absolute."""
    text: str

    def byte(self, line: int, column: int) -> int:
        """A column in characters from 1 as merlin's."""
        return len(self.line(line)[: max(column - 1, 0)].encode())

    def column(self, line: int, byte: int) -> int:
        """Merlin's column as one in characters from 1."""
        return len(self.line(line).encode()[:byte].decode(errors="ignore")) + 1

    def line(self, number: int) -> str:
        """A line from 1; empty outside of the file."""
        lines = self.text.split("\n")
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def place(self, position: object) -> Place | None:
        """Merlin's `{"line": …, "col": …}` as a place."""
        line, byte = number(position, "line"), number(position, "col")
        return Place(path=self.path, line=line, column=self.column(line, byte)) if line else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merlin:
    """Merlin's server for one project. Where it can't answer, answers are empty; only the bench's death is raised."""

    project: Project
    bench: WatchedBench

    async def ask(self, file: File, *words: str) -> object:
        """Return the value of an answer about a text, which may differ from the file on disk; None for a failure."""
        absolute = posixpath.join(WORKSPACE, file.path)
        argv = ("sh", "-c", _ASK, "sh", *words, "-filename", absolute)
        step = Step(argv=argv, cwd=self.project.root, stdin=file.text, timeout_s=_LIMIT_S)
        try:
            answer = json.loads((await self.bench.run(step)).stdout)
        except (ValueError, RecursionError):
            return None
        fields = as_fields(answer)
        return fields.get("value") if fields.get("class") == "return" else None

    async def stop(self) -> None:
        """End the server, if there is one."""
        await self.bench.run(Step(argv=("sh", "-c", _ASK, "sh", "stop-server"), timeout_s=_LIMIT_S))


def as_fields(value: object) -> Fields:
    """A JSON object; an empty one for anything else."""
    return cast(Fields, value) if isinstance(value, dict) else {}


def objects(value: object) -> Iterator[Fields]:
    """The objects of a JSON list; none for anything else."""
    for item in cast(list[object], value) if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield cast(Fields, item)


def number(value: object, key: str) -> int:
    """A number of a JSON object; 0 where there is none."""
    found = as_fields(value).get(key)
    return found if isinstance(found, int) else 0


def word(value: object, key: str) -> str:
    """A string of a JSON object; empty where there is none."""
    found = as_fields(value).get(key)
    return found if isinstance(found, str) else ""


def in_workspace(path: str) -> str:
    """A path of merlin's relative to the workspace, where it lies in it."""
    return posixpath.normpath(path).removeprefix(f"{WORKSPACE}/")
