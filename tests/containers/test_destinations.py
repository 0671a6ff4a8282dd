"""Which hosts are hosts, in which spelling, and which addresses are public."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.destinations import NoDestination, is_excepted, is_private_name, is_public, parse_authority
from containers.gate import Destination


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("example.com:443", "example.com", 443),
        ("EXAMPLE.com.:8443", "example.com", 8443),
        ("xn--bcher-kva.example:1", "xn--bcher-kva.example", 1),
        ("a_b.c-d.example:80", "a_b.c-d.example", 80),
        ("192.0.2.1:65535", "192.0.2.1", 65535),
        ("[2001:DB8:0::1]:443", "2001:db8::1", 443),
        ("[::ffff:127.0.0.1]:443", "127.0.0.1", 443),
        ("[::ffff:7f00:1]:443", "127.0.0.1", 443),
        ("3com.example:443", "3com.example", 443),
        ("0x7f.example:443", "0x7f.example", 443),
    ],
)
def test_one_spelling(text: str, host: str, port: int) -> None:
    assert parse_authority(text, default_port=None) == (host, port)
    assert parse_authority(text.rpartition(":")[0], default_port=80) == (host, 80)


MALFORMED = r"""
2130706433 0x7f.1 0x7f000001 017700000001 127.1 127.0.0.01 0177.0.0.1 127.0.0.0x1 1.2.3.4.5 256.1.1.1 127.0.0.1..
me@example.com me:secret@example.com @example.com a..b .a -a.example a-.example exa%6dple.com a,b a/b a\b a#b a?b . ..
[::1 ::1 [::1%25lo] [::1%lo] [] [127.0.0.1] [example.com] [::1]x x[::1] bücher.example ① ex­ample.com
"""


@pytest.mark.parametrize(
    "host", [*MALFORMED.split(), "", " ", "a b", "a\x00b", "a\r\nb", f"{'a' * 64}.b", "a." * 130 + "b"]
)
def test_no_host(host: str) -> None:
    with pytest.raises(NoDestination):
        parse_authority(f"{host}:443", default_port=None)


@pytest.mark.parametrize("port", ["", "0", "65536", "+80", "-1", "\uff18\uff10", "000443", "443:443", "8 0", "0x50"])
def test_no_port(port: str) -> None:
    for host in ("example.com", "[2001:db8::1]"):
        with pytest.raises(NoDestination):
            parse_authority(f"{host}:{port}", default_port=80)


@given(st.text(alphabet="0123456789abcdefx.:[]@%-", max_size=30))
def test_what_is_taken_means_one_thing(text: str) -> None:
    try:
        host, port = parse_authority(text, default_port=80)
    except NoDestination:
        return
    assert 0 < port < 65536
    bracketed = f"[{host}]" if ":" in host else host
    assert parse_authority(f"{bracketed}:{port}", default_port=None) == (host, port)
    try:
        meant = socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return
    assert meant == host  # the resolver's old notations are none of ours


PRIVATE = """
127.0.0.1 127.255.0.1 0.0.0.0 0.1.2.3 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1
192.0.2.1 203.0.113.7 100.100.100.200 192.0.0.192 198.18.0.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
168.63.129.16 192.88.99.1
::1 :: ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::1 fe80::1 fe80::1%eth0
fec0::1 fc00::1 fd00:ec2::254 ff02::1 ff0e::1 2002:7f00:1:: 2001::1 2001:db8::1 3fff::1 100::1 5f00::1
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_not_public(address: str) -> None:
    assert not is_public(address)


PUBLIC = "1.1.1.1 8.8.8.8 172.32.0.1 2606:4700::1111 64:ff9b::808:808 ::ffff:8.8.8.8"


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_nothing_is_public_that_python_knows_to_be_private(address: IPv4Address | IPv6Address) -> None:
    if is_public(str(address)):
        inside = getattr(address, "ipv4_mapped", None) or address
        assert not any((inside.is_loopback, inside.is_link_local, inside.is_multicast, inside.is_unspecified))
        assert inside.is_global or inside in IPv6Network("64:ff9b::/96")


def place(host: str, port: int = 443) -> Destination:
    return Destination(host=host, port=port, scheme="tunnel")


PRIVATE_NAMES = "localhost a.localhost printer.local host.docker.internal nas db.corp x.home.arpa"


@pytest.mark.parametrize("host", PRIVATE_NAMES.split())
def test_private_names(host: str) -> None:
    assert is_private_name(place(host))


@pytest.mark.parametrize("host", ["example.com", "local.example", "10.0.0.1", "::1", "internal.example.com"])
def test_other_names(host: str) -> None:
    assert not is_private_name(place(host))


@pytest.mark.parametrize(
    ("host", "exceptions", "expected"),
    [
        ("a.example", "", False),
        ("a.example", "*", True),
        ("a.example", "b.example, a.example", True),
        ("x.a.example", "a.example", True),
        ("x.a.example", ".A.example", True),
        ("xa.example", "a.example", False),
        ("x.a.example", "*.a.example", True),
        ("a.example", "a.example:443", True),
        ("a.example", "a.example:80", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::1", "fd00::/8,x", True),
        ("a.example", ",, ,", False),
    ],
)
def test_exceptions(host: str, exceptions: str, expected: bool) -> None:
    assert is_excepted(place(host), exceptions) is expected
