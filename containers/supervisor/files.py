"""Files read and replaced whole, within a directory that symbolic links must not lead out of."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections.abc import Callable

from containers.supervisor.frames import FAILED, FILE, FILE_BYTES

PATH_MAX = 4096


def resolve(request: dict[str, str]) -> str:
    """Follow symbolic links; refuse (EXDEV) what then lies outside."""
    if len(request["path"]) >= PATH_MAX:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    path = os.path.realpath(request["path"])
    within = os.path.realpath(request["within"])
    if path != within and not path.startswith(within.rstrip("/") + "/"):
        raise OSError(errno.EXDEV, "outside")
    return path


def answer(number: int, action: Callable[[], bytes | None]) -> tuple[int, int, bytes]:
    """Do something with a file; return the frame that says how it went."""
    try:
        return FILE, number, action() or b""
    except OSError as error:
        code, message = error.errno or errno.EIO, error.strerror or str(error)
    except ValueError as error:  # a NUL in a path
        code, message = errno.EINVAL, str(error)
    except RecursionError:  # Python follows long chains of symbolic links that the kernel refuses
        code, message = errno.ELOOP, "too many links"
    return FAILED, number, json.dumps({"errno": code, "message": message}).encode()


def read_file(request: dict[str, str]) -> bytes:
    """Return a regular file's bytes. Raises OSError."""
    # Not blocking: opening a pipe would wait for a writer.
    descriptor = os.open(resolve(request), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        require_regular(os.fstat(descriptor).st_mode)
        pieces: list[bytes] = []
        room = FILE_BYTES + 1
        while room and (piece := os.read(descriptor, min(room, 1 << 20))):
            pieces.append(piece)
            room -= len(piece)
    finally:
        os.close(descriptor)
    if not room:
        raise OSError(errno.EFBIG, "too large to be read whole")
    return b"".join(pieces)


def write_file(request: dict[str, str], data: bytes) -> None:
    """Replace a regular file's bytes in one step. Raises OSError; the old file is then as it was."""
    path = resolve(request)
    folder = os.path.dirname(path)
    make_folders(folder)
    mode = 0o644
    try:
        mode = os.stat(path).st_mode
        require_regular(mode)
    except FileNotFoundError:
        pass
    part = os.path.join(folder, f".bactrian-{time.monotonic_ns():x}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fchmod(descriptor, stat.S_IMODE(mode))
            os.fsync(descriptor)  # a power cut may otherwise leave the new name without its bytes
        finally:
            os.close(descriptor)
        os.replace(part, path)
    except OSError:
        os.unlink(part)
        raise


def make_folders(path: str) -> None:
    """Make a directory and those above it; not by recursion, as a path may have two thousand parts. Raises OSError."""
    missing: list[str] = []
    while not os.path.exists(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        try:
            os.mkdir(folder)
        except FileExistsError:
            continue


def require_regular(mode: int) -> None:
    """Raise OSError for anything but a regular file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file")
