"""The way in: a session's own clone of the user's repository. `containers.handover` is the way out.

The host runs git in the clone only while it is being made, in a folder that no container has. Afterwards it reads
objects from it and nothing else; commits are made by git inside the container (`containers.commits`).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from containers.git import RepositoryError, git
from containers.handover import BranchTaken, fetch_result
from containers.overlay import overlay, through_link
from containers.removal import remove_tree
from containers.repository import (
    NotARepository,
    Repository,
    branch_exists,
    find_repository,
    free_branch,
    init_repository,
    require_room,
    rev_parse,
    valid_branch,
)

__all__ = [
    "BranchTaken",
    "Clone",
    "NotARepository",
    "Repository",
    "RepositoryError",
    "branch_exists",
    "fetch_result",
    "find_repository",
    "free_branch",
    "init_repository",
    "make_clone",
    "remake_clone",
    "require_room",
    "valid_branch",
]

FILL_TIMEOUT_S = 3600.0
"""How long copying a large repository may take; Git waits for ever where a pipe lies in a file's place."""

# The serving end gets no configuration of this one, and serves the history as it was committed.
_UPLOAD_PACK = (
    "GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_NO_LAZY_FETCH=1 GIT_ALLOW_PROTOCOL=none "
    "GIT_GRAFT_FILE=/dev/null GIT_NO_REPLACE_OBJECTS=1 git -c safe.directory=* upload-pack"
)
_FETCH = (
    *("-c", "protocol.version=2", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "fetch.unpackLimit=1"),
    *("-c", "fetch.writeCommitGraph=false", "-c", "transfer.hideRefs="),
    *("fetch", "--quiet", "--no-write-fetch-head", "--recurse-submodules=no"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """A session's own clone. `base` is the commit that the work starts from; empty where there was none."""

    path: Path
    base: str
    uncommitted: int
    """How many files of the base are uncommitted changes of the user."""
    left: tuple[str, ...] = ()
    """What of those changes stays behind, and why: a clause for each reason."""


def make_clone(
    repository: Repository, path: Path, branch: str, owner: tuple[int, int] | None, artefacts: Sequence[str] = ()
) -> Clone:
    """Fill `path` (absent or empty) with a clone on `branch`, uncommitted changes as a first commit of it.

    Nothing is shared with the user's repository, not even by hard links. Initialised submodules come along.
    With `owner`, everything then belongs to that user and group. Git in the clone ignores the patterns `artefacts`.

    Raises RepositoryError: the branch is impossible, git failed, a file can't be copied, the disk is full.
    """
    require_room(repository, branch)
    try:
        path.mkdir(parents=True, exist_ok=True)
        # A container may be up around `path` already, and git believes what it finds in a repository.
        with _folder_beside(path) as folder:
            clone = _made(repository, folder, branch, artefacts)
            if owner:
                _give_to(folder, *owner)
                os.chown(path, *owner)
            # What is only half there has no `.git` yet.
            for name in sorted(os.listdir(folder), key=lambda name: name == ".git"):
                (folder / name).rename(path / name)
    except OSError as error:
        culprit = error.filename or path
        raise RepositoryError(f"the clone can't be made: {error.strerror or error}: {culprit}") from error
    return replace(clone, path=path)


def _made(repository: Repository, path: Path, branch: str, artefacts: Sequence[str]) -> Clone:
    _fill(repository, repository.head, path, branch)
    _ignore(path, artefacts)
    brought = overlay(repository, path)
    base = _commit(repository, path) if brought.files else repository.head
    return Clone(path=path, base=base, uncommitted=brought.files, left=brought.left)


def remake_clone(
    repository: Repository,
    path: Path,
    branch: str,
    base: str,
    commit: str,
    owner: tuple[int, int] | None,
    artefacts: Sequence[str] = (),
) -> Clone:
    """Make a clone at `path` (absent) as `make_clone` does, but with `commit`, or where that is empty with `base`.

    It is there whole or not at all: half a clone would pass for work in which files were deleted.

    Raises RepositoryError: the user's repository hasn't got these commits any more, git failed, the disk is full.
    """
    for needed in filter(None, (base, commit)):
        if not rev_parse(repository.root, f"{needed}^{{commit}}"):
            raise RepositoryError(f"{repository.root} hasn't got the commit {needed[:12]} any more")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _folder_beside(path) as folder:
            part = folder / "clone"
            part.mkdir()
            _refill(repository, part, branch, base, commit, artefacts)
            if owner:
                _give_to(part, *owner)
            part.rename(path)
    except OSError as error:
        culprit = error.filename or path
        raise RepositoryError(f"the clone can't be made: {error.strerror or error}: {culprit}") from error
    return Clone(path=path, base=base, uncommitted=0)


def _refill(repository: Repository, path: Path, branch: str, base: str, commit: str, artefacts: Sequence[str]) -> None:
    _fill(repository, commit or base, path, branch)
    if base and _partial(repository):
        where = ("--depth=1", "--upload-pack", _UPLOAD_PACK, str(repository.root))
        allowed = {"GIT_ALLOW_PROTOCOL": "file"}
        git(path, *_FETCH, *where, f"+{base}:refs/bactrian/base", variables=allowed, timeout_s=FILL_TIMEOUT_S)
    _ignore(path, artefacts)


def _ignore(path: Path, artefacts: Sequence[str]) -> None:
    with (path / ".git" / "info" / "exclude").open("a") as file:
        file.writelines(f"{pattern}\n" for pattern in artefacts)


def _fill(repository: Repository, commit: str, path: Path, branch: str) -> None:
    """Make a clone at `path` with `commit` checked out; empty stands for a repository without one."""
    init = ("init", "--quiet", "--template=", f"--object-format={repository.object_format}")
    git(path, *init, f"--initial-branch={branch}")
    _copy_excludes(repository, path)
    if not commit:
        return
    _copy_history(repository, commit, path)
    git(path, "checkout", "--quiet", "-B", branch, commit, timeout_s=FILL_TIMEOUT_S)
    for name, recorded in _submodules(path):
        checkout = repository.root / name
        # What lies behind a link is not this repository's.
        if (checkout / ".git").exists() and not through_link(repository.root, Path(name, ".git")):
            inner = find_repository(checkout)
            known = git(checkout, "cat-file", "-e", f"{recorded}^{{commit}}", check=False, user_config=True)
            _fill(inner, inner.head if known.returncode else recorded, path / name, "main")


def _copy_history(repository: Repository, commit: str, path: Path) -> None:
    def fetch(*arguments: str) -> None:
        argv = (*_FETCH, "--upload-pack", _UPLOAD_PACK, *arguments)
        git(path, *argv, variables={"GIT_ALLOW_PROTOCOL": "file"}, timeout_s=FILL_TIMEOUT_S)

    here, head = str(repository.root), f"+{commit}:refs/bactrian/head"
    if _partial(repository):
        # Of older commits objects may be missing: what is checked out is what there surely is.
        fetch("--update-shallow", "--no-tags", "--depth=1", here, head)
        return
    try:
        fetch("--update-shallow", "--tags", here, head, "+refs/heads/*:refs/remotes/origin/*")
    except RepositoryError:
        # A branch or tag may be broken, as after a power cut.
        fetch("--update-shallow", "--no-tags", here, head)


def _partial(repository: Repository) -> bool:
    return any(name.startswith("remote.") and name.endswith(".promisor") for name in repository.settings)


def _submodules(path: Path) -> Iterator[tuple[str, str]]:
    if not (path / ".gitmodules").is_file():
        return
    for entry in git(path, "ls-files", "--stage", "-z").stdout.split("\0"):
        if entry.startswith("160000 "):
            yield entry.split("\t", 1)[1], entry.split()[1]


def _copy_excludes(repository: Repository, path: Path) -> None:
    """Let files that the user ignores by other means than `.gitignore` be ignored in the clone too."""
    texts = [source.read_bytes() for source in _exclude_files(repository) if source.is_file()]
    info = path / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "exclude").write_bytes(b"".join(text + b"\n" for text in texts))


def _exclude_files(repository: Repository) -> Iterator[Path]:
    named = repository.settings.get("core.excludesfile")
    default = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git" / "ignore"
    personal = repository.root / os.path.expanduser(named) if named else default
    # A repository that came from a stranger may name any file of the user as a list of patterns.
    if named == repository.personal.get("core.excludesfile") or _within(repository.root, personal):
        yield personal
    yield repository.common / "info" / "exclude"


def _within(root: Path, path: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _commit(repository: Repository, path: Path) -> str:
    """Commit what is staged in the clone; return the commit, or the head where nothing is."""
    head = repository.head
    if head and git(path, "diff-index", "--cached", "--quiet", head, check=False).returncode == 0:
        return head
    name, address = repository.author
    identity = ("-c", f"user.name={name}", "-c", f"user.email={address}", "-c", "commit.gpgSign=false")
    git(path, *identity, "commit", "--quiet", "--no-verify", "-m", "Take the uncommitted changes of the checkout along")
    return git(path, "rev-parse", "HEAD").stdout.strip()


def _give_to(path: Path, uid: int, gid: int) -> None:
    os.chown(path, uid, gid)
    ahead = [os.fspath(path)]  # folders may be nested deeper than Python recurses
    while ahead:
        with os.scandir(ahead.pop()) as entries:
            for entry in entries:
                os.chown(entry.path, uid, gid, follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    ahead.append(entry.path)


@contextlib.contextmanager
def _folder_beside(path: Path) -> Generator[Path]:
    """Make a folder that only this user looks into, and remove it with whatever is in it then. Raises OSError."""
    folder = Path(tempfile.mkdtemp(prefix="clone-", dir=path.parent))
    try:
        yield folder
    finally:
        remove_tree(folder)
