"""The supervisor's event loop: host frames in, commands' output out."""

from __future__ import annotations

import json
import os
import selectors
import signal
import time
from typing import Any

from containers.supervisor.files import answer, read_file, write_file
from containers.supervisor.frames import (
    ERR,
    ERR_TAIL,
    EXIT,
    KILL,
    OUT,
    OUT_TAIL,
    READ,
    READY,
    SIZE,
    START,
    STDIN,
    STDIN_END,
    TUNNEL_OPEN,
    WRITE,
)
from containers.supervisor.jobs import Job, Stream
from containers.supervisor.limits import PERIOD_S, Limits
from containers.supervisor.link import Link
from containers.supervisor.shims import (
    CODE,
    Shim,
    fork_shim,
    hand_over,
)
from containers.supervisor.trees import kill_below, parents, send_signal
from containers.supervisor.tunnels import Tunnels

CHUNK = 65536
BACKLOG_BYTES = 4 << 20  # what may wait for the host before commands' pipes are left full
PIPE_BYTES = 1 << 20  # the most that a pipe holds
FORK_ATTEMPTS = 50
DRAIN_S = 0.05  # how long a pipe may stay open after its command's end before it is left to the background


class Supervisor:
    """Serves one host."""

    def __init__(self, link: Link, out_of_memory: int, limits: Limits) -> None:
        self.link = link
        self.out_of_memory = out_of_memory
        self.limits = limits
        self.selector = selectors.DefaultSelector()
        self.jobs: dict[int, Job] = {}
        self.shims: dict[int, Job | None] = {}
        self.spare: Shim | None = None
        self.held_back: list[tuple[Job, Stream]] = []
        self.tunnels = Tunnels(link, self.selector)

    # The loop

    def run(self, *, tunnelled: bool) -> None:
        """Serve until the host closes our standard input; the kernel then ends all we started.

        `tunnelled`: the host has a proxy, to which commands find a way.
        """
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self.selector.register(self.link.source, selectors.EVENT_READ, self.on_host)
        self.selector.register(wake_read, selectors.EVENT_READ, lambda: os.read(wake_read, 4096))
        if tunnelled:
            self.tunnels.listen()
        self.fork_ahead()
        self.link.send(READY, 0)
        while True:
            self.flush()
            for key, _ in self.selector.select(self.next_deadline()):
                # An earlier one of the same round may have closed this descriptor.
                if self.selector.get_map().get(key.fd) is key:
                    key.data()
            self.reap()
            self.tend()

    def next_deadline(self) -> float | None:
        """Return the seconds until something is due."""
        times = [job.deadline for job in self.jobs.values() if job.deadline is not None and job.ended is None]
        times += [job.ended + DRAIN_S for job in self.jobs.values() if job.ended is not None and not job.reported]
        if self.busy():
            times.append(self.limits.looked + PERIOD_S)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def busy(self) -> bool:
        """Whether anything runs that could write to the disk, and nobody counts that yet."""
        return self.limits.survey is None and any(job is not None for job in self.shims.values())

    def tend(self) -> None:
        """Enforce time limits and report commands that have ended."""
        now = time.monotonic()
        for job in list(self.jobs.values()):
            if job.ended is None and job.deadline is not None and now >= job.deadline:
                told = f"stopped after {job.deadline - job.started:g} s, its time limit, with all its processes"
                self.stop(job, "time", told)
            elif job.ended is not None and not job.reported:
                if not any(stream.open for stream in job.streams):
                    self.report(job)
                elif now >= job.ended + DRAIN_S:
                    self.drain(job)
                    self.report(job)
        if self.busy() and now >= self.limits.looked + PERIOD_S:
            self.look_at_disk()

    def look_at_disk(self) -> None:
        """Where it seems that too much was written, have a child count it."""
        why = self.limits.look()
        if why and self.limits.start_survey(why) and (survey := self.limits.survey):
            self.shims[survey.pid] = None
            self.selector.register(survey.result, selectors.EVENT_READ, lambda: self.on_survey(survey.result))

    def on_survey(self, result: int) -> None:
        self.selector.unregister(result)
        if note := self.limits.end_survey():
            for job in list(self.shims.values()):
                # Not the servers that the host has started.
                if job is not None and job.bounded:
                    self.stop(job, "disk", note)

    def drain(self, job: Job) -> None:
        """Take what the command left in its pipes; a background process may go on filling them, so there is an end."""
        for stream in job.streams:
            for _ in range(PIPE_BYTES // CHUNK):
                if not stream.open or not self.pump(job, stream):
                    break

    # To and from the host

    def flush(self) -> None:
        """Write what the host takes; while much waits, commands' pipes are left unread."""
        waiting = self.link.sink in self.selector.get_map()
        if self.link.flush():
            if waiting:
                self.selector.unregister(self.link.sink)
        elif not waiting:
            self.selector.register(self.link.sink, selectors.EVENT_WRITE, lambda: None)
        if self.held_back and self.link.backlog_bytes <= BACKLOG_BYTES:
            for job, stream in self.held_back:
                self.watch(job, stream)
            self.held_back.clear()
        self.tunnels.resume()

    def on_host(self) -> None:
        for frame in self.link.receive():
            self.on_frame(*frame)

    def on_frame(self, kind: int, number: int, payload: bytes) -> None:
        job = self.jobs.get(number)
        if kind == START:
            self.start(number, payload)
        elif kind == READ:
            self.link.send(*answer(number, lambda: read_file(json.loads(payload))))
        elif kind == WRITE:
            (size,) = SIZE.unpack_from(payload)
            request, data = json.loads(payload[SIZE.size : SIZE.size + size]), payload[SIZE.size + size :]
            self.link.send(*answer(number, lambda: write_file(request, data)))
        elif kind >= TUNNEL_OPEN:
            self.tunnels.on_frame(kind, number, payload)
        elif job is None:
            return  # it has ended meanwhile
        elif kind == STDIN:
            job.pending.append(memoryview(payload))
            self.feed(job)
        elif kind == STDIN_END:
            job.stdin_ended = True
            self.feed(job)
        elif kind == KILL:
            self.kill(job)

    # Commands

    def fork_ahead(self) -> None:
        """Have a shim wait for the next command; without room for one, the next command says so."""
        if self.spare is None:
            try:
                self.spare = fork_shim(self.out_of_memory)
            except OSError:
                return
            self.shims[self.spare.pid] = None

    def take_shim(self) -> Shim | None:
        """Return a shim; None if there is no room for a process, even soon (what was killed takes a while to go)."""
        for attempt in range(FORK_ATTEMPTS):
            self.fork_ahead()
            if self.spare:
                break
            if attempt == FORK_ATTEMPTS // 2:
                self.end_background()
            time.sleep(0.01)
            self.reap()
        shim, self.spare = self.spare, None
        return shim

    def end_background(self) -> None:
        """Kill what ended commands have left running: it leaves no room for a command (a fork bomb)."""
        for job in list(self.shims.values()):
            if job is not None and job.reported:
                self.kill(job)

    def start(self, number: int, payload: bytes) -> None:
        request: dict[str, Any] = json.loads(payload)
        shim = self.take_shim()
        if shim is None:
            name = (request["argv"] or [""])[0]
            self.link.send(
                ERR, number, f"{name}: can't start: too many processes, or no memory\n".encode(errors="replace")
            )
            note = self.limits.line("processes")
            self.link.tell(EXIT, number, {"code": 126, "limit": "processes", "note": note, "seconds": 0.0})
            return
        limit: int | None = request["limit"]
        streams = [Stream(shim.stdout, OUT, limit)]
        if request["stderr"] == "separate":
            streams.append(Stream(shim.stderr, ERR, limit))
        else:
            os.close(shim.stderr)
        job = Job(number, shim.pid, shim.stdin, streams)
        job.counts = self.limits.counts()
        if request["timeout_s"] is not None:
            job.deadline = job.started + request["timeout_s"]
            job.bounded = True
        if request["save_to"]:
            job.open_save(request["save_to"])
        self.jobs[number] = self.shims[shim.pid] = job
        hand_over(shim, payload)
        os.set_blocking(shim.stdin, False)
        for stream in streams:
            os.set_blocking(stream.descriptor, False)
            self.watch(job, stream)
        self.selector.register(shim.status, selectors.EVENT_READ, lambda: self.on_status(job, shim.status))

    def watch(self, job: Job, stream: Stream) -> None:
        self.selector.register(stream.descriptor, selectors.EVENT_READ, lambda: self.on_output(job, stream))

    def on_output(self, job: Job, stream: Stream) -> None:
        if self.link.backlog_bytes > BACKLOG_BYTES and not job.reported:
            self.selector.unregister(stream.descriptor)
            self.held_back.append((job, stream))
        else:
            self.pump(job, stream)

    def pump(self, job: Job, stream: Stream) -> bool:
        """Move a piece of output on; False when there was none."""
        try:
            data = os.read(stream.descriptor, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self.close_stream(job, stream)
            return False
        if not job.reported:  # else the background goes on writing: read, lest a full pipe stop it
            job.keep(data)
            if now := stream.take(data):
                self.link.send(stream.kind, job.number, now)
        return True

    def close_stream(self, job: Job, stream: Stream) -> None:
        stream.open = False
        if (job, stream) in self.held_back:
            self.held_back.remove((job, stream))
        else:
            self.selector.unregister(stream.descriptor)
        os.close(stream.descriptor)
        self.forget(job)

    def on_status(self, job: Job, status: int) -> None:
        data = os.read(status, CODE.size)
        self.selector.unregister(status)
        os.close(status)
        # No status: a command has killed its shim; what it left behind is hunted down in `reap`.
        job.exit_code = CODE.unpack(data)[0] if len(data) == CODE.size else 137
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
            if rest := job.pending.popleft()[written:]:
                job.pending.appendleft(rest)
        if waiting:
            self.selector.unregister(job.stdin)
        if job.stdin_ended:
            self.close_stdin(job)

    def close_stdin(self, job: Job) -> None:
        job.pending.clear()
        if job.stdin >= 0:
            if job.stdin in self.selector.get_map():
                self.selector.unregister(job.stdin)
            os.close(job.stdin)
            job.stdin = -1

    def report(self, job: Job) -> None:
        """Send the end of a command; its pipes may stay open for its background processes."""
        for stream in job.streams:
            if stream.limit is not None:
                self.link.send(OUT_TAIL if stream.kind == OUT else ERR_TAIL, job.number, stream.rest())
        seconds = (job.ended or time.monotonic()) - job.started
        job.reported = True
        alone = not any(other.bounded and not other.reported for other in self.jobs.values())
        if not job.limit and (verdict := self.limits.verdict(job.exit_code, job.counts, alone=alone)):
            job.limit, job.note = verdict
        if job.limit == "processes":  # an earlier one's bomb perhaps: no command would have room while it is there
            self.end_background()
        code = 124 if job.limit == "time" else job.exit_code
        self.link.tell(EXIT, job.number, {"code": code, "limit": job.limit, "note": job.note, "seconds": seconds})
        job.close_save()
        self.forget(job)
        self.flush()
        self.fork_ahead()

    def forget(self, job: Job) -> None:
        if job.reported and not any(stream.open for stream in job.streams):
            self.jobs.pop(job.number, None)

    def stop(self, job: Job, limit: str, note: str) -> None:
        """End a command at a limit; one that has ended already loses what it left in the background."""
        if job.ended is None:
            job.limit, job.note = limit, note
        self.kill(job)

    def kill(self, job: Job) -> None:
        """Kill a job's tree and its shim, which may be about to start the command. Without a shim there is no tree."""
        job.deadline = None
        if self.shims.get(job.shim) is job:
            send_signal({job.shim}, signal.SIGSTOP)
            kill_below({job.shim})
            send_signal({job.shim}, signal.SIGKILL)

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
            lost = pid not in self.shims or how != 0 or lost
            self.shims.pop(pid, None)
            if self.spare and self.spare.pid == pid:
                for descriptor in self.spare[1:]:
                    os.close(descriptor)
                self.spare = None
        if lost:
            strays = {pid for pid, parent in parents().items() if parent == os.getpid()} - set(self.shims)
            send_signal(strays, signal.SIGSTOP)
            kill_below(strays)
            send_signal(strays, signal.SIGKILL)
