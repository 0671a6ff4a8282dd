"""What servers say of waiting."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from agent.providers.failures import retry_after_s


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "7", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_waits_in_seconds(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers) == expected


def test_waits_until_a_date() -> None:
    seconds = retry_after_s({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert seconds is not None
    assert 57 < seconds <= 60
