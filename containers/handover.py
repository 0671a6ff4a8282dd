"""The way back: the work fetched from a clone that commands inside could write to, as one branch.

Of the clone, git on the host reads objects and nothing else. Of the user's repository it reads refs and writes objects
and that branch; whatever the configuration there asks for on fetches does not happen.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from containers.git import RepositoryError, git
from containers.labels import process_name
from containers.objects import take_objects
from containers.repository import Repository

FETCH_TIMEOUT_S = 300.0
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

# The serving end gets no configuration of this one, and believes no cache that a command may have forged.
_UPLOAD_PACK = (
    "GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_NO_LAZY_FETCH=1 GIT_ALLOW_PROTOCOL=none "
    "git -c core.commitGraph=false -c core.multiPackIndex=false -c pack.useBitmaps=false upload-pack --strict"
)
_FETCH = (
    *("-c", "protocol.version=2", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "fetch.unpackLimit=1"),
    *("-c", "fetch.writeCommitGraph=false", "-c", "transfer.hideRefs=", "-c", "fetch.fsckObjects=true"),
    *("fetch", "--quiet", "--no-write-fetch-head", "--recurse-submodules=no", "--no-tags", "--no-prune"),
    *("--upload-pack", _UPLOAD_PACK),
)


# On the disk before it is said: objects, then the branch.
_DURABLE = ("-c", "core.fsync=committed,reference")
# Another session may set the same branch just now, on a disk that is busy.
_PATIENT = ("-c", "core.filesRefLockTimeout=2000")


class BranchTaken(RepositoryError):
    """The session's branch was moved, made or deleted by someone else, or is checked out: another name may do."""


def fetch_result(repository: Repository, clone: Path, branch: str, commit: str, previous: str) -> None:
    """Fetch `commit` from the clone and set `branch` of the user's repository to it, where it is `previous`.

    An empty `previous` stands for a branch that is not there. Of the clone, objects are read and nothing else.

    Raises BranchTaken, RepositoryError: the clone has been tampered with, git failed, the disk is full. The user's
    branches are then as they were.
    """
    if not _COMMIT.fullmatch(commit):
        raise RepositoryError(f"what git in the container gives for a commit is none; the files lie in {clone}")
    try:
        _distrust(clone)
        _require_unmoved(repository, branch, previous)
        _fetch_objects(repository, clone, commit)
    except OSError as error:
        raise RepositoryError(f"the work can't be fetched from {clone}: {error.strerror or error}") from error
    # Git compares and sets in one step: whoever was faster is not overwritten.
    arguments = (
        *_DURABLE,
        *_PATIENT,
        "update-ref",
        "-m",
        "bactrian: the work so far",
        f"refs/heads/{branch}",
        commit,
        previous or "0" * len(commit),
    )
    try:
        git(repository.root, *arguments, user_config=True, settings=repository.muted)
    except RepositoryError:
        _require_unmoved(repository, branch, previous)  # that somebody was faster is no failure of git's
        raise
    _give_back(repository)


def _fetch_objects(repository: Repository, clone: Path, commit: str) -> None:
    # Beside the clone: object files need not be copied there.
    with tempfile.TemporaryDirectory(prefix=f"bactrian-{process_name()}-", dir=clone.parent) as folder:
        source = _only_objects(repository, Path(folder, "from"), clone, commit)
        target = _only_refs(repository, Path(folder, "to"))
        git(
            target,
            f"--git-dir={target}",
            *_DURABLE,
            *_FETCH,
            str(source),
            "refs/heads/result",
            user_config=True,
            settings=_sharing(repository),
            variables={"GIT_OBJECT_DIRECTORY": str(repository.common / "objects"), "GIT_ALLOW_PROTOCOL": "file"},
            timeout_s=FETCH_TIMEOUT_S,
        )


def _only_objects(repository: Repository, folder: Path, clone: Path, commit: str) -> Path:
    """Make a repository whose configuration, refs and hooks are ours, and whose objects are the clone's."""
    _init(repository, folder)
    take_objects(clone, folder / "objects")
    refs = folder / "refs" / "heads"
    refs.mkdir(parents=True, exist_ok=True)
    (refs / "result").write_text(f"{commit}\n")
    return folder


def _only_refs(repository: Repository, folder: Path) -> Path:
    """Make a repository to fetch with, which knows what the user's has; objects go straight to that one.

    A fetch in the user's repository would do what is configured there: run programs, take other ways.
    """
    _init(repository, folder)
    known = git(repository.root, "for-each-ref", "--format=%(objectname)", user_config=True).stdout.split()
    listed = "".join(f"{name}\n" for name in sorted({*known, repository.head} - {""}))
    told = git(repository.root, "cat-file", "--batch-check=%(objectname)", stdin=listed, user_config=True).stdout
    had = [line for line in told.splitlines() if " " not in line]  # a broken ref's object is `missing`
    (folder / "packed-refs").write_text("".join(f"{name} refs/had/{name}\n" for name in had))
    shallow = repository.common / "shallow"
    if shallow.is_file():
        shutil.copyfile(shallow, folder / "shallow")
    return folder


def _init(repository: Repository, folder: Path) -> None:
    folder.mkdir()
    git(folder, "init", "--quiet", "--bare", "--template=", f"--object-format={repository.object_format}")


def _sharing(repository: Repository) -> dict[str, str]:
    """Return what the user's repository says about the modes of its files."""
    shared = repository.settings.get("core.sharedrepository")
    return {"core.sharedRepository": shared} if shared else {}


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


def _give_back(repository: Repository) -> None:
    """Let what root has fetched into another user's repository (under sudo) belong to that user."""
    owner = repository.common.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    # By open folders: that user could put a link in the place of one on the way.
    for _, folders, files, folder in os.fwalk(repository.common):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                about = os.stat(name, dir_fd=folder, follow_symlinks=False)
                # A file with a second name may be root's own, somewhere else.
                if about.st_uid == 0 and (stat.S_ISDIR(about.st_mode) or about.st_nlink == 1):
                    os.chown(name, owner.st_uid, owner.st_gid, dir_fd=folder, follow_symlinks=False)


def _distrust(clone: Path) -> None:
    """Say of a clone that a command has broken what is wrong with it; `take_objects` holds out against more."""
    objects = clone / ".git" / "objects"
    for path in (clone, clone / ".git", objects):
        if not os.path.lexists(path):
            raise RepositoryError(f"the clone is broken, {path.name} is gone; the files lie in {clone}")
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise RepositoryError(f"the clone was tampered with, {path.name} is no directory; the files lie in {clone}")
    for name in ("alternates", "http-alternates"):
        if os.path.lexists(objects / "info" / name):
            raise RepositoryError(f"the clone was tampered with, {name} leads out of it; the files lie in {clone}")
