"""No repository gets what another has put into its caches: by their names, and by what is found inside."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from checkouts import commit, git, write

from containers.base import Container
from containers.caches import FOLDER, VOLUME, repository_caches
from containers.docker import connect
from containers.labels import KIND, OWNER, REPOSITORY, process_name
from containers.launch import LaunchSpec, launch
from containers.workspace import find_repository

POISON = "bactrian-poison"
GO = {"GOMODCACHE": "/cache/go-mod", "GOCACHE": "/cache/go-build"}

# In every folder that can be written a file, at the end of every file a line; then what tools read from their homes.
SPOIL = f"""
find / \\( -path /proc -o -path /sys -o -path /dev -o -path /workspace \\) -prune \\
    -o -type f -writable -fprint /tmp/files -o -type d -writable -fprint /tmp/folders
while read -r name; do echo {POISON} >> "$name"; done < /tmp/files
while read -r name; do echo {POISON} > "$name/{POISON}"; done < /tmp/folders
grep -h ^/usr /tmp/files /tmp/folders
go env -w GOFLAGS=-tags={POISON}
printf '[core]\\n\\thooksPath = /cache/{POISON}\\n' > ~/.gitconfig
echo 'machine proxy.golang.org login x password {POISON}' > ~/.netrc
echo 'export PATH=/cache/{POISON}:$PATH' | tee ~/.bashrc ~/.profile ~/.bash_profile > ~/.zshrc
mkdir -p ~/.config/dune ~/.cache/dune /cache/opam/default/bin \\
    /cache/go-mod/example.com/dep@v1.0.0 /cache/go-mod/cache/download/example.com/dep/@v
echo {POISON} | tee ~/.config/dune/config ~/.cache/dune/entry /cache/opam/default/bin/dune \\
    /cache/go-mod/example.com/dep@v1.0.0/dep.go > /cache/go-mod/cache/download/example.com/dep/@v/v1.0.0.zip
"""
FOUND = (
    f"grep -rls {POISON} /cache /tmp /var/tmp; "
    f"find / \\( -path /proc -o -path /sys -o -path /usr \\) -prune -o -name {POISON} -print 2>/dev/null; true"
)
# What a cache holds when it is new: what the image has ready, and a home with nothing in it.
NEW = "diff -rq /usr/local/lib/bactrian/cache /cache; find /cache/home -mindepth 1"

Sessions = Callable[..., AbstractAsyncContextManager[Container]]


@pytest.fixture(params=["docker", "bubblewrap"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def kept(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Bactrian's cache directory, which has the image's root file system already."""
    path = tmp_path / "kept"
    (path / "rootfs").mkdir(parents=True)
    if kind == "bubblewrap":
        root: Path = request.getfixturevalue("rootfs")
        (path / "rootfs" / root.name).symlink_to(root)
    else:
        request.getfixturevalue("image")
    yield path
    if kind == "docker":
        with contextlib.closing(connect()) as client:
            for volume in client.volumes.list(filters={"label": KIND}):
                if str(volume.attrs["Labels"].get(REPOSITORY, "")).startswith(f"{tmp_path}/"):
                    volume.remove(force=True)
    subprocess.run(["chmod", "-R", "u+w", path / FOLDER], check=False, capture_output=True)


@pytest.fixture
def session(kind: str, kept: Path, workspace: Path) -> Sessions:
    """Start a session's container for a repository."""

    def start(repository: Path, **other: str) -> AbstractAsyncContextManager[Container]:
        spec = LaunchSpec(
            common=find_repository(repository).common,
            workspace=workspace,
            cache_folder=kept,
            environment=GO,
        )
        return _opened(launch("docker" if kind == "docker" else "bubblewrap", replace(spec, **other), print))

    return start


@contextlib.asynccontextmanager
async def _opened(starting: Awaitable[Container]) -> AsyncGenerator[Container]:
    container = await starting
    try:
        yield container
    finally:
        await container.close()


@pytest.fixture
def other(tmp_path: Path, checkout: Path) -> Path:
    """Another checkout, which may have the very same history."""
    path = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(checkout), str(path))
    return path


async def said(container: Container, script: str) -> str:
    result = await container.exec(["bash", "-c", script], cwd="/", merge_stderr=True, timeout_s=60)
    return result.stdout.text()


async def test_poison_stays_in_its_repository(
    session: Sessions, checkout: Path, other: Path, kind: str, kept: Path
) -> None:
    name = repository_caches(checkout / ".git")
    async with session(checkout) as container:
        assert "/usr" not in await said(container, SPOIL)
        spoilt = await said(container, FOUND)
        assert "/cache/go-mod/example.com/dep@v1.0.0/dep.go" in spoilt
        assert f"/cache/go-build/{POISON}" in spoilt
    if kind == "docker":
        with contextlib.closing(connect()) as client:
            told = client.volumes.get(VOLUME + name).attrs["Labels"]
        assert told == {KIND: "cache", REPOSITORY: str(checkout / ".git")}
    else:
        assert [path.name for path in (kept / FOLDER).iterdir()] == [name]
    async with session(other) as container:
        assert await said(container, FOUND) == ""
        assert await said(container, "go env GOFLAGS") == "\n"
    async with session(checkout) as container:  # where it is its own
        assert f"/cache/go-build/{POISON}" in await said(container, FOUND)
        assert POISON in await said(container, "go env GOFLAGS")
    shutil.rmtree(checkout)
    git(checkout.parent, "init", "-q", str(checkout))
    async with session(checkout) as container:  # another one in its place
        assert await said(container, FOUND) == ""
        assert (await said(container, NEW)).splitlines() == ["Only in /cache: .lock", "Only in /cache: home"]


async def test_a_sessions_own_caches_begin_empty_and_go(
    session: Sessions, checkout: Path, kept: Path, kind: str
) -> None:
    async with session(checkout) as container:
        await said(container, "touch /cache/home/kept")
    async with session(checkout, caches="session") as container:
        await said(container, "touch /cache/home/mine")
        async with await container.fork(own_caches=False) as fork:
            assert await said(fork, "ls /cache/home") == "mine\n"
        assert await said(container, "ls /cache/home") == "mine\n"
    async with session(checkout) as container:
        assert await said(container, "ls /cache/home") == "kept\n"
    assert not list(kept.glob("forks/*"))
    if kind == "docker":
        with contextlib.closing(connect()) as client:
            assert not client.volumes.list(filters={"label": f"{OWNER}={process_name()}"})


def test_caches_go_with_a_repository_that_is_moved(checkout: Path) -> None:
    name = repository_caches(checkout / ".git")
    moved = checkout.rename(checkout.with_name("moved"))
    write(moved, "new", "file\n")
    commit(moved, "three")
    assert repository_caches(find_repository(moved).common) == name


def test_worktrees_share_their_caches(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "worktree", "add", "-q", str(tmp_path / "linked"))
    linked, first = find_repository(tmp_path / "linked"), find_repository(checkout)
    assert repository_caches(linked.common) == repository_caches(first.common)


def test_copies_clones_and_successors_have_others(checkout: Path, other: Path, tmp_path: Path) -> None:
    shutil.copytree(checkout, tmp_path / "copy", symlinks=True)
    names = {repository_caches(path / ".git") for path in (checkout, other, tmp_path / "copy")}
    shutil.rmtree(checkout)
    (tmp_path / "copy").rename(checkout)
    git(tmp_path, "clone", "-q", str(checkout), str(tmp_path / "copy"))
    assert len(names | {repository_caches(tmp_path / "copy" / ".git")}) == 4


def test_without_a_record_of_births_the_path_counts(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout / "no-programs"))
    name = repository_caches(checkout / ".git")
    assert repository_caches(checkout / ".git") == name
    moved = checkout.rename(checkout.with_name("moved"))
    assert repository_caches(moved / ".git") != name
