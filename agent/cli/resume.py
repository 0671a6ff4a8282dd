"""`bactrian sessions resume`: a session goes on where it ended, or was killed."""

from __future__ import annotations

import time
from dataclasses import replace

import click

from agent.cli.complaint import complain
from agent.cli.presence import clear_up
from agent.cli.run import RunOptions, Work, carry_out, hand_out, settle
from agent.config import locations
from agent.errors import ExitCode, PermissionNeeded, UserError
from agent.providers.base import ProviderError
from agent.resumption import Past
from agent.sessions import Entry, choose, transcript
from agent.transcript import read
from containers.workspace import RepositoryError, find_repository
from tools.registry import PluginError


def resume(wanted: str, more: str, options: RunOptions) -> int:
    """Go on with a session to its end and return the exit code; `more` is what it is to do beside its task."""
    started = time.monotonic()
    try:
        repository = find_repository(options.repository)
        clear_up()  # also where there turns out to be nothing to go on with
        entry = choose(locations().state, repository.root, wanted)
        past = Past.of(read(transcript(entry)).events)
        require_something_to_do(entry, past, more)
        # The model that it had; settings say which one *new* sessions have.
        given = {**options.settings, "model": options.settings.get("model") or past.model or None}
        options = replace(options, settings=given)
        settings, trusted = settle(options, repository)
        require_room(past, settings.max_turns, settings.max_cost)
        work = Work(
            task=past.task,
            repository=repository,
            settings=settings,
            trusted=trusted,
            started=started,
            resumes=entry.id,
            more=more.strip(),
        )
        ended = carry_out(options, work)
    except (UserError, RepositoryError, ProviderError, PluginError) as error:
        complain(error)
        return ExitCode.USAGE
    except PermissionNeeded as error:
        complain(error)
        return ExitCode.PERMISSION
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    hand_out(options, ended.summary)
    return ended.exit_code


def require_something_to_do(entry: Entry, past: Past, more: str) -> None:
    """Raise UserError where a session has nothing left to go on with."""
    if not past.task:
        raise UserError(f"session {entry.id} was killed before it had a task: start it anew with `bactrian run`")
    if entry.status == "done" and not more.strip():
        advice = f'give it more to do: bactrian sessions resume {entry.id} "…"'
        raise UserError(f"session {entry.id} is done, and its work is on {past.branch}: {advice}")


def require_room(past: Past, max_turns: int | None, max_cost: float | None) -> None:
    """Raise UserError where a limit is used up that the session as a whole must keep."""
    if max_turns is not None and past.turns >= max_turns:
        raise UserError(f"the session has taken {past.turns} turns: allow more with --max-turns")
    if max_cost is not None and past.cost >= max_cost:
        raise UserError(f"the session has cost ${past.cost:.2f}: allow more with --max-cost")
