"""The `Gate`: decides what a container may reach, and is told what it did there.

A container has no network of its own. Its commands find a proxy at `http_proxy` and `https_proxy`, whose other end is
in this process; the proxy asks the gate before it connects to anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a command wants to go. `host` is a name in lower case, or an address without brackets."""

    host: str
    port: int
    scheme: Literal["http", "tunnel"]
    """A plain request that the proxy reads, or a tunnel (`CONNECT`) that carries what it likes, TLS as a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The gate's answer. `reason` says why, in a few words: it is logged, and a refused command may read it."""

    allowed: bool
    reason: str
    private: bool = False
    """The destination may be this host itself or in a private network; else the proxy refuses such addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """A request that has ended, allowed or not."""

    destination: Destination
    allowed: bool
    reason: str
    sent_bytes: int = 0
    """From the container."""
    received_bytes: int = 0
    seconds: float = 0.0
    problem: str = ""
    """Why an allowed request did not get through: no such name, no answer, a private address."""


class Gate(Protocol):
    """Stands between a container and everything else. A container without one reaches nothing."""

    async def admit(self, destination: Destination) -> Admission:
        """Say whether a request may go out. May wait for a person; the request waits with it. Raises nothing."""
        ...

    def on_traffic(self, traffic: Traffic) -> None:
        """Take note of a request that has ended. Must return at once; raises nothing."""
        ...


class OpenGate:
    """Lets everything public through, and `named` hosts wherever they are; keeps no record. The host stays closed."""

    def __init__(self, *named: str) -> None:
        self._named = named

    async def admit(self, destination: Destination) -> Admission:
        private = destination.host in self._named
        return Admission(allowed=True, reason="everything public is allowed", private=private)

    def on_traffic(self, traffic: Traffic) -> None:
        return
