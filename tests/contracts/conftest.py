"""A container of each kind that the tests of one module share: starting one for every test would take minutes."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from containers.base import Container
from containers.docker import session_user

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
