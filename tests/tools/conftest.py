"""A session's tools in a real sandbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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

    async def run(name: str, **arguments: Any) -> ToolResult:
        return await registry.get(name).run(registry.arguments(name, arguments), context)

    return run
