"""`bactrian image`: gets the session image, and for bubblewrap its root file system, before the first session."""

from __future__ import annotations

import os
from pathlib import Path

from agent.cli.complaint import complain
from agent.cli.presence import present
from agent.cli.screen import PersonConsole
from agent.cli.untrusted import one_line
from agent.config import load, locations
from agent.errors import ExitCode, UserError
from containers.base import ContainerUnavailable
from containers.launch import engine_answers
from containers.recipe import recipe
from containers.workspace import RepositoryError, find_repository


def prepare(path: Path, container: str | None) -> int:
    """Pull, build or lay out the image for the repository around `path`, if there is one; return the exit code."""
    from containers.images import ensure_image
    from containers.rootfs import ensure_rootfs

    console = PersonConsole()

    def progress(text: str) -> None:
        console.print(one_line(text), style="dim", soft_wrap=True)

    try:
        root = _root(path)
        settings = load(root, os.environ, {"container": container})
        wanted = recipe(root)
        with present():
            if settings.container == "docker" or (settings.container == "auto" and engine_answers()):
                name = ensure_image(wanted, registry=settings.image_registry, progress=progress)
                console.print(f"The image {name} is ready.")
            else:
                made = ensure_rootfs(wanted, locations().cache, registry=settings.image_registry, progress=progress)
                console.print(f"The root file system {made} is ready.", soft_wrap=True)
    except (ContainerUnavailable, UserError) as error:
        complain(error)
        return ExitCode.USAGE if isinstance(error, UserError) else ExitCode.FAILED
    return ExitCode.DONE


def _root(path: Path) -> Path:
    try:
        return find_repository(path).root
    except RepositoryError:  # the shared image needs none
        return path
