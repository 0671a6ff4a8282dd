"""Options and fixtures for all tests: `--update` rewrites golden files; containers to run things in."""

from __future__ import annotations

import contextlib
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from agent.config import locations
from containers.base import Container, ContainerUnavailable
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.docker import DockerContainer, DockerSpec, connect, session_user
from containers.gate import OpenGate
from containers.images import ensure_image
from containers.recipe import recipe
from containers.rootfs import ensure_rootfs

pytest_plugins = ["summaries"]

_Made = TypeVar("_Made")

REGISTRIES = ("proxy.golang.org", "sum.golang.org")
"""What containers of tests may reach wherever this host's resolver leads, as a session's may."""

StartContainer = Callable[[Path], Awaitable[Container]]
"""Starts a container around a workspace; whoever starts one closes it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite golden files with what the code gives now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare text with a golden file; under `--update` write the file instead."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update"):
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing: run pytest --update and read what it wrote"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A directory for a container's workspace, which belongs to the user inside."""
    path = tmp_path / "workspace"
    path.mkdir()
    os.chown(path, *session_user())
    return path


@pytest.fixture(scope="session")
def image() -> str:
    """The session image, built if the engine hasn't got it."""
    return _available("docker", lambda: ensure_image(recipe(), progress=print))


@pytest.fixture(scope="session")
def rootfs() -> Path:
    """The session image's root file system, kept from run to run: laying it out takes a minute or more."""
    return _available("bubblewrap", lambda: ensure_rootfs(recipe(), locations().cache, progress=print))


@pytest.fixture(scope="session")
def cache_volume(image: str) -> Iterator[str]:
    """A volume of caches for all containers of this run."""
    name = f"bactrian-test-{uuid.uuid4().hex[:12]}"
    yield name
    with contextlib.closing(connect()) as client:
        client.volumes.create(name).remove(force=True)


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory of caches for all sandboxes of this run."""
    path = tmp_path_factory.mktemp("cache")
    os.chown(path, *session_user())
    yield path
    # Go's module cache is read-only, its directories too.
    subprocess.run(["chmod", "-R", "u+w", path], check=True)
    subprocess.run(["rm", "-rf", path], check=True)


@pytest.fixture(scope="session")
def start_docker(image: str, cache_volume: str) -> StartContainer:
    """Start a Docker container."""

    async def start(workspace: Path) -> Container:
        spec = DockerSpec(image=image, workspace=workspace, cache_volume=cache_volume, gate=OpenGate(*REGISTRIES))
        return await DockerContainer.start(spec)

    return start


@pytest.fixture(scope="session")
def start_bubblewrap(rootfs: Path, cache_folder: Path) -> StartContainer:
    """Start a sandbox on the session image's root file system."""

    async def start(workspace: Path) -> Container:
        spec = BubblewrapSpec(workspace=workspace, cache=cache_folder, root=rootfs, gate=OpenGate(*REGISTRIES))
        return await BubblewrapContainer.start(spec)

    return start


@pytest.fixture(params=["docker", "bubblewrap"])
def start_container(request: pytest.FixtureRequest) -> StartContainer:
    """Start a container of each kind; those that one test starts share their caches."""
    return request.getfixturevalue(f"start_{request.param}")


@pytest.fixture
async def container(start_container: StartContainer, workspace: Path) -> AsyncIterator[Container]:
    """A container of each kind around `workspace`."""
    async with await start_container(workspace) as started:
        yield started


@pytest.fixture
async def bubblewrap_container(start_bubblewrap: StartContainer, workspace: Path) -> AsyncIterator[Container]:
    """A sandbox around `workspace`: the container that starts fastest, for tests of what runs in one."""
    async with await start_bubblewrap(workspace) as started:
        yield started


def _available(kind: str, make: Callable[[], _Made]) -> _Made:
    if kind in os.environ.get("BACTRIAN_TEST_SKIP", "").split(","):
        pytest.skip(f"BACTRIAN_TEST_SKIP names {kind}")
    try:
        return make()
    except ContainerUnavailable as error:
        pytest.fail(f"{error} (BACTRIAN_TEST_SKIP={kind} skips these tests)", pytrace=False)
