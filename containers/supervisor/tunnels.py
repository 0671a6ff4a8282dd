"""The proxy's port inside: each connection to it becomes a stream of frames, whose other end is in the host."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
from collections import deque
from collections.abc import Callable
from functools import partial

from containers.supervisor.frames import (
    CREDIT,
    TUNNEL_ABORT,
    TUNNEL_CREDIT,
    TUNNEL_DATA,
    TUNNEL_END,
    TUNNEL_FRAME_BYTES,
    TUNNEL_OPEN,
    TUNNELS,
    WINDOW_BYTES,
)
from containers.supervisor.link import Link

LINK_BYTES = (
    256 << 10
)  # what may wait for the host before connections are left unread: output of commands comes after it
WAITING = 511  # connections that the kernel holds until there is room for them
PIECES = 32
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: reset the connection, so that nobody takes it for a whole answer

VARIABLES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
INSIDE = "localhost,127.0.0.1,::1"


def drop_proxies() -> None:
    """Forget what the image says of proxies: none of them could be reached."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]


class Tunnel:
    """A connection from a command."""

    def __init__(self, number: int, connection: socket.socket) -> None:
        self.number = number
        self.connection = connection
        self.pending = deque[memoryview]()  # for the command
        self.credit = WINDOW_BYTES  # what the host still takes
        self.taken = 0  # what the command has taken since we last told the host
        self.command_ended = False
        self.host_ended = False
        self.shut = False  # the command was told that the host has ended
        self.events = 0


class Tunnels:
    """Every connection to the port. Like all else here it never waits."""

    def __init__(self, link: Link, selector: selectors.BaseSelector) -> None:
        self.link = link
        self.selector = selector
        self.listener: socket.socket | None = None
        self.accepting = False
        self.open: dict[int, Tunnel] = {}
        self.last = 0
        self.mark = 0  # where in what goes to the host our own last frame ends
        self.held_back: set[int] = set()
        self.spare = -1

    def listen(self) -> None:
        """Open the port and tell commands of it. Raises OSError."""
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=WAITING)
        self.listener.setblocking(False)
        self.spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        os.environ.update({**dict.fromkeys(VARIABLES, address), "no_proxy": INSIDE, "NO_PROXY": INSIDE})
        self.resume()

    def resume(self) -> None:
        """Go on with what had to wait for the host, now that it has taken something."""
        if not self.has_room():
            return
        for number in list(self.held_back):
            self.held_back.discard(number)
            if tunnel := self.open.get(number):
                self.watch(tunnel)
        if self.listener and not self.accepting and len(self.open) < TUNNELS:
            self.selector.register(self.listener, selectors.EVENT_READ, self.on_connection)
            self.accepting = True

    def has_room(self) -> bool:
        """Whether the host has taken most of what there is, or at least all of ours: commands can't starve us."""
        return self.link.backlog_bytes <= LINK_BYTES or self.link.written_bytes >= self.mark

    def send(self, kind: int, number: int, payload: bytes = b"") -> None:
        """Queue a frame."""
        self.link.send(kind, number, payload)
        self.mark = self.link.written_bytes + self.link.backlog_bytes

    def on_connection(self) -> None:
        """Take a connection; the rest wait in the kernel while there are too many."""
        assert self.listener
        if len(self.open) >= TUNNELS or not self.has_room():
            self.selector.unregister(self.listener)
            self.accepting = False
            return
        try:
            connection, _ = self.listener.accept()
        except OSError as error:
            if error.errno == errno.EMFILE:
                self.turn_away()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.last = self.last % 0xFFFFFFFF + 1
        tunnel = self.open[self.last] = Tunnel(self.last, connection)
        self.send(TUNNEL_OPEN, tunnel.number)
        self.watch(tunnel)

    def turn_away(self) -> None:
        """Close the next connection, for want of a descriptor: left where it is it would wake us again and again."""
        assert self.listener
        try:
            os.close(self.spare)
            self.listener.accept()[0].close()
        except OSError:
            return
        finally:
            self.spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def on_frame(self, kind: int, number: int, payload: bytes) -> None:
        """Take a frame from the host; one for a connection that has gone is dropped."""
        tunnel = self.open.get(number)
        if tunnel is None:
            return
        if kind == TUNNEL_DATA:
            tunnel.pending.append(memoryview(payload))
        elif kind == TUNNEL_END:
            tunnel.host_ended = True
        elif kind == TUNNEL_CREDIT:
            tunnel.credit += CREDIT.unpack(payload)[0]
        elif kind == TUNNEL_ABORT:
            tunnel.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            self.close(tunnel)
            return
        self.attempt(tunnel, self.write)

    def on_event(self, tunnel: Tunnel) -> None:
        """Something can be read or written, or the connection broke."""
        if tunnel.events & selectors.EVENT_READ:
            self.attempt(tunnel, self.read)
        if tunnel.number in self.open:
            self.attempt(tunnel, self.write)

    def attempt(self, tunnel: Tunnel, action: Callable[[Tunnel], None]) -> None:
        """Read or write, then see what is next; a broken connection is told."""
        try:
            action(tunnel)
        except OSError:
            self.send(TUNNEL_ABORT, tunnel.number)
            self.close(tunnel)
            return
        if tunnel.command_ended and tunnel.host_ended and not tunnel.pending:
            self.close(tunnel)
        else:
            self.watch(tunnel)

    def read(self, tunnel: Tunnel) -> None:
        """Move on what the command has sent. Raises OSError."""
        if not self.has_room():
            self.held_back.add(tunnel.number)
            return
        try:
            data = tunnel.connection.recv(min(tunnel.credit, TUNNEL_FRAME_BYTES))
        except BlockingIOError:
            return
        if data:
            tunnel.credit -= len(data)
            self.send(TUNNEL_DATA, tunnel.number, data)
        else:
            tunnel.command_ended = True
            self.send(TUNNEL_END, tunnel.number)

    def write(self, tunnel: Tunnel) -> None:
        """Give the command what it takes of what has come. Raises OSError."""
        while tunnel.pending:
            try:
                written = tunnel.connection.send(tunnel.pending[0])
            except BlockingIOError:
                break
            tunnel.taken += written
            piece = tunnel.pending.popleft()
            if written < len(piece):
                tunnel.pending.appendleft(piece[written:])
        if tunnel.taken >= WINDOW_BYTES // 4:
            self.send(TUNNEL_CREDIT, tunnel.number, CREDIT.pack(tunnel.taken))
            tunnel.taken = 0
        if tunnel.host_ended and not tunnel.pending and not tunnel.shut:
            tunnel.shut = True
            tunnel.connection.shutdown(socket.SHUT_WR)

    def watch(self, tunnel: Tunnel) -> None:
        """Have the selector look for what can be done next with a connection."""
        reads = tunnel.credit > 0 and not tunnel.command_ended and tunnel.number not in self.held_back
        events = selectors.EVENT_READ * reads | selectors.EVENT_WRITE * bool(tunnel.pending)
        if events == tunnel.events:
            return
        if not tunnel.events:
            self.selector.register(tunnel.connection, events, partial(self.on_event, tunnel))
        elif not events:
            self.selector.unregister(tunnel.connection)
        else:
            self.selector.modify(tunnel.connection, events, partial(self.on_event, tunnel))
        tunnel.events = events

    def close(self, tunnel: Tunnel) -> None:
        """Forget a connection."""
        if tunnel.events:
            self.selector.unregister(tunnel.connection)
        tunnel.connection.close()
        self.held_back.discard(tunnel.number)
        del self.open[tunnel.number]
