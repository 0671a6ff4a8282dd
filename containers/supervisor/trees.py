"""Process trees as /proc shows them: who descends from whom, and an end to all of them."""

from __future__ import annotations

import os
import signal
import time

ATTEMPTS = 40


def parents() -> dict[int, int]:
    """Map every living process to its parent."""
    found: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The command's name, in parentheses, may hold anything: count from its end.
                    fields = file.read().rsplit(b")", 1)[1].split()
            except (OSError, IndexError):
                continue
            # A zombie with more than one thread has only lost its first one.
            if fields[0] != b"Z" or int(fields[17]) > 1:
                found[int(name)] = int(fields[1])
    return found


def descendants(roots: set[int]) -> set[int]:
    """Return every living process below `roots`, without them."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents().items():
        children.setdefault(parent, []).append(pid)
    below: set[int] = set()
    ahead = list(roots)
    while ahead:
        fresh = [pid for pid in children.get(ahead.pop(), ()) if pid not in below and pid not in roots]
        below.update(fresh)
        ahead += fresh
    return below


def send_signal(pids: set[int], number: int) -> None:
    """Signal each; one that has gone is no error."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def kill_below(roots: set[int]) -> None:
    """Kill whatever descends from `roots`: stop all first, so that nothing forks away meanwhile."""
    for _ in range(ATTEMPTS):
        stopped: set[int] = set()
        for _ in range(ATTEMPTS):
            fresh = descendants(roots) - stopped
            if not fresh:
                break
            send_signal(fresh, signal.SIGSTOP)
            stopped |= fresh
        if not stopped:
            return
        send_signal(stopped, signal.SIGKILL)
        time.sleep(0.001)
