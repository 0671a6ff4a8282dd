"""A container of each kind that the tests of one module share: starting one for every test would take minutes."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from origins import StartGated

from containers.base import Container
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.docker import DockerContainer, DockerSpec, session_user
from containers.gate import Gate

_numbers = itertools.count(os.getpid() * 1000)


@pytest.fixture(scope="module", params=["docker", "bubblewrap"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which container `shared` is."""
    return request.param


@pytest.fixture(scope="module")
def shared_workspace(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The host's side of `shared`'s `/workspace`."""
    path = tmp_path_factory.mktemp(kind)
    os.chown(path, *session_user())
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(request: pytest.FixtureRequest, kind: str, shared_workspace: Path) -> AsyncIterator[Container]:
    """A container; whoever uses it leaves it in working order."""
    start: Callable[[Path], Awaitable[Container]] = request.getfixturevalue(f"start_{kind}")
    async with await start(shared_workspace) as started:
        yield started


@pytest.fixture
def seconds() -> int:
    """A number of seconds to sleep that no other test of this machine uses: the mark by which a process is found."""
    return next(_numbers)


@pytest.fixture(scope="module")
def start_gated(request: pytest.FixtureRequest, kind: str) -> StartGated:
    """Start a container with a gate of the test's own."""

    async def docker(workspace: Path, gate: Gate | None) -> Container:
        image, volume = request.getfixturevalue("image"), request.getfixturevalue("cache_volume")
        return await DockerContainer.start(DockerSpec(image=image, workspace=workspace, cache_volume=volume, gate=gate))

    async def bubblewrap(workspace: Path, gate: Gate | None) -> Container:
        root, cache = request.getfixturevalue("rootfs"), request.getfixturevalue("cache_folder")
        return await BubblewrapContainer.start(BubblewrapSpec(workspace=workspace, cache=cache, root=root, gate=gate))

    return docker if kind == "docker" else bubblewrap
