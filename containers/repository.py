"""The user's repository: what it is, and which branches it has. Nothing here writes to it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from containers.boundaries import require_own
from containers.git import RepositoryError, git

LONGEST_NAME = 200
"""Bytes in a part of a branch's name; each becomes a file's name, with something added for locks."""

_DIRECTORIES = ("--absolute-git-dir", "--git-common-dir")


class NotARepository(RepositoryError):
    """There is no git repository at the path, but there could be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The user's checkout. Only `containers.workspace.fetch_result` ever writes to it: objects and one branch."""

    root: Path
    head: str
    """The commit that is checked out; empty in a repository without one."""
    object_format: str
    author: tuple[str, str]
    """Name and address for commits."""
    common: Path
    """The directory with refs and objects: `.git`, or the main checkout's for a linked worktree."""
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    """Git's configuration here, names in lower case; of several values the last."""
    personal: Mapping[str, str] = field(default_factory=dict[str, str])
    """The same, but only what the user and the system say, not what the repository brings along."""

    @property
    def muted(self) -> Mapping[str, str]:
        """Settings under which git runs none of the programs that `settings` name as filters or hooks."""
        filters = (f"filter.{name}.{key}" for name in self.named("filter") for key in ("clean", "smudge", "process"))
        optional = (f"filter.{name}.required" for name in self.named("filter"))
        hooks = (f"hook.{name}" for name in self.named("hook"))
        return (
            dict.fromkeys(filters, "")
            | dict.fromkeys(optional, "false")
            | {f"{hook}.{key}": value for hook in hooks for key, value in (("event", ""), ("enabled", "false"))}
        )

    def named(self, section: str) -> Set[str]:
        """Return the names that the configuration has in a section: the `lfs` of `filter.lfs.clean`."""
        keys = (name.removeprefix(f"{section}.") for name in self.settings if name.startswith(f"{section}."))
        return {key.rpartition(".")[0] for key in keys if "." in key}


def find_repository(path: Path) -> Repository:
    """Return the repository around `path`.

    Raises NotARepository, RepositoryError: a bare one, one that git refuses to read, one whose `.git` leads to files
    that are no part of it, git is not installed.
    """
    if not os.path.lexists(path):
        raise NotARepository(f"{path} is not a directory: give --init to make it")
    if not os.path.isdir(path):
        raise RepositoryError(f"{path} is not a directory")
    top = _ask(path, "--show-toplevel")
    if top.returncode:
        raise _unusable(path, top.stderr)
    root = Path(top.stdout.removesuffix("\n"))
    git_dir, common = (Path(_ask(path, question).stdout.removesuffix("\n")) for question in _DIRECTORIES)
    settings, personal = _settings(path)
    require_own(root, git_dir, common, settings.get("core.worktree", ""))
    name = _presentable(settings.get("user.name", "")) or "Bactrian"
    address = _presentable(settings.get("user.email", "")) or "bactrian@localhost"
    return Repository(
        root=root,
        head=rev_parse(root, "HEAD^{commit}"),
        object_format=_ask(root, "--show-object-format").stdout.strip(),
        author=(name, address),
        common=common,
        settings=settings,
        personal=personal,
    )


def init_repository(path: Path) -> Repository:
    """Make a new repository in `path`. Raises RepositoryError."""
    if os.path.lexists(path / ".git"):
        raise _occupied(path)  # git would go where it leads
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RepositoryError(f"{path} can't be made: {error.strerror}") from error
    git(path, "init", "--quiet", "--initial-branch=main", user_config=True)
    return find_repository(path)


def branch_exists(repository: Repository, branch: str) -> bool:
    """Whether the user's repository has the branch."""
    return bool(rev_parse(repository.root, f"refs/heads/{branch}"))


def free_branch(repository: Repository, wanted: str) -> str:
    """Return `wanted`, or `wanted-2`, `wanted-3` … if that can't be made. Raises as `require_room` where none can."""
    taken = _branches(repository)
    for name in (wanted, *(f"{wanted}-{number}" for number in range(2, 1000))):
        if name not in taken and not _in_the_way(taken, name):
            return name
    require_room(repository, wanted)
    raise RepositoryError(f"there are a thousand branches named {wanted}-…: choose a name with --branch")


def require_room(repository: Repository, branch: str) -> None:
    """Raise RepositoryError if the name of another branch makes that of this one impossible."""
    if obstacle := _in_the_way(_branches(repository), branch):
        raise RepositoryError(
            f"the branch {obstacle} stands in the way of {branch}: git can't have both; "
            "give another name with --branch or another branch_prefix in the settings"
        )


def valid_branch(name: str) -> bool:
    """Whether git takes the name for a branch, and the file system for files."""
    if name.startswith("-") or name == "HEAD" or "\0" in name:
        return False
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in name.split("/")):
        return False
    return git(Path("/"), "check-ref-format", f"refs/heads/{name}", check=False).returncode == 0


def rev_parse(root: Path, name: str) -> str:
    """Return the object that `name` stands for in a repository of the user; empty if there is none."""
    return git(root, "rev-parse", "--quiet", "--verify", name, check=False, user_config=True).stdout.strip()


def _unusable(path: Path, stderr: str) -> RepositoryError:
    if "not a git repository" in stderr and os.path.lexists(path / ".git"):
        return _occupied(path)
    if "not a git repository" in stderr:
        return NotARepository(f"{path} is not in a git repository: run `git init` there, or give --init")
    if "must be run in a work tree" in stderr:
        return RepositoryError(f"{path} is a bare repository, or the inside of one: Bactrian needs a checkout")
    if "dubious ownership" in stderr:
        advice = f"git config --global --add safe.directory {path.resolve()}"
        return RepositoryError(f"{path} belongs to another user: if you trust what is in it, run `{advice}`")
    return RepositoryError(f"git can't read {path}: {stderr.strip().splitlines()[0].removeprefix('fatal: ')}")


def _occupied(path: Path) -> RepositoryError:
    return RepositoryError(f"{path / '.git'} is there, but no repository that can be used: mend it, or remove it")


def _ask(path: Path, question: str) -> subprocess.CompletedProcess[str]:
    """Ask one thing at a time: a path may hold line ends."""
    return git(path, "rev-parse", "--path-format=absolute", question, check=False, user_config=True)


def _settings(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return all settings, and those that are not the repository's own."""
    listed = git(root, "config", "--list", "--show-scope", "-z", check=False, user_config=True).stdout.split("\0")
    pairs = [(scope, *entry.partition("\n")) for scope, entry in zip(listed[::2], listed[1::2], strict=False)]
    # A name without `=` is a truth.
    known = [(scope, name, value if given else "true") for scope, name, given, value in pairs]
    own = {name: value for scope, name, value in known if scope not in ("local", "worktree")}
    return {name: value for _, name, value in known}, own


def _presentable(text: str) -> str:
    return text.encode(errors="replace").decode().strip()


def _branches(repository: Repository) -> Set[str]:
    """Return the branches' names, that of the one checked out among them even where it has no commit yet."""
    told = git(repository.root, "for-each-ref", "--format=%(refname)", "refs/heads/", user_config=True).stdout
    head = git(repository.root, "symbolic-ref", "--quiet", "HEAD", check=False, user_config=True).stdout
    return {name.removeprefix("refs/heads/") for name in (*told.split("\n"), *head.split("\n")) if name}


def _in_the_way(taken: Set[str], branch: str) -> str:
    parts = branch.split("/")
    above = ("/".join(parts[:count]) for count in range(1, len(parts)))
    below = (name for name in taken if name.startswith(f"{branch}/"))
    return next((name for name in (*above, *below) if name in taken), "")
