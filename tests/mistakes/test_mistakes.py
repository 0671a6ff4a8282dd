"""The first feedback after a mistake is enough to mend it; tests/data/mistakes/README.md says more."""

from __future__ import annotations

from typing import Any

import pytest
from first_feedback import Desk
from mistakes import DATA, LANGUAGES, Score, censored, contains, load, names
from mistakes import record as record_feedback
from records import record

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEAST_SHARE = 0.9
"""Of a language's mistakes: what the first feedback has to suffice for."""
MISTAKES: list[Any] = [
    pytest.param(language, name, id=f"{language}-{name}") for language in LANGUAGES for name in names(language)
]


@pytest.mark.parametrize(("language", "name"), MISTAKES)
async def test_first_feedback(language: str, name: str, desk: Desk, request: pytest.FixtureRequest) -> None:
    path = DATA / language / f"{name}.txt"
    mistake = load(path)
    feedback = censored(await desk.first_feedback(mistake))
    if request.config.getoption("--update"):
        record_feedback(mistake, feedback)
        mistake = load(path)
    missing = [text for text in mistake.expected if not contains(feedback, text)]
    there = [text for text in mistake.unwanted if contains(feedback, text)]
    came_true = [text for text in mistake.shortfalls if contains(feedback, text)]
    lacking = [*missing, *mistake.shortfalls, *(f"not {text}" for text in there)]
    record(request, "mistake", [language, name, lacking])
    assert not missing, f"the feedback lacks {missing}:\n{feedback}"
    assert not there, f"the feedback must not contain {there}:\n{feedback}"
    assert not came_true, f"no shortfall any more, move it to `expect`: {came_true}"
    assert feedback == mistake.feedback


@pytest.mark.parametrize("language", LANGUAGES)
async def test_first_feedback_suffices_for_nearly_all(language: str) -> None:
    """By what each mistake says of itself, which `test_first_feedback` holds it to."""
    score = Score()
    for name in names(language):
        score.add(name, load(DATA / language / f"{name}.txt").shortfalls)
    assert score.judged > 100
    assert score.share >= LEAST_SHARE, sorted(score.short)
