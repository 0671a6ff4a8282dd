"""Fuzzing: real inputs, mutated; each target runs a counted number of inputs, none of which may crash or hang it.

Coverage guidance (atheris, 257,000 inputs for the pure parsers) found nothing that these mutations had not.
"""

from __future__ import annotations

import copy
import json
import os
import signal
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from records import record

TIMES = float(os.environ.get("BACTRIAN_FUZZ", "1"))
"""How many times as long as in CI."""
HANG_S = 10
"""No input may keep a target longer; the slowest take a fraction of a second."""

_UNHURRIED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
_Value = TypeVar("_Value")
_NASTY = (
    *(bytes([code]) for code in (0, 9, 10, 13, 27, 34, 40, 41, 44, 47, 58, 91, 92, 93, 123, 125, 127, 155, 255)),
    b"\xed\xa0\x80",
    "\u202e\u2028é".encode(),
    b"1e999",
    b"-1",
    b"99999999999999999999",
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"[" * 3000,
    b'{"a":' * 3000,
    b"(" * 3000,
    b"a" * 3000,
    b" " * 3000,
    b"\n" * 300,
)


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds after a few changes: bytes flipped, cut, doubled, moved, spliced with another seed, nonsense."""
    data = draw(st.sampled_from(seeds))
    for kind, start, length, extra in draw(st.lists(_CHANGE, min_size=1, max_size=5)):
        at = start * len(data) >> 16
        end = min(len(data), at + 1 + (length * length * len(data) >> 32))
        match kind:
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + data[end:]
            case 2:
                data = data[:end] + data[at:end] * (1 + extra % 3) + data[end:]
            case 3:
                data = data[:at] + bytes(byte ^ (1 << extra % 8) for byte in data[at : at + 1]) + data[at + 1 :]
            case 4:
                other = seeds[extra % len(seeds)]
                data = data[:at] + other[len(other) * length >> 16 :]
            case 5:
                lines = data.split(b"\n")
                lines.insert(extra % (len(lines) + 1), lines.pop(at % len(lines)))
                data = b"\n".join(lines)
            case _:
                data = data[:at] + _NASTY[extra % len(_NASTY)] + data[at if extra % 2 else end :]
    return data


_CHANGE = st.tuples(st.integers(0, 7), st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 1000))


def texts(seeds: Sequence[str]) -> st.SearchStrategy[str]:
    """The same for text; what is no UTF-8 comes as its callers get it: replaced."""
    return mutated([seed.encode(errors="surrogateescape") for seed in seeds]).map(
        lambda data: data.decode(errors="replace")
    )


ODD: Sequence[Any] = (
    *(None, True, False, 0, -1, 3.5, 2**63, -(10**40), 1e308, float("nan"), float("inf")),
    *("", "x", "\ud800", "\x00", "\u202e\x1b[2J", "a" * 3000, "../" * 20, "null", "1"),
    *cast("list[Any]", [[], {}, [[]], [None], {"": None}, {"type": "x"}, [{}, {}], [1, "x"]]),
)
"""Values of JSON that stand where others are expected."""


@st.composite
def altered(draw: st.DrawFn, seeds: Sequence[str]) -> Any:
    """The value of one of the seeds, which are JSON, after a few changes: odd values, parts cut, doubled, moved."""
    value = json.loads(draw(st.sampled_from(seeds)))
    for kind, place, other in draw(st.lists(_ALTERATION, min_size=1, max_size=4)):
        spots = list(_spots(value))
        if not spots:
            return ODD[other % len(ODD)]
        holder, key = spots[place % len(spots)]
        row = cast("list[Any]", holder) if isinstance(holder, list) else []
        match kind:
            case 0:
                del holder[key]
            case 1 if row:
                row.insert(key, copy.deepcopy(row[key]))
            case 2:
                elsewhere, name = spots[other % len(spots)]
                holder[key] = copy.deepcopy(elsewhere[name])
            case 3 if row:
                row.insert(other % len(row), row.pop(key))
            case _:
                holder[key] = copy.deepcopy(ODD[other % len(ODD)])
    return value


_ALTERATION = st.tuples(st.integers(0, 6), st.integers(0, 100_000), st.integers(0, 100_000))


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where values lie in a value: a list and an index, an object and a key."""
    keys: Iterable[Any] = ()
    if isinstance(value, list):
        keys = range(len(cast("list[Any]", value)))
    elif isinstance(value, dict):
        keys = list(cast("dict[str, Any]", value))
    for key in keys:
        yield value, key
        yield from _spots(value[key])


def explained(refusal: Exception) -> None:
    """Hold that what was refused is told in words."""
    assert str(refusal).strip()


def one_line(refusal: Exception) -> None:
    """Hold that it is told on one line."""
    assert str(refusal).strip()
    assert "\n" not in str(refusal).strip()


def fuzz(
    request: pytest.FixtureRequest,
    values: st.SearchStrategy[_Value],
    check: Callable[[_Value], None],
    *,
    inputs: int,
    always: Sequence[_Value] = (),
) -> None:
    """Try so many inputs (in a long run more), after those in `always`. Raises what `check` raises."""
    tried = crashes = 0

    def one(value: _Value) -> None:
        nonlocal tried
        tried += 1
        with _no_longer():
            check(value)

    tried_once = settings(
        max_examples=max(1, int(inputs * TIMES)),
        deadline=None,
        database=None,
        derandomize=TIMES <= 1,
        phases=(Phase.generate, Phase.shrink) if TIMES > 1 else (Phase.generate,),
        suppress_health_check=_UNHURRIED,
    )
    try:
        for value in always:
            one(value)
        tried_once(given(values)(one))()
    except BaseException:
        crashes = 1
        raise
    finally:
        record(request, "fuzz", [tried, crashes])


@contextmanager
def _no_longer() -> Generator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"more than {HANG_S} s for one input")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
