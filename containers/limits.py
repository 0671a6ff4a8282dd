"""What a container may use up: how the limits are chosen and how the supervisor inside is told of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from containers.supervisor.limits import VARIABLE

Memory = int | Literal["auto"] | None
"""Bytes; `auto` for most of what the machine has; None for no limit."""

DEFAULT_DISK_BYTES = 20 << 30
CPU_SHARES = 512
"""Half of what a process of the host's own weighs, so that the machine stays usable."""

_SHARE = 0.75


def memory_limit(memory: Memory, total_bytes: int) -> int | None:
    """Return the limit in bytes on a machine that has `total_bytes`; 0 stands for a machine that doesn't say."""
    if memory == "auto":
        return int(total_bytes * _SHARE) or None
    return memory


def host_memory() -> int:
    """Return this machine's bytes of memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def shared_memory(memory_bytes: int | None) -> int:
    """Return the bytes that `/dev/shm` may hold: they are taken from the container's memory."""
    most = 256 << 20
    return min(most, memory_bytes // 8) if memory_bytes else most


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What process 1 inside is told. None: no such limit, or not known to hold."""

    memory: int | None = None
    """Bytes that a control group holds the container to."""
    processes: int | None = None
    """Processes and threads that a control group holds the container to."""
    user_processes: int | None = None
    """The same for all processes of the user, wherever there is no control group."""
    disk: int | None = None
    """Bytes that the session may write."""
    nice: int = 0
    counters: Mapping[str, int] | None = None
    """Open files of the group's counters, by limit; None: where the engine shows them."""

    def variable(self) -> Mapping[str, str]:
        """Return the environment variable that says so."""
        return {VARIABLE: json.dumps(asdict(self))}
