"""The session's commits, made by git *inside* the container: the host runs nothing where commands could write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from containers.base import WORKSPACE, Container
from containers.workspace import RESULT_REF, RepositoryError

_GUARD = ("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "core.fsmonitor=false")

_LAY_OUT = """
set -eo pipefail
rm -rf "$1"
mkdir -p "$1"
git -C "$1" init -q
[ -z "$2" ] || git archive "$2" | tar -x -C "$1"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit of the work so far and its size against the base."""

    id: str
    files: int
    added: int
    removed: int
    dirty_submodules: tuple[str, ...] = ()
    """Submodules with changes inside: those can't be part of the branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDifference:
    """The paths that differ between two trees."""

    added: tuple[str, ...]
    modified: tuple[str, ...]
    deleted: tuple[str, ...]


async def compare(container: Container, before: str, after: str) -> TreeDifference:
    """Compare two trees or commits; an empty name is the empty tree. Raises RepositoryError, ContainerDied."""
    before, after = await base_tree(container, before), await base_tree(container, after)
    told = await _git(container, "diff-tree", "-r", "-z", "--no-renames", "--name-status", before, after)
    fields = told.split("\0")
    pairs = list(zip(fields[::2], fields[1::2], strict=False))
    return TreeDifference(
        added=tuple(path for status, path in pairs if status == "A"),
        modified=tuple(path for status, path in pairs if status in ("M", "T")),
        deleted=tuple(path for status, path in pairs if status == "D"),
    )


async def commit_work(container: Container, base: str, message: str, author: tuple[str, str]) -> Commit | None:
    """Commit everything in the workspace and point the result ref at it; None where nothing differs from `base`.

    Whatever branch or commit a command has checked out meanwhile is what counts.

    Raises RepositoryError: git inside failed (a broken `.git`, a full disk); ContainerDied.
    """
    identity = ("-c", f"user.name={author[0]}", "-c", f"user.email={author[1]}")
    await _git(container, "add", "--all")
    if (await container.exec(["git", *_GUARD, "diff", "--cached", "--quiet"])).exit_code:
        await _git(container, *identity, "commit", "--quiet", "--no-verify", "--cleanup=verbatim", "-m", message)
    head = await container.exec(["git", "rev-parse", "--quiet", "--verify", "HEAD"])
    commit = head.stdout.text().strip()
    if not commit or commit == base:
        return None
    await _git(container, "update-ref", RESULT_REF, commit)
    files, added, removed = _count(await _git(container, "diff", "--numstat", await base_tree(container, base), commit))
    dirty = tuple(await _dirty_submodules(container))
    return Commit(id=commit, files=files, added=added, removed=removed, dirty_submodules=dirty)


async def base_tree(container: Container, base: str) -> str:
    """Return a name of the base's tree for git inside; the empty tree where there was no commit."""
    return base or (await _git(container, "hash-object", "-t", "tree", "-w", "/dev/null")).strip()


async def lay_out_tree(container: Container, commit: str, folder: str) -> None:
    """Write a commit's files to `folder` in the container as a repository of its own, empty for no commit.

    Raises RepositoryError, ContainerDied.
    """
    script = (
        'rm -rf "$1" && mkdir -p "$1" && git -C "$1" init -q && { [ -z "$2" ] || git archive "$2" | tar -x -C "$1"; }'
    )
    result = await container.exec(["bash", "-o", "pipefail", "-c", script, "lay-out", folder, commit], cwd=WORKSPACE)
    if result.exit_code:
        raise RepositoryError(f"the base can't be laid out: {result.stderr.text().strip()[-300:]}")


async def _dirty_submodules(container: Container) -> Sequence[str]:
    status = await _git(container, "status", "--porcelain=v2", "-z", "--ignore-submodules=none")
    # `1 XY S<c><m><u> … path`: a submodule with modified or untracked content.
    entries = (entry.split(" ", 8) for entry in status.split("\0") if entry.startswith("1 "))
    return [entry[8] for entry in entries if entry[2].startswith("S") and ("M" in entry[2] or "U" in entry[2])]


async def _git(container: Container, *arguments: str) -> str:
    result = await container.exec(["git", *_GUARD, *arguments], limit_bytes=16 << 20)
    if result.exit_code:
        lines = result.stderr.text().strip().splitlines() or [f"exit code {result.exit_code}"]
        raise RepositoryError(f"git {arguments[0]} in the container: {lines[-1].removeprefix('fatal: ')}")
    return result.stdout.text()


def _count(numstat: str) -> tuple[int, int, int]:
    rows = [line.split("\t") for line in numstat.splitlines()]
    numbers = [(int(row[0]), int(row[1])) for row in rows if row[0].isdigit()]
    return len(rows), sum(added for added, _ in numbers), sum(removed for _, removed in numbers)
