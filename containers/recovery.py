"""A session's clone after a crash: what is left of it is taken up again, or it is made anew from what was saved."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from containers.base import Container
from containers.commits import work_tree
from containers.git import RepositoryError, git
from containers.removal import remove_tree
from containers.repository import Repository, rev_parse
from containers.workspace import Clone, remake_clone

# What commands and the supervisor leave when they are killed: locks of git, a broken index, half-written files.
_TIDY = r"""
find .git -name '*.lock' -type f -delete
git -c core.fsmonitor=false ls-files >/dev/null 2>&1 || { rm -f .git/index; git read-tree HEAD 2>/dev/null; }
find . -name .git -prune -o -type f -regextype posix-extended -regex '.*/\.bactrian-[0-9a-f]{8,}' -delete
"""


async def take_up(container: Container, base: str) -> bool:
    """Clear the workspace of what killed commands left in it; false if its repository is broken.

    Raises ContainerDied.
    """
    await container.exec(["sh", "-c", _TIDY])
    try:
        await work_tree(container, base)
    except RepositoryError:
        return False
    return True


def mend_clone(
    repository: Repository,
    path: Path,
    branch: str,
    base: str,
    commit: str,
    owner: tuple[int, int] | None,
    artefacts: Sequence[str] = (),
) -> Clone:
    """Give the files in `path` a repository made anew, in place of a broken one, which is put beside `path`.

    No file of the work is touched. Raises like `remake_clone`.
    """
    fresh = path.with_name(f"{path.name}.new")
    remove_tree(fresh)
    remake_clone(repository, fresh, branch, base, commit, owner, artefacts)
    aside = (path.with_name(f"{path.name}.git-{number}") for number in itertools.count(1))
    if os.path.lexists(path / ".git"):
        (path / ".git").rename(next(name for name in aside if not os.path.lexists(name)))
    (fresh / ".git").rename(path / ".git")
    remove_tree(fresh)
    return Clone(path=path, base=base, uncommitted=0)


def tip(repository: Repository, branch: str) -> tuple[str, str]:
    """Return the commit that a branch of the user's is at, and its message; empty where there is no such branch."""
    commit = rev_parse(repository.root, f"refs/heads/{branch}^{{commit}}")
    if not commit:
        return "", ""
    text = git(repository.root, "cat-file", "commit", commit, user_config=True).stdout
    return commit, text.partition("\n\n")[2]
