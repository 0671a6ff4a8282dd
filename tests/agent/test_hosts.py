"""Patterns of hosts: what they cover, and that nothing else is one."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.hosts import HostPattern, parse_pattern, pattern_for, plain_host

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]([a-z0-9-]{0,8}[a-z0-9])?){0,3}", fullmatch=True)
PORTS = st.integers(1, 65535)


@pytest.mark.parametrize(
    ("pattern", "covered", "others"),
    [
        (
            "example.com",
            [("example.com", 443), ("EXAMPLE.com.", 80)],
            [("example.com", 8080), ("www.example.com", 443), ("notexample.com", 443), ("example.com.evil", 443)],
        ),
        ("example.com:8443", [("example.com", 8443)], [("example.com", 443)]),
        (
            "*.example.com",
            [("a.example.com", 443), ("a.b.example.com", 80)],
            [("example.com", 443), ("aexample.com", 443), ("a.example.com", 22)],
        ),
        ("*.example.com:22", [("a.example.com", 22)], [("a.example.com", 443)]),
        ("10.0.0.7:3000", [("10.0.0.7", 3000)], [("10.0.0.7", 443), ("10.0.0.70", 3000)]),
        ("::1", [("::1", 443), ("0:0:0:0:0:0:0:1", 80)], [("::2", 443)]),
        ("[::1]:8080", [("::1", 8080)], [("::1", 443)]),
        ("bücher.example", [("xn--bcher-kva.example", 443)], [("bucher.example", 443)]),
        ("localhost:5432", [("localhost", 5432)], [("localhost", 443)]),
        ("my_host", [("my_host", 443)], []),
    ],
)
def test_what_a_pattern_covers(pattern: str, covered: list[tuple[str, int]], others: list[tuple[str, int]]) -> None:
    parsed = parse_pattern(pattern)
    assert all(parsed.covers(*each) for each in covered)
    assert not any(parsed.covers(*each) for each in others)


@pytest.mark.parametrize(
    "text",
    [
        *("", "*", "*.", "*.*", "a.*", "a*.com", "**.com", "*.10.0.0.1", "https://example.com", "example.com/path"),
        *("example.com:", "example.com:0", "example.com:65536", "example.com:x", "example.com:1:2", "[example.com]:1"),
        *(
            "[::1",
            "-a.com",
            "a-.com",
            "a..com",
            ".com",
            "a b",
            "1.2.3",
            "127.1",
            "a" * 64,
            "a." * 127 + "ab",
            "٣.com:٣",
        ),
        *("me@example.com", "exa\nmple.com", "ü" * 70),
    ],
)
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_pattern(text)


@given(host=NAMES, port=PORTS)
def test_what_is_offered_for_a_destination_covers_it_and_no_other_host(host: str, port: int) -> None:
    pattern = parse_pattern(pattern_for(host, port))
    assert pattern.covers(host, port)
    assert not pattern.covers(f"x.{host}", port)
    assert not pattern.covers(f"x{host}", port)


@given(host=st.ip_addresses(), port=PORTS)
def test_addresses_have_one_spelling(host: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    pattern = parse_pattern(pattern_for(host.exploded, port))
    assert pattern.covers(host.compressed, port)
    assert plain_host(host.exploded) == plain_host(str(host))


@given(st.text())
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        pattern = parse_pattern(text)
    except ValueError:
        return
    assert parse_pattern(str(pattern)) == pattern


@given(host=NAMES, other=st.text(), port=PORTS)
def test_a_pattern_covers_only_what_ends_in_its_host(host: str, other: str, port: int) -> None:
    for below in (False, True):
        pattern = HostPattern(host=host, port=port, below=below)
        assert not pattern.covers(other, port) or plain_host(other).endswith(host)
