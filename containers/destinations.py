"""Where a container may want to go: names and addresses in one spelling only, and which addresses are public."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from containers.gate import Destination

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAME_CHARACTERS = 253

_TRANSLATED = IPv6Network("64:ff9b::/96")
_PUBLIC_6 = IPv6Network("2000::/3")
# Beside what Python's `is_global` knows, in whichever version: its list grows. Some carry an IPv4 address inside.
_WITHHELD: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("168.63.129.16/32"),  # Azure's services for its machines
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("198.18.0.0/15"),
    IPv4Network("224.0.0.0/3"),
    IPv6Network("2001::/23"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
)
_PRIVATE_ENDINGS = ("localhost", "local", "internal", "lan", "home", "corp", "intranet", "private", "home.arpa")


class NoDestination(ValueError):
    """What was asked for names no place; the message says why in a few words."""


def parse_authority(text: str, *, default_port: int | None) -> tuple[str, int]:
    """Return host and port of `host:port`, the host in the one spelling that a `Destination` has.

    Raises NoDestination, also for spellings of an address that programs read differently: `0x7f.1`, `017700000001`.
    """
    if "@" in text:
        raise NoDestination("a name and password in the address")
    host, bracket, rest = text.partition("]")
    if not bracket:
        host, colon, port = text.partition(":")
    elif host.startswith("["):
        host, colon, port = host + "]", rest[:1], rest[1:]
        if colon not in ("", ":"):
            raise NoDestination("no port after the address")
    else:
        raise NoDestination("not an address")
    return _host(host), _port(port, default_port if not colon else None)


def _port(text: str, default: int | None) -> int:
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise NoDestination("not a port" if text else "no port")
    return int(text)


def _host(text: str) -> str:
    text = text.lower()
    if text.startswith("["):
        return _address_6(text[1:-1])
    text = text.removesuffix(".")
    labels = text.split(".")
    if not text or len(text) > _NAME_CHARACTERS or not all(_LABEL.fullmatch(label) for label in labels):
        raise NoDestination("not a host's name")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(text))
        except ValueError:
            raise NoDestination("not an address in the usual form") from None
    return text


def _address_6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise NoDestination("not an address") from None
    if address.scope_id:
        raise NoDestination("an address with a zone")
    return str(address.ipv4_mapped or address)


def is_public(address: str) -> bool:
    """Whether an address leads to the internet: not to this host, its network, or what clouds show their machines."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            found = found.ipv4_mapped
        elif found in _TRANSLATED:  # how an IPv6-only network shows the IPv4 internet
            found = IPv4Address(found.packed[-4:])
        elif found not in _PUBLIC_6:
            return False
    return found.is_global and not any(found in network for network in _WITHHELD)


def is_private_name(destination: Destination) -> bool:
    """Whether a name can only mean something in a private network, whatever it resolves to."""
    labels = destination.host.split(".")
    if ":" in destination.host:
        return False
    return len(labels) == 1 or any(f".{destination.host}".endswith(f".{ending}") for ending in _PRIVATE_ENDINGS)


def is_excepted(destination: Destination, exceptions: str) -> bool:
    """Whether `NO_PROXY` names a destination: `*`, a host, a domain with all below it, an address or a network."""
    return any(_matches(destination, entry.strip().lower()) for entry in exceptions.split(",") if entry.strip())


def _matches(destination: Destination, entry: str) -> bool:
    host = destination.host
    try:
        return ip_address(host) in ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    if entry.endswith(f":{destination.port}"):
        entry = entry.rpartition(":")[0]
    domain = entry.removeprefix("*").removeprefix(".")
    return entry == "*" or host == domain or (bool(domain) and host.endswith(f".{domain}"))
