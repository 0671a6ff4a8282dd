"""What killed processes leave is removed at the next start; what belongs to anyone else is not touched."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from containers.docker import connect
from containers.labels import KIND, OWNER, process_name
from containers.reaper import reap


@pytest.fixture
def engine(image: str) -> Iterator[docker.DockerClient]:
    assert image
    with contextlib.closing(connect()) as client:
        yield client


SCRIPT = """
import os, sys
from pathlib import Path
from containers.labels import labels, process_name
from containers.reaper import registered
with registered(Path(sys.argv[1])):
    {}
    print(process_name(), flush=True)
    sys.stdin.read()
"""


def begun(folder: Path, script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a registered process that runs a script, says its name and waits for its standard input's end."""
    argv = [sys.executable, "-c", SCRIPT.format(script), str(folder), *arguments]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def name_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def killed(folder: Path, script: str, *arguments: str) -> str:
    """Run a script in a registered process and kill it; return the process's name."""
    with begun(folder, script, *arguments) as process:
        name = name_of(process)
        process.send_signal(signal.SIGKILL)
    return name


CREATE = (
    "import docker; client = docker.from_env(); "
    "client.containers.create(sys.argv[2], labels=labels('session')); "
    "client.volumes.create(process_name(), labels=labels('fork'))"
)


def test_containers_and_volumes_of_the_dead_are_removed(
    tmp_path: Path, engine: docker.DockerClient, image: str
) -> None:
    owner = killed(tmp_path, CREATE, image)
    filters: dict[str, Any] = {"label": f"{OWNER}={owner}"}
    assert len(engine.containers.list(all=True, filters=filters)) == 1
    assert len(engine.volumes.list(filters=filters)) == 1
    assert reap(tmp_path, tmp_path / "cache") == 1
    assert engine.containers.list(all=True, filters=filters) == []
    assert engine.volumes.list(filters=filters) == []
    assert list(tmp_path.iterdir()) == []


def test_what_the_living_have_made_stays_until_they_end(
    tmp_path: Path, engine: docker.DockerClient, image: str
) -> None:
    killed(tmp_path, "pass")
    with begun(tmp_path, CREATE, image) as process:
        owner = name_of(process)
        filters: dict[str, Any] = {"label": f"{OWNER}={owner}"}
        assert reap(tmp_path, tmp_path / "cache") == 1
        assert [path.name for path in tmp_path.iterdir()] == [owner]
        assert [each.labels[KIND] for each in engine.containers.list(all=True, filters=filters)] == ["session"]
    assert process.returncode == 0
    assert engine.containers.list(all=True, filters=filters) == []
    assert list(tmp_path.iterdir()) == []


def test_dead_are_remembered_while_no_engine_answers(
    tmp_path: Path, engine: docker.DockerClient, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = killed(tmp_path, CREATE, image)
    filters: dict[str, Any] = {"label": f"{OWNER}={owner}"}
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nowhere.sock")
    assert reap(tmp_path, tmp_path / "cache") == 1
    assert len(engine.containers.list(all=True, filters=filters)) == 1
    monkeypatch.delenv("DOCKER_HOST")
    assert reap(tmp_path, tmp_path / "cache") == 1
    assert engine.containers.list(all=True, filters=filters) == []
    assert reap(tmp_path, tmp_path / "cache") == 0


def test_engine_that_never_comes_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = killed(tmp_path, "pass")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nowhere.sock")
    os.utime(tmp_path / owner, (0, 0))
    assert reap(tmp_path, tmp_path / "cache") == 1
    assert reap(tmp_path, tmp_path / "cache") == 0


def test_half_made_folders_go_unless_somebody_makes_them_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    owner = killed(tmp_path / "running", "pass")
    (tmp_path / "running" / "*").touch()  # no process's name, but a pattern that all of them fit
    rootfs = tmp_path / "cache" / "rootfs"
    for name in ("whole", "left.part", "left.part-context", "busy.part"):
        (rootfs / name).mkdir(parents=True)
    (rootfs / "left.lock").touch()
    (tmp_path / f"bactrian-{owner}-base-x").mkdir()
    (tmp_path / "cache" / "forks" / f"{owner}-1" / "cache" / "upper").mkdir(parents=True)
    (tmp_path / "cache" / "forks" / f"{process_name()}-1").mkdir()
    (tmp_path / f"bactrian-{process_name()}-y").mkdir()
    argv = ["flock", str(rootfs / "busy.lock"), "-c", "echo locked; cat"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as busy:
        assert busy.stdout
        busy.stdout.readline()
        assert reap(tmp_path / "running", tmp_path / "cache") == 1
    assert sorted(path.name for path in rootfs.iterdir()) == ["busy.lock", "busy.part", "left.lock", "whole"]
    assert [path.name for path in (tmp_path / "cache" / "forks").iterdir()] == [f"{process_name()}-1"]
    assert [path.name for path in tmp_path.glob("bactrian-*")] == [f"bactrian-{process_name()}-y"]


def test_nobody_registered_is_nothing_to_do(tmp_path: Path) -> None:
    assert reap(tmp_path / "nowhere", tmp_path) == 0
