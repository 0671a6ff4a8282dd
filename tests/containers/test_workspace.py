"""The clone that a session gets: real git, changes of every kind, checkouts of every kind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from checkouts import BRANCH, cloned, commit, content, fetch, git, state, tracked, write

from containers.workspace import RepositoryError, find_repository, init_repository, make_clone, remake_clone

NAMES = (
    "with space.txt",
    "new\nline",
    "carriage\rreturn",
    "quo\"te'd",
    "-dash",
    "tab\there",
    "*",
    ":(top)x",
    "ünï.txt",
)

pytestmark = pytest.mark.usefixtures("plain_git")


# What a session works in


def test_a_clean_checkout_comes_as_it_is(checkout: Path, tmp_path: Path) -> None:
    before = state(checkout)
    clone = cloned(checkout, tmp_path)
    assert clone.base == git(checkout, "rev-parse", "HEAD")
    assert clone.uncommitted == 0
    assert content(clone.path) == content(checkout)
    assert git(clone.path, "symbolic-ref", "HEAD") == f"refs/heads/{BRANCH}"
    assert git(clone.path, "status", "--porcelain") == ""
    assert git(clone.path, "log", "--format=%s") == "two\none"
    assert state(checkout) == before


def test_nothing_is_shared_with_the_checkout(checkout: Path, tmp_path: Path) -> None:
    clone = cloned(checkout, tmp_path)
    assert not (clone.path / ".git/objects/info/alternates").exists()
    assert git(clone.path, "remote") == ""
    linked = [file for file in clone.path.rglob("*") if file.is_file() and file.lstat().st_nlink > 1]
    assert linked == []


def test_every_kind_of_change_comes_along(checkout: Path, tmp_path: Path) -> None:
    write(checkout, "gone", "x")
    write(checkout, "moved", "the same text, long enough to be found again\n")
    write(checkout, "was-file", "x")
    write(checkout, "was-folder/inside", "x")
    write(checkout, "twice", "x")
    commit(checkout, "more")
    write(checkout, "README", "changed\n")
    (checkout / "gone").unlink()
    git(checkout, "mv", "moved", "moved away")
    (checkout / "tool.sh").chmod(0o644)
    (checkout / "link").unlink()
    (checkout / "link").symlink_to("src")
    (checkout / "was-file").unlink()
    write(checkout, "was-file/inside", "now a folder")
    (checkout / "was-folder/inside").unlink()
    (checkout / "was-folder").rmdir()
    write(checkout, "was-folder", "now a file")
    write(checkout, "staged", "staged")
    write(checkout, "twice", "staged")
    git(checkout, "add", "staged", "twice")
    write(checkout, "twice", "and changed again")
    write(checkout, "deep/un/tracked", "new")
    before = state(checkout)
    clone = cloned(checkout, tmp_path)
    assert content(clone.path) == content(checkout)
    assert git(clone.path, "status", "--porcelain") == ""
    assert git(clone.path, "rev-parse", "HEAD~1") == git(checkout, "rev-parse", "HEAD")
    assert git(clone.path, "log", "-1", "--format=%H %an <%ae>") == f"{clone.base} Ada <ada@example.org>"
    assert clone.uncommitted == 12
    assert state(checkout) == before


def test_names_of_every_kind_come_along(checkout: Path, tmp_path: Path) -> None:
    for name in (*NAMES, os.fsdecode(b"latin-\xe9")):
        (checkout / name).write_bytes(b"text")
    clone = cloned(checkout, tmp_path)
    assert content(clone.path) == content(checkout)
    assert tracked(clone.path) == tracked(checkout) | {*NAMES, os.fsdecode(b"latin-\xe9")}
    (checkout / "*").unlink()
    commit(checkout, "all of them")
    assert content(cloned(checkout, tmp_path / "again").path) == content(checkout)


def test_a_folder_that_became_a_link_is_not_followed(checkout: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere, "main.go", "precious")
    (checkout / "src/main.go").unlink()
    (checkout / "src").rmdir()
    (checkout / "src").symlink_to(elsewhere)
    clone = cloned(checkout, tmp_path)
    assert os.readlink(clone.path / "src") == str(elsewhere)
    assert (elsewhere / "main.go").read_text() == "precious"
    assert tracked(clone.path) == {"README", "link", "src", "tool.sh"}


def test_a_link_that_became_a_folder_is_not_followed(checkout: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere, "file", "precious")
    (checkout / "out").symlink_to(elsewhere)
    commit(checkout, "a link")
    (checkout / "out").unlink()
    write(checkout, "out/file", "new")
    clone = cloned(checkout, tmp_path)
    assert (clone.path / "out/file").read_text() == "new"
    assert not (clone.path / "out").is_symlink()
    assert (elsewhere / "file").read_text() == "precious"


def test_a_pipe_in_a_file_s_place_is_a_deletion(checkout: Path, tmp_path: Path) -> None:
    (checkout / "README").unlink()
    os.mkfifo(checkout / "README")
    assert "README" not in tracked(cloned(checkout, tmp_path).path)


def test_ignored_files_stay_behind_by_whatever_means(checkout: Path, tmp_path: Path, plain_git: Path) -> None:
    write(checkout, ".gitignore", "*.log\n")
    write(checkout, ".git/info/exclude", "*.excluded")  # no line end
    write(plain_git, "my-ignores", "*.mine\n")
    git(checkout, "config", "--global", "core.excludesFile", "~/my-ignores")
    for name in ("a.log", "a.excluded", "a.mine", "a.kept"):
        write(checkout, name, "x")
    write(checkout, "tracked.log", "tracked all the same")
    git(checkout, "add", "--force", "tracked.log")
    clone = make_clone(find_repository(checkout), tmp_path / "workspace", BRANCH, None, artefacts=("_build/",))
    assert not {"a.log", "a.excluded", "a.mine"} & set(os.listdir(clone.path))
    assert {"a.kept", "tracked.log", ".gitignore"} <= tracked(clone.path)
    for name in ("b.log", "b.excluded", "b.mine", "_build/out"):
        write(clone.path, name, "x")
    assert git(clone.path, "status", "--porcelain") == ""


def test_the_default_file_of_ignores_counts(checkout: Path, tmp_path: Path, plain_git: Path) -> None:
    write(plain_git, ".config/git/ignore", "*.personal\n")
    write(checkout, "a.personal", "x")
    clone = cloned(checkout, tmp_path)
    assert clone.uncommitted == 0
    assert "*.personal" in (clone.path / ".git/info/exclude").read_text()


def test_line_ends_are_committed_as_git_would(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "config", "core.autocrlf", "true")
    (checkout / "README").write_bytes(b"one\r\ntwo\r\n")
    clone = cloned(checkout, tmp_path)
    assert git(clone.path, "show", "--format=", "--numstat") == "1\t0\tREADME"
    assert (clone.path / "README").read_bytes() == b"one\ntwo\n"
    assert git(clone.path, "status", "--porcelain") == ""


def test_modes_of_a_file_system_without_them_are_not_taken(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "config", "core.fileMode", "false")
    write(checkout, "README", "changed\n").chmod(0o755)
    clone = cloned(checkout, tmp_path)
    assert git(clone.path, "ls-tree", "HEAD", "README").startswith("100644")
    assert git(clone.path, "status", "--porcelain") == ""


def test_filters_are_not_run(checkout: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    write(checkout, ".gitattributes", "*.bin filter=lfs\n")
    write(checkout, "old.bin", "stand-in")
    commit(checkout, "a stand-in")
    for step in ("clean", "smudge", "process"):
        git(checkout, "config", f"filter.lfs.{step}", f"touch '{canary}'; cat")
    git(checkout, "config", "filter.lfs.required", "true")
    write(checkout, "old.bin", "what the filter made of it")
    write(checkout, "new.bin", "large")
    write(checkout, "README", "changed\n")
    canary.unlink(missing_ok=True)
    before = state(checkout)
    clone = cloned(checkout, tmp_path)
    assert not canary.exists()
    assert (clone.path / "old.bin").read_text() == "stand-in"
    assert (clone.path / "README").read_text() == "changed\n"
    assert clone.uncommitted == 1
    assert state(checkout) == before


def test_hooks_and_monitors_of_the_checkout_are_not_run(checkout: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change", "fsmonitor"):
        write(checkout, f".git/hooks/{hook}", f"#!/bin/sh\necho {hook} >> '{canary}'\n").chmod(0o755)
    git(checkout, "config", "core.fsmonitor", str(checkout / ".git/hooks/fsmonitor"))
    write(checkout, "README", "changed\n")
    clone = cloned(checkout, tmp_path)
    fetch(checkout, clone, clone.base)
    assert not canary.exists()
    assert not list((clone.path / ".git").glob("hooks/*"))


# Checkouts of every kind


def test_a_detached_head(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "checkout", "-q", "--detach")
    alone = commit(checkout, "on no branch")
    clone = cloned(checkout, tmp_path)
    assert clone.base == alone
    wanted = commit(clone.path, "work")
    fetch(checkout, clone, wanted)
    assert git(checkout, "rev-parse", "HEAD") == alone
    assert git(checkout, "rev-parse", f"{BRANCH}~1") == alone


def test_a_shallow_clone(checkout: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{checkout}", str(shallow))
    before = state(shallow)
    clone = cloned(shallow, tmp_path)
    write(clone.path, "new", "x")
    wanted = commit(clone.path, "work")
    fetch(shallow, clone, wanted)
    assert git(shallow, "log", "--format=%s", BRANCH) == "work\ntwo"
    assert state(shallow) == before


def test_a_clone_without_blobs(checkout: Path, tmp_path: Path) -> None:
    write(checkout, "README", "three\n")
    commit(checkout, "three")
    git(checkout, "config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    git(tmp_path, "clone", "-q", "--filter=blob:none", f"file://{checkout}", str(partial))
    checkout.rename(tmp_path / "unreachable")
    before = state(partial)
    clone = cloned(partial, tmp_path)
    assert content(clone.path) == content(partial)
    write(clone.path, "new", "x")
    wanted = commit(clone.path, "work")
    fetch(partial, clone, wanted)
    assert git(partial, "log", "--format=%s", BRANCH) == "work\nthree\ntwo\none"
    assert state(partial) == before


@pytest.mark.parametrize("branch", ["main", "trunk"])
def test_a_repository_without_a_commit(tmp_path: Path, branch: str) -> None:
    path = tmp_path / "empty"
    git(tmp_path, "init", "-q", f"--initial-branch={branch}", str(path))
    repository = find_repository(path)
    assert repository.head == ""
    clone = cloned(path, tmp_path)
    assert (clone.base, clone.uncommitted) == ("", 0)
    write(clone.path, "first", "x")
    wanted = commit(clone.path, "work")
    fetch(path, clone, wanted)
    assert git(path, "rev-list", BRANCH) == wanted
    assert git(path, "symbolic-ref", "HEAD") == f"refs/heads/{branch}"


def test_a_repository_with_files_but_no_commit(tmp_path: Path) -> None:
    path = init_repository(tmp_path / "new").root
    write(path, "notes", "x")
    clone = cloned(path, tmp_path)
    assert clone.uncommitted == 1
    assert git(clone.path, "rev-list", "HEAD") == clone.base
    assert tracked(clone.path) == {"notes"}


def test_submodules(checkout: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    git(tmp_path, "init", "-q", str(library))
    write(library, "lib.go", "package lib\n")
    commit(library, "library")
    git(checkout, "submodule", "--quiet", "add", str(library), "there")
    git(checkout, "submodule", "--quiet", "add", str(library), "not there")
    recorded = git(checkout / "there", "rev-parse", "HEAD")
    commit(checkout, "submodules")
    git(checkout, "submodule", "--quiet", "deinit", "not there")
    write(checkout, "there/lib.go", "package changed\n")
    commit(checkout / "there", "a commit of the user's in the submodule")
    write(checkout, "there/more.go", "package lib\n")
    before = state(checkout)
    clone = cloned(checkout, tmp_path)
    assert (clone.path / "there/lib.go").read_text() == "package lib\n"
    assert os.listdir(clone.path / "not there") == []
    assert git(clone.path / "there", "rev-parse", "HEAD") == recorded
    assert git(clone.path, "status", "--porcelain") == ""
    assert clone.base == git(checkout, "rev-parse", "HEAD")
    assert state(checkout) == before


def test_a_submodule_whose_recorded_commit_is_missing(checkout: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    git(tmp_path, "init", "-q", str(library))
    write(library, "lib.go", "package lib\n")
    commit(library, "library")
    git(checkout, "submodule", "--quiet", "add", str(library), "there")
    git(checkout, "update-index", "--cacheinfo", f"160000,{'1' * 40},there")
    git(checkout, "commit", "-q", "-m", "ahead of the submodule")
    clone = cloned(checkout, tmp_path)
    assert (clone.path / "there/lib.go").read_text() == "package lib\n"


def test_a_linked_worktree_and_a_folder_inside(checkout: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(checkout, "worktree", "add", "-q", "-b", "other", str(linked))
    other = commit(linked, "on the other branch")
    write(checkout, ".git/info/exclude", "*.excluded\n")
    write(linked, "x.excluded", "x")
    write(linked, "src/new.go", "package main\n")
    before = state(checkout), state(linked)
    repository = find_repository(linked / "src")
    assert repository.root == linked
    clone = make_clone(repository, tmp_path / "workspace", BRANCH, None)
    assert git(clone.path, "rev-parse", "HEAD~1") == other
    assert tracked(clone.path) == {*tracked(linked), "src/new.go"}
    fetch(linked, clone, clone.base)
    assert git(checkout, "rev-parse", BRANCH) == clone.base
    assert (state(checkout), state(linked)) == before


def test_a_repository_of_sha256(tmp_path: Path) -> None:
    path = tmp_path / "long"
    git(tmp_path, "init", "-q", "--object-format=sha256", str(path))
    write(path, "a", "x")
    commit(path, "one")
    write(path, "b", "x")
    clone = cloned(path, tmp_path)
    assert len(clone.base) == 64
    fetch(path, clone, clone.base)
    assert tracked(path, BRANCH) == {"a", "b"}


def test_a_merge_in_progress_is_taken_as_it_lies_there(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "checkout", "-q", "-b", "side")
    write(checkout, "README", "theirs\n")
    commit(checkout, "theirs")
    git(checkout, "checkout", "-q", "main")
    write(checkout, "README", "ours\n")
    commit(checkout, "ours")
    git(checkout, "merge", "side", check=False)
    before = state(checkout)
    clone = cloned(checkout, tmp_path)
    assert "<<<<<<<" in (clone.path / "README").read_text()
    assert git(clone.path, "rev-parse", "HEAD~1") == git(checkout, "rev-parse", "HEAD")
    assert git(clone.path, "status", "--porcelain") == ""
    assert state(checkout) == before


def test_a_repository_inside_the_checkout_stays_behind(checkout: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", str(checkout / "inner"))
    write(checkout, "inner/file", "x")
    clone = cloned(checkout, tmp_path)
    assert clone.uncommitted == 0
    assert not (clone.path / "inner").exists()


def test_a_staged_change_that_was_undone_is_none(checkout: Path, tmp_path: Path) -> None:
    write(checkout, "README", "staged\n")
    git(checkout, "add", "README")
    write(checkout, "README", "one\n")
    assert cloned(checkout, tmp_path).base == git(checkout, "rev-parse", "HEAD")


def test_five_thousand_files(tmp_path: Path) -> None:
    path = tmp_path / "large"
    git(tmp_path, "init", "-q", str(path))
    for number in range(5000):
        write(path, f"folder{number % 50}/file{number}", f"{number}\n" * 20)
    clone = cloned(path, tmp_path)
    assert clone.uncommitted == 5000
    assert len(tracked(clone.path)) == 5000


def test_how_long_a_clone_takes(checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(300):
        write(checkout, f"folder{number % 20}/file{number}.go", f"package folder\n// {number}\n" * 40)
    commit(checkout, "300 files")
    seconds: list[float] = []
    for turn in range(5):
        started = time.perf_counter()
        make_clone(find_repository(checkout), tmp_path / f"workspace{turn}", BRANCH, None)
        seconds.append(time.perf_counter() - started)
    with capsys.disabled():
        print(f"\nmake_clone of 300 files: {min(seconds) * 1000:.0f} ms at best, {max(seconds) * 1000:.0f} ms at worst")
    assert content(tmp_path / "workspace4") == content(checkout)


def test_a_clone_is_made_anew_whole_or_not_at_all(checkout: Path, tmp_path: Path) -> None:
    repository = find_repository(checkout)
    path = tmp_path / "session" / "workspace"
    remake_clone(repository, path, BRANCH, repository.head, "", None)
    assert content(path) == content(checkout)
    assert [entry.name for entry in path.parent.iterdir()] == ["workspace"]

    blob = git(checkout, "rev-parse", "HEAD:README")
    (checkout / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(RepositoryError):
        remake_clone(repository, path.with_name("again"), BRANCH, repository.head, "", None)
    assert [entry.name for entry in path.parent.iterdir()] == ["workspace"]
