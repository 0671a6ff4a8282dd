"""How code goes in and comes out: a session's own clone of the user's repository, and the branch fetched from it.

The host runs git in the clone only while it is being made, before any command ran in the container. Afterwards it
reads objects from it and nothing else; commits are made by git inside the container (`containers.commits`).
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from containers.git import RepositoryError, git
from containers.labels import process_name
from containers.overlay import overlay
from containers.repository import (
    NotARepository,
    Repository,
    branch_exists,
    find_repository,
    free_branch,
    init_repository,
    require_room,
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
    "require_room",
    "valid_branch",
]

FETCH_TIMEOUT_S = 300.0

# The serving end gets no configuration of this one. Where it serves a clone, no cache that a command may have forged.
_UPLOAD_PACK = "GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -c safe.directory=* upload-pack"
_DISTRUSTING_UPLOAD_PACK = (
    "GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -c core.commitGraph=false -c core.multiPackIndex=false "
    "-c pack.useBitmaps=false upload-pack --strict"
)
_FETCH = (
    *("-c", "protocol.version=2", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "fetch.unpackLimit=1"),
    *("-c", "fetch.writeCommitGraph=false", "-c", "transfer.hideRefs="),
    *("fetch", "--quiet", "--no-write-fetch-head", "--recurse-submodules=no"),
)


class BranchTaken(RepositoryError):
    """The session's branch was moved, made or deleted by someone else, or is checked out: another name may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """A session's own clone. `base` is the commit that the work starts from; empty where there was none."""

    path: Path
    base: str
    uncommitted: int
    """How many files of the base are uncommitted changes of the user."""


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
        _fill(repository, repository.head, path, branch)
        with (path / ".git" / "info" / "exclude").open("a") as file:
            file.writelines(f"{pattern}\n" for pattern in artefacts)
        changed = overlay(repository, path)
        base = _commit(repository, path) if changed else repository.head
        if owner:
            _give_to(path, *owner)
    except OSError as error:
        culprit = error.filename or path
        raise RepositoryError(f"the clone can't be made: {error.strerror or error}: {culprit}") from error
    return Clone(path=path, base=base, uncommitted=changed)


def fetch_result(repository: Repository, clone: Path, branch: str, commit: str, previous: str) -> None:
    """Fetch `commit` from the clone and set `branch` of the user's repository to it, where it is `previous`.

    An empty `previous` stands for a branch that is not there. Of the clone, objects are read and nothing else.

    Raises BranchTaken, RepositoryError: the clone has been tampered with, git failed. The user's branches are then
    as they were.
    """
    _distrust(clone)
    _require_unmoved(repository, branch, previous)
    with tempfile.TemporaryDirectory(prefix=f"bactrian-{process_name()}-") as folder:
        # Its configuration, refs and hooks are ours; only its objects are the clone's.
        git(Path(folder), "init", "--quiet", "--bare", "--template=", f"--object-format={repository.object_format}")
        alternates = Path(folder, "objects", "info", "alternates")
        alternates.parent.mkdir(exist_ok=True)
        alternates.write_bytes(os.fsencode(clone.resolve() / ".git" / "objects") + b"\n")
        refs = Path(folder, "refs", "heads")
        refs.mkdir(parents=True, exist_ok=True)
        (refs / "result").write_text(f"{commit}\n")
        options = ("--no-tags", "--no-prune", "--upload-pack", _DISTRUSTING_UPLOAD_PACK)
        check = ("-c", "fetch.fsckObjects=true")
        where = (folder, "refs/heads/result")
        git(repository.root, *check, *_FETCH, *options, *where, user_config=True, timeout_s=FETCH_TIMEOUT_S)
    # Git compares and sets in one step: whoever was faster is not overwritten.
    arguments = ("-m", "bactrian: the work so far", f"refs/heads/{branch}", commit, previous or "0" * len(commit))
    git(repository.root, "update-ref", *arguments, user_config=True)
    _give_back(repository)


def _require_unmoved(repository: Repository, branch: str, previous: str) -> None:
    ref = f"refs/heads/{branch}"
    told = git(
        repository.root, "for-each-ref", "--format=%(refname) %(objectname) %(worktreepath)", ref, user_config=True
    )
    found = [line.split(" ", 2)[1:] for line in told.stdout.splitlines() if line.startswith(f"{ref} ")]
    now, worktree = found[0] if found else ("", "")
    if now != previous:
        what = "was moved" if now and previous else "was made" if now else "was deleted"
        raise BranchTaken(f"the branch {branch} {what} by someone else meanwhile: it is left alone")
    # A branch without a commit is in no list, but the checkout may be on it.
    head = git(repository.root, "symbolic-ref", "--quiet", "HEAD", check=False, user_config=True).stdout.strip()
    worktree = worktree or (str(repository.root) if head == ref else "")
    if worktree:
        raise BranchTaken(f"the branch {branch} is checked out in {worktree} meanwhile: it is left alone")


def _fill(repository: Repository, commit: str, path: Path, branch: str) -> None:
    """Make a clone at `path` with `commit` checked out; empty stands for a repository without one."""
    init = ("init", "--quiet", "--template=", f"--object-format={repository.object_format}")
    git(path, *init, f"--initial-branch={branch}")
    _copy_excludes(repository, path)
    if not commit:
        return
    refspecs = [f"+{commit}:refs/bactrian/head", "+refs/heads/*:refs/remotes/origin/*"]
    options = ["--tags", "--update-shallow", "--upload-pack", _UPLOAD_PACK]
    if _partial(repository):
        # Of older commits objects may be missing: what is checked out is what there surely is.
        refspecs, options = refspecs[:1], [*options[1:], "--no-tags", "--depth=1"]
    git(path, *_FETCH, *options, str(repository.root), *refspecs)
    git(path, "checkout", "--quiet", "-B", branch, commit)
    for name, recorded in _submodules(path):
        checkout = repository.root / name
        if (checkout / ".git").exists():
            inner = find_repository(checkout)
            known = git(checkout, "cat-file", "-e", f"{recorded}^{{commit}}", check=False, user_config=True)
            _fill(inner, inner.head if known.returncode else recorded, path / name, "main")


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
    own = repository.settings.get("core.excludesfile")
    default = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git" / "ignore"
    personal = repository.root / os.path.expanduser(own) if own else default
    texts = [source.read_bytes() for source in (personal, repository.common / "info" / "exclude") if source.is_file()]
    info = path / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "exclude").write_bytes(b"".join(text + b"\n" for text in texts))


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
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), uid, gid, follow_symlinks=False)


def _give_back(repository: Repository) -> None:
    """Let what root has fetched into another user's repository (under sudo) belong to that user."""
    owner = repository.common.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for folder, folders, files in os.walk(repository.common):
        for path in (os.path.join(folder, name) for name in (*folders, *files)):
            with contextlib.suppress(FileNotFoundError):
                if os.lstat(path).st_uid == 0:
                    os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _distrust(clone: Path) -> None:
    """Refuse a clone whose objects a command inside the container has led elsewhere, or where reading would hang."""
    objects = clone / ".git" / "objects"
    for path in (clone, clone / ".git", objects):
        if not os.path.lexists(path):
            raise RepositoryError(f"the clone is broken, {path.name} is gone; the files lie in {clone}")
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise RepositoryError(f"the clone was tampered with, {path.name} is no directory; the files lie in {clone}")
    for name in ("alternates", "http-alternates"):
        if os.path.lexists(objects / "info" / name):
            raise RepositoryError(f"the clone was tampered with, {name} leads out of it; the files lie in {clone}")
    for folder, folders, files in os.walk(objects):
        for name in (*folders, *files):
            try:
                kind = os.lstat(os.path.join(folder, name)).st_mode
            except FileNotFoundError:
                continue  # git in the background packs
            if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                raise RepositoryError(f"the clone was tampered with, objects/…/{name} is no file; see {clone}")
