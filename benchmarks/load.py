"""Twenty sessions at once, some of them nasty: what each takes and how long, beside one that has the machine alone.

python -m benchmarks load [--sessions 20] [--container docker|bubblewrap]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

from agent.config import locations
from agent.events import DiagnosticsChanged, ToolFinished, ToolStarted, TurnStarted
from benchmarks.crowd.complaints import complaints
from benchmarks.crowd.errands import Errand, errands
from benchmarks.crowd.running import Crowd, Ended, run_at_once
from containers.caches import FOLDER, VOLUME, repository_caches
from containers.docker import connect

_HEAD = (
    f"{'session':<28} {'first turn':>10} {'total':>8} {'turn p50':>9} {'p95':>8} {'feedback':>9} "
    f"{'host RSS':>9} {'PSS':>7} {'container':>10} {'anonymous':>10} {'servers':>8}"
)


def main(arguments: Sequence[str] = ()) -> None:
    """Print the figures; exits with a list of complaints where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks load", description=__doc__)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--container", choices=("docker", "bubblewrap"), default="bubblewrap")
    chosen = parser.parse_args(arguments)
    todo = errands(chosen.sessions)
    print(f"{chosen.sessions} sessions at once, {chosen.container}; {os.cpu_count()} CPUs, load before {_load()}")
    wrong: list[str] = []
    alone: list[Ended] = []
    for errand in _pioneers():
        with _crowd(chosen.container, [errand]) as crowd:
            alone += run_at_once(crowd, [errand])
            wrong += complaints(crowd, alone[-1:])
    with _crowd(chosen.container, todo) as crowd:
        together = run_at_once(crowd, todo)
        load = _load()
        wrong += complaints(crowd, together)
    print(_HEAD)
    for one in (*alone, *together):
        print(_row(one))
    _summary(alone, together, load)
    if wrong:
        raise SystemExit("\n".join(["promises broken:", *wrong]))
    print("no promise broken: every session told the truth, met only its own limits and left nothing behind")


def _pioneers() -> list[Errand]:
    """One peaceful errand of each language, with the machine for itself."""
    return [
        Errand(word=f"alone{language}word", language=language, repository=language, task="write the package")
        for language in ("go", "ocaml")
    ]


@contextlib.contextmanager
def _crowd(container: str, todo: Iterable[Errand]) -> Generator[Crowd]:
    """Make room for sessions, and remove it and their repositories' caches."""
    with tempfile.TemporaryDirectory(prefix="bactrian-load-") as folder:
        crowd = Crowd(folder=Path(folder), repositories=Path(folder, "repositories"), container=container)
        try:
            yield crowd
        finally:
            for path in {crowd.repository(errand) for errand in todo}:
                _forget(container, repository_caches(path / ".git"))


def _forget(container: str, caches: str) -> None:
    if container == "docker":
        with contextlib.closing(connect()) as engine:
            engine.volumes.create(VOLUME + caches).remove(force=True)
    folder = locations().cache / FOLDER / caches
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)  # Go's module cache is read-only
    shutil.rmtree(folder, ignore_errors=True)


def _row(one: Ended) -> str:
    turns, feedback = _turns(one), _feedback(one)
    seen = one.footprint
    megabytes = (seen.host_resident, seen.host, seen.container, seen.anonymous, seen.servers)
    cells = [f"{size / 2**20:.0f} MB" for size in megabytes]
    widths = (9, 7, 10, 10, 8)
    return (
        f"{one.errand.name:<28} {_first_turn(one):>8.1f} s {_total(one):>6.1f} s "
        f"{median(turns) * 1000:>6.0f} ms {_p95(turns) * 1000:>5.0f} ms {max(feedback, default=0):>7.1f} s "
        + " ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    )


def _summary(alone: Sequence[Ended], together: Sequence[Ended], load: str) -> None:
    began, ended = min(one.began for one in together), max(one.ended for one in together)
    print(f"all together: {ended - began:.1f} s, load after {load}")
    host = sum(one.footprint.host for one in together) / 2**20
    print(f"hosts' processes, sum of the most of each: {host:.0f} MB PSS, {host / len(together):.0f} MB a session")
    peaceful = [one for one in together if not one.errand.nasty]
    for what, figure in _COMPARED.items() if peaceful else ():
        single, many = median(map(figure, alone)), median(map(figure, peaceful))
        print(f"{what:<28} {many / single:6.1f} times what one alone takes")


def _total(one: Ended) -> float:
    return one.ended - one.began


def _turn(one: Ended) -> float:
    return median(_turns(one))


def _first_turn(one: Ended) -> float:
    return (
        next(_seconds(stamped.stamp.time) for stamped in one.events if isinstance(stamped.event, TurnStarted))
        - one.began
    )


def _turns(one: Ended) -> list[float]:
    """Return from one turn's start to the next one's, less what calls and looks at what was written took."""
    starts = [_seconds(stamped.stamp.time) for stamped in one.events if isinstance(stamped.event, TurnStarted)]
    return [after - before - _waited(one, before, after) for before, after in pairwise(starts)]


def _waited(one: Ended, start: float, end: float) -> float:
    waited, began = 0.0, start
    for stamped in one.events:
        at = _seconds(stamped.stamp.time)
        if not start <= at < end:
            continue
        if isinstance(stamped.event, ToolStarted):
            began = at
        elif isinstance(stamped.event, ToolFinished):
            waited += at - began
        elif isinstance(stamped.event, DiagnosticsChanged):
            waited += stamped.event.seconds
    return waited


def _feedback(one: Ended) -> list[float]:
    return [stamped.event.seconds for stamped in one.events if isinstance(stamped.event, DiagnosticsChanged)]


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


_COMPARED: Mapping[str, Callable[[Ended], float]] = {
    "time to the first turn": _first_turn,
    "total": _total,
    "harness latency of a turn": _turn,
    "host's process, PSS": lambda one: one.footprint.host,
    "container, anonymous": lambda one: one.footprint.anonymous,
}
