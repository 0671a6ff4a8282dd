"""Keeps secrets out of what goes to disk and to the screen: a text goes in, the same without them comes out.

The model's own view stays as it is while a session runs. A resumed one sees what the transcript has.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from agent.host_secrets import SHORTEST, Secret
from agent.secret_shapes import SHAPES, likely, overhang

MOST_HELD = 20_000
"""Characters that wait for what follows; of a secret that is longer only so many are recognised in a stream."""
CONTEXT = 4
"""Characters before a text that a shape may look at."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a secret is in a text, and what it is called."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Needle:
    """A known secret in one of its encodings."""

    text: str
    label: str


class Redactor:
    """Replaces secrets by `[redacted: GitHub token 3f2a]`, where the last word tells apart two of one kind, or by
    `[redacted: ANTHROPIC_API_KEY]`.

    Deterministic; what it gives it leaves alone; what it gives fits wherever the secret did inside a JSON string.
    """

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        needles: dict[str, Needle] = {}
        for secret in secrets:
            for text in encodings(secret.value):
                needles.setdefault(text, Needle(text, _plain(secret.name)))
        labels = [needle.label for needle in needles.values()] + [shape.label for shape in SHAPES]
        ours = "\n".join(f"[redacted: {label} " for label in labels)
        self._needles = tuple(needle for needle in needles.values() if needle.text not in ours)

    def text(self, text: str) -> str:
        """Return the text without secrets; the very same where it has none."""
        return _rendered(text, self._spans(text), 0, len(text))

    def cut(self, before: str, text: str) -> tuple[str, str]:
        """Split a piece of a longer text: what can be written now, redacted, and what has to wait, as it is.

        `before` is what came ahead of it, at least `CONTEXT` characters of that; it has been written already.
        """
        whole, start = before + text, len(before)
        spans = self._spans_after(whole, start)
        hold = self._beginning(whole, start)
        hold = next((span.start for span in spans if span.start < hold < span.end), hold)
        if len(whole) - hold > MOST_HELD:
            hold = len(whole)
        return _rendered(whole, [span for span in spans if span.end <= hold], start, hold), whole[hold:]

    def rest(self, before: str, text: str) -> str:
        """Return the last piece of a longer text, redacted; `before` as for `cut`."""
        whole, start = before + text, len(before)
        return _rendered(whole, self._spans_after(whole, start), start, len(whole))

    def _spans_after(self, text: str, start: int) -> list[Span]:
        return [Span(max(start, span.start), span.end, span.label) for span in self._spans(text) if span.end > start]

    def _spans(self, text: str) -> list[Span]:
        """Where secrets are, in order; those that overlap are one."""
        found = list(self._found(text))
        if len(found) < 2:
            return found
        found.sort(key=lambda span: (span.start, -span.end))
        merged = [found[0]]
        for span in found[1:]:
            last = merged[-1]
            if span.start < last.end:
                merged[-1] = Span(last.start, max(last.end, span.end), last.label)
            else:
                merged.append(span)
        return merged

    def _found(self, text: str) -> Iterator[Span]:
        for needle in self._needles:
            at = text.find(needle.text)
            while at >= 0:
                yield Span(at, at + len(needle.text), needle.label)
                at = text.find(needle.text, at + 1)
        for shape in likely(text):
            for start, end in shape.spans(text):
                yield Span(start, end, f"{shape.label} {_tag(text[start:end])}")

    def _beginning(self, text: str, start: int) -> int:
        """Where, at the end of a text, a secret may begin that is not all there; its length where none does."""
        start = max(start, len(text) - MOST_HELD - 1)
        word = len(text) - len(_last_word(text, start))
        known = (overhang(text, start, needle.text) for needle in self._needles)
        shaped = (shape.opening(text, start, word) for shape in SHAPES)
        return min((*known, *shaped))


def encodings(value: str) -> Iterator[str]:
    """Yield how a secret may stand in a text: as it is, escaped, in URLs, in base64 of it with anything before it."""
    value = value.strip()
    for line in (value, *(line.strip() for line in value.splitlines())):
        if len(line) >= SHORTEST:
            yield line
    escaped = json.dumps(value)[1:-1]
    yield from (escaped, json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(escaped)[1:-1])
    data = value.encode(errors="surrogateescape")
    yield from (quote(data, safe=""), quote(data), quote_plus(data), html.escape(value))
    for lead in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The characters at both ends depend on the neighbours as well.
            coded = encode(b"\0" * lead + data).decode().rstrip("=")
            inner = coded[(0, 2, 3)[lead] : len(coded) - (1 if (lead + len(data)) % 3 else 0)]
            if len(inner) >= SHORTEST:
                yield inner
    yield from (data.hex(), data.hex().upper())


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9 ._-]", "_", name)[:60]


def _tag(secret: str) -> str:
    """Four digits that tell secrets of one kind apart: far too few to find one that was drawn at random."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()[:4]


def _rendered(text: str, spans: list[Span], start: int, end: int) -> str:
    if not spans:
        return text if (start, end) == (0, len(text)) else text[start:end]
    parts: list[str] = []
    for span in spans:
        parts += [text[start : span.start], f"[redacted: {span.label}]"]
        start = span.end
    return "".join([*parts, text[start:end]])


def _last_word(text: str, start: int) -> str:
    """What a text ends in from the last blank on."""
    tail = text[start:]
    return "" if not tail or tail[-1].isspace() else tail.split()[-1]
