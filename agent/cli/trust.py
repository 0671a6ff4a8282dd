"""Asks whether a repository's own files may steer Bactrian, before anything of them is used; `bactrian trust`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import click

from agent.cli.complaint import complain
from agent.cli.untrusted import one_line, visible
from agent.config import locations
from agent.errors import ExitCode, PermissionNeeded, UserError
from agent.projects import Project, Projects
from agent.trust import DOCKERFILE, PROJECT_FILE, Found, Steering, SteeringFile, find, remember
from containers.git import RepositoryError
from containers.workspace import find_repository
from tools.text import plural

Say = Literal["ask", "trust", "ignore"]
"""What the command line says about files that nobody has trusted yet."""

_LISTED = 20
_FIRST_LINES = 3
_WIDTH = 100
_NAMED = 3
_CHOICES = ("trust", "show", "without", "quit")


def said(*, trust: bool, ignore: bool) -> Say:
    """Return what `--trust` and `--no-project-files` say. Raises UserError where both are given."""
    if trust and ignore:
        raise UserError("--trust and --no-project-files say the opposite: give one of them")
    return "trust" if trust else "ignore" if ignore else "ask"


def steering(root: Path, say: Say, *, may_ask: bool = True) -> Steering:
    """Return what of the repository's files may steer; ask about what nobody has trusted, where somebody can answer.

    Raises PermissionNeeded: nobody can, or the answer was to quit. UserError, RepositoryError, click.Abort.
    """
    if say == "ignore":
        return {}
    found = find(root)
    _tell_refused(found)
    if say == "trust":
        return found.steering()
    projects = _projects()
    project = projects.load(root)
    unknown = found.untrusted(project)
    if not unknown:
        return found.steering()
    if not (may_ask and _somebody_is_there()):
        raise PermissionNeeded(_refusal(unknown))
    if _answer(root, unknown, project) == "trust":
        remember(projects, root, unknown)
        return found.steering()
    return found.steering([file for file in found.files if file not in unknown])


def trust(path: Path, *, yes: bool, forget: bool, as_json: bool) -> int:
    """Show the files that steer, and keep or take back the trust in them; return the exit code."""
    try:
        root = find_repository(path).root
        if forget:
            return _forget(root)
        return _review(root, yes=yes, as_json=as_json)
    except (UserError, RepositoryError) as error:
        complain(error)
        return ExitCode.USAGE
    except click.Abort:
        return ExitCode.INTERRUPTED


def _review(root: Path, *, yes: bool, as_json: bool) -> int:
    found = find(root)
    projects = _projects()
    project = projects.load(root)
    unknown = found.untrusted(project)
    if not as_json:
        _show_all(root, found, project)
        yes = yes or (bool(unknown) and _somebody_is_there() and click.confirm("Trust these files?", err=True))
    if yes and unknown:
        remember(projects, root, unknown)
        project, unknown = projects.load(root), ()
        click.echo("They are trusted until they change.", err=True)
    if as_json:
        click.echo(json.dumps(_table(found, project), indent=2))
    elif unknown:
        click.echo("Not trusted: they steer nothing. `bactrian trust --yes` trusts them.", err=True)
    return ExitCode.PERMISSION if unknown else ExitCode.DONE


def _forget(root: Path) -> int:
    projects = _projects()
    before = projects.load(root)
    projects.change(root, lambda project: Project(repository=project.repository))
    gone = f"{plural(len(before.trusted), 'trusted file')} and {plural(len(before.network_allow), 'allowed host')}"
    click.echo(f"Forgotten: {gone} of {one_line(str(root))}.", err=True)
    return ExitCode.DONE


def _projects() -> Projects:
    return Projects(folder=locations().state / "projects")


def _somebody_is_there() -> bool:
    from agent.cli.ask import can_ask

    return can_ask()


def _refusal(files: Sequence[SteeringFile]) -> str:
    names = ", ".join(_name(file.path) for file in files[:_NAMED])
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return (
        f"this repository's {names}{more} would steer Bactrian and nobody has trusted it yet: look at it, then give "
        "--trust (for this run) or run `bactrian trust`; --no-project-files goes on without"
    )


# What a person sees


def _answer(root: Path, files: Sequence[SteeringFile], project: Project) -> Literal["trust", "without"]:
    """Ask until there is an answer. Raises PermissionNeeded for "quit"."""
    _print(f"{one_line(str(root))} has files that would steer Bactrian, and that you have not trusted yet:")
    for file in files[:_LISTED]:
        _print(_heading(file, project))
        _print_lines(file, _FIRST_LINES)
    if len(files) > _LISTED:
        _print(f"… and {len(files) - _LISTED} more: `show` has them")
    while True:
        match _word(_line("Trust them, show them whole, go on without them, or quit?")):
            case "trust":
                return "trust"
            case "without":
                return "without"
            case "quit":
                raise PermissionNeeded("stopped: the repository's files are not trusted")
            case "show":
                for file in files:
                    _print(_heading(file, project))
                    _print_lines(file, None)
            case _:
                _print(f"Answer {', '.join(_CHOICES)}, or the first letters of one.")


def _line(question: str) -> str:
    """Ask and return the answer. Not by readline, which may overlook an interrupt. Raises click.Abort at the end."""
    click.echo(f"{question} ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        raise click.Abort
    return answer.strip()


def _word(answer: str) -> str:
    """The choice that begins so; empty where none or several do."""
    fitting = [choice for choice in _CHOICES if answer and choice.startswith(answer.strip().lower())]
    return fitting[0] if len(fitting) == 1 else ""


def _show_all(root: Path, found: Found, project: Project) -> None:
    _tell_refused(found)
    for file in found.files:
        _print(_heading(file, project))
        if file.standing(project) != "trusted":
            _print_lines(file, None)
    if not found.files:
        _print(f"No file of {one_line(str(root))} steers Bactrian.")
    if project.network_allow:
        _print(f"Its sessions may also reach {one_line(' '.join(project.network_allow))}.")


def _tell_refused(found: Found) -> None:
    for refused in found.refused[:_LISTED]:
        _print(f"not used: {_name(refused.path)}: {refused.reason}")
    left_out = found.left_out + max(0, len(found.refused) - _LISTED)
    if left_out:
        _print(f"not used: {left_out} more files that would steer")


def _heading(file: SteeringFile, project: Project) -> str:
    standing = {"new": "new", "changed": "changed since you trusted it", "trusted": "trusted"}[file.standing(project)]
    size = f"{plural(len(file.data), 'byte')}, {plural(len(_lines(file)), 'line')}"
    return f"\n● {_name(file.path)}  ({standing}; {size}; {_effect(file.path)})"


def _effect(path: str) -> str:
    if path == DOCKERFILE:
        return "its commands run as root while the session's image is built"
    if path == PROJECT_FILE.as_posix():
        return "lowers limits"
    return "the model is told to follow it"


def _print_lines(file: SteeringFile, most: int | None) -> None:
    """Print lines behind a bar each, so that none can pass for words of Bactrian."""
    lines = _lines(file)
    for line in lines[:most]:
        short = most is not None and len(line) > _WIDTH
        _print(f"  │ {visible(f'{line[:_WIDTH]}…' if short else line)}")
    if most is not None and len(lines) > most:
        _print(f"  … {plural(len(lines) - most, 'more line')}")


def _lines(file: SteeringFile) -> list[str]:
    if b"\0" in file.data:
        return [f"(no text; SHA-256 {file.digest})"]
    return file.data.decode(errors="replace").replace("\r\n", "\n").removesuffix("\n").split("\n")


def _name(path: str) -> str:
    return one_line(path)


def _print(text: str) -> None:
    click.echo(text, err=True)


def _table(found: Found, project: Project) -> dict[str, object]:
    return {
        "repository": project.repository,
        "files": [*_entries(found, project)],
        "refused": [{"path": refused.path, "reason": refused.reason} for refused in found.refused],
        "left_out": found.left_out,
        "network_allow": project.network_allow,
    }


def _entries(found: Found, project: Project) -> Iterator[dict[str, object]]:
    for file in found.files:
        standing = file.standing(project)
        yield {"path": file.path, "bytes": len(file.data), "sha256": file.digest, "standing": standing}
