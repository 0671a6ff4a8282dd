"""Asks again when asking may help: waits longer each time, as long as the server says, and gives up in the end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from agent.providers.base import Capabilities, ModelChunk, ModelRequest, Provider, ProviderError, Restarted


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long to try. Waits double from `first_wait_s` to `longest_wait_s`, less up to a quarter."""

    attempts: int = 8
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    total_wait_s: float = 600.0

    def wait_s(self, failures: int, error: ProviderError, jitter: float) -> float:
        """Return the wait after that many failures (at least one); a server's own word counts for more than ours."""
        own = min(self.longest_wait_s, self.first_wait_s * 2.0 ** (failures - 1)) * (1.0 - 0.25 * jitter)
        return max(own, error.retry_after_s or 0.0)


class Retry:
    """A provider that sends a request again after a retryable error, saying so with `Restarted`.

    The last error comes out as it is when no attempt or no waiting time is left.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._provider = provider
        self._patience = patience or Patience()
        self._sleep = sleep
        self._jitter = jitter

    @property
    def name(self) -> str:
        """The name of the provider inside."""
        return self._provider.name

    @property
    def capabilities(self) -> Capabilities:
        """Those of the provider inside."""
        return self._provider.capabilities

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelChunk]:
        """Ask until there is an answer; see `Provider.stream`."""
        failures = 0
        waited_s = 0.0
        while True:
            # Providers are async generators; closing them at once ends a request that nobody waits for.
            attempt = cast("AsyncGenerator[ModelChunk]", self._provider.stream(request))
            try:
                async with aclosing(attempt):
                    async for chunk in attempt:
                        yield chunk
                return
            except ProviderError as error:
                failures += 1
                wait_s = self._patience.wait_s(failures, error, self._jitter())
                spent = waited_s + wait_s > self._patience.total_wait_s or failures >= self._patience.attempts
                if not error.retryable or spent:
                    raise
                reason = str(error)
            yield Restarted(reason=reason, wait_s=wait_s)
            await self._sleep(wait_s)
            waited_s += wait_s

    async def close(self) -> None:
        """Close the provider inside."""
        await self._provider.close()
