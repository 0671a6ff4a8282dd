"""The session's commits, made by git *inside* the container: the host runs nothing where commands could write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from containers.base import WORKSPACE, Container
from containers.git import RepositoryError, reason

_TIMEOUT_S = 300.0
_LIMIT_BYTES = 16 << 20

# Stages the whole workspace in an index of its own: a lock that a killed git left behind is in nobody's way, and
# the model's own index stays as it is. Takes the base; ends with `$index` and `$tree`.
_STAGE = r"""
set -euo pipefail
base=$1
cd "$WORKSPACE"
outer=(env -u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE)
export GIT_DIR=$WORKSPACE/.git GIT_WORK_TREE=$WORKSPACE GIT_OPTIONAL_LOCKS=0
git() { command git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c gc.auto=0 "$@"; }
say() { echo "$*" >&2; exit 1; }

[ -e .git ] || say "the workspace's .git is gone"
git rev-parse --git-dir >/dev/null 2>&1 || say "the workspace's .git is broken"
[ -z "$base" ] || git cat-file -e "$base^{commit}" 2>/dev/null || say "the commit the work began from is gone from .git"

index=$(mktemp)
trap 'rm -f "$index"' EXIT
export GIT_INDEX_FILE=$index
if ! cp -p .git/index "$index" 2>/dev/null || ! git ls-files >/dev/null 2>&1; then
    rm -f "$index"
    [ -z "$base" ] || git read-tree "$base"
fi

# Git takes a repository inside this one for a submodule and leaves its files out: they are the work too.
for _ in 1 2 3 4 5; do
    mapfile -d "" -t nested < <(git ls-files -oz --exclude-standard | sed -zn '\,/$,p')
    [ ${#nested[@]} -gt 0 ] || break
    for folder in "${nested[@]}"; do
        "${outer[@]}" git -C "$folder" ls-files -coz --exclude-standard --deduplicate 2>/dev/null |
            while IFS= read -r -d "" name; do [ "${name%/}" != "$name" ] || printf '%s\0' "$folder$name"; done |
            git update-index -z --add --remove --stdin
    done
done
git add --all -- . "${nested[@]/#/:(exclude,literal)}"

# A submodule's commits are known to nobody else: it stays at the commit it was at.
if [ -n "$base" ]; then
    git ls-files -sz | sed -zn 's/^160000 [^\t]*\t//p' |
        xargs -0r git --git-dir="$GIT_DIR" --literal-pathspecs ls-tree -z "$base" -- |
        sed -zn '/^160000 /p' | git update-index -z --index-info
fi
tree=$(git write-tree)
"""

_TREE = _STAGE + 'echo "$tree"\n'

# Whatever branch a command has checked out, whatever history it has made: the result descends from the base.
_COMMIT = (
    _STAGE
    + r"""
parent=$(git rev-parse --quiet --verify 'HEAD^{commit}') || parent=
if [ -n "$base" ] && ! { [ -n "$parent" ] && git merge-base --is-ancestor "$base" "$parent"; }; then parent=$base; fi
before=$(if [ -n "$parent" ]; then git rev-parse "$parent^{tree}"; else git hash-object -t tree /dev/null; fi)
if [ "$tree" = "$before" ]; then
    commit=$parent
else
    commit=$(git commit-tree "$tree" ${parent:+-p "$parent"} -F -)
    # A lock that was left behind may forbid these; the commit is there all the same.
    git update-ref -m "bactrian: the work so far" HEAD "$commit" 2>/dev/null || true
    { cp -p "$index" .git/index.bactrian && mv -f .git/index.bactrian .git/index; } 2>/dev/null || true
fi
echo "$commit"
"""
)

# A shared clone is a repository of its own, but for objects; submodules are filled from the workspace's. Commands may
# have been in the folder: its repository is made anew, every file is compared with what it is to be, and what git
# ignores stays only where it is known to be a build. Configuration of the home does not count.
_LAY_OUT = r"""
set -euo pipefail
git() { command git -c core.hooksPath=/dev/null -c core.attributesFile=/dev/null -c core.excludesFile=/dev/null "$@"; }
kept=("${@:4}")
lay_out() {
    local fresh=
    rm -rf "$3.bactrian"
    git clone --quiet --shared --no-checkout --template= "$1" "$3.bactrian" 2>/dev/null
    if [ -d "$3" ] && [ ! -L "$3" ]; then rm -rf "$3/.git"; else rm -rf "$3"; mkdir "$3"; fresh=yes; fi
    mv -T "$3.bactrian/.git" "$3/.git"
    rmdir "$3.bactrian"
    mkdir -p "$3/.git/info"
    printf '%s\n' "${kept[@]}" >"$3/.git/info/exclude"
    git -C "$3" read-tree "$2"
    git -C "$3" update-index -q --really-refresh >/dev/null || true
    git -C "$3" -c advice.detachedHead=false checkout --quiet --force --detach "$2"
    [ -n "$fresh" ] || git -C "$3" clean -qffdx "${kept[@]/#/--exclude=}"
    # The same times wherever a tree is laid out: tools remember tests by the times of the files that they read.
    if [ -n "$fresh" ]; then
        git -C "$3" ls-files -z | (cd "$3" && xargs -0r touch --no-create --no-dereference -d @1000000000 --)
    fi
    git -C "$3" ls-tree -rz "$2" | { grep -z '^160000 ' || true; } | while IFS= read -r -d "" entry; do
        name=${entry#*$'\t'}
        read -r _ _ at _ <<<"$entry"
        if [ -e "$1/$name/.git" ] && git -C "$1/$name" cat-file -e "$at^{commit}" 2>/dev/null; then
            lay_out "$1/$name" "$at" "$3/$name"
        fi
    done
}
commit=$2
if [ -n "$2" ] && [ "$(git -C "$1" cat-file -t "$2")" = tree ]; then
    commit=$(git -C "$1" -c user.name=bactrian -c user.email=bactrian@localhost commit-tree -m tree "$2" </dev/null)
fi
if [ -n "$commit" ]; then lay_out "$1" "$commit" "$3"; else rm -rf "$3"; git init --quiet --template= "$3"; fi
"""
_OWN_SETTINGS = {"GIT_CONFIG_GLOBAL": "/dev/null"}
"""What commands have set for the home, in this session or an earlier one, does not steer the harness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit of the work so far and its size against the base."""

    id: str
    files: int
    added: int
    removed: int
    dirty_submodules: tuple[str, ...] = ()
    """Submodules with changes inside: those can't be part of the branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDifference:
    """The paths that differ between two trees."""

    added: tuple[str, ...]
    modified: tuple[str, ...]
    deleted: tuple[str, ...]


async def compare(container: Container, before: str, after: str) -> TreeDifference:
    """Compare two trees or commits; an empty name is the empty tree. Raises RepositoryError, ContainerDied."""
    before, after = await base_tree(container, before), await base_tree(container, after)
    told = await _git(container, "diff-tree", "-r", "-z", "--no-renames", "--name-status", before, after)
    fields = told.split("\0")
    pairs = list(zip(fields[::2], fields[1::2], strict=False))
    return TreeDifference(
        added=tuple(path for status, path in pairs if status == "A"),
        modified=tuple(path for status, path in pairs if status in ("M", "T")),
        deleted=tuple(path for status, path in pairs if status == "D"),
    )


async def work_tree(container: Container, base: str) -> str:
    """Return the tree that a commit of the workspace would have now. Raises like `commit_work`; changes nothing."""
    return await _script(container, _TREE, base)


async def commit_work(container: Container, base: str, message: str, author: tuple[str, str]) -> Commit | None:
    """Commit everything in the workspace that git does not ignore; None where nothing differs from `base`.

    Whatever branch or commit a command has checked out meanwhile is what counts; history that does not descend
    from `base` is left out, its files are not. Repositories inside the workspace become plain files; submodules
    stay at their commit.

    Raises RepositoryError: git inside failed (`.git` is gone or broken, a full disk); ContainerDied.
    """
    name, address = author
    identity = {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": address,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": address,
    }
    commit = await _script(container, _COMMIT, base, stdin=message.encode(), env=identity)
    if not commit or commit == base:
        return None
    numstat = ("diff-tree", "-r", "-M", "--numstat", "--no-ext-diff", "--no-textconv")
    files, added, removed = _count(await _git(container, *numstat, await base_tree(container, base), commit))
    dirty = await dirty_submodules(container, commit)
    return Commit(id=commit, files=files, added=added, removed=removed, dirty_submodules=dirty)


async def base_tree(container: Container, base: str) -> str:
    """Return a name of the base's tree for git inside; the empty tree where there was no commit."""
    return base or (await _git(container, "hash-object", "-t", "tree", "-w", "/dev/null")).strip()


async def tree_of(container: Container, commit: str) -> str:
    """Return the name of a commit's tree. Raises RepositoryError, ContainerDied."""
    return (await _git(container, "rev-parse", "--verify", f"{commit}^{{tree}}")).strip()


async def lay_out_tree(container: Container, commit: str, folder: str, kept: Sequence[str] = ()) -> None:
    """Write the files of a commit, or of a tree, to `folder` in the container as a repository of its own.

    No name stands for no files. A folder that holds an earlier tree is brought up to date whatever commands have done
    to it; only what the patterns `kept` name (builds) stays. Submodules come as they were recorded, as far as the
    workspace has them.

    Raises RepositoryError, ContainerDied.
    """
    argv = ["bash", "-c", _LAY_OUT, "lay-out", WORKSPACE, commit, folder, *kept]
    result = await container.exec(argv, env=_OWN_SETTINGS, timeout_s=_TIMEOUT_S)
    if result.exit_code:
        raise RepositoryError(f"the base can't be laid out: {reason(result.stderr.text()) or result.exit_code}")


async def dirty_submodules(container: Container, commit: str) -> tuple[str, ...]:
    """Return the submodules of a commit that have changes inside; of no commit, none. Raises like `commit_work`."""
    if not commit:
        return ()
    entries = (await _git(container, "ls-tree", "-r", "-z", commit)).split("\0")
    submodules = [entry.split("\t", 1)[1] for entry in entries if entry.startswith("160000 ")]
    if not submodules:
        return ()
    question = ("status", "--porcelain=v2", "-z", "--ignore-submodules=none", "--", *submodules)
    status = await _git(container, "--literal-pathspecs", *question)
    # `1 XY S<c><m><u> … path`: another commit, modified or untracked content.
    found = (entry.split(" ", 8) for entry in status.split("\0") if entry.startswith("1 "))
    return tuple(entry[8] for entry in found if entry[2].startswith("S") and entry[2] != "S...")


async def _script(
    container: Container, script: str, base: str, stdin: bytes = b"", env: dict[str, str] | None = None
) -> str:
    variables = {"WORKSPACE": WORKSPACE, **_OWN_SETTINGS, **(env or {})}
    argv = ["bash", "-c", script, "work", base]
    result = await container.exec(argv, env=variables, stdin=stdin, timeout_s=_TIMEOUT_S)
    if result.exit_code:
        why = result.limit_note or reason(result.stderr.text())
        raise RepositoryError(f"the work can't be committed in the container: {why or result.exit_code}")
    return result.stdout.text().strip()


async def _git(container: Container, *arguments: str) -> str:
    argv = ["git", f"--git-dir={WORKSPACE}/.git", f"--work-tree={WORKSPACE}", "-c", "core.fsmonitor=false", *arguments]
    result = await container.exec(argv, env=_OWN_SETTINGS, limit_bytes=_LIMIT_BYTES, timeout_s=_TIMEOUT_S)
    if result.exit_code:
        why = result.limit_note or reason(result.stderr.text()) or f"exit code {result.exit_code}"
        raise RepositoryError(f"git {arguments[0]} in the container: {why}")
    return result.stdout.text()


def _count(numstat: str) -> tuple[int, int, int]:
    rows = [line.split("\t") for line in numstat.splitlines()]
    numbers = [(int(row[0]), int(row[1])) for row in rows if row[0].isdigit()]
    return len(rows), sum(added for added, _ in numbers), sum(removed for _, removed in numbers)
