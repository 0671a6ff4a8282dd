"""Which hosts the go command asks: module proxies, the checksum database, the list of vulnerabilities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lang.registries import Registry, registry

_PROXY = "https://proxy.golang.org,direct"
_SUMS = "sum.golang.org"
_VULNERABILITIES = "https://vuln.go.dev"

# The public proxy answers for larger modules with a redirect to its storage.
_STORAGE = Registry(host="storage.googleapis.com")


def registries(environment: Mapping[str, str]) -> tuple[Registry, ...]:
    """Return the hosts that the variables name, the public ones where they name none.

    Not the hosts of modules themselves, which `direct`, GOPRIVATE and GONOPROXY let the go command ask: a host that
    anyone may write to is no registry.
    """
    proxies, sums = environment.get("GOPROXY", ""), environment.get("GOSUMDB", "")
    found = [
        *_proxies(proxies or _PROXY),
        *_databases(sums or _SUMS),
        registry(environment.get("GOVULNDB") or _VULNERABILITIES),
    ]
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _proxies(setting: str) -> Iterator[Registry | None]:
    for entry in re.split(r"[,|]", setting):
        found = registry(entry)
        yield found
        if found is not None and found.host == "proxy.golang.org":
            yield _STORAGE


def _databases(setting: str) -> Iterator[Registry | None]:
    """The setting is `off`, `NAME`, `NAME+KEY`, or one of the last two and an address that stands in for it."""
    name, _, address = setting.strip().partition(" ")
    host = name.split("+")[0].split("/")[0]
    if host and host != "off":
        yield registry(f"https://{host}")
    if address:
        yield registry(address)
