"""Control groups for sandboxes that root starts: limits of their own, as an engine sets them for its containers."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HIERARCHY = Path("/sys/fs/cgroup")
_PREFIX = "bactrian-"
_PERIOD_US = 100_000
_REMOVE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroup:
    """The directories of one group: one in a unified hierarchy (version 2), one for each controller in version 1."""

    folders: tuple[Path, ...]

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
    """Make a group with limits; None where this process may not, or the kernel hasn't got the controllers."""
    if os.geteuid() != 0:
        return None
    name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    unified = (HIERARCHY / "cgroup.controllers").exists()
    limits = _unified(processes, memory_bytes, cpus) if unified else _separate(processes, memory_bytes, cpus)
    made: list[Path] = []
    try:
        for parent, files in limits.items():
            _remove_stale(parent)
            folder = parent / name
            folder.mkdir()
            made.append(folder)
            for file, value in files.items():
                (folder / file).write_text(value)
    except OSError:
        ControlGroup(folders=tuple(made)).remove()
        return None
    return ControlGroup(folders=tuple(made))


def _unified(processes: int, memory_bytes: int | None, cpus: float | None) -> Mapping[Path, Mapping[str, str]]:
    with contextlib.suppress(OSError):  # they may be on already, or not to be had: the limits' files then tell
        (HIERARCHY / "cgroup.subtree_control").write_text("+pids +memory +cpu")
    files = {"pids.max": str(processes)}
    if memory_bytes:
        files["memory.max"] = str(memory_bytes)
    if cpus:
        files["cpu.max"] = f"{int(cpus * _PERIOD_US)} {_PERIOD_US}"
    return {HIERARCHY: files}


def _separate(processes: int, memory_bytes: int | None, cpus: float | None) -> Mapping[Path, Mapping[str, str]]:
    limits = {HIERARCHY / "pids": {"pids.max": str(processes)}}
    if memory_bytes:
        limits[HIERARCHY / "memory"] = {"memory.limit_in_bytes": str(memory_bytes)}
    if cpus:
        limits[HIERARCHY / "cpu"] = {"cpu.cfs_quota_us": str(int(cpus * _PERIOD_US))}
    return limits


def _remove_stale(parent: Path) -> None:
    """Remove the empty groups of processes that have gone without doing so."""
    for folder in parent.glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        if not Path("/proc", owner).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()
