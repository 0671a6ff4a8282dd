"""What is wrong with how a crowd's sessions ended: each by itself, between them, and what they have left behind."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.config import locations
from agent.events import ToolFinished
from agent.transcript import read
from benchmarks.crowd.footprints import owned, started_at
from benchmarks.crowd.running import Crowd, Ended
from containers.control_group import HIERARCHY
from containers.docker import connect
from containers.labels import OWNER

_LIMIT = re.compile(r"\[(?:killed|limit|stopped)\b.*")
_TRANSCRIPT = {"transcript.jsonl", "transcript.jsonl.lock"}


def complaints(crowd: Crowd, sessions: Sequence[Ended]) -> list[str]:
    """Return what is not as promised, a sentence each."""
    found = [f"{one.errand.word}, {one.errand.name}: {text}" for one in sessions for text in _of(crowd, one, sessions)]
    return [*found, *_of_repositories(sessions), *_left_behind(crowd, sessions)]


def _of(crowd: Crowd, one: Ended, sessions: Sequence[Ended]) -> Iterator[str]:
    if one.code or one.last.get("status") != "done":
        yield f"exit code {one.code}: {one.last.get('reason')} {one.stderr[-2000:]}"
        return
    yield from _transcript(crowd, one)
    answers = [stamped.event for stamped in one.events if isinstance(stamped.event, ToolFinished)]
    if not any(re.search(one.errand.told, answer.content, re.MULTILINE) for answer in answers):
        said = next((answer.content for answer in answers if answer.tool == "bash"), "")
        yield f"was not told {one.errand.told!r}, but {said[-500:]!r}"
    if not one.errand.nasty:
        yield from (f"{answer.tool} failed: {answer.content[-500:]!r}" for answer in answers if answer.is_error)
        met = (match for answer in answers if (match := _LIMIT.search(answer.content)))
        yield from (f"met a limit of somebody's: {match[0]}" for match in met)
    for other in sessions:
        if other is not one and (other.errand.word in one.stderr or other.errand.word.encode() in one.stdout):
            yield f"has words of {other.errand.word}"
    yield from _branch(one, [other.errand.word for other in sessions if other is not one])


def _transcript(crowd: Crowd, one: Ended) -> Iterator[str]:
    stamps = [stamped.stamp for stamped in one.events]
    if [stamp.seq for stamp in stamps] != list(range(1, len(stamps) + 1)) or len({s.session for s in stamps}) != 1:
        yield "its events are not numbered from 1 without gaps, or not of one session"
    folder = crowd.state / "sessions" / stamps[0].session
    kept = read(folder / "transcript.jsonl")
    if kept.problems or kept.torn_bytes or list(kept.events) != list(one.events):
        yield "its transcript is not what it told"
    if left := {path.name for path in folder.iterdir()} - _TRANSCRIPT:
        yield f"left {', '.join(sorted(left))} in its folder"


def _branch(one: Ended, others: Sequence[str]) -> Iterator[str]:
    branch, commit = one.last["branch"], one.last["commit"]
    if _git(one.repository, "rev-parse", f"refs/heads/{branch}").strip() != commit:
        yield f"{branch} is not at {commit}"
        return
    held = {
        name: _git(one.repository, "show", f"{commit}:{name}")
        for name in _git(one.repository, "ls-tree", "-r", "--name-only", commit).splitlines()
    }
    if set(held) != {*one.errand.files, "README.md"}:
        yield f"{branch} holds {sorted(held)}"
    if not any(one.errand.word in text for text in held.values()):
        yield f"{branch} does not hold its work"
    if mixed := [word for word in others if any(word in text for text in held.values())]:
        yield f"{branch} holds work of {', '.join(mixed)}"
    if _git(one.repository, "rev-parse", f"{commit}^") != _git(one.repository, "rev-parse", "main"):
        yield f"{branch} does not begin at main"


def _of_repositories(sessions: Sequence[Ended]) -> Iterator[str]:
    for repository in sorted({one.repository for one in sessions}):
        name = repository.name
        wanted = Counter(str(one.last.get("branch")) for one in sessions if one.repository == repository) + Counter(
            ["main"]
        )
        found = Counter(_git(repository, "for-each-ref", "--format=%(refname:short)", "refs").split())
        if found != wanted:
            yield f"repository {name}: it has {sorted(found)}, the sessions told of {sorted(wanted.elements())}"
        if (
            status := _git(repository, "status", "--porcelain")
            or _git(repository, "symbolic-ref", "--short", "HEAD")[4:-1]
        ):
            yield f"repository {name}: the checkout has changed: {status}"
        if problem := _git(repository, "fsck", "--strict", "--no-dangling"):
            yield f"repository {name}: {problem}"


def _left_behind(crowd: Crowd, sessions: Sequence[Ended]) -> Iterator[str]:
    for one in sessions:
        alive = [pid for pid, started in one.footprint.processes if started_at(pid) == started]
        left = [f"process {pid}" for pid in alive]
        places = (
            *((HIERARCHY / parent, f"bactrian-{one.pid}-*") for parent in ("", "memory", "pids", "cpu")),
            (Path(tempfile.gettempdir()), f"bactrian-{one.pid}-*"),
            (locations().cache / "forks", f"{one.pid}-*"),
            (crowd.state / "running", f"*{one.pid}-*"),
        )
        left += [str(path) for folder, pattern in places for path in folder.glob(pattern)]
        if left:
            yield f"{one.errand.word}, {one.errand.name}: left behind: {', '.join(left)}"
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    yield from (f"left mounted: {line}" for line in mounts if f" {crowd.folder}/" in line)
    if crowd.container == "docker":
        yield from _left_in_engine(sessions)


def _left_in_engine(sessions: Sequence[Ended]) -> Iterator[str]:
    with contextlib.closing(connect()) as engine:
        volumes = [str(volume.attrs["Labels"][OWNER]) for volume in engine.volumes.list(filters={"label": OWNER})]
        for one in sessions:
            left = [*owned(engine, one.pid), *(name for name in volumes if name.startswith(f"{one.pid}-"))]
            if left:
                yield f"{one.errand.word}, {one.errand.name}: left in the engine: {', '.join(left)}"


def _git(repository: Path, *arguments: str) -> str:
    argv = ["git", "-C", str(repository), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
