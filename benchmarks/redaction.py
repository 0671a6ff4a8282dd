"""How fast secrets are taken out of text, and what is taken for one in sources, hashes and recorded output."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from agent.events import TextDelta
from agent.host_secrets import Secret
from agent.redacted import RedactedEvents
from agent.redaction import Redactor
from benchmarks.figures import show

HERE = Path(__file__).parents[1]
FOLDERS = (HERE, Path.home() / "go/pkg/mod", Path("/usr/lib/go/src"), Path("/usr/local/go/src"), Path("/usr/lib/ocaml"))
SUFFIXES = frozenset({".py", ".go", ".ml", ".mli", ".sum", ".mod", ".json", ".lock", ".md", ".txt", ".opam"})
MOST_CHARACTERS = 40_000_000


def main() -> None:
    """Print the figures."""
    redactor = Redactor(Secret(name=f"KEY_{number}", value=f"v{number}-{number * 7919:x}-Zq") for number in range(8))
    characters, found, took = 0, 0, 0.0
    for text in _texts():
        started = time.perf_counter()
        done = redactor.text(text)
        took += time.perf_counter() - started
        characters += len(text)
        found += done.count("[redacted: ") - text.count("[redacted: ")
        if characters > MOST_CHARACTERS:
            break
    print(f"{'redaction':<44} {characters / took / 1e6:.1f} MB/s, 8 known secrets; taken for secrets: {found}", end=" ")
    print(f"in {characters / 1e6:.0f} MB of sources")
    show("redaction of a piece of a stream", [_of_a_piece(redactor) for _ in range(200)], "1 ms")


def _of_a_piece(redactor: Redactor) -> float:
    events = RedactedEvents(redactor)
    started = time.perf_counter()
    list(events.take(TextDelta(text=" and then a word")))
    return time.perf_counter() - started


def _texts() -> Iterator[str]:
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if path.suffix in SUFFIXES and path.is_file() and not hidden:
                yield path.read_text(encoding="utf-8", errors="replace")
