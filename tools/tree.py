"""What lies in a tree inside the container: its files, and the projects among them."""

from __future__ import annotations

from collections.abc import Sequence

from containers.base import WORKSPACE, Container
from lang.base import Language, Project
from tools.base import Change

_LIMIT_BYTES = 16 * 1024 * 1024
_TIMEOUT_S = 60.0


async def files(container: Container, root: str = WORKSPACE) -> tuple[str, ...]:
    """Return the paths of a tree's files relative to `root`, without what git ignores; without git, all of them."""
    known = await _paths(container, root, "git", "ls-files", "-coz", "--exclude-standard", "--deduplicate")
    if known is None:
        found = await _paths(container, root, "find", ".", "-name", ".git", "-prune", "-o", "-type", "f", "-print0")
        return tuple(sorted(path.removeprefix("./") for path in found or ()))
    gone = await _paths(container, root, "git", "ls-files", "-dz")
    return tuple(sorted(set(known) - set(gone or ())))


async def projects(
    container: Container, languages: Sequence[Language], root: str = WORKSPACE
) -> tuple[tuple[Language, Project], ...]:
    """Return a tree's projects, each with its language, in the languages' order."""
    paths = await files(container, root)
    return tuple((language, project) for language in languages for project in language.detect(paths))


async def _paths(container: Container, root: str, *argv: str) -> list[str] | None:
    result = await container.exec(argv, cwd=root, limit_bytes=_LIMIT_BYTES, timeout_s=_TIMEOUT_S)
    return [path for path in result.stdout.text().split("\0") if path] if result.exit_code == 0 else None


# A tree object of everything that git does not ignore, made with an index of its own so that the real one stays.
_SNAPSHOT = """
set -e
index=$(mktemp)
trap 'rm -f "$index"' EXIT
cp -p "$(git rev-parse --git-path index)" "$index" 2>/dev/null || rm -f "$index"
export GIT_INDEX_FILE="$index"
git add --all >/dev/null 2>&1
git write-tree
"""


async def snapshot(container: Container) -> str:
    """Return the name of a git tree with the workspace's files as they are now; empty where git can't make one."""
    result = await container.exec(["sh", "-c", _SNAPSHOT], timeout_s=_TIMEOUT_S)
    return result.stdout.text().strip() if result.exit_code == 0 else ""


async def changes(container: Container, before: str) -> tuple[Change, ...]:
    """Return what changed in the workspace since a snapshot; nothing where there was none."""
    after = await snapshot(container)
    if not before or not after or before == after:
        return ()
    argv = ["git", "diff", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv", "-z", before, after]
    result = await container.exec(argv, limit_bytes=_LIMIT_BYTES, timeout_s=_TIMEOUT_S)
    counted = [entry.split("\t", 2) for entry in result.stdout.text().split("\0") if entry.count("\t") >= 2]
    return tuple(Change(path=path, added=_number(added), removed=_number(removed)) for added, removed, path in counted)


def _number(count: str) -> int:
    """Read a count of lines; git prints `-` for binary files."""
    return int(count) if count.isdecimal() else 0
