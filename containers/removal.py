"""Removes folders from the host that a container could write to, whatever is in them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def remove_tree(path: Path) -> bool:
    """Remove what lies at `path`, if anything does, and follow no link; whether it is gone. Blocks; raises nothing.

    Folders may be nested deeper than Python recurses, have longer paths than the system takes, or be closed to their
    owner. What belongs to another user stays, unless this is root.
    """
    if not os.path.lexists(path):
        return True
    _run("rm", "-rf", "--", path)
    # GNU's chmod follows a link that it is given; of those that it meets below it follows none.
    if os.path.lexists(path) and os.geteuid() and not path.is_symlink():
        _run("chmod", "-R", "u+rwX", "--", path)
        _run("rm", "-rf", "--", path)
    return not os.path.lexists(path)


def _run(tool: str, *arguments: str | Path) -> None:
    # Where PATH is made up of little, they are where every system has them.
    found = shutil.which(tool) or shutil.which(tool, path=os.defpath)
    if found:
        argv = (found, *arguments)
        nowhere = subprocess.DEVNULL
        subprocess.run(argv, check=False, stdin=nowhere, stdout=nowhere, stderr=nowhere)
