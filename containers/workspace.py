"""How code goes in and comes out: a session's own clone of the user's repository, and the branch fetched from it.

The host runs git in the clone only while it is being made, before any command ran in the container. Afterwards
it runs `git fetch` *from* it and nothing else; commits are made by git inside the container (`containers.commits`).
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RESULT_REF = "refs/bactrian/result"
"""Where git inside the container leaves the work for the host to fetch."""

# The serving end has an owner of its own to check, and gets no configuration from this one.
_UPLOAD_PACK = "git -c safe.directory=* upload-pack --strict --timeout=120"


class RepositoryError(Exception):
    """The repository can't be used as asked; one line that says what to do."""


class NotARepository(RepositoryError):
    """There is no git repository at the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The user's checkout. Only `git fetch` ever writes to it, and only to `bactrian/` branches."""

    root: Path
    head: str
    """The commit that is checked out; empty in a repository without one."""
    object_format: str
    author: tuple[str, str]
    """Name and address for commits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """A session's own clone. `base` is the commit that the work starts from; empty where there was none."""

    path: Path
    base: str
    uncommitted: int
    """How many files of the base are uncommitted changes of the user."""


def find_repository(path: Path) -> Repository:
    """Return the repository around `path`.

    Raises NotARepository, RepositoryError: a bare one, one that git refuses to read, git is not installed.
    """
    if not path.is_dir():
        raise RepositoryError(f"{path} is not a directory")
    question = ("rev-parse", "--show-toplevel", "--show-object-format")
    inside = _git(path, *question, check=False, user_config=True)
    if inside.returncode:
        said = inside.stderr.strip().splitlines() or ["git failed"]
        if "not a git repository" in inside.stderr:
            raise NotARepository(f"{path} is not in a git repository: run `git init` there, or give --init")
        if "must be run in a work tree" in inside.stderr:
            raise RepositoryError(f"{path} is a bare repository: Bactrian needs a checkout")
        raise RepositoryError(f"git can't read {path}: {said[0].removeprefix('fatal: ')}")
    root, object_format = inside.stdout.splitlines()
    head = _rev_parse(Path(root), "HEAD^{commit}")
    name = _git(Path(root), "config", "user.name", check=False, user_config=True).stdout.strip() or "Bactrian"
    address = _git(Path(root), "config", "user.email", check=False, user_config=True).stdout.strip()
    author = (name, address or "bactrian@localhost")
    return Repository(root=Path(root), head=head, object_format=object_format, author=author)


def init_repository(path: Path) -> Repository:
    """Make a new repository in `path`. Raises RepositoryError."""
    path.mkdir(parents=True, exist_ok=True)
    _git(path, "init", "--quiet", "--initial-branch=main", user_config=True)
    return find_repository(path)


def make_clone(
    repository: Repository, path: Path, branch: str, owner: tuple[int, int] | None, artefacts: Sequence[str] = ()
) -> Clone:
    """Fill `path` (absent or empty) with a clone on `branch`, uncommitted changes as a first commit of it.

    Nothing is shared with the user's repository, not even by hard links. Initialised submodules come along.
    With `owner`, everything then belongs to that user and group. Git in the clone ignores the patterns `artefacts`.

    Raises RepositoryError: git failed, a file can't be copied, the disk is full.
    """
    path.mkdir(parents=True, exist_ok=True)
    try:
        _fill(repository, repository.head, path, branch)
        with (path / ".git" / "info" / "exclude").open("a") as file:
            file.writelines(f"{pattern}\n" for pattern in artefacts)
        changed = _overlay(repository.root, path)
        base = repository.head
        if changed:
            _git(path, "add", "--all", "--force", "--", *changed)
            staged = _git(path, "diff", "--cached", "--quiet", check=False) if base else None
            if staged is None or staged.returncode:
                message = "Take the uncommitted changes of the checkout along"
                _git(path, *_identity(repository), "commit", "--quiet", "--no-verify", "-m", message)
                base = _git(path, "rev-parse", "HEAD").stdout.strip()
        if owner:
            _give_to(path, *owner)
    except OSError as error:
        raise RepositoryError(f"the clone can't be made in {path}: {error.strerror or error}") from error
    return Clone(path=path, base=base, uncommitted=len(changed))


def branch_exists(repository: Repository, branch: str) -> bool:
    """Whether the user's repository has the branch."""
    return bool(_rev_parse(repository.root, f"refs/heads/{branch}"))


def free_branch(repository: Repository, wanted: str) -> str:
    """Return `wanted`, or `wanted-2`, `wanted-3` … if the user's repository has such a branch already."""
    names = [wanted, *(f"{wanted}-{number}" for number in range(2, 1000))]
    return next(name for name in names if not branch_exists(repository, name))


def valid_branch(name: str) -> bool:
    """Whether git takes the name for a branch."""
    return _git(Path("/"), "check-ref-format", "--branch", name, check=False).returncode == 0


def fetch_result(repository: Repository, clone: Path, branch: str, commit: str, previous: str) -> None:
    """Fetch the work from the clone to `branch` of the user's repository, where it is `previous` (empty: absent).

    Raises RepositoryError: the clone's `.git` has been tampered with, the branch was moved or is checked out
    meanwhile, or git failed. The user's repository is then as it was.
    """
    _distrust(clone)
    if _rev_parse(repository.root, f"refs/heads/{branch}") != previous:
        raise RepositoryError(f"the branch {branch} was changed by someone else meanwhile")
    _git(
        repository.root,
        *("-c", "fetch.fsckObjects=true", "-c", "gc.auto=0", "-c", "maintenance.auto=false"),
        *("fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head", "--recurse-submodules=no"),
        *("--update-shallow", "--upload-pack", _UPLOAD_PACK),
        str(clone / ".git"),
        f"+{RESULT_REF}:refs/heads/{branch}",
        user_config=True,
    )
    fetched = _rev_parse(repository.root, f"refs/heads/{branch}")
    if fetched != commit:
        raise RepositoryError(f"the clone handed {fetched[:12]} over where {commit[:12]} was expected")


def _fill(repository: Repository, commit: str, path: Path, branch: str) -> None:
    """Make a clone at `path` with `commit` checked out; empty stands for a repository without one."""
    init = ("init", "--quiet", "--template=", f"--object-format={repository.object_format}")
    _git(path, *init, f"--initial-branch={branch}")
    _copy_excludes(repository.root, path)
    if not commit:
        return
    refspecs = ("+HEAD:refs/bactrian/head", "+refs/heads/*:refs/remotes/origin/*")
    options = ("--quiet", "--tags", "--update-shallow", "--upload-pack", _UPLOAD_PACK.replace("--strict ", ""))
    _git(path, "fetch", *options, str(repository.root), *refspecs)
    _git(path, "checkout", "--quiet", "-B", branch, commit)
    for name, submodule_commit in _submodules(path):
        checkout = repository.root / name
        if (checkout / ".git").exists():
            _fill(find_repository(checkout), submodule_commit, path / name, "main")


def _submodules(path: Path) -> Iterator[tuple[str, str]]:
    for entry in _git(path, "ls-files", "--stage", "-z").stdout.split("\0"):
        if entry.startswith("160000 "):
            yield entry.split("\t", 1)[1], entry.split()[1]


def _overlay(root: Path, path: Path) -> list[str]:
    """Bring files whose content differs from the commit; return their names. Ignored files stay behind."""
    names: set[str] = set()
    for question in (
        ("ls-files", "-z", "--modified", "--others", "--deleted", "--exclude-standard"),
        ("diff", "--cached", "--name-only", "--no-renames", "-z", "--ignore-submodules=all"),
    ):
        names.update(name for name in _git(root, *question, user_config=True).stdout.split("\0") if name)
    changed: list[str] = []
    for name in sorted(names):
        source, target = root / name, path / name
        if source.is_dir() and not source.is_symlink():
            continue  # a submodule, or a repository inside this one
        if target.is_symlink() or target.is_file():
            target.unlink()
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
        changed.append(name)
    return changed


def _copy_excludes(root: Path, path: Path) -> None:
    """Let files that the user ignores by other means than `.gitignore` be ignored in the clone too."""
    where = ("rev-parse", "--path-format=absolute", "--git-common-dir")
    common = Path(_git(root, *where, user_config=True).stdout.strip())
    own = _git(root, "config", "--type=path", "core.excludesFile", check=False, user_config=True).stdout.strip()
    default = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git" / "ignore"
    lines = [
        source.read_text(errors="replace")
        for source in (common / "info" / "exclude", Path(own) if own else default)
        if source.is_file()
    ]
    info = path / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "exclude").write_text("".join(f"{text}\n" for text in lines))


def _identity(repository: Repository) -> tuple[str, ...]:
    name, address = repository.author
    return ("-c", f"user.name={name}", "-c", f"user.email={address}", "-c", "commit.gpgSign=false")


def _give_to(path: Path, uid: int, gid: int) -> None:
    os.chown(path, uid, gid)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), uid, gid, follow_symlinks=False)


def _distrust(clone: Path) -> None:
    """Refuse a clone whose `.git` a command inside the container has led elsewhere."""
    git = clone / ".git"
    for path in (clone, git, git / "objects", git / "refs"):
        if not os.path.lexists(path):
            raise RepositoryError(f"the clone is broken: {path.relative_to(clone.parent)} is missing")
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise RepositoryError(f"the clone was tampered with: {path.relative_to(clone.parent)} is no directory")
    for name in ("commondir", "objects/info/alternates", "objects/info/http-alternates"):
        if os.path.lexists(git / name):
            raise RepositoryError(f"the clone was tampered with: .git/{name} leads out of it")
    for folder, _, files in os.walk(git):
        for name in files:
            if not stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode):
                raise RepositoryError(f"the clone was tampered with: .git/{name} is no regular file")


def _rev_parse(root: Path, name: str) -> str:
    return _git(root, "rev-parse", "--quiet", "--verify", name, check=False, user_config=True).stdout.strip()


def _git(
    folder: Path, *arguments: str, check: bool = True, user_config: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run git on the host, steered by nothing of the environment; hooks and file-system monitors are off.

    `user_config` is for the user's own repository: `safe.directory` and the like are said there.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C.UTF-8",
    }
    environment["GIT_ALLOW_PROTOCOL"] = "file"
    if not user_config:
        environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    guard: Sequence[str] = (
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.quotePath=false",
    )
    try:
        result = subprocess.run(
            ["git", *guard, "-C", str(folder), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )
    except FileNotFoundError:
        raise RepositoryError("git is not installed: install it with `apt-get install git`") from None
    if check and result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.strip()] or [f"exit code {result.returncode}"]
        told = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1])
        raise RepositoryError(f"git {arguments[0]}: {told.removeprefix('fatal: ').removeprefix('error: ')}")
    return result
