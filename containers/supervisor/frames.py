"""The frames between the host and the supervisor, and the bounds that both keep.

One frame each way is, big-endian: length u32 of what follows, kind u8, job u32, payload.
"""

from __future__ import annotations

import struct

HEADER = struct.Struct(">IBI")
SIZE = struct.Struct(">I")  # before a part of a payload
CREDIT = struct.Struct(">I")  # how many more bytes may come
OMITTED = struct.Struct(">Q")  # before a tail: the bytes left out
# host → container
START, STDIN, STDIN_END, KILL, READ, WRITE = 1, 2, 3, 4, 5, 6
# container → host
READY, OUT, ERR, OUT_TAIL, ERR_TAIL, EXIT, FILE, FAILED = 64, 65, 66, 67, 68, 69, 70, 71
# A connection to the proxy's port. The container opens and numbers it where a job would stand; the rest is both ways'.
TUNNEL_OPEN, TUNNEL_DATA, TUNNEL_END, TUNNEL_ABORT, TUNNEL_CREDIT = 128, 129, 130, 131, 132

WINDOW_BYTES = 256 << 10  # what may be under way in a tunnel, each way, before the far end has taken it
TUNNEL_FRAME_BYTES = 64 << 10  # so that a command's frame never waits behind a long one
TUNNELS = 256  # how many there are at once
FILE_BYTES = 64 << 20  # the largest file that is read or written whole
FRAME_BYTES = FILE_BYTES + (1 << 20)  # the longest frame; anything longer is no frame


def pack(kind: int, job: int, payload: bytes | memoryview = b"") -> bytes:
    """Return one frame."""
    return HEADER.pack(len(payload) + 5, kind, job) + payload


def take(buffer: bytearray) -> tuple[int, int, bytes] | None:
    """Cut the first frame off `buffer`: its kind, job and payload; None while it isn't whole.

    Raises ValueError for what can't be a frame.
    """
    if len(buffer) < HEADER.size:
        return None
    length, kind, job = HEADER.unpack_from(buffer)
    if not 5 <= length <= FRAME_BYTES:
        raise ValueError(f"a frame of {length} bytes")
    if len(buffer) < length + 4:
        return None
    payload = bytes(memoryview(buffer)[HEADER.size : length + 4])
    del buffer[: length + 4]
    return kind, job, payload
