"""Which files a tool may touch: the workspace, and for reading also kept outputs and the toolchains' sources."""

from __future__ import annotations

import posixpath
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from containers.base import CACHE, WORKSPACE, OutsideWorkspace
from tools.base import ToolContext, ToolError

READABLE = (CACHE, "/usr", "/opt")
"""Besides the workspace and the output folder: module caches, standard libraries, installed packages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A path that was judged by its words alone; the container follows symbolic links and judges again."""

    path: str
    """Absolute, normalised."""
    within: str
    """The directory that it has to stay in."""

    @property
    def shown(self) -> str:
        """As the model should call it: relative to the workspace where it lies there."""
        return posixpath.relpath(self.path, WORKSPACE) if self.within == WORKSPACE else self.path


def readable(path: str, context: ToolContext) -> Place:
    """Return where a path that is to be read leads. Raises ToolError."""
    absolute = _absolute(path)
    for root in (WORKSPACE, context.output_folder, *READABLE):
        if _is_in(absolute, root):
            return Place(path=absolute, within=root)
    raise ToolError(f"{path} is outside the workspace; give a path relative to it (use bash to look elsewhere).")


def writable(path: str) -> Place:
    """Return where a path that is to be written leads. Raises ToolError."""
    absolute = _absolute(path)
    if absolute == WORKSPACE or not _is_in(absolute, WORKSPACE):
        raise ToolError(f"{path} is outside the workspace; only files in it can be written. Give a relative path.")
    place = Place(path=absolute, within=WORKSPACE)
    if ".git" in place.shown.lower().split("/"):
        raise ToolError(f"{path} belongs to git and can't be written.")
    return place


@contextmanager
def file_errors(path: str) -> Generator[None]:
    """Turn what a container raises about a file into a ToolError that names the path."""
    try:
        yield
    except OutsideWorkspace as error:
        raise ToolError(f"{path} leads outside the workspace by a symbolic link.") from error
    except FileNotFoundError as error:
        raise ToolError(f"{path} does not exist.") from error
    except IsADirectoryError as error:
        raise ToolError(f"{path} is a directory.") from error
    except NotADirectoryError as error:
        raise ToolError(f"{path}: a part of the path is a file, not a directory.") from error
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror or error}.") from error


def _absolute(path: str) -> str:
    if "\0" in path or not path.strip():
        raise ToolError("path is empty or has a zero byte; give a path relative to the workspace.")
    return posixpath.normpath(posixpath.join(WORKSPACE, path)).replace("//", "/")


def _is_in(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
