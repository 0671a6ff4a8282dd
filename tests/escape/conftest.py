"""What all attempts share: an outside to watch, a container to get out of, one that holds nobody; the score."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from escapes import Outside

from containers.base import Container
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.docker import session_user
from containers.gate import OpenGate


@pytest.fixture(scope="module", params=["docker", "bubblewrap", "host toolchains"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which sandbox is tried."""
    return request.param


@pytest.fixture(scope="module")
def python(kind: str) -> str:
    """The interpreter inside."""
    return str(Path(sys.base_prefix, "bin", "python3")) if kind == "host toolchains" else "python3"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """What must stay as it is."""
    folder = tmp_path_factory.mktemp("escape")
    for path in (folder, *folder.parents[:-2]):  # whoever gets out is to find the way
        with contextlib.suppress(PermissionError):
            path.chmod(0o755)
    workspace = folder / "workspace"
    workspace.mkdir()
    os.chown(workspace, *session_user())
    with Outside(folder / "outside", workspace) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cell(
    request: pytest.FixtureRequest, kind: str, outside: Outside, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Container]:
    """The container that all attempts of a module are made in."""
    if kind == "host toolchains":
        cache = tmp_path_factory.mktemp("cache")
        os.chown(cache, *session_user())
        spec = BubblewrapSpec(workspace=outside.workspace, cache=cache, root=None, gate=OpenGate())
        started = await BubblewrapContainer.start(spec)
    else:
        start: Callable[[Path], Awaitable[Container]] = request.getfixturevalue(f"start_{kind}")
        started = await start(outside.workspace)
    async with started:
        yield started
