"""`bactrian stats`: how well each model's edits go in each format, from the transcripts that are there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

import click
from rich.table import Table

from agent.cli.complaint import complain
from agent.cli.screen import PersonConsole
from agent.cli.untrusted import one_line
from agent.codec import DecodeError, decode
from agent.config import locations
from agent.errors import ExitCode, UserError
from agent.events import EditTried

_MARK = b'"kind":"edit_tried"'


@dataclass(slots=True, kw_only=True)
class EditStats:
    """One model's edits in one format. Counts of edits by how each was found, or why it was not made."""

    model: str
    format: str
    calls: int = 0
    failed_calls: int = 0
    matched: Counter[str] = field(default_factory=Counter[str])
    failed: Counter[str] = field(default_factory=Counter[str])

    @property
    def row(self) -> dict[str, object]:
        """The figures for programs."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def add(self, tried: EditTried) -> None:
        """Count one call."""
        self.calls += 1
        self.failed_calls += bool(tried.failed)
        self.matched.update(tried.matched)
        self.failed.update(tried.failed)


def show(*, as_json: bool) -> int:
    """Print the figures of all sessions on this machine."""
    try:
        stats = collect(tried_in(locations().state / "sessions"))
    except UserError as error:
        complain(error)
        return ExitCode.USAGE
    if as_json:
        click.echo(json.dumps([each.row for each in stats], indent=2))
    elif stats:
        PersonConsole().print(_table(stats))
    else:
        click.echo("no edits yet: they are counted as sessions make them", err=True)
    return ExitCode.DONE


def tried_in(folder: Path) -> Iterator[EditTried]:
    """Yield what transcripts below a folder tell of edits; what can't be read is passed over."""
    for path in sorted(folder.glob("*/transcript.jsonl")):
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError:
            continue
        for line in lines:
            event = _event(line) if _MARK in line else None
            if event is not None:
                yield event


def collect(tried: Iterable[EditTried]) -> list[EditStats]:
    """Return the figures by model and format."""
    stats: dict[tuple[str, str], EditStats] = {}
    for each in tried:
        key = (each.model, each.format)
        stats.setdefault(key, EditStats(model=each.model, format=each.format)).add(each)
    return [stats[key] for key in sorted(stats)]


def _event(line: bytes) -> EditTried | None:
    try:
        event = decode(line).event
    except DecodeError:
        return None
    return event if isinstance(event, EditTried) else None


def _table(stats: Iterable[EditStats]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("model", "format", "calls", "failed", "edits found", "edits not made"):
        table.add_column(title, justify="right" if title in ("calls", "failed") else "left")
    for each in stats:
        share = f"{each.failed_calls / each.calls:.0%}"
        table.add_row(
            one_line(each.model), each.format, str(each.calls), share, _counted(each.matched), _counted(each.failed)
        )
    return table


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
