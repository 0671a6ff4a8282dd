"""A theatre for sessions to be struck in, and the count of what that lost and leaked at the end of the run."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from scenes import Theatre
from victims import Victims

from agent.config import locations
from containers.caches import FOLDER, VOLUME

_KEPT = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "DOCKER_HOST", "XDG_CACHE_HOME", "BACTRIAN_BASE_IMAGE")


@pytest.fixture(scope="session")
def theatre(tmp_path_factory: pytest.TempPathFactory, rootfs: Path) -> Iterator[Theatre]:
    """Scenes for sessions in bubblewrap, in a language that costs nothing."""
    with _theatre(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.fixture(scope="session")
def docker_theatre(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Theatre]:
    """The same for sessions in Docker."""
    with _theatre(tmp_path_factory.mktemp("faults-docker"), "docker") as made:
        yield made


@contextlib.contextmanager
def _theatre(folder: Path, container: str = "bubblewrap") -> Generator[Theatre]:
    environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
    with Victims(folder, [Path(__file__).with_name("plain")]) as victims:
        made = Theatre(victims=victims, environ=environ, folder=folder, container=container)
        name, cache = made.caches, locations().cache
        yield made
    subprocess.run(["chmod", "-R", "u+w", cache / FOLDER / name], check=False, capture_output=True)
    shutil.rmtree(cache / FOLDER / name, ignore_errors=True)
    for base in (cache / "bases").glob(f"{name}-*"):
        base.unlink()
    if container == "docker":
        subprocess.run(["docker", "volume", "rm", "-f", f"{VOLUME}{name}"], check=False, capture_output=True)
