"""The console script `bactrian`. Each command imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TypeVar

import click

PACKAGES = ("agent", "tools", "containers", "lang")


def main() -> None:
    """Run the command line; the only way in."""
    _refuse_strangers()
    cli(prog_name="bactrian")


def _refuse_strangers() -> None:
    """The four packages have common names: make sure that all are ours and not another distribution's."""
    from importlib.util import find_spec

    home = Path(__file__).resolve().parents[2]
    for name in PACKAGES:
        found = find_spec(name)
        if found is None or found.origin is None or Path(found.origin).resolve().parents[1] != home:
            where = found.origin if found else "nowhere"
            click.echo(
                f"bactrian: another package is called `{name}` ({where}): install Bactrian by itself, "
                "with `uv tool install bactrian` or `pipx install bactrian`",
                err=True,
            )
            sys.exit(2)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bactrian")
def cli() -> None:
    """A coding agent for Go and OCaml that builds whole packages, green, in a container of its own."""


_Command = TypeVar("_Command", bound=Callable[..., None])


def _sandbox_options(command: _Command) -> _Command:
    """Add what `run` and `resume` take about the model's server and the container."""
    options = (
        click.option("--base-url", help="Where a server speaks the model's protocol."),
        click.option(
            "--edit-format", type=click.Choice(["auto", "edit", "one", "patch", "text"]), help="How to edit files."
        ),
        click.option(
            "--container", type=click.Choice(["auto", "docker", "bubblewrap"]), help="The sandbox. Default: auto."
        ),
        click.option(
            "--network",
            type=click.Choice(["none", "registries", "full"]),
            help="What commands may reach: none, registries or full. Default: registries.",
        ),
        click.option(
            "--allow", "network_allow", multiple=True, metavar="HOST", help="A host they may reach too. Repeatable."
        ),
    )
    return reduce(lambda made, option: option(made), reversed(options), command)


def _output_options(command: _Command) -> _Command:
    """Add what they take about where results go."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="Write events to standard output, one line of JSON each."),
        click.option(
            "--output-last-message", type=click.Path(path_type=Path), help="Write the model's last words to a file."
        ),
    )
    return reduce(lambda made, option: option(made), reversed(options), command)


def _trust_options(command: _Command) -> _Command:
    """What may be said of a repository's own files."""
    trust = click.option(
        "--trust", is_flag=True, help="Let the repository's own files (.bactrian, AGENTS.md …) steer this run."
    )
    ignore = click.option("--no-project-files", is_flag=True, help="Go on without those files.")
    return trust(ignore(command))


@cli.command(short_help="Work on a task without a person.")
@click.argument("task", required=False)
@click.option("--task-file", type=click.Path(path_type=Path), help="Read the task from a file; `-` is standard input.")
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository. Default: here.")
@click.option("--init", is_flag=True, help="Make a repository there if there is none.")
@click.option("--model", help="anthropic/NAME, openai/NAME, llama/FILE.gguf or scripted/FILE.")
@click.option("--small-model", help="Names branches and the like. Default: the task's own words do.")
@_sandbox_options
@click.option("--max-turns", help="Most replies of the model. Default: 100.")
@click.option("--max-cost", help="Most US dollars, like 2.50. Default: 5.")
@click.option("--max-time", help="Most time, like 90s, 10m or 2h. Default: 1h.")
@click.option("--branch", help="The branch to hand the work back on. Default: bactrian/ and the task in short.")
@_trust_options
@_output_options
def run(task: str | None, task_file: Path | None, repo: Path, init: bool, as_json: bool, **given: object) -> None:
    """Work on TASK without a person, until the result is green or a limit is reached.

    In a terminal it asks, before it begins, whether files of the repository may steer it that nobody trusts yet, and
    later whether commands may reach hosts that aren't allowed yet; that question stands for a minute at most.
    Elsewhere, and with --json, it never asks.

    \b
    Exit codes: 0 done and green, 1 failure of Bactrian or a model, 2 wrong usage,
    3 ended red, 4 a limit was reached, 5 a permission was needed, 130/143 signals.
    """
    from agent.cli.run import RunOptions, run_task

    last_message = given.pop("output_last_message")
    branch = given.pop("branch")
    trust, ignore_project = given.pop("trust"), given.pop("no_project_files")
    sys.exit(
        run_task(
            RunOptions(
                task=task,
                task_file=task_file,
                repository=repo,
                init=init,
                branch=branch if isinstance(branch, str) else "",
                trust=trust is True,
                ignore_project=ignore_project is True,
                as_json=as_json,
                last_message=last_message if isinstance(last_message, Path) else None,
                settings=given,
            )
        )
    )


@cli.group()
def sessions() -> None:
    """Look at what ran, and go on with it."""


@sessions.command("list", short_help="Show what ran here, the newest first.")
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository. Default: here.")
@click.option("--all", "everywhere", is_flag=True, help="Those of all repositories.")
@click.option("--json", "as_json", is_flag=True, help="Write a list of objects.")
def sessions_list(repo: Path, everywhere: bool, as_json: bool) -> None:
    """Show what ran here, the newest first: how it ended, on which branch the work is, what has not come home."""
    from agent.cli.sessions import show_list

    sys.exit(show_list(repo, everywhere=everywhere, as_json=as_json))


@sessions.command("show", short_help="Show one session.")
@click.argument("session")
@click.option("--json", "as_json", is_flag=True, help="Write an object.")
def sessions_show(session: str, as_json: bool) -> None:
    """Show what is known of SESSION; the beginning of its id will do."""
    from agent.cli.sessions import show_one

    sys.exit(show_one(session, as_json=as_json))


@sessions.command("resume", short_help="Go on with a session.")
@click.argument("session", required=False)
@click.argument("more", required=False)
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository. Default: here.")
@click.option("--model", help="Another model. Default: the one that it had.")
@click.option("--small-model", help="Proposes libraries. Default: nobody does.")
@_sandbox_options
@click.option("--max-turns", help="Most replies of the model, those before among them. Default: 100.")
@click.option("--max-cost", help="Most US dollars, those before among them. Default: 5.")
@click.option("--max-time", help="Most time from now on, like 90s, 10m or 2h. Default: 1h.")
@_trust_options
@_output_options
def sessions_resume(session: str | None, more: str | None, repo: Path, as_json: bool, **given: object) -> None:
    """Go on with SESSION (the beginning of its id will do), by default the last one here that is not done.

    Whatever ended it, it goes on from its last event. MORE is what it is to do beside its task; one that is done needs
    it. Exit codes are those of `bactrian run`.
    """
    from agent.cli.resume import resume
    from agent.cli.run import RunOptions

    last_message = given.pop("output_last_message")
    trust, ignore_project = given.pop("trust"), given.pop("no_project_files")
    options = RunOptions(
        repository=repo,
        trust=trust is True,
        ignore_project=ignore_project is True,
        as_json=as_json,
        last_message=last_message if isinstance(last_message, Path) else None,
        settings=given,
    )
    sys.exit(resume(session or "", more or "", options))


@cli.command(short_help="Say what is there and what is missing.")
@click.option("--json", "as_json", is_flag=True, help="Write the findings as JSON.")
def doctor(as_json: bool) -> None:
    """Say what is there and what is missing, each with the command that mends it."""
    from agent.cli.doctor import examine

    sys.exit(examine(as_json=as_json))


@cli.command(short_help="Say how models' edits went.")
@click.option("--json", "as_json", is_flag=True, help="Write the figures as JSON.")
def stats(as_json: bool) -> None:
    """Say how each model's edits went in each format: how they were found in the files, and why some failed."""
    from agent.cli.stats import show

    sys.exit(show(as_json=as_json))


@cli.command(short_help="Get the session image ready.")
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="A repository with .bactrian/Dockerfile.")
@click.option("--container", type=click.Choice(["auto", "docker", "bubblewrap"]), help="The sandbox. Default: auto.")
@_trust_options
def image(repo: Path, container: str | None, trust: bool, no_project_files: bool) -> None:
    """Build or pull the session image now, so that the first session need not."""
    from agent.cli.image import prepare

    sys.exit(prepare(repo, container, trust=trust, ignore_project=no_project_files))


@cli.command(short_help="Remove what is kept and stale.")
@click.option("--all", "everything", is_flag=True, help="Remove also what the next session would use.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and leave it.")
@click.option("--json", "as_json", is_flag=True, help="Write a list of objects.")
def clean(everything: bool, dry_run: bool, as_json: bool) -> None:
    """List what Bactrian keeps on this host, and remove what is stale.

    Stale are caches of repositories that are gone, images and root file systems that nobody has used for two weeks
    but for those of today's recipe, old checks of bases, and what killed processes have left half made.
    With --all it is everything but what is in use, and transcripts of sessions that are not done. Work that has not
    come home is never removed, nor are settings.
    """
    from agent.cli.clean import clean as remove

    sys.exit(remove(everything=everything, dry_run=dry_run, as_json=as_json))


@cli.command(short_help="Let a repository's own files steer Bactrian.")
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository. Default: here.")
@click.option("--yes", is_flag=True, help="Trust them without asking.")
@click.option("--forget", is_flag=True, help="Take back what was trusted and allowed for the repository.")
@click.option("--json", "as_json", is_flag=True, help="Write what is there as JSON; ask nothing.")
def trust(repo: Path, yes: bool, forget: bool, as_json: bool) -> None:
    """Show the files with which a repository would steer Bactrian, and remember that they may, until they change.

    They are what lies in .bactrian, .agents/skills and .claude/skills, and every AGENTS.md and CLAUDE.md.
    Exit code 0: all are trusted; 5: some are not.
    """
    from agent.cli.trust import trust as review

    sys.exit(review(repo, yes=yes, forget=forget, as_json=as_json))


@cli.group()
def schema() -> None:
    """Publish what programs rely on."""


@schema.command("events")
def schema_events() -> None:
    """Print the JSON Schema of a line that `bactrian run --json` writes."""
    import json

    from agent.codec import schema as event_schema

    click.echo(json.dumps(event_schema(), indent=2))
