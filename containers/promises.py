"""What each sandbox promises on this machine, and what it can't: `bactrian doctor` says so."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from containers.control_group import make_group
from containers.engine import EngineFacts
from containers.limits import Memory, host_memory, memory_limit
from containers.seccomp import seccomp_filter
from containers.supervisor.limits import amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One line about one sandbox; where `holds` is False it says what is missing and what that means."""

    holds: bool
    text: str


def docker_promises(facts: EngineFacts, memory: Memory) -> Iterator[Promise]:
    """Yield what containers of an engine hold to. `memory` is the setting."""
    yield Promise(holds=True, text="commands have no root, no capabilities, no network but the proxy, no host files")
    if facts.filters_calls:
        yield Promise(holds=True, text="the engine's default filter of system calls")
    else:
        yield Promise(holds=False, text="the engine filters no system calls (seccomp is off or unconfined)")
    yield _memory(memory_limit(memory, facts.memory_bytes), holds="memory" in facts.limits)
    if "swap" not in facts.limits:
        yield Promise(holds=False, text="swap is not limited: a command may use it beside its memory")
    yield _limit("processes", holds="processes" in facts.limits)
    yield _cpu(holds="cpus" in facts.limits)
    yield Promise(holds=True, text="limits of time and disk; the disk is looked at once a second")


def bubblewrap_promises(memory: Memory) -> Iterator[Promise]:
    """Yield what sandboxes of bubblewrap hold to here. `memory` is the setting."""
    if problem := _cannot_start():
        yield Promise(holds=False, text=f"no sandbox can start: {problem}")
        return
    yield Promise(holds=True, text="commands have no root, no capabilities, no network but the proxy, no host files")
    if seccomp_filter() is None:
        yield Promise(holds=False, text=f"no filter of system calls for {platform.machine()}")
    else:
        yield Promise(holds=True, text="a filter of system calls")
    group = make_group(processes=100, memory_bytes=1 << 30, cpus=1)
    holds = group.holds if group else frozenset[str]()
    if group:
        group.remove()
    yield _memory(memory_limit(memory, host_memory()), holds="memory" in holds)
    if "processes" in holds:
        yield _limit("processes", holds=True)
    else:
        yield Promise(holds=False, text="processes are limited for the user as a whole, and reaching that is not told")
    yield _cpu(holds="cpus" in holds)
    yield Promise(holds=True, text="limits of time and disk; the disk is looked at once a second")


def unkept(memory: Memory, cpus: float | None, holds: Collection[str], *, filters_calls: bool) -> str:
    """Return a line about what a session is started without: a limit that was set, or the filter; empty if nothing."""
    lacks = [
        *(["`memory`"] if isinstance(memory, int) and "memory" not in holds else []),
        *(["`cpus`"] if cpus and "cpus" not in holds else []),
        *([] if filters_calls else ["a filter of system calls"]),
    ]
    return f"this sandbox runs without {' and '.join(lacks)}: `bactrian doctor` says why" if lacks else ""


def _memory(limit: int | None, *, holds: bool) -> Promise:
    if not holds:
        return Promise(holds=False, text=f"no limit on memory{_why_not()}: a command may use all that the machine has")
    if limit is None:
        return Promise(holds=False, text="no limit on memory, as the setting `memory` has it")
    return Promise(holds=True, text=f"memory limited to {amount(limit)}, swap included; running out is told")


def _limit(name: str, *, holds: bool) -> Promise:
    return Promise(holds=holds, text=f"{name} limited" if holds else f"no limit on {name}{_why_not()}")


def _cpu(*, holds: bool) -> Promise:
    held = "less CPU time than the host's own where it is scarce, and `cpus` held"
    return Promise(holds=holds, text=held if holds else f"no limit on CPU{_why_not()}")


def _why_not() -> str:
    return " (that takes root or an engine)" if os.geteuid() else " (the kernel has no control group for it)"


def _cannot_start() -> str:
    """Return why a sandbox can't be made here; empty where it can."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return "bubblewrap is not installed"
    user = () if os.geteuid() == 0 else ("--unshare-user",)
    argv = [bwrap, *user, "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.strip().splitlines()
    return (said[-1] if said else f"exit code {done.returncode}") if done.returncode else ""
