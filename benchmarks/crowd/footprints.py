"""What a session takes while it runs: its process on the host, its containers' memory, the language servers inside."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containers.control_group import HIERARCHY
from containers.docker import connect
from containers.labels import OWNER

SERVERS = ("gopls", "ocamlmerlin", "dune")
"""How the names of the processes begin that stay between a session's commands."""

_PARENTS = ("memory", "memory/docker", ".", "docker", "system.slice")
_PEAKS = ("memory.max_usage_in_bytes", "memory.peak")


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Bytes, the most of each; 0 where the kernel does not say."""

    host_resident: int
    """Of the host's process: all that it holds in memory."""
    host: int
    """The same, but only its share of what it has in common with other processes."""
    container: int
    """The containers' (session and forks together at their worst), file caches included."""
    anonymous: int
    """The same without file caches, as it was seen."""
    servers: int
    """The language servers', and dune's."""
    processes: frozenset[tuple[int, str]]
    """Every process that was seen, by its number and when it started."""


class Seen:
    """What was seen of one session so far."""

    def __init__(self, pid: int, container: str) -> None:
        self._pid = pid
        self._engine = connect() if container == "docker" else None
        self._resident = self._host = self._anonymous = self._servers = 0
        self._peaks: dict[Path, int] = {}
        self._processes: set[tuple[int, str]] = set()

    def look(self) -> None:
        """Look once. Raises nothing for what has gone meanwhile."""
        self._host = max(self._host, _proportional(self._pid))
        self._resident = max(self._resident, _size(self._pid, "status", "VmHWM:"))
        self._note(self._pid)
        anonymous = servers = 0
        for group in self._groups():
            for name in _PEAKS:
                with contextlib.suppress(OSError, ValueError):
                    self._peaks[group] = max(self._peaks.get(group, 0), int((group / name).read_text()))
            anonymous += _anonymous(group)
            for pid in _members(group):
                self._note(pid)
                if _name(pid).startswith(SERVERS):
                    servers += _proportional(pid)
        self._anonymous = max(self._anonymous, anonymous)
        self._servers = max(self._servers, servers)

    def footprint(self) -> Footprint:
        """Return the most of all that was seen, and let the engine go."""
        if self._engine:
            self._engine.close()
        return Footprint(
            host_resident=self._resident,
            host=self._host,
            container=max(self._peaks.values(), default=0),
            anonymous=self._anonymous,
            servers=self._servers,
            processes=frozenset(self._processes),
        )

    def _groups(self) -> Iterator[Path]:
        names = [f"bactrian-{self._pid}-*"]
        if self._engine:
            names = [pattern for one in owned(self._engine, self._pid) for pattern in (one, f"docker-{one}.scope")]
        for parent in _PARENTS:
            for name in names:
                yield from (HIERARCHY / parent).glob(name)

    def _note(self, pid: int) -> None:
        if started := started_at(pid):
            self._processes.add((pid, started))


def owned(engine: Any, pid: int) -> list[str]:
    """Return the ids of the containers that a process has in an engine."""
    found: list[Any] = engine.api.containers(all=True, filters={"label": OWNER})
    return [str(one["Id"]) for one in found if str(one["Labels"][OWNER]).startswith(f"{pid}-")]


def started_at(pid: int) -> str:
    """Return when a process started, in the kernel's own count; empty for one that has gone, or is a zombie."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""


def _proportional(pid: int) -> int:
    return _size(pid, "smaps_rollup", "Pss:")


def _size(pid: int, file: str, word: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(word):
                return int(line.split()[1]) * 1024
    return 0


def _anonymous(group: Path) -> int:
    with contextlib.suppress(OSError):
        facts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return int(facts.get("total_rss") or facts.get("anon") or 0)
    return 0


def _members(group: Path) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in (group / "cgroup.procs").read_text().split()]
    return []


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text()
    return ""
