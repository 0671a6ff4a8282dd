"""Retry: when it asks again, how long it waits, when it gives up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from agent.messages import Message, Text, Usage
from agent.providers.base import (
    Capabilities,
    Completed,
    ModelChunk,
    ModelRequest,
    ProviderError,
    Restarted,
    TextChunk,
)
from agent.providers.retry import Patience, Retry

REQUEST = ModelRequest(system="", messages=(Message(role="user", parts=(Text(text="hello"),)),))
DONE = Completed(message=Message(role="assistant", parts=(Text(text="hi"),)), usage=Usage(), stop="end")


class Failing:
    """Says a word and fails, once for each of `errors`; then answers."""

    name = "failing/model"
    capabilities = Capabilities()

    def __init__(self, errors: Sequence[ProviderError]) -> None:
        self.errors = list(errors)
        self.asked = 0

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelChunk]:
        self.asked += 1
        yield TextChunk(text="hi")
        if self.errors:
            raise self.errors.pop(0)
        yield DONE

    async def close(self) -> None:
        pass


def later(retry_after_s: float | None = None) -> ProviderError:
    return ProviderError("overloaded", retryable=True, retry_after_s=retry_after_s)


async def ask(provider: Failing, patience: Patience) -> tuple[list[ModelChunk], list[float], ProviderError | None]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    chunks: list[ModelChunk] = []
    try:
        async for chunk in Retry(provider, patience=patience, sleep=sleep, jitter=lambda: 0.0).stream(REQUEST):
            chunks.append(chunk)  # noqa: PERF401 - the chunks before an error count too
    except ProviderError as error:
        return chunks, slept, error
    return chunks, slept, None


async def test_waits_longer_each_time_and_says_that_it_starts_again() -> None:
    provider = Failing([later(), later(), later()])
    chunks, slept, error = await ask(provider, Patience(first_wait_s=1.0, longest_wait_s=3.0))
    assert error is None
    assert slept == [1.0, 2.0, 3.0]
    assert [chunk.wait_s for chunk in chunks if isinstance(chunk, Restarted)] == slept
    assert chunks[0] == TextChunk(text="hi")
    assert chunks[1] == Restarted(reason="overloaded", wait_s=1.0)
    assert chunks[-1] == DONE


async def test_waits_as_long_as_the_server_says() -> None:
    _, slept, error = await ask(Failing([later(17.0)]), Patience())
    assert (slept, error) == ([17.0], None)


async def test_gives_up_after_the_last_attempt() -> None:
    provider = Failing([later() for _ in range(9)])
    _, slept, error = await ask(provider, Patience(attempts=3))
    assert error is not None
    assert (provider.asked, len(slept)) == (3, 2)


async def test_does_not_start_a_wait_that_is_longer_than_the_time_left() -> None:
    provider = Failing([later(), later(3600.0)])
    _, slept, error = await ask(provider, Patience(total_wait_s=100.0))
    assert slept == [1.0]
    assert error is not None
    assert error.retry_after_s == 3600.0


async def test_a_lasting_error_comes_out_at_once() -> None:
    provider = Failing([ProviderError("wrong key")])
    chunks, slept, error = await ask(provider, Patience())
    assert (provider.asked, slept, str(error)) == (1, [], "wrong key")
    assert not any(isinstance(chunk, Restarted) for chunk in chunks)


@pytest.mark.parametrize(("jitter", "expected"), [(0.0, 4.0), (1.0, 3.0)])
def test_jitter_takes_up_to_a_quarter(jitter: float, expected: float) -> None:
    assert Patience().wait_s(3, later(), jitter) == expected
