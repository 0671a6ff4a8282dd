"""Asking in a real terminal: keys, time, what was typed before, and the terminal left as it was."""

from __future__ import annotations

import os
import signal
import sys
import termios

import pytest
from terminals import Terminal

ASK = """
import asyncio, sys
from rich.console import Console
from agent.approval import Question
from agent.cli.ask import TerminalApprover
from agent.cli.screen import PersonConsole, Screen
from agent.events import Progress, Stamp, Stamped, TurnStarted

def event(number, event):
    return Stamped(stamp=Stamp(seq=number, time="2026-11-20T10:00:00.000Z", session="s"), event=event)

async def main():
    with Screen(PersonConsole()) as screen:
        screen.show(event(1, TurnStarted(turn=1)))
        approver = TerminalApprover(screen=screen, timeout_s=float(sys.argv[2]))
        if not approver.present:
            print("nobody is there")
            return
        question = Question(action="network", subject="x", text=sys.argv[1])
        asking = asyncio.create_task(approver.ask(question))
        await asyncio.sleep(0)
        screen.show(event(2, TurnStarted(turn=2)))
        print("answer:", await asking)

asyncio.run(main())
"""

ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "LANG": "C.UTF-8"}


def asked(text: str = "May it?", timeout_s: float = 60.0) -> Terminal:
    return Terminal([sys.executable, "-c", ASK, text, str(timeout_s)], ENVIRONMENT)


def pending(terminal: Terminal) -> None:
    """Wait until keys count."""
    terminal.wait_for("(no after")
    assert not terminal.settings[3] & termios.ICANON


@pytest.mark.parametrize(
    ("key", "answer"), [("n", "no"), ("o", "once"), ("s", "session"), ("p", "project"), ("S", "session")]
)
def test_one_key_answers(key: str, answer: str) -> None:
    with asked() as terminal:
        before = terminal.settings
        pending(terminal)
        assert "[n]o  [o]nce: until this call ends  [s]ession  [p]roject: always in this repository" in terminal.text
        terminal.type(key)
        assert terminal.wait() == 0
        assert f"answer: {answer}" in terminal.text
        assert terminal.settings == before


def test_nothing_else_answers_and_time_is_a_no() -> None:
    with asked(timeout_s=2.0) as terminal:
        pending(terminal)
        for keys in ("\x1b[A", "\x1bOP", "ssh", "\r", " ", "y"):
            terminal.type(keys)
        assert terminal.wait() == 0
        assert "answer: None" in terminal.text


def test_what_was_typed_before_the_question_does_not_answer_it() -> None:
    with asked(timeout_s=1.0) as terminal:
        terminal.type("s")
        terminal.type("\n")
        assert terminal.wait() == 0
        assert "answer: None" in terminal.text


def test_a_key_pressed_before_the_choices_are_shown_does_not_count() -> None:
    with asked(timeout_s=1.0) as terminal:
        terminal.wait_for("? May it?")
        terminal.type("s")
        pending(terminal)
        assert terminal.wait() == 0
        assert "answer: None" in terminal.text


def test_an_interrupt_leaves_the_terminal_as_it_was() -> None:
    with asked() as terminal:
        before = terminal.settings
        pending(terminal)
        terminal.type("\x03")
        assert terminal.wait() == 130 or terminal.process.returncode == -signal.SIGINT
        assert terminal.settings == before


def test_text_of_a_container_does_not_command_the_terminal() -> None:
    with asked("May the container reach \x1b[2Jevil\u202e.example:443?") as terminal:
        pending(terminal)
        terminal.type("n")
        assert terminal.wait() == 0
        assert "^[[2Jevil<U+202E>.example:443?" in terminal.text
        assert "\x1b[2J" not in terminal.shown


def test_a_job_in_the_background_asks_nobody() -> None:
    argv = ["sh", "-mc", '"$@" & wait', "sh", sys.executable, "-c", ASK, "May it?", "60"]
    with Terminal(argv, ENVIRONMENT) as terminal:
        assert terminal.wait() == 0
        assert "nobody is there" in terminal.text
