"""Control groups for sandboxes that root starts: limits of their own, as an engine sets them for its containers."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from containers.limits import CPU_SHARES

HIERARCHY = Path("/sys/fs/cgroup")
_PREFIX = "bactrian-"
_PERIOD_US = 100_000
_REMOVE_S = 2.0
_WEIGHT = 50  # to version 2's 100 as `CPU_SHARES` to version 1's 1024
_COUNTERS = {"memory": ("memory.oom_control", "memory.events"), "processes": ("pids.events",)}

Files = Mapping[str, str]
"""What is written to a group's files, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroup:
    """The directories of one group: one in a unified hierarchy (version 2), one for each controller in version 1."""

    folders: tuple[Path, ...]
    holds: frozenset[str] = frozenset()
    """Which limits are held here: `processes`, `memory`, `cpus`."""

    @contextlib.contextmanager
    def counters(self) -> Generator[Mapping[str, int]]:
        """Open the files that count how often a limit was enforced, by limit; closed when the context ends."""
        opened: dict[str, int] = {}
        try:
            for limit, names in _COUNTERS.items():
                for path in (folder / name for folder in self.folders for name in names):
                    with contextlib.suppress(OSError):
                        opened[limit] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            yield opened
        finally:
            for descriptor in opened.values():
                os.close(descriptor)

    def kills(self) -> int:
        """How many processes the kernel has killed here for memory; 0 where it doesn't say."""
        for name in _COUNTERS["memory"]:
            for folder in self.folders:
                with contextlib.suppress(OSError):
                    facts = dict(line.split() for line in (folder / name).read_text().splitlines())
                    return int(facts.get("oom_kill", 0))
        return 0

    def entering(self, argv: list[str]) -> list[str]:
        """Return a command that enters the group before it becomes `argv`, so that nothing is ever outside."""
        script = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ >"$1"; shift; n=$((n - 1)); done; exec "$@"'
        members = [str(folder / "cgroup.procs") for folder in self.folders]
        return ["/bin/sh", "-c", script, "enter", str(len(members)), *members, *argv]

    def remove(self) -> None:
        """Remove the group once its processes are gone; never raises, and leaves what stays busy."""
        deadline = time.monotonic() + _REMOVE_S
        for folder in self.folders:
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        return
                    time.sleep(0.01)


def make_group(*, processes: int, memory_bytes: int | None, cpus: float | None) -> ControlGroup | None:
    """Make a group with limits; None where this process may not, or the kernel can't even count processes.

    A memory or CPU limit that the kernel can't hold is missing from `holds`.
    """
    if os.geteuid() != 0:
        return None
    name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    unified = (HIERARCHY / "cgroup.controllers").exists()
    if unified:
        with contextlib.suppress(OSError):  # they may be on already, or not to be had: the limits' files then tell
            (HIERARCHY / "cgroup.subtree_control").write_text("+pids +memory +cpu")
    files = (_unified if unified else _separate)(processes, memory_bytes, cpus)
    made: list[Path] = []
    holds: set[str] = set()
    for limit, (parent, wanted) in files.items():
        with contextlib.suppress(OSError):
            _remove_stale(parent)
            folder = parent / name
            if folder not in made:
                folder.mkdir()
                made.append(folder)
            _limit(folder, wanted)
            holds.add(limit)
    group = ControlGroup(folders=tuple(made), holds=frozenset(holds))
    if "processes" not in holds:
        group.remove()
        return None
    return group


def _limit(folder: Path, files: Files) -> None:
    """Write a group's limits. Raises OSError; swap and weights, which not every kernel has, may be missing."""
    for name, value in files.items():
        try:
            (folder / name).write_text(value)
        except OSError:
            if name not in ("memory.swap.max", "memory.memsw.limit_in_bytes", "cpu.weight", "cpu.shares"):
                raise


def _unified(processes: int, memory_bytes: int | None, cpus: float | None) -> Mapping[str, tuple[Path, Files]]:
    memory = {"memory.max": str(memory_bytes), "memory.swap.max": "0"} if memory_bytes else {"memory.max": "max"}
    bandwidth = {"cpu.max": f"{int(cpus * _PERIOD_US)} {_PERIOD_US}"} if cpus else {}
    return {
        "processes": (HIERARCHY, {"pids.max": str(processes)}),
        "memory": (HIERARCHY, memory),
        "cpus": (HIERARCHY, {"cpu.weight": str(_WEIGHT), **bandwidth}),
    }


def _separate(processes: int, memory_bytes: int | None, cpus: float | None) -> Mapping[str, tuple[Path, Files]]:
    most = str(memory_bytes)
    memory = {"memory.limit_in_bytes": most, "memory.memsw.limit_in_bytes": most} if memory_bytes else {}
    bandwidth = {"cpu.cfs_quota_us": str(int(cpus * _PERIOD_US))} if cpus else {}
    return {
        "processes": (HIERARCHY / "pids", {"pids.max": str(processes)}),
        "memory": (HIERARCHY / "memory", memory),
        "cpus": (HIERARCHY / "cpu", {"cpu.shares": str(_shares()), **bandwidth}),
    }


def _shares() -> int:
    """Return the group's weight: beside systemd's groups, or beside single processes, of which each CPU has others."""
    alone = not (HIERARCHY / "cpu" / "user.slice").exists()
    return CPU_SHARES * (os.cpu_count() or 1) if alone else CPU_SHARES


def _remove_stale(parent: Path) -> None:
    """Remove the empty groups of processes that have gone without doing so."""
    for folder in parent.glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        if not Path("/proc", owner).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()
