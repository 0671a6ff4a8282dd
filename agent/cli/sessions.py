"""`bactrian sessions list|show`: what ran here, how it ended, and what is still to be had from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import click

from agent.cli.complaint import complain
from agent.cli.untrusted import one_line
from agent.config import locations
from agent.errors import ExitCode, UserError
from agent.sessions import Entry, entries, find
from containers.workspace import RepositoryError, find_repository

_TASK_CHARACTERS = 60


def show_list(repository: Path, *, everywhere: bool, as_json: bool) -> int:
    """Print the sessions of a repository, or of all, the newest first."""
    try:
        root = None if everywhere else find_repository(repository).root
        found = list(entries(locations().state, root))
    except (UserError, RepositoryError) as error:
        return _wrong(error)
    if as_json:
        click.echo(json.dumps([row(entry) for entry in found], indent=2))
    elif found:
        click.echo("\n".join(_lines(entry, everywhere=everywhere) for entry in found))
    else:
        where = "on this machine" if everywhere else f"in {root} yet; --all shows those of other repositories"
        click.echo(f"no sessions {where}", err=True)
    return ExitCode.DONE


def show_one(wanted: str, *, as_json: bool) -> int:
    """Print what is known of one session."""
    try:
        entry = find(locations().state, wanted)
    except UserError as error:
        return _wrong(error)
    if as_json:
        click.echo(json.dumps(row(entry), indent=2))
        return ExitCode.DONE
    facts = list(_facts(entry))
    width = max(len(name) for name, _ in facts)
    click.echo("\n".join(f"{name:{width}}  {one_line(value)}" for name, value in facts))
    return ExitCode.DONE


def row(entry: Entry) -> dict[str, object]:
    """Return a session for programs."""
    values: dict[str, object] = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return values | {"folder": str(entry.folder)}


def _wrong(error: Exception) -> int:
    complain(error)
    return ExitCode.USAGE


def _lines(entry: Entry, *, everywhere: bool) -> str:
    """A session in two lines: its id alone, so that it can be taken from there, and what there is to know."""
    first = entry.task.strip().partition("\n")[0]
    facts = [
        entry.status,
        _when(entry),
        entry.repository if everywhere else "",
        first if len(first) <= _TASK_CHARACTERS else f"{first[:_TASK_CHARACTERS]}…",
        entry.branch if entry.commit else "",
        "unsaved work in its clone" if entry.clone and not entry.process else "",
    ]
    return f"{entry.id}\n  {' · '.join(one_line(fact) for fact in facts if fact)}"


def _facts(entry: Entry) -> Iterator[tuple[str, str]]:
    yield "session", entry.id
    yield "task", entry.task.strip() or "unknown"
    yield "began", _when(entry)
    yield "status", f"{entry.status}{entry.reason and f': {entry.reason}'}"
    if entry.process:
        yield "process", str(entry.process)
    yield "model", entry.model
    yield "repository", entry.repository
    yield "branch", f"{entry.branch} at {entry.commit[:12]}" if entry.commit else "none: nothing was saved"
    yield "transcript", str(entry.folder / "transcript.jsonl")
    if entry.clone:
        yield "clone", entry.clone
    if not entry.process and entry.status != "done":
        yield "go on", f"bactrian sessions resume {entry.id}"


def _when(entry: Entry) -> str:
    try:
        return datetime.fromisoformat(entry.began).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return ""  # it did not come to it, or its transcript is damaged
