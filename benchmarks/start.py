"""How long `bactrian --help` takes, beside a Python that does nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import show

RUNS = 15


def main() -> None:
    """Print the figure."""
    bactrian = Path(sys.executable).with_name("bactrian")
    ours = [_seconds([str(bactrian), "--help"]) for _ in range(RUNS)]
    bare = [_seconds([sys.executable, "-c", "pass"]) for _ in range(RUNS)]
    show("bactrian --help", ours, "300 ms", ("python -c pass", bare))


def _seconds(argv: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started
