"""What is fetched from a session's clone, whatever commands inside have made of it."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from checkouts import BRANCH, cloned, commit, fetch, git, state, write

from containers.workspace import BranchTaken, Clone, RepositoryError, branch_exists, find_repository

# What comes out


@pytest.fixture
def clone(checkout: Path, tmp_path: Path) -> Clone:
    return cloned(checkout, tmp_path)


@pytest.fixture
def work(clone: Clone) -> str:
    write(clone.path, "new", "x")
    return commit(clone.path, "work")


def test_the_work_comes_as_a_branch_and_nothing_else(checkout: Path, clone: Clone, work: str) -> None:
    write(checkout, "README", "still being edited\n")
    before = state(checkout)
    git(clone.path, "tag", "a-tag")
    fetch(checkout, clone, work)
    assert git(checkout, "log", "--format=%s", BRANCH) == "work\ntwo\none"
    write(clone.path, "newer", "x")
    later = commit(clone.path, "more work")
    fetch(checkout, clone, later, previous=work)
    assert git(checkout, "rev-parse", f"{BRANCH}~1") == work
    assert state(checkout) == before
    assert git(checkout, "fsck", "--strict") == ""


def test_a_branch_that_someone_else_moved_is_left_alone(checkout: Path, clone: Clone, work: str) -> None:
    git(checkout, "branch", BRANCH)
    with pytest.raises(BranchTaken, match="was made by someone else"):
        fetch(checkout, clone, work)
    with pytest.raises(BranchTaken, match="was moved by someone else"):
        fetch(checkout, clone, work, previous=work)
    assert git(checkout, "rev-parse", BRANCH) == clone.base
    git(checkout, "branch", "-D", BRANCH)
    with pytest.raises(BranchTaken, match="was deleted by someone else"):
        fetch(checkout, clone, work, previous=clone.base)
    assert not branch_exists(find_repository(checkout), BRANCH)


def test_of_those_who_make_a_branch_at_once_one_has_it_and_the_others_are_told(
    checkout: Path, clone: Clone, work: str
) -> None:
    start = Barrier(6)

    def make(number: int) -> str:
        start.wait()
        try:
            fetch(checkout, clone, work)
        except BranchTaken as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(6) as threads:
        told = sorted(threads.map(make, range(6)))
    assert told == ["", *[f"the branch {BRANCH} was made by someone else meanwhile: it is left alone"] * 5]
    assert git(checkout, "rev-parse", BRANCH) == work


def test_a_branch_that_is_checked_out_is_left_alone(checkout: Path, clone: Clone, work: str, tmp_path: Path) -> None:
    fetch(checkout, clone, work)
    later = commit(clone.path, "more work")
    git(checkout, "worktree", "add", "-q", str(tmp_path / "a look"), BRANCH)
    with pytest.raises(BranchTaken, match=r"is checked out in .*a look"):
        fetch(checkout, clone, later, previous=work)
    assert git(checkout, "rev-parse", BRANCH) == work


def test_a_locked_branch_is_left_alone(checkout: Path, clone: Clone, work: str) -> None:
    write(checkout, f".git/refs/heads/{BRANCH}.lock", "")
    with pytest.raises(RepositoryError, match="Unable to create"):
        fetch(checkout, clone, work)
    assert not branch_exists(find_repository(checkout), BRANCH)


def test_the_user_s_own_settings_of_fetches_do_not_matter(checkout: Path, clone: Clone, work: str) -> None:
    for name, value in (
        ("fetch.prune", "true"),
        ("fetch.recurseSubmodules", "true"),
        ("fetch.writeCommitGraph", "true"),
        ("protocol.version", "0"),
        ("transfer.hideRefs", "refs/heads/bactrian"),
        ("core.logAllRefUpdates", "always"),
    ):
        git(checkout, "config", name, value)
    git(checkout, "config", "--global", "transfer.hideRefs", "refs/heads")
    fetch(checkout, clone, work)
    assert git(checkout, "rev-parse", BRANCH) == work
    assert not (checkout / ".git/FETCH_HEAD").exists()


# A clone that commands inside have turned against us

Tamper = Callable[[Path], object]


def link_objects(path: Path) -> None:
    (path / ".git/objects").rename(path / "objects")
    (path / ".git/objects").symlink_to(path / "objects")


def link_a_fan_out(path: Path) -> None:
    folder = next(path.glob(".git/objects/[0-9a-f][0-9a-f]"))
    folder.rename(path / "objects")
    folder.symlink_to(path / "objects")


def replace_git_by_a_file(path: Path) -> None:
    (path / ".git").rename(path / "git")
    (path / ".git").write_text("gitdir: git\n")


def remove_git(path: Path) -> None:
    (path / ".git").rename(path / "elsewhere")


def plant_a_pipe(path: Path) -> None:
    os.mkfifo(path / ".git/objects/pack/pack-1.idx")


def add_alternates(path: Path) -> None:
    write(path, ".git/objects/info/alternates", "/somewhere/objects\n")


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (link_objects, "tampered with, objects is no directory"),
        (link_a_fan_out, "the clone's objects can't be read"),
        (replace_git_by_a_file, "tampered with, .git is no directory"),
        (remove_git, "broken, .git is gone; the files lie in"),
        (plant_a_pipe, "tampered with"),
        (add_alternates, "alternates leads out of it"),
    ],
)
def test_objects_that_lead_elsewhere_are_refused(
    checkout: Path, clone: Clone, work: str, tamper: Tamper, told: str
) -> None:
    before = state(checkout)
    tamper(clone.path)
    with pytest.raises(RepositoryError, match=told):
        fetch(checkout, clone, work)
    assert state(checkout) == before
    assert not branch_exists(find_repository(checkout), BRANCH)


@pytest.mark.parametrize("answer", ["", "HEAD", "-d", "--stdin", "ref: refs/heads/main", "{} x", "{}\n{}", "\x1b[2J"])
def test_a_commit_is_a_commits_name(checkout: Path, clone: Clone, work: str, answer: str) -> None:
    """It comes from inside, where whoever speaks for git may say anything."""
    before = state(checkout)
    with pytest.raises(RepositoryError, match="gives for a commit is none"):
        fetch(checkout, clone, answer.format(work, work))
    assert state(checkout) == before


def test_a_full_disk_is_told_in_a_line(
    checkout: Path, clone: Clone, work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("containers.handover.tempfile.TemporaryDirectory", full)
    with pytest.raises(RepositoryError, match=r"can't be fetched from .*: No space left on device"):
        fetch(checkout, clone, work)


def test_nothing_of_a_clone_is_run_or_believed(checkout: Path, clone: Clone, work: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    script = write(tmp_path, "script", f"#!/bin/sh\necho ran >> '{canary}'\nexec \"$@\"\n")
    script.chmod(0o755)
    store = clone.path / ".git"
    for name in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-upload-pack"):
        write(store, f"hooks/{name}", script.read_text()).chmod(0o755)
    write(
        store,
        "config",
        f"""[core]
repositoryformatversion = 1
fsmonitor = {script}
sshCommand = {script}
hooksPath = {store}/hooks
alternateRefsCommand = {script}
gitProxy = {script}
pager = {script}
worktree = /
[extensions]
partialClone = evil
objectFormat = sha256
[remote "evil"]
url = {checkout}
uploadpack = {script}
promisor = true
[uploadpack]
packObjectsHook = {script}
hideRefs = refs
[include]
path = {tmp_path}/no-such-file
path = /dev/zero
""",
    )
    write(store, "commondir", "/\n")
    write(store, "shallow", f"{clone.base}\n")
    write(store, "HEAD", "ref: refs/heads/../../../evil\n")
    write(store, "packed-refs", "nonsense\n")
    write(store, "objects/info/commit-graph", "nonsense")
    write(store, "objects/pack/multi-pack-index", "nonsense")
    write(store, "config.worktree", "[core]\nbare = maybe\n")
    before = state(checkout)
    fetch(checkout, clone, work)
    assert not canary.exists()
    assert git(checkout, "log", "--format=%s", BRANCH) == "work\ntwo\none"
    assert state(checkout) == before


def test_a_commit_that_the_clone_lacks(checkout: Path, clone: Clone) -> None:
    before = state(checkout)
    with pytest.raises(RepositoryError, match="git fetch: "):
        fetch(checkout, clone, "1" * 40)
    assert state(checkout) == before


def test_a_tree_that_would_attack_a_checkout_is_refused(checkout: Path, clone: Clone) -> None:
    blob = git(clone.path, "rev-parse", "HEAD:README")
    listing = tmp_listing(clone.path, f"100644 blob {blob}\t.git\n")
    evil = git(clone.path, "commit-tree", listing, "-p", "HEAD", "-m", "evil")
    with pytest.raises(RepositoryError, match="git fetch: "):
        fetch(checkout, clone, evil)
    assert not branch_exists(find_repository(checkout), BRANCH)


def tmp_listing(path: Path, entries: str) -> str:
    made = subprocess.run(["git", "mktree"], cwd=path, input=entries, capture_output=True, text=True, check=True)
    return made.stdout.strip()


def test_packed_and_collected_objects_are_found(checkout: Path, clone: Clone, work: str, tmp_path: Path) -> None:
    git(clone.path, "worktree", "add", "-q", "--detach", str(tmp_path / "worktree"))
    git(clone.path, "gc", "--quiet", "--prune=now")
    git(clone.path, "pack-refs", "--all")
    fetch(checkout, clone, work)
    assert git(checkout, "rev-parse", BRANCH) == work
