"""A sandbox for each language's mistakes, and what is told of them at the end of the run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from first_feedback import Desk

from containers.docker import session_user


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A sandbox with warm tools, which each mistake lays its own project out in."""
    start = request.getfixturevalue("start_bubblewrap")
    workspace: Path = tmp_path_factory.mktemp("mistakes")
    os.chown(workspace, *session_user())
    async with await start(workspace) as container, Desk.opened(container, workspace) as opened:
        yield opened
