"""What the go command printed, taken apart: JSON objects, plain lines, and paths made relative to the workspace."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from lang.base import Project, StepOutput

_DECODER = json.JSONDecoder()
_NOISE = ("go: downloading ", "go: finding ", "go: extracting ", "go: found ", "go: trying ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Turns the paths that the go command prints into paths relative to the workspace."""

    root: str
    """The project's directory, relative to the workspace."""
    directory: str = ""
    """The same, absolute, as the step saw it; empty where the output does not say."""

    @property
    def workspace(self) -> str:
        """The workspace's absolute path, or empty where it is not known."""
        root = posixpath.normpath(self.root)
        if root == ".":
            return self.directory
        if self.directory.endswith(f"/{root}"):
            return self.directory[: -len(root) - 1]
        return ""

    def relative(self, path: str) -> str:
        """Return `path` relative to the workspace; files outside of it stay absolute."""
        if not path.startswith("/"):
            return posixpath.normpath(posixpath.join(self.root, path))
        top = self.workspace
        return path[len(top) + 1 :] if top and path.startswith(f"{top}/") else path

    def inside(self, path: str) -> bool:
        """Whether a printed path lies in the workspace."""
        return not self.relative(path).startswith(("/", "../"))

    def shorten(self, text: str) -> str:
        """Return `text` with every absolute path into the workspace made relative."""
        top = self.workspace
        return text.replace(f"{top}/", "") if len(top) > 1 else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A step's output in pieces: the JSON objects in order, and the lines that were no JSON."""

    places: Places
    objects: tuple[Mapping[str, Any], ...]
    lines: tuple[str, ...]

    @property
    def tail(self) -> str:
        """The last lines of plain text, for a note where nothing else explains a failure."""
        said = dict.fromkeys(line.removeprefix("go: warning: ") for line in self.lines)
        return self.places.shorten("\n".join(list(said)[-12:])).strip()


def read(project: Project, output: StepOutput) -> Printed:
    """Take a step's output apart. A first line that is an absolute path is the directory the step ran in."""
    stdout, directory = output.stdout, ""
    if stdout.startswith("/"):
        directory, _, stdout = stdout.partition("\n")
    pieces = _Pieces()
    pieces.add(stdout)
    pieces.add(output.stderr)
    return Printed(
        places=Places(root=project.root, directory=directory.rstrip("/")),
        objects=tuple(pieces.objects),
        lines=tuple(line for line in pieces.lines if line.strip() and not line.startswith(_NOISE)),
    )


@dataclass(slots=True)
class _Pieces:
    objects: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    lines: list[str] = field(default_factory=list[str])

    def add(self, text: str) -> None:
        at = 0
        while at < len(text):
            found = _object(text, at) if text[at] == "{" else None
            if found is not None:
                value, at = found
                self.objects.append(value)
                continue
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            self.lines.append(text[at:end].rstrip("\r"))
            at = end + 1


def _object(text: str, at: int) -> tuple[Mapping[str, Any], int] | None:
    try:
        value, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    while end < len(text) and text[end] in "\r\n":
        end += 1
    return cast(Mapping[str, Any], value), end


def text(value: Mapping[str, Any], key: str) -> str:
    """Return a field that should be a string, or empty where it is missing or something else."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a field that should be a list of objects; nothing for any other value."""
    if isinstance(value, list):
        for item in cast(list[object], value):
            if isinstance(item, dict):
                yield cast(Mapping[str, Any], item)


def package_of(import_path: str) -> str:
    """Return the package that an ID like `a/lib_test [a/lib.test]`, `a/lib.test` or `a/lib` belongs to."""
    name, _, variant = import_path.partition(" [")
    return (variant.rstrip("]") or name).removesuffix(".test")
