"""Runs every benchmark, or those named on the command line."""

from __future__ import annotations

import importlib
import sys

NAMES = ("start", "turn", "command_overhead", "forks", "session_ready", "memory", "feedback", "network", "redaction")


def main() -> None:
    """Import and run the benchmarks, one after the other."""
    for name in sys.argv[1:] or NAMES:
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
