"""What a run may use up."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import LimitReached


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Turns and US dollars; None is no limit. Time is the session's to watch: it must also end a hanging request."""

    turns: int | None = None
    cost: float | None = None

    def check(self, turns: int, cost: float | None) -> None:
        """Raise LimitReached if `turns` or `cost` (None: no price is known) use one up."""
        if self.turns is not None and turns >= self.turns:
            raise LimitReached("turns", f"{turns} turns are used up (--max-turns)")
        if self.cost is not None and cost is not None and cost >= self.cost:
            raise LimitReached("cost", f"${cost:.2f} of ${self.cost:.2f} is used up (--max-cost)")
