"""A repository that came from a stranger, `.git` and all, through everything on the host that touches one."""

from __future__ import annotations

import pytest
from checkouts import BRANCH, commit, git, state, write
from strangers import LEADING_OUT, ODD, PROMISING, RUNNING, SECRET, Trap, everything

from agent.trust import find
from containers.workspace import (
    Clone,
    RepositoryError,
    fetch_result,
    find_repository,
    free_branch,
    init_repository,
    make_clone,
    require_room,
)


def use(trap: Trap) -> Clone:
    """Do all that a session does with a repository on the host."""
    repository = find_repository(trap.checkout / "src")
    find(repository.root)
    branch = free_branch(repository, BRANCH)
    require_room(repository, branch)
    clone = make_clone(repository, trap.folder / "session" / "workspace", branch, None)
    git(clone.path, "config", "user.name", "m")
    git(clone.path, "config", "user.email", "m@x")
    write(clone.path, "new", "x")
    first = commit(clone.path, "work")
    fetch_result(repository, clone.path, branch, first, "")
    write(clone.path, "newer", "x")
    fetch_result(repository, clone.path, branch, commit(clone.path, "more"), first)
    return clone


def refuse_or_use(trap: Trap) -> str:
    try:
        use(trap)
    except RepositoryError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", [*RUNNING, *ODD])
def test_one_that_can_be_used_is_used(trap: Trap, name: str) -> None:
    {**RUNNING, **ODD}[name](trap)
    (trap.folder / "mark").unlink(missing_ok=True)  # what making it has run
    surroundings, before = trap.surroundings(), state(trap.checkout)
    clone = use(trap)
    assert trap.ran == []
    assert trap.surroundings() == surroundings
    assert state(trap.checkout) == before
    assert SECRET not in everything(clone.path)
    assert git(trap.checkout, "-c", "core.fsmonitor=", "log", "-2", "--format=%s", BRANCH) == "more\nwork"


@pytest.mark.parametrize("name", [*PROMISING, *LEADING_OUT])
def test_one_that_leads_out_is_refused_in_one_line(trap: Trap, name: str) -> None:
    {**PROMISING, **LEADING_OUT}[name](trap)
    (trap.folder / "mark").unlink(missing_ok=True)
    surroundings = trap.surroundings()
    told = refuse_or_use(trap)
    assert told
    assert "\n" not in told
    assert SECRET not in told
    assert trap.ran == []
    assert trap.surroundings() == surroundings
    assert not (trap.folder / "session" / "workspace" / ".git").exists()


@pytest.mark.parametrize("name", LEADING_OUT)
def test_none_is_made_in_place_of_what_leads_out(trap: Trap, name: str) -> None:
    LEADING_OUT[name](trap)
    surroundings = trap.surroundings()
    with pytest.raises(RepositoryError):
        init_repository(trap.checkout)
    assert trap.ran == []
    assert trap.surroundings() == surroundings


def test_a_bare_repository_among_the_files_is_none(trap: Trap) -> None:
    """Anything committed may look like one: whoever is inside it, git would take its configuration."""
    inner = trap.checkout / "docs"
    git(trap.folder, "init", "-q", "--bare", str(inner))
    git(inner, "config", "core.bare", "false")
    git(inner, "config", "core.worktree", "..")
    git(inner, "config", "core.fsmonitor", str(trap.script))
    with pytest.raises(RepositoryError, match="which names another checkout or none"):
        find_repository(inner)
    assert trap.ran == []


def test_variables_of_git_steer_nothing(trap: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = (
        "GIT_EXTERNAL_DIFF",
        "GIT_SSH_COMMAND",
        "GIT_SSH",
        "GIT_ASKPASS",
        "GIT_EDITOR",
        "GIT_PAGER",
        "GIT_PROXY_COMMAND",
    )
    for name in (*programs, "SSH_ASKPASS", "PAGER", "EDITOR"):
        monkeypatch.setenv(name, str(trap.script))
    for name in ("GIT_TRACE", "GIT_TRACE2_EVENT", "GIT_TEMPLATE_DIR", "GIT_ALTERNATE_OBJECT_DIRECTORIES"):
        monkeypatch.setenv(name, str(trap.home / "trace"))
    surroundings = trap.surroundings()
    repository = find_repository(trap.checkout)
    clone = make_clone(repository, trap.folder / "session" / "workspace", BRANCH, None)
    fetch_result(repository, clone.path, BRANCH, clone.base, "")
    assert trap.ran == []
    assert trap.surroundings() == surroundings


@pytest.mark.parametrize("name", ["fsmonitor", "filter", "hooks", "filter with =", "alternateRefsCommand"])
def test_the_traps_do_spring(trap: Trap, name: str) -> None:
    """Plain git runs these: the suite would see it."""
    RUNNING[name](trap)
    write(trap.checkout, "README", "3.0\n")
    for command in (["status"], ["commit", "-qam", "x"], ["fetch", "-q", str(trap.private)]):
        git(trap.checkout, *command, check=False)
    assert trap.ran
