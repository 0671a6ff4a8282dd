"""Asks a person in the terminal while a session goes on: one question, one key."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from typing import cast

from rich.console import Group
from rich.text import Text

from agent.approval import Question
from agent.cli.screen import Screen
from agent.cli.untrusted import one_line
from agent.events import Answer

ANSWER_S = 50.0
"""How long a question stands. Go's HTTP client gives a proxy a minute to answer."""

PAUSE_S = 0.5
"""From the question to its choices."""

_KEYS: dict[str, Answer] = {"n": "no", "o": "once", "s": "session", "p": "project"}
_CHOICES = (("n", "o"), ("o", "nce: until this call ends"), ("s", "ession"), ("p", "roject: always in this repository"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalApprover:
    """An `Approver`: the person at the terminal that standard input and standard error are."""

    screen: Screen
    timeout_s: float = ANSWER_S

    @property
    def present(self) -> bool:
        """Whether this process is in the foreground of a terminal; a job in the background would be stopped."""
        return can_ask()

    async def ask(self, question: Question) -> Answer | None:
        """Show the question below what stands on the screen, and wait for a key; None too where the terminal is gone.

        Keys count from when the choices are shown, a moment later: a container may put this question in the place of
        another that the person is about to answer.
        """
        try:
            with self.screen.aside() as console, _keyboard(0):
                console.print(Group("", Text(f"? {one_line(question.text)}", "bold yellow")))
                await asyncio.sleep(PAUSE_S)
                key = await read_key(0, _KEYS, self.timeout_s, lambda: console.print(_choices(self.timeout_s)))
        except (OSError, termios.error):
            return None
        return _KEYS[key] if key else None


def can_ask() -> bool:
    """Whether somebody sees standard error and can answer on standard input."""
    # A stream that was closed when Python began is None.
    streams = cast("tuple[object, object]", (sys.stdin, sys.stderr))
    if None in streams or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


async def read_key(descriptor: int, keys: Collection[str], timeout_s: float, show: Callable[[], None]) -> str | None:
    """Return the first of `keys` that is pressed, in lower case; None after `timeout_s`, or when the terminal goes.

    What was typed before `show` was called does not count. Ctrl-C stays a signal.
    """
    loop = asyncio.get_running_loop()
    pressed: asyncio.Future[str | None] = loop.create_future()

    def on_input() -> None:
        try:
            data = os.read(descriptor, 1024)
        except OSError:
            data = b""
        key = data.decode(errors="replace").lower()
        # More than one at once is a paste, or an arrow key's sequence of characters.
        if not pressed.done() and (not data or key in keys):
            pressed.set_result(key or None)

    termios.tcflush(descriptor, termios.TCIFLUSH)
    show()
    loop.add_reader(descriptor, on_input)
    try:
        return await asyncio.wait_for(pressed, timeout_s)
    except TimeoutError:
        return None
    finally:
        loop.remove_reader(descriptor)


@contextlib.contextmanager
def _keyboard(descriptor: int) -> Generator[None]:
    """Let keys come one by one and unseen, and leave the terminal as it was. Raises termios.error."""
    saved = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSAFLUSH)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, saved)


def _choices(timeout_s: float) -> Text:
    choices = Text("  ")
    for key, rest in _CHOICES:
        choices.append(f"[{key}]", "bold").append(f"{rest}  ")
    return choices.append(f"(no after {timeout_s:.0f} s)", "dim")
