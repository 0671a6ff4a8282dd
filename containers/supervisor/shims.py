"""Shims: the process between the supervisor and a command, from which the command's whole tree descends.

One is forked ahead of time, as forking is the dearest part of starting a command; it waits for its request.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import gc
import json
import os
import signal
import struct
from typing import Any, NamedTuple, NoReturn

from containers.supervisor.frames import SIZE
from containers.supervisor.trees import send_signal

PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 4, 15, 36
CODE = struct.Struct(">i")
LAST_DESCRIPTOR = 65536
F_SETPIPE_SZ = 1031
PIPE_BYTES = 65536  # what a new pipe holds

libc = ctypes.CDLL(None)


def set_process(option: int, value: Any) -> None:
    """Call prctl."""
    libc.prctl(option, value, 0, 0, 0)


class Shim(NamedTuple):
    """A shim and the supervisor's ends of its pipes."""

    pid: int
    request: int
    status: int
    stdin: int
    stdout: int
    stderr: int


class Inside(NamedTuple):
    """The shim's own ends, in the same order."""

    request: int
    status: int
    stdin: int
    stdout: int
    stderr: int


def fork_shim(out_of_memory: int) -> Shim:
    """Fork a shim that waits for its request.

    `out_of_memory` is this process's open oom_score_adj, -1 for none. A shim inherits the value at its birth: should
    memory run out, the kernel takes a command before process 1. Raises OSError.
    """
    pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(5)]
    (request, status, stdin, stdout, stderr) = pipes
    theirs = Inside(request[0], status[1], stdin[0], stdout[1], stderr[1])
    ours = (request[1], status[0], stdin[1], stdout[0], stderr[0])
    adjust(out_of_memory, b"500")
    try:
        pid = os.fork()
    except OSError:
        for descriptor in (*ours, *theirs):
            os.close(descriptor)
        raise
    finally:
        adjust(out_of_memory, b"0")
    if pid == 0:
        try:
            serve_one(theirs)
        finally:
            os._exit(126)
    for descriptor in theirs:
        os.close(descriptor)
    return Shim(pid, *ours)


def hand_over(shim: Shim, payload: bytes) -> None:
    """Write the request without waiting: a command may have stopped the shim. One that can't take it is killed."""
    send_signal({shim.pid}, signal.SIGCONT)
    data = SIZE.pack(len(payload)) + payload
    try:
        if len(data) > PIPE_BYTES:
            fcntl.fcntl(shim.request, F_SETPIPE_SZ, len(data))
        os.set_blocking(shim.request, False)
        whole = os.write(shim.request, data) == len(data)
    except OSError:
        whole = False
    os.close(shim.request)
    if not whole:
        send_signal({shim.pid}, signal.SIGKILL)


def adjust(out_of_memory: int, value: bytes) -> None:
    """Set oom_score_adj; not being allowed to is no error."""
    if out_of_memory >= 0:
        try:
            os.write(out_of_memory, value)
        except OSError:
            return


def serve_one(pipes: Inside) -> NoReturn:
    """Start the command that is asked for, tell how it ended, then stay until the last descendant has gone."""
    gc.disable()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    set_process(PR_SET_CHILD_SUBREAPER, 1)
    os.setsid()
    keep = sorted(pipes)
    for low, high in zip([2, *keep], [*keep, LAST_DESCRIPTOR], strict=True):
        os.closerange(low + 1, high)
    # A command of the same user may signal us; only SIGKILL and SIGSTOP need work.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    main = start_command(read_request(pipes.request), pipes)
    os.dup2(pipes.status, 3)
    os.closerange(4, LAST_DESCRIPTOR)
    while True:
        try:
            pid, how = os.wait()
        except ChildProcessError:
            os._exit(0)
        if pid == main:
            code = os.waitstatus_to_exitcode(how)
            os.write(3, CODE.pack(128 - code if code < 0 else code))
            os.close(3)


def read_request(descriptor: int) -> dict[str, Any]:
    """Wait for the request: its size, then JSON. Ends the process if there will be none."""
    data = bytearray()
    while len(data) < SIZE.size or len(data) < SIZE.size + SIZE.unpack_from(data)[0]:
        piece = os.read(descriptor, 65536)
        if not piece:
            os._exit(0)
        data += piece
    return json.loads(data[SIZE.size :])


def start_command(request: dict[str, Any], pipes: Inside) -> int:
    """Start the command as a child; 0 where that fails, after a line on its standard error and the exit code."""
    argv: list[str] = request["argv"]
    stderr = pipes.stderr
    if request["stderr"] == "merge":
        stderr = pipes.stdout
    elif request["stderr"] == "drop":
        stderr = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        return spawn(argv, request["cwd"], {**os.environ, **request["env"]}, (pipes.stdin, pipes.stdout, stderr))
    except (OSError, ValueError) as error:
        name = argv[0] if argv else "no command"
        missing = isinstance(error, FileNotFoundError)
        reason = f"{error.filename or name}: not found" if missing else f"{name}: {error}"
        os.write(stderr, f"{reason}\n".encode(errors="replace"))
        os.write(pipes.status, CODE.pack(127 if missing else 126))
        return 0


def spawn(argv: list[str], cwd: str, environment: dict[str, str], streams: tuple[int, int, int]) -> int:
    """Start a process. Raises OSError, ValueError (a NUL, no command)."""
    if not argv:
        raise ValueError("an empty argument list")
    actions = [(os.POSIX_SPAWN_DUP2, source, target) for target, source in enumerate(streams)]
    default = [number for number in signal.valid_signals() if number not in (signal.SIGKILL, signal.SIGSTOP)]
    os.chdir(cwd)
    executable = find_executable(argv[0], environment.get("PATH", os.defpath))
    # A spawn shares this process's memory until the command is loaded: far cheaper than one more fork.
    return os.posix_spawn(executable, argv, environment, file_actions=actions, setsid=True, setsigdef=default)


def find_executable(name: str, path: str) -> str:
    """Look a command up as execvpe does. Raises FileNotFoundError."""
    if "/" in name:
        return name
    for folder in path.split(":"):
        candidate = os.path.join(folder, name)
        if os.access(candidate, os.X_OK) and os.path.isfile(candidate):
            return candidate
    raise FileNotFoundError(errno.ENOENT, "not found", name)
