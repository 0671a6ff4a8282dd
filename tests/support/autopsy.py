"""What a session that was struck has left: whether its work is whole, and whether anything of it stays behind."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checkouts import git, state

from agent.config import Locations
from agent.sessions import Entry, entries, left_behind
from agent.transcript import read
from containers.control_group import HIERARCHY
from containers.labels import OWNER

Files = Mapping[str, bytes]
"""A tree by its files' paths."""

_PATIENCE_S = 5.0
"""How long what was killed may take to be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A run that nobody struck."""

    events: tuple[str, ...]
    """Their kinds."""
    steps: tuple[tuple[str, Files], ...]
    """The calls that ended, in order, each with what the workspace held then."""
    final: Files
    """What the branch holds at the end."""


@dataclass(slots=True, kw_only=True)
class Scene:
    """Where one session is struck: a repository, directories of its own for state and temporary files."""

    repository: Path
    folder: Path
    locations: Locations
    before: dict[str, str] = field(default_factory=dict[str, str])
    """The repository as the user left it."""
    pids: list[int] = field(default_factory=list[int])
    """The processes that ran here."""
    owners: set[str] = field(default_factory=set[str])
    """What they called themselves."""
    lost: list[str] = field(default_factory=list[str])
    leaked: list[str] = field(default_factory=list[str])

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def entry(self) -> Entry | None:
        """Return the session that ran here; one that had not even a task counts only if there is no other."""
        found = sorted(entries(self.locations.state), key=lambda entry: bool(entry.task), reverse=True)
        return found[0] if found else None

    def events(self) -> list[dict[str, Any]]:
        """Return what its transcript holds."""
        entry = self.entry()
        lines = (entry.folder / "transcript.jsonl").read_bytes().split(b"\n")[:-1] if entry else []
        found: list[dict[str, Any]] = []
        for line in lines:
            with contextlib.suppress(ValueError):  # damaged on purpose
                found.append(json.loads(line))
        return found

    # What must not be lost

    def look_for_losses(self, reference: Reference, shown: Sequence[Mapping[str, Any]], *, whole: int) -> None:
        """Look after a death: `shown` was told on standard output, `whole` events must be in the transcript."""
        entry = self.entry()
        if entry:
            self._transcript(entry, shown, whole)
            self._work(reference, entry)
            told = left_behind(entry)
            if entry.status == "killed" and ("\n" in told or "sessions resume" not in told):
                self.lost.append(f"the user is not told in a line what happened: {told!r}")
        elif whole:
            self.lost.append("there is no session")
        self.look_at_repository()

    def look_at_repository(self) -> None:
        """See whether the user's repository is as it was, but for objects and the session's branch."""
        if not self.before:
            return  # the user has changed it
        now = state(self.repository)
        changed = [name for name in {*now, *self.before} if now.get(name) != self.before.get(name)]
        if changed:
            self.lost.append(f"the user's repository was changed: {sorted(changed)}")

    def _transcript(self, entry: Entry, shown: Sequence[Mapping[str, Any]], whole: int) -> None:
        kept = read(entry.folder / "transcript.jsonl")
        self.lost += kept.problems
        numbers = [stamped.stamp.seq for stamped in kept.events]
        if numbers != list(range(1, whole + 1)):
            self.lost.append(f"the transcript has not got {whole} events but {numbers}")
        written = self.events()
        self.lost += [f"shown but not written: {event}" for event in shown if event not in written]

    def _work(self, reference: Reference, entry: Entry) -> None:
        """Compare with what the workspace held when the last call ended: only the call after it may have changed it."""
        ended = [event["call"] for event in self.events() if event["kind"] == "tool_finished"]
        steps = [files for call, files in reference.steps if call in ended]
        wanted: Files = steps[-1] if steps else {}
        rest = [files for call, files in reference.steps if call not in ended]
        begun: Files = rest[0] if rest else reference.final
        found = self._kept(entry)
        for path in wanted:
            if found.get(path) not in (wanted[path], begun.get(path), reference.final.get(path)):
                self.lost.append(f"{path} is {found.get(path)!r}, not {wanted[path]!r}")

    def _kept(self, entry: Entry) -> Files:
        clone = entry.folder / "workspace"
        if (clone / ".git").is_dir():
            return tree(clone)
        branches = self.branches()
        return on_branch(self.repository, branches[0]) if branches else {}

    def look_at_end(
        self, reference: Reference, last: Mapping[str, Any], *, branches: int = 1, whole: bool = True
    ) -> None:
        """See whether a session that went on has come to the end that it would have had."""
        if last["kind"] != "session_finished" or last["status"] != "done":
            self.lost.append(f"it did not end green: {last}")
            return
        entry = self.entry()
        assert entry
        numbers = [event["seq"] for event in self.events()]
        if whole and numbers != list(range(1, len(numbers) + 1)):
            self.lost.append(f"events are not numbered in order: {numbers}")
        if len(self.branches()) != branches or last["branch"] not in self.branches():
            self.lost.append(f"the branches are {self.branches()}, not {last['branch']}")
        if (held := on_branch(self.repository, last["branch"])) != reference.final:
            differ = {name for name in {*held, *reference.final} if held.get(name) != reference.final.get(name)}
            self.lost.append(f"the branch differs in { ({name: held.get(name) for name in differ}) }")
        self.look_at_repository()

    def branches(self) -> list[str]:
        return git(self.repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/bactrian/").split()

    # What must not be left

    def note_owners(self) -> None:
        """Remember what those call themselves that are registered now."""
        with_names = self.locations.state / "running"
        self.owners |= {path.name for path in with_names.glob("*")} if with_names.is_dir() else set()

    def look_for_leaks(self, *, engine: bool = False, torn: bool = False) -> None:
        """Look for leftovers once another start has had the chance to remove them."""
        until = time.monotonic() + _PATIENCE_S
        while (left := [*self._left(engine=engine, torn=torn)]) and time.monotonic() < until:
            time.sleep(0.05)
        self.leaked += left

    def _left(self, *, engine: bool, torn: bool) -> Iterator[str]:
        yield from (f"temporary {path}" for path in self.temporary.glob("*"))
        yield from (f"registered {path.name}" for path in (self.locations.state / "running").glob("*"))
        wanted = {"transcript.jsonl", "transcript.jsonl.lock", *(["transcript.jsonl.torn"] if torn else [])}
        for folder in (self.locations.state / "sessions").glob("*"):
            yield from (f"in the session's folder {path}" for path in folder.iterdir() if path.name not in wanted)
        for pid in self.pids:
            for pattern in (f"bactrian-{pid}-*", f"*/bactrian-{pid}-*"):
                yield from (f"group {path}" for path in HIERARCHY.glob(pattern))
            yield from (f"fork {path}" for path in (self.locations.cache / "forks").glob(f"{pid}-*"))
            yield from (f"part of a base {path}" for path in (self.locations.cache / "bases").glob(f"*.{pid}.part"))
        yield from processes_in(self.folder)
        if engine:
            yield from in_engine(self.owners)


def processes_in(folder: Path) -> Iterator[str]:
    """Yield the processes that have something of a folder mounted, or name it in their command."""
    # Not the whole path: a mount tells it from the root of its own file system.
    name = "/".join(folder.parts[-3:])
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_text(errors="replace")
            if os.readlink(process / "ns/mnt") != os.readlink("/proc/self/ns/mnt"):
                told += (process / "mountinfo").read_text()
        except OSError:
            continue
        if f"{name}/" in told and int(process.name) != os.getpid():
            yield f"process {process.name}: {(process / 'comm').read_text().strip() if process.exists() else ''}"


def in_engine(owners: set[str]) -> Iterator[str]:
    """Yield what these processes have left in the engine."""
    for kind, arguments in {
        "container": ("ps", "-aq"),
        "volume": ("volume", "ls", "-q"),
        "network": ("network", "ls", "-q"),
    }.items():
        for owner in owners:
            argv = ["docker", *arguments, "--filter", f"label={OWNER}={owner}"]
            found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
            yield from (f"{kind} {name}" for name in found)


def tree(folder: Path) -> Files:
    """Return a folder's files but git's."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def on_branch(repository: Path, branch: str) -> Files:
    """Return the files of a branch."""
    names = git(repository, "ls-tree", "-r", "-z", "--name-only", branch).split("\0")
    return {
        name: subprocess.run(
            ["git", "-C", repository, "show", f"{branch}:{name}"], capture_output=True, check=True
        ).stdout
        for name in names
        if name
    }
