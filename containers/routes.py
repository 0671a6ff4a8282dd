"""The host's way to a destination: straight to an address that was checked, or through the proxy that the host uses."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

import aiohappyeyeballs
import h11

from containers.beside import beside
from containers.destinations import is_excepted, is_private_name, is_public
from containers.gate import Destination

CONNECT_S = 20.0
EYEBALLS_S = 0.25
"""How long an address may take before the next one is tried beside it."""
LOOKUPS = 16
CHUNK = 128 << 10
HEAD_BYTES = 64 << 10

Address = tuple[int, int, int, str, Any]
"""As `getaddrinfo` gives them."""
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Looks a name up. Raises OSError."""


class Unreachable(Exception):
    """A destination can't be reached; the message says why in a few words."""

    def __init__(self, status: Literal[403, 502, 504], text: str) -> None:
        super().__init__(text)
        self.status: Literal[403, 502, 504] = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An open way to a destination."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    early: bytes = b""
    """What has come before anything was read."""
    relayed: bool = False
    """A plain request goes to a proxy: it names its destination in full, and `headers` come with it."""
    headers: Sequence[tuple[str, str]] = ()

    async def close(self) -> None:
        """Close it at once. Raises nothing."""
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Resolver:
    """Looks names up in threads of its own: slow ones must not hold up what else runs in threads."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(LOOKUPS)

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        async with self._room:
            return await beside(partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))


class Routes:
    """Finds ways out of this host. `proxies` is what the host's environment says of proxies, by scheme."""

    def __init__(self, *, proxies: Mapping[str, str] | None = None, resolve: Resolve | None = None) -> None:
        """By default the proxies of this process's environment, and its own resolver."""
        self._proxies = urllib.request.getproxies_environment() if proxies is None else proxies
        self._resolve = resolve or Resolver()

    async def open(self, destination: Destination, *, private: bool) -> Route:
        """Connect to a destination; only to a public address unless `private`. Raises Unreachable."""
        if is_private_name(destination) and not private:
            raise Unreachable(403, f"{destination.host} is a name of this host or of a private network")
        try:
            async with asyncio.timeout(CONNECT_S):
                if proxy := self._proxy_for(destination):
                    return await self._through(proxy, destination, private=private)
                return await self._straight(destination, private=private)
        except TimeoutError:
            raise Unreachable(504, f"no answer from {_place(destination)} in {CONNECT_S:.0f} s") from None

    def _proxy_for(self, destination: Destination) -> str:
        kind = "http" if destination.scheme == "http" else "https"
        proxy = self._proxies.get(kind) or self._proxies.get("all") or ""
        return "" if is_excepted(destination, self._proxies.get("no", "")) else proxy

    async def _straight(self, destination: Destination, *, private: bool) -> Route:
        host, port = destination.host, destination.port
        found = await self._addresses(host, port)
        allowed = found if private else [address for address in found if _may_be_reached(address)]
        if not allowed:
            raise Unreachable(403, f"{host} is in a private network, or this host itself: {found[0][4][0]}")
        # What was checked is what is connected to: a name could mean something else by now.
        return await _connect(allowed, _place(destination))

    async def _addresses(self, host: str, port: int) -> Sequence[Address]:
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Unreachable(502, f"no such host: {host} ({_reason(error)})") from error
        if not found:
            raise Unreachable(502, f"no such host: {host}")
        return found

    async def _through(self, proxy: str, destination: Destination, *, private: bool) -> Route:
        """Go by the host's own proxy. Only it knows what a name means there, unless this host knows too."""
        url, port = _parsed(proxy)
        if not private:
            await self._refuse_private(destination)
        name = f"the host's proxy {url.hostname}:{port}"
        addresses = await self._addresses(url.hostname or "", port)
        context = ssl.create_default_context() if url.scheme == "https" else None
        route = await _connect(addresses, name, context, url.hostname)
        headers: list[tuple[str, str]] = []
        if url.username is not None:
            login = f"{unquote(url.username)}:{unquote(url.password or '')}"
            headers = [("Proxy-Authorization", "Basic " + base64.b64encode(login.encode()).decode())]
        if destination.scheme == "http":
            return Route(reader=route.reader, writer=route.writer, relayed=True, headers=headers)
        try:
            early = await _chain(route, _place(destination), headers, name)
        except BaseException:
            await route.close()
            raise
        return Route(reader=route.reader, writer=route.writer, early=early)

    async def _refuse_private(self, destination: Destination) -> None:
        try:
            found = await self._resolve(destination.host, destination.port)
        except (OSError, UnicodeError):
            return
        # Of several it is the proxy that chooses.
        if not all(is_public(address[4][0]) for address in found):
            raise Unreachable(403, f"{destination.host} is in a private network, or this host itself")


def _parsed(proxy: str) -> tuple[SplitResult, int]:
    """Take apart what the environment says of a proxy: its address and port. Raises Unreachable."""
    url = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    try:
        port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError:
        port = 0
    if url.scheme not in ("http", "https") or not url.hostname or not port:
        raise Unreachable(502, f"the host's proxy is of a kind that Bactrian can't use: {url.scheme}")
    return url, port


def _may_be_reached(address: Address) -> bool:
    """Whether an address is public and none of this host's own: services that listen there expect no container."""
    family, _, _, _, (ip, *_) = address
    return is_public(ip) and not is_own(family, ip)


def is_own(family: int, ip: str) -> bool:
    """Whether an address is this host's: only then can a socket be bound to it."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((ip, 0))
        except OSError:
            return False
    return True


async def _connect(
    addresses: Sequence[Address], name: str, context: ssl.SSLContext | None = None, tls_name: str | None = None
) -> Route:
    try:
        start: Any = getattr(aiohappyeyeballs, "start_connection")  # noqa: B009 - its annotation is a bare tuple
        connected: socket.socket = await start(addresses, happy_eyeballs_delay=EYEBALLS_S, interleave=1)
        reader, writer = await asyncio.open_connection(
            sock=connected, limit=CHUNK, ssl=context, server_hostname=tls_name if context else None
        )
    except OSError as error:
        raise Unreachable(502, f"{name} can't be reached: {_reason(error)}") from error
    return Route(reader=reader, writer=writer)


async def _chain(route: Route, place: str, headers: Sequence[tuple[str, str]], name: str) -> bytes:
    """Have a proxy connect further; return what has come after its answer. Raises Unreachable."""
    talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
    head = [("Host", place), *headers]
    try:
        route.writer.write(talk.send(h11.Request(method="CONNECT", target=place, headers=head)) or b"")
        route.writer.write(talk.send(h11.EndOfMessage()) or b"")
        while (event := talk.next_event()) is h11.NEED_DATA or isinstance(event, h11.InformationalResponse):
            if event is h11.NEED_DATA:
                talk.receive_data(await route.reader.read(CHUNK))
    except (OSError, h11.ProtocolError) as error:
        raise Unreachable(502, f"{name} does not answer as a proxy: {_reason(error)}") from error
    if not isinstance(event, h11.Response) or event.status_code // 100 != 2:
        status = event.status_code if isinstance(event, h11.Response) else "nothing"
        raise Unreachable(502, f"{name} refuses {place}: {status}")
    return talk.trailing_data[0]


def _place(destination: Destination) -> str:
    host = f"[{destination.host}]" if ":" in destination.host else destination.host
    return f"{host}:{destination.port}"


def _reason(error: BaseException) -> str:
    """Return an error's own words; the system's, where it has some."""
    text = error.strerror if isinstance(error, OSError) else ""
    return (text or str(error) or type(error).__name__).splitlines()[0]
