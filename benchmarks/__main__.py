"""Runs every benchmark, or those named on the command line; options go to the one named before them."""

from __future__ import annotations

import importlib
import sys
from itertools import takewhile

NAMES = (
    *("start", "turn", "command_overhead", "forks", "session_ready", "memory", "feedback", "network", "redaction"),
    "load",
)


def main() -> None:
    """Import and run the benchmarks, one after the other."""
    names = list(takewhile(lambda word: not word.startswith("-"), sys.argv[1:]))
    options = sys.argv[1 + len(names) :]
    for name in names or NAMES:
        importlib.import_module(f"benchmarks.{name}").main(*([options] if options else []))


if __name__ == "__main__":
    main()
