"""Text for the model: numbered, decoded, freed of terminal codes, cut to size. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def lines_of(text: str) -> list[str]:
    """Return the lines as compilers count them: `\\n` and `\\r\\n` end one, nothing else does."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def numbered(lines: Iterable[str], first: int) -> str:
    """Return lines as `     1<TAB>text`, counted from `first`."""
    return "\n".join(f"{number:6}\t{line}" for number, line in enumerate(lines, first))


def clean(output: str) -> str:
    """Return what a terminal would show of a command's output: no escape codes, nothing that was overwritten."""
    return "\n".join(_last_drawn(line) for line in _ESCAPE.sub("", output).split("\n"))


def _last_drawn(line: str) -> str:
    """What is left of a line that carriage returns let be drawn again and again, as progress bars are."""
    return line.rstrip("\r").rpartition("\r")[2]


def clip(text: str, limit: int) -> str:
    """Return the text, or its head and tail if it is longer than `limit` characters, cut at line ends if any."""
    if len(text) <= limit:
        return text
    head, tail = text[: limit // 2], text[-(limit // 2) :]
    head = head[: head.rfind("\n") + 1] or head
    tail = tail[tail.find("\n") + 1 :] or tail
    omitted = len(text) - len(head) - len(tail)
    return f"{head.rstrip(chr(10))}\n[... {omitted} characters left out ...]\n{tail}"


def shorten(line: str, limit: int) -> str:
    """Return a line, or its beginning and a count of the rest if it is longer than `limit` characters."""
    return line if len(line) <= limit else f"{line[:limit]}… ({len(line) - limit} more characters)"


def brief(*words: str) -> str:
    """Return words on one line of moderate length, for people."""
    return shorten(" ".join(" ".join(words).split()), 120)


def plural(count: int, noun: str) -> str:
    """Return `1 line`, `2 lines`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A file's text. Bytes that are not UTF-8 are kept as lone surrogates, so that `encode` gives them back."""

    text: str
    utf8: bool

    @property
    def shown(self) -> str:
        """The text with replacement characters for such bytes."""
        return self.text if self.utf8 else encode(self.text).decode(errors="replace")


def decode(data: bytes) -> Decoded | None:
    """Decode a file; None if it is binary (has a zero byte near its beginning)."""
    if b"\0" in data[:8192]:
        return None
    text = data.decode(errors="surrogateescape")
    return Decoded(text=text, utf8=not any("\udc80" <= character <= "\udcff" for character in text))


def encode(text: str) -> bytes:
    """Undo `decode`."""
    return text.encode(errors="surrogateescape")
