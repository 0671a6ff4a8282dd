"""Keeps a whole output in the container, for the model to read later."""

from __future__ import annotations

from tools.base import ToolContext


async def keep(context: ToolContext, name: str, text: str) -> str:
    """Write `text` into the output folder and return its path there; empty where that can't be written.

    A full disk or a file in the folder's place costs the copy, never the call's answer. Raises ContainerDied.
    """
    path = f"{context.output_folder}/{name}"
    try:
        await context.container.write(path, text.encode(errors="replace"), within=context.output_folder)
    except OSError:
        return ""
    return path
