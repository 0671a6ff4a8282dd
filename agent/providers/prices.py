"""Known models: how much context they take, what they cost and how they edit, as published by November 2026.

Where a vendor's price jumps at some length of the prompt, `context_tokens` is that length, so that one price holds.
"""

from __future__ import annotations

import re
from dataclasses import replace

from agent.providers.base import Capabilities


def _claude(
    input_price: float, output_price: float, *, read: float = 0.1, context_tokens: int = 1_000_000
) -> Capabilities:
    """Writes to the five-minute cache cost a quarter more than input, reads the share `read` of it."""
    return Capabilities(
        context_tokens=context_tokens,
        images=True,
        input_price=input_price,
        output_price=output_price,
        cache_read_price=input_price * read,
        cache_write_price=input_price * 1.25,
    )


def _gpt(input_price: float, output_price: float, *, read: float = 0.1, context_tokens: int = 272_000) -> Capabilities:
    return Capabilities(
        context_tokens=context_tokens,
        images=True,
        input_price=input_price,
        output_price=output_price,
        cache_read_price=input_price * read,
    )


_KNOWN = {
    "claude-fable-5-1": _claude(10, 50, read=0.025),
    "claude-mythos-5-1": _claude(10, 50, read=0.025),
    "claude-fable-5": _claude(10, 50),
    "claude-mythos-5": _claude(10, 50),
    "claude-opus-5-5": _claude(4, 20, read=0.05),
    "claude-opus-5": _claude(5, 25),
    "claude-opus-4-8": _claude(5, 25, context_tokens=200_000),
    "claude-opus-4-7": _claude(5, 25, context_tokens=200_000),
    "claude-opus-4-6": _claude(5, 25, context_tokens=200_000),
    "claude-opus-4-5": _claude(5, 25, context_tokens=200_000),
    "claude-sonnet-5-5": _claude(2, 10, read=0.05),
    "claude-sonnet-5": _claude(2, 10),
    "claude-sonnet-4-6": _claude(3, 15, context_tokens=200_000),
    "claude-sonnet-4-5": _claude(3, 15, context_tokens=200_000),
    "claude-haiku-5-5": _claude(0.1, 0.5, context_tokens=100_000),
    "claude-haiku-4-5": _claude(1, 5, context_tokens=200_000),
    "gpt-6-astra": _gpt(10, 50),
    "gpt-6.1-sol": _gpt(2, 10, read=0.05),
    "gpt-6.1-terra": _gpt(1, 5, read=0.05),
    "gpt-6-sol": _gpt(2, 10),
    "gpt-6-luna": _gpt(0.1, 0.5),
    "gpt-5.6-sol": _gpt(4, 20),
    "gpt-5.6-terra": _gpt(2, 12),
    "gpt-5.6-luna": _gpt(0.2, 1.2),
    "gpt-5.5": _gpt(5, 30),
    "gpt-5.4": _gpt(2.5, 15),
    "gpt-5.4-mini": _gpt(0.75, 4.5),
    "gpt-5.3-codex": _gpt(1.75, 14),
    "gpt-5.2": _gpt(1.75, 14),
    "gpt-5.2-codex": _gpt(1.75, 14),
    "gpt-5.1": _gpt(1.25, 10),
    "gpt-5.1-codex": _gpt(1.25, 10),
    "gpt-5.1-codex-max": _gpt(1.25, 10),
    "gpt-5": _gpt(1.25, 10),
    "gpt-5-codex": _gpt(1.25, 10),
    "gpt-5-mini": _gpt(0.25, 2),
    "gpt-5-nano": _gpt(0.05, 0.4),
    "gpt-4.1": _gpt(2, 8, read=0.25, context_tokens=1_000_000),
    "gpt-4.1-mini": _gpt(0.4, 1.6, read=0.25, context_tokens=1_000_000),
}
_TRAINED_ON_PATCHES = re.compile(r"(?:.*/)?gpt-[5-9]")
_VERSION = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


def capabilities_of(model: str) -> Capabilities:
    """Return what is known of `model`, which may carry a date at its end; without prices where nothing is known.

    A longer name is another model with another price (`gpt-5-pro`), never a variant of a known one.
    """
    known = _KNOWN.get(_VERSION.sub("", model), Capabilities())
    return replace(known, edit_format="patch") if _TRAINED_ON_PATCHES.match(model) else known
