"""`bactrian image`: gets the session image, and for bubblewrap its root file system, before the first session."""

from __future__ import annotations

import os
from pathlib import Path

import click

from agent.cli.complaint import complain
from agent.cli.presence import present
from agent.cli.screen import PersonConsole
from agent.cli.trust import said, steering
from agent.cli.untrusted import one_line
from agent.config import load, locations
from agent.errors import ExitCode, PermissionNeeded, UserError
from agent.trust import DOCKERFILE, Steering, settings_of
from containers.base import ContainerUnavailable
from containers.launch import engine_answers
from containers.recipe import recipe
from containers.workspace import RepositoryError, find_repository


def prepare(path: Path, container: str | None, *, trust: bool, ignore_project: bool) -> int:
    """Pull, build or lay out the image for the repository around `path`, if there is one; return the exit code."""
    from containers.images import ensure_image
    from containers.rootfs import ensure_rootfs

    console = PersonConsole()

    def progress(text: str) -> None:
        console.print(one_line(text), style="dim", soft_wrap=True)

    try:
        say = said(trust=trust, ignore=ignore_project)
        root = _root(path)
        trusted: Steering = steering(root, say) if root else {}
        settings = load(settings_of(root, trusted) if root else None, os.environ, {"container": container})
        wanted = recipe(trusted.get(DOCKERFILE, b""))
        with present():
            if settings.container == "docker" or (settings.container == "auto" and engine_answers()):
                name = ensure_image(wanted, registry=settings.image_registry, progress=progress)
                console.print(f"The image {name} is ready.")
            else:
                made = ensure_rootfs(wanted, locations().cache, registry=settings.image_registry, progress=progress)
                console.print(f"The root file system {made} is ready.", soft_wrap=True)
    except click.Abort:
        return ExitCode.INTERRUPTED
    except PermissionNeeded as error:
        complain(error)
        return ExitCode.PERMISSION
    except (ContainerUnavailable, RepositoryError, UserError) as error:
        complain(error)
        return ExitCode.FAILED if isinstance(error, ContainerUnavailable) else ExitCode.USAGE
    return ExitCode.DONE


def _root(path: Path) -> Path | None:
    try:
        return find_repository(path).root
    except RepositoryError:  # the shared image needs none
        return None
