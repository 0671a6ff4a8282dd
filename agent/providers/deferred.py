"""A provider whose SDK is imported beside other work: that alone can take longer than starting a container."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator, Callable

from agent.providers.base import Capabilities, ModelChunk, ModelRequest, Provider


class Deferred:
    """Stands for the provider that `build` makes on first use; `module`, which that imports, is fetched at once."""

    def __init__(self, name: str, capabilities: Capabilities, module: str, build: Callable[[], Provider]) -> None:
        self._name = name
        self._capabilities = capabilities
        self._build = build
        self._provider: Provider | None = None
        # A daemon: a run that ends before is not to wait for it. Whoever imports it meanwhile waits for its end.
        threading.Thread(target=importlib.import_module, args=(module,), name=f"import {module}", daemon=True).start()

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
            self._provider = await asyncio.to_thread(self._build)
        async for chunk in self._provider.stream(request):
            yield chunk

    async def close(self) -> None:
        """Close the provider if there is one by now."""
        if self._provider is not None:
            await self._provider.close()
