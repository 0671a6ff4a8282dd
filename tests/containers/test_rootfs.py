"""Root file systems for bubblewrap: where they lie, who may make one, and sandboxes on the host's own toolchains."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import containers
from containers.base import ContainerUnavailable
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.docker import connect, session_user
from containers.recipe import Recipe, recipe
from containers.rootfs import disarm, ensure_rootfs, make_mount_points, rootfs_path

HOST_GO = "/usr/local/go/bin/go"
PLAIN = Recipe(files=(("base.sh", b"true"),))


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")


def test_each_recipe_has_a_place_of_its_own(tmp_path: Path) -> None:
    own = replace(PLAIN, project_dockerfile=b"FROM x")
    places = {rootfs_path(made, tmp_path) for made in (PLAIN, own, replace(PLAIN, base="y"))}
    assert len(places) == 3
    assert all(place.is_relative_to(tmp_path) for place in places)


def test_one_that_is_there_is_taken(tmp_path: Path, no_engine: None) -> None:
    path = rootfs_path(PLAIN, tmp_path)
    path.mkdir(parents=True)
    assert ensure_rootfs(PLAIN, tmp_path, progress=pytest.fail) == path


def test_making_one_needs_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ContainerUnavailable, match="needs root: run `sudo env ") as told:
        ensure_rootfs(PLAIN, tmp_path / "a b" / "bactrian", progress=print)
    # Root's own cache is not where the user's sessions look.
    assert f"'XDG_CACHE_HOME={tmp_path}/a b'" in str(told.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes one")
def test_folders_that_root_makes_are_the_users_whose_cache_it_is(tmp_path: Path, no_engine: None) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 1234, 1234)
    own = replace(PLAIN, project_dockerfile=b"FROM x")
    with pytest.raises(ContainerUnavailable):
        ensure_rootfs(own, home / ".cache" / "bactrian", progress=print)
    made = (home / ".cache", home / ".cache" / "bactrian", home / ".cache" / "bactrian" / "rootfs")
    assert [path.stat().st_uid for path in made] == [1234] * 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gets so far")
def test_a_projects_dockerfile_needs_an_engine(tmp_path: Path, no_engine: None) -> None:
    own = replace(PLAIN, project_dockerfile=b"FROM x")
    with pytest.raises(ContainerUnavailable, match="needs a Docker engine to build it, and none answers"):
        ensure_rootfs(own, tmp_path, progress=print)
    assert not rootfs_path(own, tmp_path).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gets so far")
def test_an_engine_builds_the_projects_image(image: str, tmp_path: Path) -> None:
    shared = Recipe(files=(("Dockerfile", b'FROM scratch\nCOPY Dockerfile /etc/shared\nCMD ["x"]\n'),), base=image)
    own = replace(shared, project_dockerfile=b"ARG BASE\nFROM ${BASE}\nCOPY Dockerfile /etc/project\n")
    try:
        path = ensure_rootfs(own, tmp_path, progress=print)
        assert (path / "etc" / "project").read_bytes() == own.project_dockerfile
        assert (path / "etc" / "shared").exists()
    finally:
        with contextlib.closing(connect()) as client:
            for tag in (own.project_tag, own.tag):
                client.images.remove(tag, force=True)


def test_a_cache_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "rootfs").touch()
    with pytest.raises(ContainerUnavailable, match=r"can't be made: (File exists|Not a directory)$|needs root"):
        ensure_rootfs(PLAIN, tmp_path, progress=print)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gets so far")
def test_without_engine_and_debootstrap(tmp_path: Path, no_engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(ContainerUnavailable, match="needs root and debootstrap: `apt-get install debootstrap`"):
        ensure_rootfs(PLAIN, tmp_path, progress=print)


def test_a_second_process_waits_for_the_first(rootfs: Path, tmp_path: Path) -> None:
    """Two at once: one makes it, the other says that it waits, and both get it."""
    import fcntl

    path = rootfs_path(PLAIN, tmp_path)
    path.parent.mkdir(parents=True)
    said: list[str] = []
    found: list[Path] = []
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waited = threading.Event()

        def progress(line: str) -> None:
            said.append(line)
            waited.set()

        other = threading.Thread(target=lambda: found.append(ensure_rootfs(PLAIN, tmp_path, progress=progress)))
        other.start()
        assert waited.wait(30)
        path.mkdir()
    other.join(30)
    assert (said, found) == (["another process is laying out the session image; waiting for it"], [path])


def test_mount_points_are_plain_files(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    (tmp_path / "etc" / "hosts").write_text("kept")
    make_mount_points(tmp_path)
    assert {path.name for path in (tmp_path / "etc").iterdir() if path.is_file() and not path.is_symlink()} == {
        "resolv.conf",
        "hosts",
        "nsswitch.conf",
    }
    assert (tmp_path / "etc" / "hosts").read_text() == "kept"


async def test_a_root_that_is_not_there(workspace: Path, tmp_path: Path) -> None:
    spec = BubblewrapSpec(workspace=workspace, cache=workspace, root=tmp_path / "gone")
    with pytest.raises(ContainerUnavailable, match=r"^bubblewrap can't start a sandbox here: [^\n]*gone"):
        await BubblewrapContainer.start(spec)


async def test_no_bwrap(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ContainerUnavailable, match="install it with `apt-get install bubblewrap`"):
        await BubblewrapContainer.start(BubblewrapSpec(workspace=workspace, cache=workspace))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    path = tmp_path / "cache"
    path.mkdir()
    os.chown(path, *session_user())
    return path


async def test_the_hosts_toolchains(workspace: Path, cache: Path) -> None:
    async with await BubblewrapContainer.start(BubblewrapSpec(workspace=workspace, cache=cache)) as container:
        for command in (["git", "--version"], *([["go", "version"]] if shutil.which("go") == HOST_GO else [])):
            assert (await container.exec(command)).exit_code == 0
        await container.write("file", b"written")
        assert (workspace / "file").read_bytes() == b"written"
        said = (
            await container.exec(["sh", "-c", "id -u; touch /usr/x /etc/x; ls -A /root /home; ls /etc/shadow"])
        ).stdout
        assert said.text().split()[0] == "1000"
        assert "shadow" not in said.text()
        shown = (await container.exec(["ls", "/etc/ssl"])).stdout.text().split()
        assert "certs" in shown
        assert "private" not in shown


AS_SOMEBODY = """
import asyncio, json, sys
from pathlib import Path
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec

async def main():
    workspace, cache = map(Path, sys.argv[1:])
    async with await BubblewrapContainer.start(BubblewrapSpec(workspace=workspace, cache=cache)) as container:
        said = await container.exec(["sh", "-c", "id -u; grep CapBnd /proc/self/status; touch made"])
        stopped = await container.exec(["sh", "-c", "setsid sleep 60 & sleep 60"], timeout_s=0.5)
        print(json.dumps([said.stdout.text().split(), stopped.exit_code]))

asyncio.run(main())
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A directory that every user can look into, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="bactrian-test-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="for an unprivileged user, the test above is this one")
def test_an_unprivileged_user_of_the_host(open_folder: Path) -> None:
    shutil.copytree(next(iter(containers.__path__)), open_folder / "containers")
    for name in ("workspace", "cache"):
        (open_folder / name).mkdir()
        os.chown(open_folder / name, 65534, 65534)
    argv = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "-c", AS_SOMEBODY]
    run = subprocess.run(
        [*argv, str(open_folder / "workspace"), str(open_folder / "cache")],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(open_folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    (uid, _, capabilities), stopped = json.loads(run.stdout)
    assert (uid, capabilities, stopped) == ("1000", "0" * 16, 124)
    assert (open_folder / "workspace" / "made").stat().st_uid == 65534


def test_the_recipe_is_whole() -> None:
    assert {"Dockerfile", "base.sh", "go.sh", "ocaml.sh"} <= {name for name, _ in recipe().files}


def test_nothing_in_a_root_file_system_serves_users_of_the_host(tmp_path: Path) -> None:
    shell = tmp_path / "bin" / "shell"
    shell.parent.mkdir()
    shell.touch()
    shell.chmod(0o6755)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    if os.geteuid() == 0:
        os.mknod(tmp_path / "disk", 0o60666, os.makedev(7, 0))
    disarm(tmp_path)
    assert shell.stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert not (tmp_path / "disk").exists()


def test_mount_points_are_made_inside_only(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "etc").symlink_to(outside)
    with pytest.raises(ContainerUnavailable, match="the image's /etc is a symbolic link"):
        make_mount_points(root)
    assert list(outside.iterdir()) == []
