"""Process 1 of every container: runs commands for the host over its standard input and output.

It is handed to the container's own python3 as text, over standard input before the first frame: so it
imports nothing of ours, needs Python 3.10 or newer, and is versioned with the host. One frame each way is

    length: u32   of what follows          kind: u8          job: u32          payload

big-endian. Every command gets a *shim*, a fork of this process that is the child subreaper of its
tree: whoever calls setsid or forks twice still descends from the shim, so that a time limit can find
and kill all of it. Output travels inside frames, so that no command can forge another's end; this process
and the shims are not dumpable, so that a command of the same user can't open their streams.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import selectors
import signal
import stat
import struct
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from typing import Any

HEADER = struct.Struct(">IBI")
# host → container
START, STDIN, STDIN_END, KILL, READ, WRITE = 1, 2, 3, 4, 5, 6
# container → host
READY, OUT, ERR, OUT_TAIL, ERR_TAIL, EXIT, FILE, FAILED = 64, 65, 66, 67, 68, 69, 70, 71

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
CHUNK = 65536
BACKLOG_BYTES = 4 << 20  # what may wait for the host before commands' pipes are left full
PIPE_BYTES = 1 << 20  # the most that a pipe holds
READ_BYTES = 64 << 20  # the largest file that is read whole
SAVE_BYTES = 64 << 20  # what a saved output may hold
DRAIN_S = 0.05  # how long a pipe may stay open after its command's end before it is left to the background


libc = ctypes.CDLL(None)


def parents() -> dict[int, int]:
    """Map every process to its parent, from /proc."""
    found: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The command's name, in parentheses, may hold anything: count from its end.
                    found[int(name)] = int(file.read().rsplit(b")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
    return found


def descendants(roots: set[int]) -> set[int]:
    """Return every living process below `roots`, without them."""
    tree = parents()
    below: set[int] = set()
    for pid in tree:
        chain: list[int] = []
        at = pid
        while at in tree and at not in roots and at not in below:
            chain.append(at)
            at = tree[at]
        if at in roots or at in below:
            below.update(chain)
    return below - roots


def send_signal(pids: set[int], number: int) -> None:
    """Signal each; one that has gone is no error."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def kill_below(roots: set[int], attempts: int = 40) -> None:
    """Kill whatever descends from `roots`: stop all first, so that nothing forks away meanwhile."""
    for _ in range(attempts):
        stopped: set[int] = set()
        for _ in range(attempts):
            fresh = descendants(roots) - stopped
            if not fresh:
                break
            send_signal(fresh, signal.SIGSTOP)
            stopped |= fresh
        if not stopped:
            return
        send_signal(stopped, signal.SIGKILL)
        time.sleep(0.002)


class Stream:
    """One output pipe of a command: the head goes out at once, the tail is kept until the end."""

    def __init__(self, descriptor: int, kind: int, limit: int | None) -> None:
        self.descriptor = descriptor
        self.kind = kind
        self.limit = limit  # None: everything goes out
        self.sent = 0
        self.tail: deque[bytes] = deque()
        self.tail_bytes = 0
        self.omitted = 0
        self.open = True

    def take(self, data: bytes) -> bytes:
        """Return what of `data` goes out now; keep the rest."""
        if self.limit is None:
            return data
        room = max(0, self.limit // 2 - self.sent)
        now, later = data[:room], data[room:]
        self.sent += len(now)
        if later:
            self.tail.append(later)
            self.tail_bytes += len(later)
            while self.tail and self.tail_bytes - len(self.tail[0]) >= self.limit // 2:
                gone = self.tail.popleft()
                self.tail_bytes -= len(gone)
                self.omitted += len(gone)
        return now

    def rest(self) -> bytes:
        """Return the end frame's payload: bytes left out (u64), then the tail."""
        tail = b"".join(self.tail)
        if self.limit is not None:
            excess = max(0, len(tail) - self.limit // 2)
            self.omitted += excess
            tail = tail[excess:]
        return struct.pack(">Q", self.omitted) + tail


class Job:
    """A command, its shim and its pipes."""

    def __init__(self, number: int, shim: int, status: int, stdin: int, streams: list[Stream]) -> None:
        self.number = number
        self.shim = shim
        self.status = status
        self.stdin = stdin
        self.streams = streams
        self.pending = deque[bytes]()
        self.stdin_ended = False
        self.started = time.monotonic()
        self.deadline: float | None = None
        self.ended: float | None = None  # when its main process was gone
        self.exit_code = 0
        self.timed_out = False
        self.reported = False
        self.save: int | None = None
        self.saved = 0


def prefer_for_oom() -> None:
    """Should memory run out, let the kernel take a command before process 1.

    The file is only open to a dumpable process; what this one has open by now is its own command's.
    """
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        pass
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def start_command(request: dict[str, Any], descriptors: tuple[int, int, int]) -> int:
    """Start the command as a child; -1 and a line on its standard error where that fails, with the exit code."""
    actions = [(os.POSIX_SPAWN_DUP2, source, target) for target, source in enumerate(descriptors)]
    default = [signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM, signal.SIGINT]
    argv: list[str] = request["argv"]
    environment: dict[str, str] = request["env"]
    os.chdir(request["cwd"])
    # A spawn shares this process's memory until the command is loaded: far cheaper than one more fork.
    executable = find_executable(argv[0], environment.get("PATH", os.defpath))
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


def shim(request: dict[str, Any], descriptors: tuple[int, int, int], status: int) -> None:
    """Start the command, tell how it ended, then stay until the last descendant has gone. Never returns."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.setsid()
    keep = sorted({*descriptors, status})
    for low, high in zip([2, *keep], [*keep, 65536], strict=True):
        os.closerange(low + 1, high)
    prefer_for_oom()
    main = 0
    try:
        main = start_command(request, descriptors)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        reason = f"{error.filename or request['argv'][0]}: not found" if missing else f"{request['argv'][0]}: {error}"
        os.write(descriptors[2], f"{reason}\n".encode())
        os.write(status, struct.pack(">i", 127 if missing else 126))
    os.dup2(status, 3)
    os.closerange(4, 65536)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    while True:
        try:
            pid, how = os.wait()
        except ChildProcessError:
            os._exit(0)
        except InterruptedError:
            continue
        if pid == main:
            code = os.waitstatus_to_exitcode(how)
            os.write(3, struct.pack(">i", 128 - code if code < 0 else code))
            os.close(3)


class Supervisor:
    """The event loop: host frames in, commands' output out."""

    def __init__(self, source: int, sink: int) -> None:
        self.source = source
        self.sink = sink
        self.selector = selectors.DefaultSelector()
        self.jobs: dict[int, Job] = {}
        self.shims: dict[int, Job] = {}
        self.incoming = bytearray()
        self.outgoing = deque[bytes]()
        self.outgoing_bytes = 0
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("BACTRIAN_INTERNAL")}

    # The loop

    def run(self) -> None:
        """Serve until the host closes our standard input; the kernel then ends all we started."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
        os.set_blocking(self.source, False)
        os.set_blocking(self.sink, False)
        self.selector.register(self.source, selectors.EVENT_READ, self.on_host)
        self.selector.register(wake_read, selectors.EVENT_READ, lambda: os.read(wake_read, 4096))
        self.send(READY, 0, str(os.getpid()).encode())
        while True:
            self.flush()
            for key, _ in self.selector.select(self.next_deadline()):
                key.data()
            self.reap()
            self.tend()

    def next_deadline(self) -> float | None:
        now = time.monotonic()
        times = [job.deadline for job in self.jobs.values() if job.deadline is not None and job.ended is None]
        times += [job.ended + DRAIN_S for job in self.jobs.values() if job.ended is not None and not job.reported]
        return max(0.0, min(times) - now) if times else None

    def tend(self) -> None:
        """Enforce time limits and report commands that have ended."""
        now = time.monotonic()
        for job in list(self.jobs.values()):
            if job.ended is None and job.deadline is not None and now >= job.deadline:
                job.timed_out = True
                self.kill(job)
            elif job.ended is not None and not job.reported:
                still_open = [stream for stream in job.streams if stream.open]
                if not still_open:
                    self.report(job)
                elif now >= job.ended + DRAIN_S:
                    self.drain(job, still_open)
                    self.report(job)

    def drain(self, job: Job, streams: list[Stream]) -> None:
        """Take what the command left in its pipes; a background process may go on filling them, so there is an end."""
        for stream in streams:
            for _ in range(PIPE_BYTES // CHUNK):
                if not self.pump(job, stream):
                    break

    # To and from the host

    def send(self, kind: int, job: int, payload: bytes) -> None:
        frame = HEADER.pack(len(payload) + 5, kind, job) + payload
        self.outgoing.append(frame)
        self.outgoing_bytes += len(frame)

    def flush(self) -> None:
        """Write what the host takes; while much waits, leave commands' pipes unread."""
        registered = self.sink in self.selector.get_map()
        while self.outgoing:
            frame = self.outgoing[0]
            try:
                written = os.write(self.sink, frame)
            except BlockingIOError:
                if not registered:
                    self.selector.register(self.sink, selectors.EVENT_WRITE, lambda: None)
                return
            except BrokenPipeError:
                os._exit(0)
            self.outgoing_bytes -= written
            if written == len(frame):
                self.outgoing.popleft()
            else:
                self.outgoing[0] = frame[written:]
        if registered:
            self.selector.unregister(self.sink)

    def on_host(self) -> None:
        try:
            data = os.read(self.source, CHUNK)
        except BlockingIOError:
            return
        if not data:
            os._exit(0)
        self.incoming += data
        while len(self.incoming) >= HEADER.size:
            length, kind, number = HEADER.unpack_from(self.incoming)
            if len(self.incoming) < length + 4:
                return
            payload = bytes(self.incoming[HEADER.size : length + 4])
            del self.incoming[: length + 4]
            self.on_frame(kind, number, payload)

    def on_frame(self, kind: int, number: int, payload: bytes) -> None:
        job = self.jobs.get(number)
        if kind == START:
            self.start(number, json.loads(payload))
        elif kind == READ:
            self.answer_file(number, lambda: self.read_file(json.loads(payload)))
        elif kind == WRITE:
            size = struct.unpack_from(">I", payload)[0]
            request, data = json.loads(payload[4 : 4 + size]), payload[4 + size :]
            self.answer_file(number, lambda: self.write_file(request, data))
        elif job is None:
            return  # it has ended meanwhile
        elif kind == STDIN:
            job.pending.append(payload)
            self.feed(job)
        elif kind == STDIN_END:
            job.stdin_ended = True
            self.feed(job)
        elif kind == KILL:
            self.kill(job)

    # Commands

    def start(self, number: int, request: dict[str, Any]) -> None:
        request["env"] = {**self.environment, **request["env"]}
        limit: int | None = request["limit"]
        stdin_read, stdin_write = os.pipe2(os.O_CLOEXEC)
        out_read, out_write = os.pipe2(os.O_CLOEXEC)
        err_read, err_write = self.open_stderr(request["stderr"], out_write)
        status_read, status_write = os.pipe2(os.O_CLOEXEC)
        try:
            pid = os.fork()
        except OSError as error:  # out of processes or memory
            ours = (stdin_write, out_read, err_read, status_read)
            for descriptor in {*ours, stdin_read, out_write, err_write, status_write} - {-1}:
                os.close(descriptor)
            self.send(ERR, number, f"{request['argv'][0]}: can't start: {os.strerror(error.errno or 0)}\n".encode())
            self.send(EXIT, number, json.dumps({"code": 126, "timed_out": False, "seconds": 0.0}).encode())
            return
        if pid == 0:
            try:
                shim(request, (stdin_read, out_write, err_write), status_write)
            finally:
                os._exit(126)
        for descriptor in {stdin_read, out_write, err_write, status_write}:
            os.close(descriptor)
        streams = [Stream(out_read, OUT, limit)]
        if err_read >= 0:
            streams.append(Stream(err_read, ERR, limit))
        job = Job(number, pid, status_read, stdin_write, streams)
        if request["timeout_s"] is not None:
            job.deadline = job.started + request["timeout_s"]
        if request["save_to"]:
            job.save = self.open_save(request["save_to"])
        self.jobs[number] = self.shims[pid] = job
        os.set_blocking(stdin_write, False)
        for stream in streams:
            os.set_blocking(stream.descriptor, False)
            self.selector.register(stream.descriptor, selectors.EVENT_READ, lambda s=stream: self.on_output(job, s))
        self.selector.register(status_read, selectors.EVENT_READ, lambda: self.on_status(job))

    def open_stderr(self, mode: str, out_write: int) -> tuple[int, int]:
        """Return the pipe for standard error: our end (-1: none) and the command's."""
        if mode == "separate":
            return os.pipe2(os.O_CLOEXEC)
        if mode == "merge":
            return -1, out_write
        return -1, os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)

    def open_save(self, path: str) -> int | None:
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError:
            return None  # the output still reaches the host

    def on_output(self, job: Job, stream: Stream) -> None:
        if self.outgoing_bytes > BACKLOG_BYTES:
            time.sleep(0.001)
        else:
            self.pump(job, stream)

    def pump(self, job: Job, stream: Stream) -> bool:
        """Move a piece of output on; False when there was none."""
        try:
            data = os.read(stream.descriptor, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            stream.open = False
            self.selector.unregister(stream.descriptor)
            os.close(stream.descriptor)
            self.forget(job)
            return False
        if not job.reported:  # else the background goes on writing: read, lest a full pipe stop it
            self.pass_on(job, stream, data)
        return True

    def pass_on(self, job: Job, stream: Stream, data: bytes) -> None:
        if job.save is not None and job.saved < SAVE_BYTES:
            try:
                job.saved += os.write(job.save, data[: SAVE_BYTES - job.saved])
            except OSError:
                job.saved = SAVE_BYTES
        now = stream.take(data)
        if now:
            self.send(stream.kind, job.number, now)

    def on_status(self, job: Job) -> None:
        data = os.read(job.status, 4)
        self.selector.unregister(job.status)
        os.close(job.status)
        if job.ended is None:
            # No status: a command has killed its shim; what it left behind is hunted down in `reap`.
            job.exit_code = struct.unpack(">i", data)[0] if len(data) == 4 else 137
            job.ended = time.monotonic()
            self.close_stdin(job)

    def feed(self, job: Job) -> None:
        """Write what the command's standard input takes."""
        if job.stdin < 0:
            return
        waiting = job.stdin in self.selector.get_map()
        while job.pending:
            try:
                written = os.write(job.stdin, job.pending[0])
            except BlockingIOError:
                if not waiting:
                    self.selector.register(job.stdin, selectors.EVENT_WRITE, lambda: self.feed(job))
                return
            except BrokenPipeError:
                self.close_stdin(job)
                return
            rest = job.pending.popleft()[written:]
            if rest:
                job.pending.appendleft(rest)
        if waiting:
            self.selector.unregister(job.stdin)
        if job.stdin_ended:
            self.close_stdin(job)

    def close_stdin(self, job: Job) -> None:
        if job.stdin >= 0:
            if job.stdin in self.selector.get_map():
                self.selector.unregister(job.stdin)
            os.close(job.stdin)
            job.stdin = -1
            job.pending.clear()

    def report(self, job: Job) -> None:
        """Send the end of a command; its pipes may stay open for its background processes."""
        for stream in job.streams:
            if stream.limit is not None:
                self.send(OUT_TAIL if stream.kind == OUT else ERR_TAIL, job.number, stream.rest())
                stream.tail.clear()
        seconds = (job.ended or time.monotonic()) - job.started
        code = 124 if job.timed_out else job.exit_code
        self.send(EXIT, job.number, json.dumps({"code": code, "timed_out": job.timed_out, "seconds": seconds}).encode())
        job.reported = True
        if job.save is not None:
            os.close(job.save)
        self.forget(job)

    def forget(self, job: Job) -> None:
        if job.reported and not any(stream.open for stream in job.streams):
            self.jobs.pop(job.number, None)

    def kill(self, job: Job) -> None:
        kill_below({job.shim})
        send_signal({job.shim}, signal.SIGCONT)  # a command may have stopped it
        job.deadline = None

    def reap(self) -> None:
        """Bury children. One that was no shim had escaped from a shim that a command killed."""
        lost = False
        while True:
            try:
                pid, how = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            # A shim ends by itself only once nothing is left below it.
            lost = self.shims.pop(pid, None) is None or how != 0 or lost
        if lost:
            strays = {pid for pid, parent in parents().items() if parent == os.getpid()} - set(self.shims)
            if strays:
                send_signal(strays, signal.SIGSTOP)
                kill_below(strays)
                send_signal(strays, signal.SIGKILL)

    # Files

    def answer_file(self, number: int, action: Callable[[], bytes]) -> None:
        try:
            self.send(FILE, number, action())
        except OSError as error:
            code = error.errno or errno.EIO
            self.send(FAILED, number, json.dumps({"errno": code, "message": error.strerror or str(error)}).encode())
        except ValueError as error:  # a NUL in a path
            self.send(FAILED, number, json.dumps({"errno": errno.EINVAL, "message": str(error)}).encode())

    def resolve(self, request: dict[str, str]) -> str:
        """Follow symbolic links; refuse (EXDEV) what then lies outside."""
        path = os.path.realpath(os.path.join(request["base"], request["path"]))
        within = os.path.realpath(request["within"])
        if path != within and not path.startswith(within.rstrip("/") + "/"):
            raise OSError(errno.EXDEV, "outside")
        return path

    def read_file(self, request: dict[str, str]) -> bytes:
        path = self.resolve(request)
        # Not blocking: opening a pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise IsADirectoryError(errno.EISDIR, "is a directory")
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            if found.st_size > READ_BYTES:
                raise OSError(errno.EFBIG, "too large to be read whole")
            return file.read()

    def write_file(self, request: dict[str, str], data: bytes) -> bytes:
        path = self.resolve(request)
        folder = os.path.dirname(path)
        os.makedirs(folder, exist_ok=True)
        mode = 0o644
        try:
            found = os.stat(path)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL, "not a regular file")
            mode = stat.S_IMODE(found.st_mode)
        except FileNotFoundError:
            pass
        descriptor, part = tempfile.mkstemp(dir=folder, prefix=".bactrian-")
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                os.fchmod(descriptor, mode)
            os.replace(part, path)
        except BaseException:
            os.unlink(part)
            raise
        return b""


def main() -> None:
    """Take the streams to the host away from standard input and output, then serve."""
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.umask(0o022)
    if limit := os.environ.get("BACTRIAN_INTERNAL_PROCESSES"):
        resource.setrlimit(resource.RLIMIT_NPROC, (int(limit), int(limit)))
    Supervisor(source, sink).run()


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
