"""How a figure is printed: the median of some samples, the least, and the goal."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def show(what: str, seconds: Sequence[float], goal: str, beside: tuple[str, Sequence[float]] | None = None) -> None:
    """Print median and minimum in milliseconds; `beside` names another way measured in the same run, for the ratio."""
    line = f"{what:<44} p50 {median(seconds) * 1000:8.1f} ms  min {min(seconds) * 1000:8.1f} ms  goal {goal}"
    if beside:
        name, others = beside
        line += f"  ({name}: p50 {median(others) * 1000:.1f} ms, {median(others) / median(seconds):.1f} times as long)"
    print(line, flush=True)
