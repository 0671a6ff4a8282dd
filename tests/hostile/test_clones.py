"""A clone that commands inside have turned against the host between two saves."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from checkouts import BRANCH, commit, git, state, write
from strangers import LEADING_OUT, ODD, RUNNING, SECRET, Trap, everything

from containers.objects import take_objects
from containers.workspace import Clone, RepositoryError, fetch_result, find_repository, make_clone


@pytest.fixture
def clone(trap: Trap) -> Clone:
    made = make_clone(find_repository(trap.checkout), trap.folder / "session" / "workspace", BRANCH, None)
    write(made.path, "new", "x")
    return made


def bring_home(trap: Trap, clone: Clone, wanted: str) -> str:
    """Fetch; return why not. Whatever happens: nothing runs, and nothing but the branch and its objects is new."""
    surroundings, before = trap.surroundings(), state(trap.checkout)
    told = ""
    try:
        fetch_result(find_repository(trap.checkout), clone.path, BRANCH, wanted, "")
    except RepositoryError as error:
        told = str(error)
    assert "\n" not in told
    assert trap.ran == []
    assert trap.surroundings() == surroundings
    assert state(trap.checkout) == before
    assert SECRET not in everything(trap.checkout)
    assert git(trap.checkout, "for-each-ref", "--format=%(refname)", "refs/bactrian", "refs/tags") == ""
    assert (git(trap.checkout, "rev-parse", "-q", "--verify", BRANCH, check=False) == wanted) == (not told)
    return told


@pytest.mark.parametrize("name", [*RUNNING, *ODD, *LEADING_OUT])
def test_what_a_stranger_would_do_to_it(trap: Trap, clone: Clone, name: str) -> None:
    wanted = commit(clone.path, "work")
    {**RUNNING, **ODD, **LEADING_OUT}[name](replace(trap, checkout=clone.path))
    (trap.folder / "mark").unlink(missing_ok=True)
    told = bring_home(trap, clone, wanted)
    assert bool(told) == (name in REFUSED), told


REFUSED = {
    ".git as a file that leads out",
    ".git as a file that leads nowhere",
    ".git as a link",
    ".git as a link to nowhere",
    "worktree of another repository",
    "objects linked",
    "packs linked",
    "pipe for an index",
    "alternates",
    "alternateRefsCommand",
}
"""Those that would have git read other objects. Nothing else of the clone counts."""


SWAP = """
import os, sys, time
objects, private, theirs = sys.argv[1:]
os.chdir(objects)
print("swapping", flush=True)
while os.getppid() == int(os.environ["SWAPPED_BY"]):
    for name, target in (("info/alternates", None), (theirs, os.path.join(private, theirs))):
        if target is None:
            open(name + ".new", "w").write(private + "\\n")
        else:
            os.symlink(target, name + ".new")
        os.rename(name + ".new", name)
        time.sleep(0.0005)
        os.unlink(name)
        time.sleep(0.0005)
"""


def test_a_process_that_swaps_paths_meanwhile_smuggles_nothing_in(trap: Trap, clone: Clone) -> None:
    """Its commit has a file that only the user's private repository holds, and links come and go to that one."""
    secret = git(trap.private, "rev-parse", "HEAD:secret")
    listing = b"100644 secret\0" + bytes.fromhex(secret)
    wanted = git(clone.path, "commit-tree", tree_of(clone.path, listing), "-p", "HEAD", "-m", "evil")
    objects = clone.path / ".git/objects"
    (objects / "info").mkdir(exist_ok=True)
    assert not (objects / secret[:2]).exists()
    argv = [sys.executable, "-c", SWAP, str(objects), str(trap.private / ".git/objects"), secret[:2]]
    environment = {**os.environ, "SWAPPED_BY": str(os.getpid())}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE) as swapping:
        try:
            assert swapping.stdout
            assert swapping.stdout.readline() == b"swapping\n"
            for _ in range(10):
                assert bring_home(trap, clone, wanted)
            for number in range(200):
                taken = trap.folder / "session" / f"taken-{number}"
                taken.mkdir()
                with contextlib.suppress(RepositoryError):
                    take_objects(clone.path, taken)
        finally:
            swapping.kill()
    assert not list(trap.folder.glob(f"session/taken-*/{secret[:2]}/{secret[2:]}"))


# What git must not take from it


def tree_of(path: Path, *entries: bytes) -> str:
    """Write a tree that git itself would not."""
    argv = ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
    made = subprocess.run(argv, cwd=path, input=b"".join(entries), capture_output=True, check=True)
    return made.stdout.decode().strip()


def entry(path: Path, mode: str, name: str | bytes, text: str = "x") -> bytes:
    argv = ["git", "hash-object", "-w", "--stdin"]
    blob = subprocess.run(argv, cwd=path, input=text.encode(), capture_output=True, check=True).stdout.decode().strip()
    kind = blob if int(mode, 8) != 0o40000 else tree_of(path, entry(path, "100644", "config"))
    return f"{mode} ".encode() + os.fsencode(name) + b"\0" + bytes.fromhex(kind)


EVIL_ENTRIES = {
    ".git": ("40000", ".git"),
    ".git as a file": ("100644", ".git"),
    ".GIT": ("40000", ".GIT"),
    "git~1": ("40000", "git~1"),
    ".git with what a Mac ignores": ("40000", ".g\u200cit"),
    ".git as an NTFS stream": ("40000", ".git::$INDEX_ALLOCATION"),
    ".git with dots after": ("40000", ".git . ."),
    "the directory itself": ("40000", "."),
    "the directory above": ("40000", ".."),
    "a path": ("100644", "a/b"),
    "no name": ("100644", ""),
    "a link for .gitmodules": ("120000", ".gitmodules"),
}


@pytest.mark.parametrize("name", EVIL_ENTRIES)
def test_a_tree_that_would_attack_a_checkout_is_refused(trap: Trap, clone: Clone, name: str) -> None:
    tree = tree_of(clone.path, entry(clone.path, *EVIL_ENTRIES[name]))
    wanted = git(clone.path, "commit-tree", tree, "-p", "HEAD", "-m", "evil")
    assert bring_home(trap, clone, wanted).startswith("git fetch: ")


@pytest.mark.parametrize(
    "text",
    [
        '[submodule "s"]\npath = s\nurl = -u./evil\n',
        '[submodule "s"]\npath = -s\nurl = x\n',
        '[submodule "../../s"]\npath = s\nurl = x\n',
        '[submodule "s"]\npath = s\nurl = x\nupdate = !evil\n',
    ],
)
def test_submodules_that_would_run_something_are_refused(trap: Trap, clone: Clone, text: str) -> None:
    write(clone.path, ".gitmodules", text)
    assert "gitmodules" in bring_home(trap, clone, commit(clone.path, "evil"))


def test_names_in_disorder_are_refused(trap: Trap, clone: Clone) -> None:
    names = (entry(clone.path, "100644", name) for name in ("b", "a", "a"))
    wanted = git(clone.path, "commit-tree", tree_of(clone.path, *names), "-p", "HEAD", "-m", "evil")
    assert bring_home(trap, clone, wanted)


def test_a_bomb_of_trees_costs_no_more_than_its_objects(trap: Trap, clone: Clone) -> None:
    inner, mode = git(clone.path, "rev-parse", "HEAD:README"), "100644"
    for _ in range(9):
        inner = tree_of(clone.path, *(f"{mode} {name}\0".encode() + bytes.fromhex(inner) for name in range(10)))
        mode = "40000"
    wanted = git(clone.path, "commit-tree", inner, "-p", "HEAD", "-m", "a thousand million files")
    assert bring_home(trap, clone, wanted) == ""


def test_links_to_the_host_come_as_links(trap: Trap, clone: Clone) -> None:
    (clone.path / "key").symlink_to(trap.key)
    (clone.path / "up").symlink_to("../../../..")
    wanted = commit(clone.path, "links")
    assert bring_home(trap, clone, wanted) == ""
    assert git(trap.checkout, "show", f"{BRANCH}:key") == str(trap.key)


@pytest.mark.parametrize("cut", ["truncated", "another object's bytes", "gone"])
def test_a_spoiled_object_is_not_taken(trap: Trap, clone: Clone, cut: str) -> None:
    wanted = commit(clone.path, "work")
    blob = git(clone.path, "rev-parse", "HEAD:new")
    path = clone.path / ".git/objects" / blob[:2] / blob[2:]
    other = clone.path / ".git/objects" / wanted[:2] / wanted[2:]
    path.chmod(0o644)
    if cut == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-3] if cut == "truncated" else other.read_bytes())
    assert bring_home(trap, clone, wanted).startswith("git fetch: ")


def test_refs_that_clash_do_not_come(trap: Trap, clone: Clone) -> None:
    wanted = commit(clone.path, "work")
    for name in (
        "refs/heads/main",
        "refs/heads/-option",
        "refs/heads/MAIN",
        "refs/heads/bactrian/work/x",
        "refs/tags/v1",
    ):
        write(clone.path, f".git/{name.replace('bactrian/work/x', 'y')}", f"{wanted}\n")
    write(clone.path, ".git/HEAD", "ref: refs/heads/main\n")
    head = git(trap.checkout, "rev-parse", "main")
    assert bring_home(trap, clone, wanted) == ""
    assert git(trap.checkout, "for-each-ref", "--format=%(refname) %(objectname)") == (
        f"refs/heads/{BRANCH} {wanted}\nrefs/heads/main {head}"
    )


def test_history_with_strange_authors_is_refused(trap: Trap, clone: Clone) -> None:
    tree = git(clone.path, "rev-parse", "HEAD^{tree}")
    text = f"tree {tree}\nparent {clone.base}\nauthor \0evil <> 0 +0000\ncommitter x\n\nevil\n"
    argv = ["git", "hash-object", "-t", "commit", "-w", "--literally", "--stdin"]
    made = subprocess.run(argv, cwd=clone.path, input=text.encode(), capture_output=True, check=True)
    assert bring_home(trap, clone, made.stdout.decode().strip()).startswith("git fetch: ")


def test_an_old_repository_s_own_faults_stand_in_nobody_s_way(trap: Trap) -> None:
    """What the user has is not judged: only what is new."""
    old = tree_of(trap.checkout, entry(trap.checkout, "100664", "odd mode"), entry(trap.checkout, "040000", "src"))
    fault = git(trap.checkout, "commit-tree", old, "-p", "HEAD", "-m", "of 2006")
    git(trap.checkout, "reset", "-q", "--hard", fault)
    clone = make_clone(find_repository(trap.checkout), trap.folder / "session" / "workspace", BRANCH, None)
    write(clone.path, "new", "x")
    assert bring_home(trap, clone, commit(clone.path, "work")) == ""
