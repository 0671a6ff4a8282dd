"""Where packages come from: the hosts that a language's tools must reach. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443, "git+http": 80, "git+https": 443}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Registry:
    """A host that packages, or what is known of them, come from."""

    host: str
    """In lower case; an address without brackets."""
    port: int = 443


def registry(address: str) -> Registry | None:
    """Return the host of a URL; None for what names none (a path, a word, a scheme that needs no host)."""
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return Registry(host=host, port=port) if host and port and "%" not in host else None
