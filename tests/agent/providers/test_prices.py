"""The table of known models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.messages import Usage
from agent.providers.base import Capabilities
from agent.providers.prices import capabilities_of


def test_a_request_costs_what_its_kinds_of_tokens_cost() -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000, cache_read_tokens=1_000_000)
    assert capabilities_of("claude-opus-5").cost(usage) == pytest.approx(5 + 25 + 0.5)
    assert capabilities_of("claude-opus-5").cost(Usage(cache_write_tokens=1_000_000)) == pytest.approx(6.25)
    assert capabilities_of("gpt-5").cost(usage) == pytest.approx(1.25 + 10 + 0.125)


@pytest.mark.parametrize("model", ["claude-opus-4-5-20251101", "claude-opus-4-5@20251101", "claude-opus-4-5-latest"])
def test_a_date_makes_no_other_model(model: str) -> None:
    assert capabilities_of(model) == capabilities_of("claude-opus-4-5")
    assert capabilities_of("gpt-5-2025-08-07") == capabilities_of("gpt-5")


@pytest.mark.parametrize("model", ["gpt-5-pro", "qwen3-coder", "claude-opus-4-1", ""])
def test_an_unknown_model_has_no_price(model: str) -> None:
    assert replace(capabilities_of(model), edit_format="edit") == Capabilities()
    assert capabilities_of(model).cost(Usage(input_tokens=1)) is None


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-2025-08-07", "gpt-5.3-codex", "gpt-6-sol", "openai/gpt-5-mini"])
def test_models_that_were_trained_on_patches_write_patches(model: str) -> None:
    assert capabilities_of(model).edit_format == "patch"


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-oss-120b", "openai/gpt-oss-20b", "claude-opus-5", "deepseek-v4"])
def test_all_others_write_edits(model: str) -> None:
    assert capabilities_of(model).edit_format == "edit"
