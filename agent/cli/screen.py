"""Writes a session to a terminal or a log: what stays goes up, what goes on now stands at the bottom."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live

from agent.cli.render import View
from agent.events import SessionFinished, Stamped

LOG_WIDTH = 100
"""Where no terminal and no `COLUMNS` says how wide a line may be."""


class PersonConsole(Console):
    """Standard error as people read it; a reader that has gone ends the writing, not the session."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False, markup=False, emoji=False, tab_size=4)
        if not self.is_terminal and not os.environ.get("COLUMNS"):
            self.width = LOG_WIDTH

    def on_broken_pipe(self) -> None:
        """Say no more, and leave Python nothing to fail on when it flushes at its end."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


class Screen:
    """Shows a session's events as they come. Use as a context manager, so that the terminal is left in order."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._view = View(live=console.is_terminal and not console.is_dumb_terminal)
        self._held: list[Stamped] | None = None

    def show(self, stamped: Stamped) -> None:
        """Print what an event adds."""
        if self._held is not None:
            self._held.append(stamped)
            return
        self._start()
        for line in self._view.feed(stamped):
            self._console.print(line)
        if isinstance(stamped.event, SessionFinished):
            self.close()

    @contextlib.contextmanager
    def aside(self) -> Generator[Console]:
        """Leave the terminal to a question meanwhile: the block at the bottom goes, and events wait."""
        self.close()
        self._held = held = list[Stamped]()
        try:
            yield self._console
        finally:
            self._held = None
            self._start()
            for stamped in held:
                self.show(stamped)

    def _start(self) -> None:
        if self._view.live and self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self._now,
                transient=True,
                refresh_per_second=10,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def close(self) -> None:
        """Clear the block at the bottom. May be called twice."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _now(self) -> RenderableType:
        return self._view.now(datetime.now(UTC)) or Group()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
