"""Runs in the container, as `python3 -c`: one dune that watches passively, and requests to it over its RPC.

Arguments: the build directory, which lies outside the workspace. Each line on standard input, `TOKEN TARGET…` with tabs
between, is a wish to build; standard output is dune's, with a line `MARK TOKEN OUTCOME` after what each wish
made it say. Whatever ends it ends dune too. Needs nothing but the standard library.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import BinaryIO, TypeAlias

MARK = "bactrian-built:"
READY = "ready"

Sexp: TypeAlias = "bytes | list[Sexp]"

_CLOSED = b")"


def packed(value: Sexp) -> bytes:
    """Return a canonical S-expression."""
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    return b"(" + b"".join(packed(item) for item in value) + b")"


def unpacked(stream: BinaryIO) -> Sexp | None:
    """Read a canonical S-expression; None for a closing parenthesis. Raises EOFError, RecursionError."""
    byte = stream.read(1)
    if byte == b"(":
        items: list[Sexp] = []
        while (item := unpacked(stream)) is not None:
            items.append(item)
        return items
    if byte == _CLOSED:
        return None
    size = b""
    while byte.isdigit():
        size, byte = size + byte, stream.read(1)
    if byte != b":" or not 0 < len(size) < 10:
        raise EOFError
    atom = stream.read(int(size))
    if len(atom) < int(size):
        raise EOFError
    return atom


def request(identity: str, method: str, parameters: Sexp) -> bytes:
    """Return a request of dune's RPC."""
    return packed([[b"id", identity.encode()], [b"method", method.encode()], [b"params", parameters]])


def answer(packet: Sexp) -> tuple[str, str]:
    """Return which request a packet answers, and in one word how; two empty words for other packets."""
    fields: dict[bytes, Sexp] = {}
    for field in packet if isinstance(packet, list) else ():
        if isinstance(field, list) and len(field) == 2 and isinstance(field[0], bytes):
            fields[field[0]] = field[1]
    identity, result = fields.get(b"id"), fields.get(b"result")
    if not isinstance(identity, bytes) or not isinstance(result, list) or not result:
        return "", ""
    if result[0] != b"ok":
        return identity.decode(), "refused"
    said = result[1] if len(result) > 1 else b""
    while isinstance(said, list):
        said = said[0] if said else b""
    return identity.decode(), said.decode(errors="replace") or "Success"


def _connected(path: str, dune: subprocess.Popen[bytes]) -> socket.socket:
    """Wait until dune listens."""
    while True:
        code = dune.poll()
        if code is not None:
            sys.exit(code or 1)
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            channel.connect(path)
        except OSError:
            channel.close()
            time.sleep(0.02)
        else:
            return channel


def _say(*words: str) -> None:
    os.write(1, f"\n{MARK} {' '.join(words)}\n".encode())


def _listen(stream: BinaryIO, dune: subprocess.Popen[bytes], idle: threading.Event) -> None:
    """Say how each request ended; end everything when dune does."""
    try:
        while True:
            identity, outcome = answer(unpacked(stream) or [])
            if identity not in ("", "initialize"):
                _say(identity, outcome)
                idle.set()
    except (EOFError, OSError, ValueError, RecursionError):
        dune.kill()
        os._exit(1)


def main(arguments: Sequence[str]) -> None:
    """Start dune and serve until either side ends."""
    (directory,) = arguments
    options = ("--no-print-directory", "--display", "quiet", "--build-dir", directory, "--passive-watch-mode")
    dune = subprocess.Popen(("dune", "build", "--root", ".", *options), stdin=subprocess.DEVNULL, stderr=1)
    channel = _connected(os.path.join(directory, ".rpc", "dune"), dune)
    version: Sexp = [[b"dune_version", [b"3", b"0"]], [b"protocol_version", b"0"], [b"id", [b"bactrian"]]]
    channel.sendall(request("initialize", "initialize", version))
    # The menu's answer lists what both sides know: from then on dune takes requests.
    channel.sendall(request(READY, "version_menu", [[b"build", [b"1"]]]))
    idle = threading.Event()
    threading.Thread(target=_listen, args=(channel.makefile("rb"), dune, idle), daemon=True).start()
    for line in sys.stdin:
        identity, *targets = line.rstrip("\n").split("\t")
        # One at a time: dune may answer a request only after the next one has made it speak.
        idle.wait()
        idle.clear()
        channel.sendall(request(identity, "build", [target.encode() for target in targets]))
    dune.terminate()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        print(error)
        sys.exit(1)
