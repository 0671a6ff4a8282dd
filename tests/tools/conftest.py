"""A session's tools in a real sandbox."""

from __future__ import annotations

import subprocess
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from containers.base import Container
from tools.base import ToolContext, ToolResult
from tools.registry import Registry, default_tools

Call = Callable[..., Awaitable[ToolResult]]
"""Calls a tool by name with its arguments as keywords, checked as the loop checks them."""


@pytest.fixture
def context(bubblewrap_container: Container) -> ToolContext:
    """What a tool may use, without languages."""
    return ToolContext(container=bubblewrap_container, languages=())


@pytest.fixture
def call(context: ToolContext) -> Call:
    """Call tools of one session."""
    registry = Registry(default_tools())

    async def run(tool: str, /, **arguments: Any) -> ToolResult:
        return await registry.get(tool).run(registry.arguments(tool, arguments), context)

    return run


LayOut = Callable[[Mapping[str, str]], None]
"""Writes files into the workspace, which becomes a git repository."""


@pytest.fixture
def lay_out(workspace: Path) -> LayOut:
    """Write files as the session's user would have."""

    def write(files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (workspace / name).parent.mkdir(parents=True, exist_ok=True)
            (workspace / name).write_text(text)
        if not (workspace / ".git").exists():
            subprocess.run(["git", "init", "-q", workspace], check=True)
        subprocess.run(["chown", "-R", "--reference", workspace, workspace], check=True)

    return write


Commit = Callable[[], str]
"""Commits what lies in the workspace; returns the commit."""


@pytest.fixture
def commit(workspace: Path) -> Commit:
    """Commit as the host would have, before a session."""
    git = ["git", "-C", str(workspace), "-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "safe.directory=*"]

    def run() -> str:
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", "base"], check=True)
        subprocess.run(["chown", "-R", "--reference", workspace, workspace], check=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    return run
