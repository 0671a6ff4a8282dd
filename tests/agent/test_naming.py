"""Names of tasks: always a branch that git takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.naming import LONGEST, commit_message, name_task, propose_names, slug
from agent.providers.script import parse
from agent.providers.scripted import Scripted
from containers.workspace import valid_branch


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Write an HTTP middleware that compresses responses", "write-http-middleware-compresses"),
        ("the of a", "the-of-a"),
        ("  \n ", "work"),
        ("…—", "work"),
        ("x" * 100, "x" * LONGEST),
        ("Fix #12: panic in (*T).Close", "fix-12-panic-t-close"),
    ],
)
def test_slug(text: str, name: str) -> None:
    assert slug(text) == name


@given(st.text(max_size=200))
def test_slug_is_short_plain_and_never_empty(text: str) -> None:
    name = slug(text)
    assert 0 < len(name) <= LONGEST
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_git_takes_it() -> None:
    assert valid_branch(f"bactrian/{slug('Ünïcode, and (so on)')}")


async def test_small_model_names_the_task() -> None:
    assert await name_task(Scripted(parse("[[turn]]\ntext='Brotli Middleware.'")), "…") == "brotli-middleware"


async def test_model_that_fails_or_says_nothing_gives_no_name() -> None:
    assert await name_task(Scripted(parse("")), "…") == ""
    assert await name_task(Scripted(parse("[[turn]]\ntext='…'")), "…") == ""


@pytest.mark.parametrize(
    ("summary", "message"),
    [
        ("Add a thing.", "Add a thing."),
        ("Add a thing\nand say why", "Add a thing\n\nand say why"),
        ("Add a thing\n\nWhy.\n", "Add a thing\n\nWhy."),
        ("", ""),
    ],
)
def test_commit_message(summary: str, message: str) -> None:
    assert commit_message(summary) == message


def test_long_first_line_is_a_short_subject_and_stays_whole_below() -> None:
    subject, blank, *body = commit_message("word " * 40).splitlines()
    assert len(subject) <= 72
    assert subject.endswith("…")
    assert not blank
    assert " ".join(body).split() == ["word"] * 40


async def test_a_model_proposes_names_line_by_line() -> None:
    model = Scripted(parse('[[turn]]\ntext="github.com/a/b\\n\\n `c` "'))
    assert await propose_names(model, "Which?") == ("github.com/a/b", "`c`")
    assert await propose_names(Scripted(parse("")), "Which?") == ()
