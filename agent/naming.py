"""Names: short ones for tasks, from their own words or by the small model; those of libraries that it proposes."""

from __future__ import annotations

import asyncio
import re
import textwrap

from agent.messages import Message, Text
from agent.providers.base import Completed, ModelRequest, Provider, ProviderError

LONGEST = 40
LONGEST_SUBJECT = 72
_FILLERS = frozenset(
    (
        "a",
        "an",
        "and",
        "as",
        "by",
        "for",
        "from",
        "in",
        "into",
        "is",
        "it",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
    )
)
_SYSTEM = "Name the task in two to four lowercase English words joined by hyphens. Answer with the name alone."
_NAMES = "Answer with names alone, one a line, the likeliest first. No names that you are not sure of."
_TIMEOUT_S = 10.0


def slug(text: str) -> str:
    """Return lowercase words joined by hyphens, 40 characters at most, fit for a branch's name; never empty."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    telling = [word for word in words if word not in _FILLERS] or words
    name = ""
    for word in telling:
        longer = f"{name}-{word}" if name else word[:LONGEST]
        if len(longer) > LONGEST:
            break
        name = longer
    return name or "work"


def commit_message(summary: str) -> str:
    """Return a summary as a commit message: a subject of at most 72 characters, a blank line, the rest."""
    first, _, rest = summary.strip().partition("\n")
    if len(first) <= LONGEST_SUBJECT:
        return f"{first}\n\n{rest.strip()}".strip()
    subject = textwrap.shorten(first, LONGEST_SUBJECT, placeholder="…")
    return f"{subject}\n\n{textwrap.fill(first, 100)}\n\n{rest.strip()}".strip()


async def name_task(provider: Provider, task: str) -> str:
    """Ask a model for a name; empty where it gave none in ten seconds. Raises nothing of the provider's."""
    said = await _answer(provider, _SYSTEM, task[:4000], max_output_tokens=50)
    return slug(said) if re.search(r"[a-zA-Z0-9]", said) else ""


async def propose_names(provider: Provider, question: str) -> tuple[str, ...]:
    """Ask a model which names are meant, best first; none where it has no answer in ten seconds.

    What comes back is not to be believed. Raises nothing of the provider's.
    """
    said = await _answer(provider, _NAMES, question, max_output_tokens=150)
    return tuple(line.strip() for line in said.splitlines() if line.strip())


async def _answer(provider: Provider, system: str, text: str, *, max_output_tokens: int) -> str:
    message = Message(role="user", parts=(Text(text=text),))
    request = ModelRequest(system=system, messages=(message,), max_output_tokens=max_output_tokens)
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            async for chunk in provider.stream(request):
                if isinstance(chunk, Completed):
                    return chunk.message.text.strip()
    except (ProviderError, TimeoutError):
        return ""
    return ""
