"""`bactrian clean`: what Bactrian keeps on this host, and the end of what is stale."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import click
from rich.filesize import decimal

from agent.base_store import KEPT_S
from agent.cli.complaint import complain
from agent.cli.presence import present
from agent.cli.untrusted import one_line
from agent.config import Locations, locations
from agent.errors import ExitCode, UserError
from agent.sessions import WORKSPACE, Entry, entries, find
from containers.base import ContainerUnavailable
from containers.recipe import recipe
from containers.removal import remove_tree
from containers.stock import Kept, leftover, size_of, stock

_HALF_WRITTEN_S = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one thing; `failed` says why it is still there."""

    kept: Kept
    fate: Literal["kept", "removed", "would be removed", "not removed"]
    failed: str = ""

    @property
    def row(self) -> dict[str, object]:
        """The same for programs."""
        thing = self.kept
        return {
            "kind": thing.kind,
            "name": thing.name,
            "repository": thing.repository,
            "size_bytes": thing.size_bytes,
            "used": int(thing.used_s) or None,
            "state": thing.state,
            "why": thing.why,
            "fate": self.fate,
            "failed": self.failed,
        }


def clean(*, everything: bool, dry_run: bool, as_json: bool) -> int:
    """List what there is and remove what is stale, or `everything` that is not in use; return the exit code."""
    try:
        with present():
            things = sorted(_things(locations()), key=lambda thing: (thing.kind, thing.name))
            outcomes = [_deal(thing, everything=everything, dry_run=dry_run) for thing in things]
    except (UserError, ContainerUnavailable) as error:
        complain(error)
        return ExitCode.FAILED if isinstance(error, ContainerUnavailable) else ExitCode.USAGE
    if as_json:
        click.echo(json.dumps([outcome.row for outcome in outcomes], indent=2))
    else:
        click.echo("\n".join(_lines(outcomes)))
    return ExitCode.FAILED if any(outcome.failed for outcome in outcomes) else ExitCode.DONE


def _things(places: Locations) -> Iterator[Kept]:
    yield from stock(places.cache, recipe())
    yield from _checks(places.cache / "bases")
    yield from _sessions(places.state)


def _deal(thing: Kept, *, everything: bool, dry_run: bool) -> Outcome:
    wanted = thing.state == "stale" or (everything and thing.state == "kept")
    if not wanted or thing.remove is None:
        return Outcome(kept=thing, fate="kept")
    if dry_run:
        return Outcome(kept=thing, fate="would be removed")
    try:
        thing.remove()
    except OSError as error:
        return Outcome(kept=thing, fate="not removed", failed=error.strerror or str(error))
    return Outcome(kept=thing, fate="removed")


def _checks(folder: Path) -> Iterator[Kept]:
    """Yield the checks of bases, those that nobody believes any more apart."""
    now = time.time()
    by_age: dict[bool, list[Path]] = {True: [], False: []}
    for path in folder.glob("*"):
        age = now - path.lstat().st_mtime
        if path.suffix == ".json":
            by_age[age > KEPT_S].append(path)
        elif age > _HALF_WRITTEN_S:
            yield leftover(path)
    for old, paths in by_age.items():
        if paths:
            yield Kept(
                kind="checks",
                name=f"{len(paths)} of bases in {folder}",
                state="stale" if old else "kept",
                why=f"older than {KEPT_S / 86400:.0f} days" if old else "spare sessions the check of their base",
                size_bytes=sum(path.lstat().st_size for path in paths),
                remove=partial(_unlink, paths),
            )


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _sessions(state: Path) -> Iterator[Kept]:
    """Yield sessions that run or have left work behind one by one, then the others together. None of them is stale."""
    home: list[Entry] = []
    ended: list[Entry] = []
    for entry in entries(state):
        if entry.process or (entry.folder / WORKSPACE).exists():
            yield Kept(
                kind="session",
                name=entry.id,
                state="used" if entry.process else "kept",
                why=f"process {entry.process} runs it" if entry.process else _UNSAVED.format(entry.id),
                size_bytes=size_of(entry.folder),
                repository=entry.repository,
            )
        else:
            (home if entry.status == "done" else ended).append(entry)
    if home:
        yield _together(home, "done, their work on branches; these are their transcripts", partial(_forget, state))
    if ended:
        yield _together(ended, "not done, with nothing unsaved: `bactrian sessions resume` goes on with them", None)


_UNSAVED = "unsaved work in its clone: `bactrian sessions resume {}` goes on"


def _together(some: Sequence[Entry], why: str, remove: Callable[[Sequence[Entry]], None] | None) -> Kept:
    return Kept(
        kind="session",
        name=str(len(some)),
        state="kept",
        why=why,
        size_bytes=sum(size_of(entry.folder) for entry in some),
        remove=partial(remove, some) if remove else None,
    )


def _forget(state: Path, some: Sequence[Entry]) -> None:
    for entry in some:
        now = find(state, entry.id)
        if now.process or (now.folder / WORKSPACE).exists():
            raise OSError(f"session {entry.id} is in use again")
        if not remove_tree(entry.folder):
            raise OSError(f"not all of {entry.folder} can be removed")


def _lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        thing = outcome.kept
        fate = outcome.fate if not outcome.failed else f"{outcome.fate}: {outcome.failed}"
        facts = [decimal(thing.size_bytes), thing.repository, thing.why, fate]
        yield f"{thing.kind}  {one_line(thing.name)}\n  {' · '.join(one_line(fact) for fact in facts if fact)}"
    sizes = {fate: sum(each.kept.size_bytes for each in outcomes if each.fate == fate) for fate in _FATES}
    yield ", ".join(f"{fate}: {decimal(size)}" for fate, size in sizes.items() if size) or "nothing is kept here"


_FATES = ("kept", "removed", "would be removed", "not removed")
