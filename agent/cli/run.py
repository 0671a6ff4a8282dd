"""`bactrian run`: one task without a person. Events alone on standard output, words on standard error."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Literal

import click

from agent.cli.complaint import complain
from agent.cli.presence import present
from agent.cli.task import read_task
from agent.cli.trust import said, steering
from agent.cli.untrusted import one_line
from agent.config import Settings, load, locations
from agent.errors import Cancelled, ExitCode, PermissionNeeded, UserError
from agent.events import SessionFinished
from agent.host_secrets import host_secrets
from agent.messages import Usage
from agent.providers.base import Provider, ProviderError
from agent.providers.router import OnKey, ProviderOptions, create, no_one, parse_model
from agent.redaction import Redactor
from agent.trust import Steering, settings_of
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
from tools.registry import PluginError

if TYPE_CHECKING:
    from agent.projects import Project, Projects
    from agent.session import Session
    from agent.session_spec import SessionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line said."""

    task: str | None = None
    task_file: Path | None = None
    repository: Path = Path()
    init: bool = False
    branch: str = ""
    trust: bool = False
    ignore_project: bool = False
    as_json: bool = False
    last_message: Path | None = None
    settings: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a session is to do, and under which rules. `resumes` empty: a new one."""

    task: str
    repository: Repository
    settings: Settings
    trusted: Steering
    started: float
    """When the command began, by `time.monotonic()`."""
    resumes: str = ""
    more: str = ""
    """What a session that goes on is to do beside its task."""


def run_task(options: RunOptions) -> int:
    """Run a task to its end and return the exit code; what the user must mend is one line on standard error."""
    started = time.monotonic()
    try:
        task = read_task(options.task, options.task_file)
        repository = open_repository(options)
        settings, trusted = settle(options, repository)
        work = Work(task=task, repository=repository, settings=settings, trusted=trusted, started=started)
        finished = carry_out(options, work)
    except (UserError, RepositoryError, ProviderError, PluginError) as error:
        complain(error)
        return ExitCode.USAGE
    except PermissionNeeded as error:
        complain(error)
        return ExitCode.PERMISSION
    except (KeyboardInterrupt, click.Abort):  # while the task was read, or a question waited
        return ExitCode.INTERRUPTED
    hand_out(options, finished.summary)
    return finished.exit_code


def settle(options: RunOptions, repository: Repository) -> tuple[Settings, Steering]:
    """Return the settings, and what of the repository's own files may steer; a person may be asked.

    Raises UserError, RepositoryError, PermissionNeeded, click.Abort.
    """
    say = said(trust=options.trust, ignore=options.ignore_project)
    trusted = steering(repository.root, say, may_ask=not options.as_json)
    return load(settings_of(repository.root, trusted), os.environ, options.settings), trusted


def carry_out(options: RunOptions, work: Work) -> SessionFinished:
    """Run a session to its end before somebody's eyes.

    Raises UserError, ProviderError, PluginError before it begins.
    """
    keys: dict[str, str] = {}
    provider = make_provider(work.settings, work.settings.model, keys.__setitem__)
    small = make_small_provider(work.settings, keys.__setitem__)
    if options.settings.get("max_cost") is not None:
        require_price(work.settings, provider)
    require_outputs(options)
    redactor = Redactor(host_secrets(os.environ, work.repository.settings, keys))
    with present():
        spec = _specified(work, options.branch, provider, small, redactor)
        return asyncio.run(_conduct(spec, small, as_json=options.as_json))


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


def make_provider(settings: Settings, model: str, on_key: OnKey = no_one) -> Provider:
    """Return the provider of a model; `on_key` gets its key. Raises UserError without one, ProviderError."""
    if not model:
        raise UserError("no model: give --model anthropic/NAME, openai/NAME, llama/FILE.gguf or scripted/FILE")
    return create(
        model,
        ProviderOptions(
            base_url=settings.base_url or None,
            key_command=shlex.join(settings.key_command) or None,
            thinking=settings.thinking,
            on_key=on_key,
        ),
    )


def make_small_provider(settings: Settings, on_key: OnKey = no_one) -> Provider | None:
    """Return the provider of the small model if one is chosen. Raises as `make_provider`.

    Address and key are the main model's: another vendor's model never gets them.
    """
    if not settings.small_model:
        return None
    if _vendor(settings.small_model) != _vendor(settings.model):
        settings = replace(settings, base_url="", key_command=())
    return make_provider(settings, settings.small_model, on_key)


def _vendor(model: str) -> str:
    return parse_model(model).vendor.removesuffix("-chat").removesuffix("-responses")


def require_price(settings: Settings, provider: Provider) -> None:
    """Raise UserError where a limit on cost can't be kept; a local model costs nothing."""
    if settings.max_cost is None or _vendor(settings.model) == "llama":
        return
    if provider.capabilities.cost(Usage()) is None:
        raise UserError(
            f"no price is known for {settings.model}, so --max-cost can't be kept: leave it out, or use --max-turns"
        )


def require_outputs(options: RunOptions) -> None:
    """Raise UserError where the results could not be written at the end."""
    if options.as_json and sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] a closed one is None
        raise UserError("--json: standard output is closed")
    path = options.last_message
    # A pipe's reader would take a first opening for all there is.
    if path is None or (path.exists() and not (path.is_file() or path.is_dir())):
        return
    try:
        path.open("ab").close()
    except OSError as error:
        raise UserError(f"--output-last-message: can't write {path}: {error.strerror}") from error


def hand_out(options: RunOptions, summary: str) -> None:
    """Write the model's last words where they are wanted; at the end of the work a failure only is told."""
    data = summary.encode(errors="replace") + b"\n"
    name = ""
    try:
        if options.last_message:
            name = str(options.last_message)
            options.last_message.write_bytes(data)
        if summary and not options.as_json and _is_redirected():
            name = "standard output"
            click.echo(data, nl=False)
    except OSError as error:
        complain(f"can't write {name}: {error.strerror}")


def _is_redirected() -> bool:
    """Whether somebody reads standard output who does not see what the screen shows."""
    return sys.stdout is not None and not sys.stdout.isatty()  # pyright: ignore[reportUnnecessaryComparison] a closed one is None


def _specified(work: Work, branch: str, provider: Provider, small: Provider | None, redactor: Redactor) -> SessionSpec:
    """Put together what a session is made of. Raises UserError, PluginError."""
    from agent.naming import name_task, propose_names
    from agent.projects import Projects
    from agent.providers.text_edits import TextEdits
    from agent.reach import reach_of
    from agent.session_spec import SessionSpec
    from lang.detect import languages
    from tools.registry import Registry, default_tools, plugin_tools

    found, places = languages(), locations()
    projects = Projects(folder=places.state / "projects")
    repository, settings = work.repository, work.settings
    decided = projects.load(repository.root).network_allow
    edit_format = provider.capabilities.edit_format if settings.edit_format == "auto" else settings.edit_format
    return SessionSpec(
        task=work.task,
        repository=repository,
        settings=settings,
        locations=places,
        provider=TextEdits(provider) if edit_format == "text" else provider,
        registry=Registry([*default_tools(edit_format), *plugin_tools()]),
        languages=found,
        steering=work.trusted,
        reach=reach_of(settings, found, decided),
        remember_host=partial(_remember_host, projects, repository.root),
        branch=branch,
        name_branch=partial(name_task, small) if small else None,
        propose=partial(propose_names, small) if small else None,
        resumes=work.resumes,
        more=work.more,
        started=work.started,
        redactor=redactor,
    )


async def _conduct(spec: SessionSpec, small: Provider | None, *, as_json: bool) -> SessionFinished:
    from agent.cli.ask import TerminalApprover
    from agent.cli.jsonl import JsonLines
    from agent.cli.screen import PersonConsole, Screen
    from agent.session import Session

    with Screen(PersonConsole()) as screen:

        def on_gone(problem: Cancelled | UserError) -> None:
            # Nobody would see the rest.
            if isinstance(problem, Cancelled):
                session.cancel("cancelled")
            else:
                session.fail(str(problem))

        lines = JsonLines(1, on_gone)
        approver = None if as_json else TerminalApprover(screen=screen)
        consumers = [screen.show, lines.show] if as_json else [screen.show]
        session = Session(replace(spec, approver=approver), consumers)
        _obey_signals(session)
        finished = await session.run()
    if small:
        await small.close()
    return finished


def _remember_host(projects: Projects, repository: Path, pattern: str) -> None:
    """Keep what a person allows for a repository. Raises UserError."""

    def add(project: Project) -> Project:
        return replace(project, network_allow=tuple(dict.fromkeys((*project.network_allow, pattern))))

    projects.change(repository, add)


def _obey_signals(session: Session) -> None:
    """Let signals end the session in order. The handlers stay: the loop's own would be gone before the process is.

    A signal in its last milliseconds would then kill it, and the exit code that was told be another's.
    """
    loop = asyncio.get_running_loop()

    def ending(status: Literal["cancelled", "terminated"]) -> Callable[[int, FrameType | None], None]:
        def end(_: int, __: FrameType | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: all is done
                loop.call_soon_threadsafe(session.cancel, status)

        return end

    signal.signal(signal.SIGINT, ending("cancelled"))
    signal.signal(signal.SIGTERM, ending("terminated"))
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` leaves it
        signal.signal(signal.SIGHUP, ending("terminated"))


def _offer_repository(path: Path) -> bool:
    """Ask whether to make a repository, where somebody can answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm(f"{one_line(str(path.resolve()))} is not in a git repository. Make one there?", err=True)
