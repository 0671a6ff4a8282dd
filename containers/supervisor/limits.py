"""Limits of the whole container as process 1 meets them: what the kernel has enforced, and what the disk has left."""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

VARIABLE = "BACTRIAN_INTERNAL_LIMITS"
"""Holds what `containers.limits.Inside` says, as JSON; gone from the environment before any command starts."""

COUNTERS = {
    "memory": ("oom_kill", ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")),
    "processes": ("max", ("/sys/fs/cgroup/pids/pids.events", "/sys/fs/cgroup/pids.events")),
}
"""By limit: the word before the number of times that it was enforced, and where an engine shows that."""

PLACES = ("/", "/workspace", "/cache")  # what lies in memory says by itself that it is full
WRITABLE = ("/tmp", "/var/tmp", "/run/lock", "/home", "/dev/shm", "/workspace", "/cache")
PERIOD_S = 1.0
SURVEY_S = 60.0  # a count of files that takes longer counts as far as it came
RESERVE_BYTES = 1 << 30
RESERVE_SHARE = 20
NOTICEABLE_BYTES = 64 << 20  # less growth than this is nobody's fault
SIZE = struct.Struct(">Q")


def amount(size: float) -> str:
    """Return a number of bytes for people: `4.0 GiB`."""
    unit, name = (1 << 30, "GiB") if size >= 1 << 30 else (1 << 20, "MiB")
    return f"{size / unit:.1f} {name}"


class Events:
    """How often the kernel has enforced one limit, and up to which time that was put down to some command."""

    def __init__(self, source: int | str, word: str) -> None:
        self.word = word.encode()
        self.descriptor = source if isinstance(source, int) else os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        os.set_inheritable(self.descriptor, False)
        self.told = self.count()

    def count(self) -> int:
        try:
            lines = os.pread(self.descriptor, 4096, 0).splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.split()[0] == self.word), 0)

    def claim(self, since: int, *, surely: bool) -> bool:
        """Whether it was enforced after `since`; unless `surely`, only where no other command was told so."""
        now = self.count()
        if now <= (since if surely else max(since, self.told)):
            return False
        self.told = now
        return True


class FileSystem:
    """One that commands can write to, with the most room that it had of late."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.looked = self.look()
        self.used_at_first = self.used
        self.mark()

    def look(self) -> bool:
        try:
            found = os.statvfs(self.place)
        except OSError:
            return False
        self.total = found.f_blocks * found.f_frsize
        self.free = found.f_bavail * found.f_frsize
        self.used = (found.f_blocks - found.f_bfree) * found.f_frsize
        return True

    def mark(self) -> None:
        self.most_free = self.free
        self.marked = time.time()

    def is_short(self) -> bool:
        """Whether little is left and that is new."""
        if self.free >= self.most_free:
            self.mark()
        noticeable = min(NOTICEABLE_BYTES, self.total // RESERVE_SHARE)
        reserve = min(RESERVE_BYTES, self.total // RESERVE_SHARE)
        return self.total > 0 and self.free < reserve and self.most_free - self.free >= noticeable


class Survey(NamedTuple):
    """A child that counts what was written since a moment; others write to the same disk."""

    pid: int
    result: int
    short: FileSystem | None


class Limits:
    """What may be used up, and what commands are told when it is."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.memory: int | None = told.get("memory")
        self.processes: int | None = told.get("processes")
        self.disk: int | None = told.get("disk")
        self.events = dict(_events(told.get("counters") or {}))
        self.began = time.time()
        self.file_systems: Sequence[FileSystem] = tuple(_file_systems())
        self.writable: Sequence[str] = WRITABLE
        self.allowed = self.disk
        self.tolerated = self.disk or 0  # what this session may have written; 0: to be known by the next count
        self.looked = time.monotonic()
        self.survey: Survey | None = None

    def counts(self) -> dict[str, int]:
        """Return what `verdict` compares with later."""
        return {name: events.count() for name, events in self.events.items()}

    def verdict(self, code: int, since: dict[str, int], *, alone: bool) -> tuple[str, str] | None:
        """Return the limit that ended a command, with a line about it; None for one that ended by itself.

        The counters are the whole container's: beside others, only a command that failed can have met one.
        """
        if code == 128 + signal.SIGXFSZ:
            return "disk", f"killed: a file grew too large; the session may write {amount(self.disk or 0)}"
        if not (code or alone):
            return None
        for name in self.events:
            surely = code == 128 + signal.SIGKILL if name == "memory" else code != 0
            if self.events[name].claim(since.get(name, 0), surely=surely):
                return name, self.line(name)
        return None

    def line(self, name: str) -> str:
        """Say that memory ran out, or the number of processes."""
        if name == "memory":
            bound = f"; the container may use {amount(self.memory)}" if self.memory else ""
            return f"killed: out of memory{bound}"
        bound = f"{self.processes} processes and threads at once" if self.processes else "processes"
        return f"limit: {bound}; what commands have left running was killed"

    # The disk

    def look(self) -> FileSystem | str | None:
        """Return a reason to count what was written: a file system that is nearly full, or `limit`."""
        self.looked = time.monotonic()
        for one in self.file_systems:
            one.look()
        short = next((one for one in self.file_systems if one.is_short()), None)
        if short:
            return short
        grown = sum(one.used - one.used_at_first for one in self.file_systems)
        return "limit" if self.allowed is not None and grown > self.allowed else None

    def start_survey(self, why: FileSystem | str) -> bool:
        """Fork the child that counts; False where there is no room for it."""
        short = why if isinstance(why, FileSystem) else None
        result, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            pid = os.fork()
        except OSError:
            os.close(result)
            os.close(theirs)
            return False
        if pid == 0:
            try:
                os.nice(5)
                os.write(theirs, SIZE.pack(written_since(short.marked if short else self.began, self.writable)))
            finally:
                os._exit(0)
        os.close(theirs)
        self.survey = Survey(pid, result, short)
        return True

    def end_survey(self) -> str:
        """Take the child's count; return the line for commands that must end, empty where none must."""
        assert self.survey
        survey, self.survey = self.survey, None
        data = os.read(survey.result, SIZE.size)
        os.close(survey.result)
        written = SIZE.unpack(data)[0] if len(data) == SIZE.size else 0
        if short := survey.short:
            guilty = written >= min(NOTICEABLE_BYTES, short.total // RESERVE_SHARE) // 2
            short.mark()
            return (
                f"killed: only {amount(short.free)} of disk are left at {short.place}: delete files" if guilty else ""
            )
        grown = sum(one.used - one.used_at_first for one in self.file_systems)
        limit = self.disk or 0
        # Over it once, a session may still delete, and then write a little, however much others do:
        # one that clears up is not to be stopped.
        self.allowed = grown + max(NOTICEABLE_BYTES, limit - written)
        if written < limit:
            self.tolerated = limit
        elif not self.tolerated:  # the first count without what was killed, which wrote while it was counted
            self.tolerated = written + NOTICEABLE_BYTES
        if written < self.tolerated:
            return ""
        self.tolerated = 0
        return f"killed: this session has written {amount(written)} to disk and may {amount(limit)}: delete files"


def _events(given: dict[str, int]) -> Iterator[tuple[str, Events]]:
    for name, (word, paths) in COUNTERS.items():
        for source in (given[name],) if name in given else paths:
            try:
                yield name, Events(source, word)
                break
            except (OSError, ValueError, IndexError):
                continue


def _file_systems() -> Iterator[FileSystem]:
    seen: set[int] = set()
    for place in PLACES:
        try:
            device = os.stat(place).st_dev
            read_only = os.statvfs(place).f_flag & os.ST_RDONLY
        except OSError:
            continue
        if device not in seen and not read_only:
            seen.add(device)
            one = FileSystem(place)
            if one.looked:
                yield one


def written_since(moment: float, places: Sequence[str]) -> int:
    """Return the bytes of the files that commands have made or changed since, deleted ones still open included."""
    deadline = time.monotonic() + SURVEY_S
    seen: set[tuple[int, int]] = set()
    total = 0
    for found in _candidates(places):
        if time.monotonic() > deadline:
            break
        key = (found.st_dev, found.st_ino)
        if found.st_ctime >= moment and key not in seen:
            seen.add(key)
            total += found.st_blocks * 512
    return total


def _candidates(places: Sequence[str]) -> Iterator[os.stat_result]:
    for place in places:
        for folder, _, names in os.walk(place):
            for name in names:
                try:
                    yield os.lstat(os.path.join(folder, name))
                except OSError:
                    continue
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for number in os.listdir(f"/proc/{pid}/fd"):
                found = os.stat(f"/proc/{pid}/fd/{number}")
                if not found.st_nlink:
                    yield found
        except OSError:
            continue


def take_limits() -> Limits:
    """Read what the host has decided, and put on what each process keeps for itself."""
    told: dict[str, Any] = json.loads(os.environ.pop(VARIABLE, "") or "{}")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if most := told.get("user_processes"):
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    if most := told.get("disk"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    if told.get("nice"):
        os.nice(told["nice"])
    return Limits(told)
