"""What can be used as a repository, and which branches it has room for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from checkouts import BRANCH, cloned, fetch, git, write

from containers.workspace import (
    NotARepository,
    RepositoryError,
    branch_exists,
    find_repository,
    free_branch,
    init_repository,
    make_clone,
    valid_branch,
)

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
pytestmark = pytest.mark.usefixtures("plain_git")


# What can't be used


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NotARepository, match="run `git init` there, or give --init"):
        find_repository(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(RepositoryError, match=r"is not a directory$"):
        find_repository(tmp_path / "file")


def test_a_directory_that_is_not_there_can_be_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "one"
    with pytest.raises(NotARepository, match="give --init to make it"):
        find_repository(path)
    assert init_repository(path).root == path


def test_a_bare_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare")
    with pytest.raises(RepositoryError, match=r"bare repository.*needs a checkout"):
        find_repository(tmp_path / "bare")


@only_root
def test_somebody_else_s_repository(checkout: Path, tmp_path: Path) -> None:
    give_away(checkout, 4711)
    with pytest.raises(RepositoryError, match=r"another user.*git config --global --add safe\.directory") as told:
        find_repository(checkout)
    assert "\n" not in str(told.value)
    git(tmp_path, "config", "--global", "--add", "safe.directory", str(checkout))
    clone = cloned(checkout, tmp_path)
    fetch(checkout, clone, clone.base)
    assert branch_exists(find_repository(checkout), BRANCH)
    assert {file.lstat().st_uid for file in checkout.rglob("*")} == {4711}


def give_away(path: Path, uid: int) -> None:
    for file in (path, *path.rglob("*")):
        os.chown(file, uid, uid, follow_symlinks=False)


def test_the_environment_steers_nothing(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    clone = cloned(checkout, tmp_path)
    fetch(checkout, clone, clone.base)
    assert branch_exists(find_repository(checkout), BRANCH)
    assert not (tmp_path / "nowhere").exists()


def test_the_inside_of_a_repository(checkout: Path) -> None:
    with pytest.raises(RepositoryError, match="needs a checkout"):
        find_repository(checkout / ".git")


def test_a_repository_that_can_not_be_made(tmp_path: Path) -> None:
    write(tmp_path, "file", "x")
    with pytest.raises(RepositoryError, match="can't be made: Not a directory"):
        init_repository(tmp_path / "file" / "inside")


def test_a_broken_repository_is_one_line(checkout: Path) -> None:
    write(checkout, ".git/config", "[core\n")
    with pytest.raises(RepositoryError, match="bad config line 1") as told:
        find_repository(checkout)
    assert "\n" not in str(told.value)


@only_root
def test_the_clone_belongs_to_the_user_inside(checkout: Path, tmp_path: Path) -> None:
    clone = make_clone(find_repository(checkout), tmp_path / "workspace", BRANCH, (4711, 4712))
    owners = {(file.lstat().st_uid, file.lstat().st_gid) for file in (clone.path, *clone.path.rglob("*"))}
    assert owners == {(4711, 4712)}


# Branches


def test_a_free_name(checkout: Path) -> None:
    repository = find_repository(checkout)
    assert free_branch(repository, "bactrian/x") == "bactrian/x"
    git(checkout, "branch", "bactrian/x")
    git(checkout, "branch", "bactrian/x-2/deeper")
    assert free_branch(repository, "bactrian/x") == "bactrian/x-3"


def test_a_branch_in_the_way(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "branch", "bactrian")
    with pytest.raises(RepositoryError, match=r"the branch bactrian stands in the way of bactrian/x.*--branch"):
        free_branch(find_repository(checkout), "bactrian/x")
    with pytest.raises(RepositoryError, match="stands in the way"):
        cloned(checkout, tmp_path)
    git(checkout, "branch", "mine/deeper")
    with pytest.raises(RepositoryError, match="mine/deeper stands in the way of mine"):
        cloned(checkout, tmp_path, branch="mine")


@pytest.mark.parametrize("name", ["bactrian/x", "x", "ünï", "a/b/c"])
def test_a_valid_name(name: str) -> None:
    assert valid_branch(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-x",
        "HEAD",
        "a..b",
        "a b",
        "a/",
        "/a",
        "a.lock",
        "@{-1}",
        "a~1",
        "new\nline",
        "x" * 250,
        "nul\0",
        "\udce9" * 201,
    ],
)
def test_an_invalid_name(name: str) -> None:
    assert not valid_branch(name)
