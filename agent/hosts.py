"""`HostPattern`: how a person names what may be reached. `example.com`, `example.com:8443`, `*.example.com`. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

PORTS = (443, 80)
"""What a pattern without a port covers."""

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LONGEST = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPattern:
    """A host, or all names below one."""

    host: str
    """In lower case, an address in its shortest form; without the `*.`."""
    port: int | None = None
    """None: those of HTTP and HTTPS."""
    below: bool = False
    """All names below `host`, but not `host` itself."""

    def covers(self, host: str, port: int) -> bool:
        """Whether a destination is meant."""
        if port not in (PORTS if self.port is None else (self.port,)):
            return False
        wanted = plain_host(host)
        return wanted.endswith(f".{self.host}") if self.below else wanted == self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.port is not None else self.host
        return f"{'*.' if self.below else ''}{host}{'' if self.port is None else f':{self.port}'}"


def parse_pattern(text: str) -> HostPattern:
    """Read a pattern. Raises ValueError for what is none: a URL, a path, a star elsewhere than at the beginning."""
    below = text.startswith("*.")
    host, port = _split(text.removeprefix("*.").strip())
    if is_address(host) and not below:
        return HostPattern(host=plain_host(host), port=port)
    name = plain_host(host.encode("idna").decode() if not host.isascii() else host)
    if len(name) > _LONGEST or not _NAME.fullmatch(name) or name.replace(".", "").isdigit():
        raise ValueError(f"not a host: {text!r}")
    return HostPattern(host=name, port=port, below=below)


def pattern_for(host: str, port: int) -> str:
    """Return the pattern that covers a destination, as short as it can be."""
    return str(HostPattern(host=plain_host(host), port=None if port in PORTS else port))


def place(host: str, port: int) -> str:
    """Return a destination as people write it: `example.com:443`, `[::1]:80`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def plain_host(host: str) -> str:
    """Return the one spelling of a host: lower case, no dot at the end, an address in its shortest form."""
    host = host.lower().removesuffix(".")
    return str(ipaddress.ip_address(host)) if is_address(host) else host


def is_address(host: str) -> bool:
    """Whether it is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _split(text: str) -> tuple[str, int | None]:
    """Part a host from a port: `host`, `host:1`, `[::1]`, `[::1]:1`, `::1`."""
    if found := re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?", text):
        if not is_address(found[1]):
            raise ValueError(f"not an address: {text!r}")
        return found[1], _port(found[2])
    if is_address(text):
        return text, None
    host, colon, port = text.partition(":")
    return host, _port(port) if colon else None


def _port(digits: str | None) -> int | None:
    if digits is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 0 < int(digits) < 1 << 16:
        raise ValueError(f"not a port: {digits!r}")
    return int(digits)
