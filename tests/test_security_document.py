"""`docs/security.md` names a test for each claim: each is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_each_claim_names_tests_that_exist() -> None:
    rows = [line for line in (ROOT / "docs" / "security.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    claims = [row for row in rows if not row.startswith("| claim ")]
    assert len(claims) > 15
    for claim in claims:
        named = re.findall(r"`([\w/]+\.py)`", claim.rsplit("|", 2)[1])
        assert named, f"no test shows: {claim}"
        assert all((ROOT / "tests" / name).is_file() for name in named), claim
