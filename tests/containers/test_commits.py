"""The session's commits: real git in a sandbox, and whatever a model does to the clone before."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkouts import BRANCH, commit, fetch, git, state, tracked, write

from containers.base import WORKSPACE, Container
from containers.commits import Commit, commit_work, compare, dirty_submodules, lay_out_tree, work_tree
from containers.docker import session_user
from containers.workspace import Clone, RepositoryError, find_repository, make_clone

AUTHOR = ("Ada Lövelace", "ada@example.org")
MESSAGE = "Do the work\n\n# not a comment\nBactrian-Session: 1\n"


@pytest.fixture
def clone(checkout: Path, workspace: Path) -> Clone:
    return make_clone(find_repository(checkout), workspace, BRANCH, session_user())


async def run(container: Container, script: str, folder: str = WORKSPACE) -> str:
    identity = {
        "GIT_AUTHOR_NAME": "m",
        "GIT_AUTHOR_EMAIL": "m@x",
        "GIT_COMMITTER_NAME": "m",
        "GIT_COMMITTER_EMAIL": "m@x",
    }
    result = await container.exec(["bash", "-euc", script], cwd=folder, env=identity)
    assert result.exit_code == 0, result.stderr.text()
    return result.stdout.text()


async def save(container: Container, clone: Clone) -> Commit | None:
    return await commit_work(container, clone.base, MESSAGE, AUTHOR)


async def saved(container: Container, clone: Clone) -> Commit:
    done = await save(container, clone)
    assert done
    return done


async def test_the_work_becomes_a_commit_on_the_base(container: Container, clone: Clone, checkout: Path) -> None:
    await run(container, "mkdir deep; echo text > deep/new; echo more >> README; git rm -q tool.sh; echo x > a.log")
    done = await saved(container, clone)
    assert (done.files, done.added, done.removed) == (4, 3, 1)
    assert done.dirty_submodules == ()
    before = state(checkout)
    fetch(checkout, clone, done.id)
    assert state(checkout) == before
    assert tracked(checkout, BRANCH) == {"README", "a.log", "deep/new", "link", "src/main.go"}
    shown = git(checkout, "log", "-1", "--format=%an <%ae> %cn <%ce> %P%n%B", BRANCH)
    assert shown == f"{AUTHOR[0]} <{AUTHOR[1]}> {AUTHOR[0]} <{AUTHOR[1]}> {clone.base}\n{MESSAGE.strip()}"
    assert await run(container, "git status --porcelain; git rev-parse --abbrev-ref HEAD") == f"{BRANCH}\n"


async def test_nothing_done_is_no_commit(bubblewrap_container: Container, clone: Clone) -> None:
    assert await save(bubblewrap_container, clone) is None
    await run(bubblewrap_container, "touch README; echo x > new; git add new; rm new")
    assert await save(bubblewrap_container, clone) is None


async def test_a_second_save_goes_on_from_the_first(
    bubblewrap_container: Container, clone: Clone, checkout: Path
) -> None:
    await run(bubblewrap_container, "echo x > new")
    first = await saved(bubblewrap_container, clone)
    fetch(checkout, clone, first.id)
    again = await saved(bubblewrap_container, clone)
    assert again.id == first.id
    await run(bubblewrap_container, "echo y > newer")
    second = await saved(bubblewrap_container, clone)
    assert second.files == 2
    fetch(checkout, clone, second.id, previous=first.id)
    assert git(checkout, "rev-parse", f"{BRANCH}~1") == first.id


@pytest.mark.parametrize(
    "deed",
    [
        "git checkout -q -b mine; git add .; git commit -qm mine; echo x > after",
        "git add .; git commit -qm one; git commit -q --amend -m other; echo x > after",
        "git add .; git commit -qm one; git checkout -q --detach; git branch -D bactrian/work; echo x > after",
        "echo x > after; touch .git/index.lock .git/HEAD.lock .git/refs/heads/bactrian/work.lock",
        "echo x > after; rm .git/index",
        "echo x > after; echo nonsense > .git/index",
        "echo x > after; git update-ref -d HEAD",
        "echo x > after; git add .; git commit -qm one; git gc -q --prune=now; git pack-refs --all",
        "echo x > after; git worktree add -q --detach /tmp/worktree",
        "echo x > after; git stash -q -u; git stash pop -q",
        "echo x > after; git checkout -q --orphan fresh; git add .; git commit -qm root",
        "echo x > after; git config core.bare true",
        "echo x > after; git config core.worktree /tmp",
        "echo x > after; git config commit.gpgSign true; git config core.fsmonitor /bin/false",
        "echo x > after; printf '#!/bin/sh\\nexit 1\\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit",
        "echo x > after; git config core.commentChar B; git config user.name ''",
        "echo x > after; git symbolic-ref HEAD refs/heads/nowhere",
        "echo x > after; git init -q",
        "echo x > after; chmod a-w .git/refs .git/refs/heads",
    ],
)
async def test_the_work_is_saved_whatever_was_done_with_git(
    bubblewrap_container: Container, clone: Clone, checkout: Path, deed: str
) -> None:
    await run(bubblewrap_container, f"mkdir -p .git/hooks; echo x > new; {deed}")
    done = await saved(bubblewrap_container, clone)
    fetch(checkout, clone, done.id)
    assert tracked(checkout, BRANCH) == {*tracked(checkout), "new", "after"}
    assert git(checkout, "merge-base", BRANCH, "HEAD") == clone.base


async def test_another_branch_s_history_is_left_out(
    bubblewrap_container: Container, clone: Clone, checkout: Path
) -> None:
    await run(bubblewrap_container, "git checkout -q -b old HEAD~1; echo x > new")
    done = await saved(bubblewrap_container, clone)
    fetch(checkout, clone, done.id)
    assert tracked(checkout, BRANCH) == {"README", "new"}
    assert git(checkout, "log", "--format=%s", BRANCH).splitlines() == ["Do the work", "two", "one"]


async def test_a_merge_in_progress_is_saved_as_it_lies_there(
    bubblewrap_container: Container, clone: Clone, checkout: Path
) -> None:
    script = """
    git checkout -q -b side; echo theirs > README; git commit -qam theirs
    git checkout -q -; echo ours > README; git commit -qam ours
    git merge side || true
    """
    await run(bubblewrap_container, script)
    done = await saved(bubblewrap_container, clone)
    fetch(checkout, clone, done.id)
    assert "<<<<<<<" in git(checkout, "show", f"{BRANCH}:README")


async def test_names_of_every_kind_are_saved(bubblewrap_container: Container, clone: Clone, checkout: Path) -> None:
    names = ["with space", "-dash", "new\nline", "tab\there", "*", ":(top)x", "quo\"te'd"]
    for name in names:
        await bubblewrap_container.write(name, b"x")
    await run(bubblewrap_container, "printf x > $'latin-\\xe9'")
    done = await saved(bubblewrap_container, clone)
    assert done.files == len(names) + 1
    fetch(checkout, clone, done.id)
    assert set(names) < tracked(checkout, BRANCH)


@pytest.mark.parametrize("deed", ["git init -q", "git init -q; git add .; git commit -qm inner"])
async def test_a_repository_inside_becomes_plain_files(
    bubblewrap_container: Container, clone: Clone, checkout: Path, deed: str
) -> None:
    script = f"""
    mkdir -p 'in ner/deep/er' empty; cd 'in ner'
    echo x > file; echo x > deep/file; echo x > $'new\\nline'; echo '*.log' > .gitignore; echo x > a.log
    {deed}
    cd deep/er; echo x > file; git init -q; cd ../../../empty; git init -q
    """
    await run(bubblewrap_container, script)
    tree = await work_tree(bubblewrap_container, clone.base)
    done = await saved(bubblewrap_container, clone)
    fetch(checkout, clone, done.id)
    inner = {"in ner/.gitignore", "in ner/file", "in ner/deep/file", "in ner/new\nline", "in ner/deep/er/file"}
    assert tracked(checkout, BRANCH) == tracked(checkout) | inner
    assert git(checkout, "rev-parse", f"{BRANCH}^{{tree}}") == tree
    assert (clone.path / "in ner/.git").is_dir()
    await run(bubblewrap_container, "echo y > 'in ner/file'; echo y > 'in ner/later'; rm 'in ner/deep/file'")
    second = await saved(bubblewrap_container, clone)
    fetch(checkout, clone, second.id, previous=done.id)
    assert tracked(checkout, BRANCH) == (tracked(checkout) | inner | {"in ner/later"}) - {"in ner/deep/file"}


async def test_submodules_stay_and_changes_inside_are_told(
    bubblewrap_container: Container, checkout: Path, workspace: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    git(tmp_path, "init", "-q", str(library))
    write(library, "lib.go", "package lib\n")
    commit(library, "library")
    for name in ("clean", "edited", "com mitted", "grown"):
        git(checkout, "submodule", "--quiet", "add", str(library), name)
    commit(checkout, "submodules")
    clone = make_clone(find_repository(checkout), workspace, BRANCH, session_user())
    container = bubblewrap_container
    assert await save(container, clone) is None
    assert await dirty_submodules(container, clone.base) == ()
    script = """
    echo y > edited/lib.go; echo y > grown/new
    cd 'com mitted'; echo y > lib.go; git commit -qam inside
    """
    await run(container, script)
    assert await dirty_submodules(container, clone.base) == ("com mitted", "edited", "grown")
    await run(container, "echo x > new")
    done = await saved(container, clone)
    assert done.dirty_submodules == ("com mitted", "edited", "grown")
    fetch(checkout, clone, done.id)
    assert git(checkout, "diff", "--name-only", "HEAD", BRANCH) == "new"
    await lay_out_tree(container, clone.base, "/tmp/base")
    assert await run(container, "cat edited/lib.go 'com mitted/lib.go'", "/tmp/base") == "package lib\n" * 2


async def test_a_repository_without_a_commit(
    bubblewrap_container: Container, workspace: Path, tmp_path: Path, plain_git: Path
) -> None:
    path = tmp_path / "empty"
    git(tmp_path, "init", "-q", str(path))
    clone = make_clone(find_repository(path), workspace, BRANCH, session_user())
    assert await save(bubblewrap_container, clone) is None
    await run(bubblewrap_container, "echo x > first")
    done = await saved(bubblewrap_container, clone)
    assert (done.files, done.added) == (1, 1)
    fetch(path, clone, done.id)
    assert git(path, "rev-list", BRANCH) == done.id
    await run(bubblewrap_container, "echo x > second")
    later = await saved(bubblewrap_container, clone)
    fetch(path, clone, later.id, previous=done.id)
    assert git(path, "rev-parse", f"{BRANCH}~1") == done.id
    await lay_out_tree(bubblewrap_container, "", "/tmp/base")
    assert await run(bubblewrap_container, "ls; git status --porcelain", "/tmp/base") == ""


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        ("mv .git gone", r"the workspace's \.git is gone"),
        ("rm .git/HEAD", r"the workspace's \.git is broken"),
        ("rm -rf .git; git init -q; git add .; git commit -qm fresh", "the commit the work began from is gone"),
        ("echo [core > .git/config", r"the workspace's \.git is broken"),
    ],
)
async def test_what_can_not_be_saved_is_told_and_stays(
    bubblewrap_container: Container, clone: Clone, deed: str, told: str
) -> None:
    await run(bubblewrap_container, f"echo precious > new; {deed}")
    with pytest.raises(RepositoryError, match=told) as error:
        await save(bubblewrap_container, clone)
    assert "\n" not in str(error.value)
    assert (clone.path / "new").read_text() == "precious\n"


async def test_compare_lists_paths_by_what_became_of_them(bubblewrap_container: Container, clone: Clone) -> None:
    await run(bubblewrap_container, "echo x > 'a new one'; echo x > README; rm tool.sh; rm link; echo x > link")
    tree = await work_tree(bubblewrap_container, clone.base)
    found = await compare(bubblewrap_container, clone.base, tree)
    assert (found.added, found.modified, found.deleted) == (("a new one",), ("README", "link"), ("tool.sh",))
    everything = await compare(bubblewrap_container, "", clone.base)
    assert everything.added == ("README", "link", "src/main.go", "tool.sh")
    nothing = await compare(bubblewrap_container, tree, tree)
    assert (nothing.added, nothing.modified, nothing.deleted) == ((), (), ())


async def test_the_work_tree_leaves_the_index_alone(bubblewrap_container: Container, clone: Clone) -> None:
    await run(bubblewrap_container, "echo x > new")
    await work_tree(bubblewrap_container, clone.base)
    assert await run(bubblewrap_container, "git status --porcelain") == "?? new\n"


async def test_the_base_is_laid_out_in_full(container: Container, checkout: Path, workspace: Path) -> None:
    write(checkout, ".gitattributes", "secret export-ignore\nversion export-subst\n")
    write(checkout, ".gitignore", "*.log\n")
    write(checkout, "secret", "x")
    write(checkout, "version", "$Format:%H$\n")
    write(checkout, "tracked.log", "x")
    commit(checkout, "attributes")
    clone = make_clone(find_repository(checkout), workspace, BRANCH, session_user(), artefacts=("_build/",))
    await run(container, "echo changed > README; git rm -q version; mkdir -p /tmp/base/left; touch /tmp/base/left/over")
    await lay_out_tree(container, clone.base, "/tmp/base", ("_build/",))
    listed = await run(container, "mkdir _build; touch _build/x; git ls-files -co --exclude-standard", "/tmp/base")
    assert set(listed.split()) == tracked(checkout)
    assert await run(container, "cat README version", "/tmp/base") == "one\n$Format:%H$\n"
    assert await run(container, "git status --porcelain; git rev-parse HEAD", "/tmp/base") == f"{clone.base}\n"
    assert (clone.path / "README").read_text() == "changed\n"


async def test_a_base_that_is_not_there(bubblewrap_container: Container, clone: Clone) -> None:
    with pytest.raises(RepositoryError, match="the base can't be laid out: "):
        await lay_out_tree(bubblewrap_container, "1" * 40, "/tmp/base")
