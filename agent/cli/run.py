"""`bactrian run`: one task without a person. Events alone on standard output, words on standard error."""

from __future__ import annotations

import asyncio
import os
import select
import shlex
import signal
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click

from agent.config import Settings, load, locations
from agent.errors import ExitCode, UserError
from agent.events import SessionFinished
from agent.providers.base import Provider, ProviderError
from agent.providers.router import ProviderOptions, create
from containers.workspace import (
    NotARepository,
    Repository,
    RepositoryError,
    branch_exists,
    find_repository,
    init_repository,
    require_room,
    valid_branch,
)

STDIN_WAIT_S = 5.0
"""How long standard input may stay silent before we take it for a pipe that nobody writes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line said."""

    task: str | None = None
    task_file: Path | None = None
    repository: Path = Path()
    init: bool = False
    branch: str = ""
    as_json: bool = False
    last_message: Path | None = None
    settings: Mapping[str, object] = field(default_factory=dict[str, object])


def run_task(options: RunOptions) -> int:
    """Run a task to its end and return the exit code; what the user must mend is one line on standard error."""
    started = time.monotonic()
    try:
        task = read_task(options)
        repository = open_repository(options)
        settings = load(repository.root, os.environ, options.settings)
        provider = make_provider(settings, settings.model)
        small = make_provider(settings, settings.small_model) if settings.small_model else None
        finished = asyncio.run(_run(options, task, repository, settings, provider, small, started))
    except (UserError, RepositoryError, ProviderError) as error:
        click.echo(f"bactrian: {error}", err=True)
        return ExitCode.USAGE
    if options.last_message:
        try:
            options.last_message.write_text(finished.summary + "\n")
        except OSError as error:
            click.echo(f"bactrian: can't write {options.last_message}: {error.strerror}", err=True)
    return finished.exit_code


def read_task(options: RunOptions) -> str:
    """Return the task: the argument, else the file, else standard input where something is sent there.

    Raises UserError: none or more than one given, an unreadable file, a pipe that stays silent.
    """
    if options.task is not None and options.task_file is not None:
        raise UserError("give the task as an argument or with --task-file, not both")
    if options.task is not None and options.task != "-":
        text = options.task
    elif options.task_file is not None and str(options.task_file) != "-":
        try:
            text = options.task_file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"the task can't be read: {error}") from error
    else:
        text = _standard_input()
    if not text.strip():
        raise UserError('the task is empty: say what to do, as in `bactrian run "add a ping command"`')
    return text.strip()


def open_repository(options: RunOptions) -> Repository:
    """Return the repository to work on; `--init` makes one, and in a terminal it is offered.

    Raises RepositoryError, UserError: the branch's name is no good or taken.
    """
    try:
        repository = find_repository(options.repository)
    except NotARepository:
        if not (options.init or _offer_repository(options.repository)):
            raise
        repository = init_repository(options.repository)
    if options.branch and not valid_branch(options.branch):
        raise UserError(f"--branch: git does not take {options.branch!r} for a branch's name")
    if options.branch and branch_exists(repository, options.branch):
        raise UserError(f"--branch: {options.branch} exists already: choose another name")
    if options.branch:
        require_room(repository, options.branch)
    return repository


def make_provider(settings: Settings, model: str) -> Provider:
    """Return the provider of a model. Raises UserError without one, ProviderError."""
    if not model:
        raise UserError("no model: give --model anthropic/NAME, openai/NAME, llama/FILE.gguf or scripted/FILE")
    return create(
        model,
        ProviderOptions(
            base_url=settings.base_url or None,
            key_command=shlex.join(settings.key_command) or None,
            thinking=settings.thinking,
        ),
    )


async def _run(
    options: RunOptions,
    task: str,
    repository: Repository,
    settings: Settings,
    provider: Provider,
    small: Provider | None,
    started: float,
) -> SessionFinished:
    from agent.cli.jsonl import JsonLines
    from agent.cli.screen import PersonConsole, Screen
    from agent.naming import name_task
    from agent.session import Session, SessionSpec
    from lang.detect import languages
    from tools.registry import Registry, default_tools, plugin_tools

    spec = SessionSpec(
        task=task,
        repository=repository,
        settings=settings,
        locations=locations(),
        provider=provider,
        registry=Registry([*default_tools(), *plugin_tools()]),
        languages=languages(),
        branch=options.branch,
        name_branch=partial(name_task, small) if small else None,
        started=started,
    )
    with Screen(PersonConsole()) as screen:
        # A reader that has gone ends the run: nobody would see the rest.
        lines = JsonLines(1, lambda _: session.cancel("cancelled"))
        session = Session(spec, [screen.show, lines.show] if options.as_json else [screen.show])
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, session.cancel, "cancelled")
        loop.add_signal_handler(signal.SIGTERM, session.cancel, "terminated")
        loop.add_signal_handler(signal.SIGHUP, session.cancel, "terminated")
        finished = await session.run()
    if small:
        await small.close()
    if not options.as_json and not sys.stdout.isatty() and finished.summary:
        click.echo(finished.summary)
    return finished


def _standard_input() -> str:
    """Read standard input to its end. Raises UserError where it is a terminal, or a pipe that stays silent."""
    hint = 'say what to do, as in `bactrian run "add a ping command"`, or give --task-file'
    if sys.stdin is None or sys.stdin.isatty():  # pyright: ignore[reportUnnecessaryComparison] a closed one is None
        raise UserError(f"no task: {hint}")
    descriptor = sys.stdin.fileno()
    waits = not stat.S_ISREG(os.fstat(descriptor).st_mode)
    pieces: list[bytes] = []
    while True:
        if waits and not select.select([descriptor], [], [], STDIN_WAIT_S)[0]:
            raise UserError(f"no task came on standard input in {STDIN_WAIT_S:.0f} s: {hint}")
        piece = os.read(descriptor, 65_536)
        if not piece:
            return b"".join(pieces).decode(errors="replace")
        pieces.append(piece)


def _offer_repository(path: Path) -> bool:
    """Ask whether to make a repository, where somebody can answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm(f"{path.resolve()} is not in a git repository. Make one there?", err=True)
