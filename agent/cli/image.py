"""`bactrian image`: gets the session image, and for bubblewrap its root file system, before the first session."""

from __future__ import annotations

from pathlib import Path

from agent.cli.screen import PersonConsole
from agent.cli.untrusted import one_line
from agent.config import load, locations
from agent.errors import ExitCode, UserError
from containers.base import ContainerUnavailable
from containers.launch import engine_answers
from containers.recipe import recipe


def prepare(repository: Path, container: str) -> int:
    """Pull, build or lay the image out; return the exit code."""
    from containers.images import ensure_image
    from containers.rootfs import ensure_rootfs

    console = PersonConsole()

    def progress(text: str) -> None:
        console.print(one_line(text), style="dim", soft_wrap=True)

    try:
        settings = load(None, {}, {})
        wanted = recipe(repository)
        if container == "docker" or (container == "auto" and engine_answers()):
            name = ensure_image(wanted, registry=settings.image_registry, progress=progress)
            console.print(f"The image {name} is ready.")
        else:
            path = ensure_rootfs(wanted, locations().cache, progress=progress)
            console.print(f"The root file system {path} is ready.", soft_wrap=True)
    except (ContainerUnavailable, UserError) as error:
        console.print(f"bactrian: {error}", soft_wrap=True)
        return ExitCode.FAILED
    return ExitCode.DONE
