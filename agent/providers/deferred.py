"""A provider whose SDK is imported beside other work: that alone can take longer than starting a container."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator, Callable

from agent.providers.base import Capabilities, ModelChunk, ModelRequest, Provider

_IMPORTING = threading.Lock()
"""Two threads in the same package's import cycle would see half of it."""


class Deferred:
    """Stands for the provider that `build` makes on first use; `module`, which that imports, is fetched at once."""

    def __init__(self, name: str, capabilities: Capabilities, module: str, build: Callable[[], Provider]) -> None:
        self._name = name
        self._capabilities = capabilities
        self._build = build
        self._provider: Provider | None = None
        # A daemon: a run that ends before is not to wait for it.
        self._importing = threading.Thread(target=_fetch, args=(module,), name=f"import {module}", daemon=True)
        self._importing.start()

    @property
    def name(self) -> str:
        """As the user named it."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """Those given: they need no SDK."""
        return self._capabilities

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelChunk]:
        """Ask; see `Provider.stream`."""
        if self._provider is None:
            await asyncio.to_thread(self._importing.join)
            self._provider = self._build()
        async for chunk in self._provider.stream(request):
            yield chunk

    async def close(self) -> None:
        """Close the provider if there is one by now."""
        if self._provider is not None:
            await self._provider.close()


def _fetch(module: str) -> None:
    with _IMPORTING:
        importlib.import_module(module)
