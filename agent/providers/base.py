"""The `Provider` protocol: a request goes in, chunks come out, the last one is the whole reply."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from agent.messages import Message, Usage
from tools.edit_record import EditFormat

if TYPE_CHECKING:
    from tools.base import ToolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """A tool as the model sees it; `parameters` is a JSON Schema of type object.

    Where `freeform` names one of them the model may send that one's text alone, in place of JSON, if the endpoint knows
    such calls; it then obeys `grammar` (Lark's notation) if set. The call comes out as any other.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    freeform: str = ""
    grammar: str = ""

    @classmethod
    def of(cls, spec: ToolSpec) -> ToolDefinition:
        """Return what a model is told of a tool."""
        return cls(
            name=spec.name,
            description=spec.description,
            parameters=spec.parameters,
            freeform=spec.freeform,
            grammar=spec.grammar,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """Everything that one request says. `messages` alternate, the first and the last are the user's.

    Within a session `system` and `tools` stay the same and `messages` only grow at the end, so that prefix caches hold.
    """

    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolDefinition, ...] = ()
    max_output_tokens: int = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a model can do and what it costs (US dollars per million tokens; None where nobody knows)."""

    context_tokens: int = 128_000
    images: bool = False
    input_price: float | None = None
    output_price: float | None = None
    cache_read_price: float | None = None
    cache_write_price: float | None = None
    edit_format: EditFormat = "edit"
    """How the model writes edits down best."""

    def cost(self, usage: Usage) -> float | None:
        """Return what `usage` costs in US dollars; None without a price."""
        if self.input_price is None or self.output_price is None:
            return None
        read = self.input_price if self.cache_read_price is None else self.cache_read_price
        write = self.input_price if self.cache_write_price is None else self.cache_write_price
        total = (
            usage.input_tokens * self.input_price
            + usage.output_tokens * self.output_price
            + usage.cache_read_tokens * read
            + usage.cache_write_tokens * write
        )
        return total / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChunk:
    """Some words, as they come."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingChunk:
    """Some reasoning, as it comes."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """The attempt so far is void (the stream was cut, the server is overloaded); it begins again after `wait_s`."""

    reason: str
    wait_s: float


StopReason = Literal["end", "tool_calls", "length", "refusal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The whole reply; always the last chunk.

    `stop` is `length` when the model ran into its output limit: a call that was cut by it is in `message` with
    `invalid` set.
    """

    message: Message
    usage: Usage
    stop: StopReason


ModelChunk = TextChunk | ThinkingChunk | Restarted | Completed


class ProviderError(Exception):
    """The model did not answer; the message is one line for people.

    `retryable`: the same request may succeed later (rate limit, overload, cut stream, time-out), not before
    `retry_after_s` if set.
    Not retryable: a wrong key, an unknown model, a request that the server refuses, a missing file.
    """

    def __init__(self, message: str, *, retryable: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class ContextOverflow(ProviderError):
    """The request is longer than the model's context window."""


class Provider(Protocol):
    """A model that answers. Implementations: `anthropic`, `openai`, `llama`, `scripted`; `retry` wraps any of them.

    `tests/contracts/test_provider.py` is the suite that each must pass.
    """

    @property
    def name(self) -> str:
        """As the user names it: `anthropic/claude-…`, `scripted/demo.json`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelChunk]:
        """Ask. Yields chunks as they come and ends with exactly one `Completed`.

        *Not* an exception: an empty answer, malformed arguments of a call (`ToolCall.invalid`), an answer cut at the
        output limit (`stop`). Raises ProviderError, ContextOverflow; closing the iterator, or cancelling, ends the
        request.
        """
        ...

    async def close(self) -> None:
        """Let connections and child processes go. Never raises; may be called twice."""
        ...
