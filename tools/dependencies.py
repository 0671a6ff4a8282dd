"""Writing what an addition changes: all of it or nothing, whatever comes in between."""

from __future__ import annotations

import asyncio
import errno
import posixpath
from collections.abc import Mapping, Sequence

from containers.base import WORKSPACE, Container
from lang.base import FileEdit
from lang.dependencies import STAGE, Addition
from tools.base import Change, ToolError
from tools.diff import change
from tools.text import decode, encode, lines_of, shorten

_SHOWN_LINES = 12
_LINE_CHARACTERS = 160

# Renaming needs no room on the disk: once everything lies beside its place, nothing can come in between. Arguments: the
# number of files, pairs of file and place, then pairs of directory and place.
_PUT = r"""
files=$1; shift
check() {
    while [ $# -gt 0 ]; do
        place=$(dirname "$2")
        mkdir -p "$place" && [ -w "$place" ] || return 1
        [ -d "$1" ] || [ ! -d "$2" ] || { echo "$2 is a directory" >&2; return 1; }
        shift 2
    done
}
check "$@" || exit 1
while [ "$files" -gt 0 ]; do
    [ ! -e "$2" ] || chmod --reference="$2" "$1"
    mv -f "$1" "$2" || exit 1
    shift 2; files=$((files - 1))
done
while [ $# -gt 0 ]; do
    rm -rf "$1.old"
    [ ! -e "$2" ] || mv "$2" "$1.old" || exit 1
    mv "$1" "$2" || exit 1
    shift 2
done
"""


async def texts(container: Container, paths: Sequence[str]) -> dict[str, str]:
    """Return the files that are there and hold text."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            decoded = decode(await container.read(path))
        except OSError:
            continue
        if decoded is not None:
            found[path] = decoded.text
    return found


async def put(container: Container, addition: Addition) -> tuple[Change, ...]:
    """Make an addition's changes, in one go. Raises ToolError, and then nothing has changed; ContainerDied."""
    before = await texts(container, [edit.path for edit in addition.edits])
    edits = [edit for edit in addition.edits if before.get(edit.path) != edit.content]
    if not edits and not addition.moves:
        return ()
    try:
        staged = [await _stage(container, number, edit) for number, edit in enumerate(edits)]
        moves = [posixpath.join(WORKSPACE, place) for move in addition.moves for place in move]
        argv = ["sh", "-c", _PUT, "sh", str(len(edits)), *(word for pair in staged for word in pair), *moves]
        done = await asyncio.shield(container.exec(argv))
    except OSError as error:
        why = "the container's disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise ToolError(f"It could not be recorded: {why}. The build files are as they were.") from error
    if done.exit_code:
        raise ToolError(f"It could not be recorded: {done.stderr.text().strip()[-300:]}")
    return tuple(change(edit.path, before.get(edit.path, ""), edit.content) for edit in edits)


async def _stage(container: Container, number: int, edit: FileEdit) -> tuple[str, str]:
    staged = f"{WORKSPACE}/{STAGE}/{number}"
    await container.write(staged, encode(edit.content))
    return staged, posixpath.join(WORKSPACE, edit.path)


async def clear(container: Container) -> None:
    """Remove what was staged, also when the call is being cancelled. Raises ContainerDied."""
    await asyncio.shield(container.exec(["rm", "-rf", f"{WORKSPACE}/{STAGE}"]))


def shown(addition: Addition, before: Mapping[str, str]) -> str:
    """Return the changed lines of build files, as a diff without its heads; those nobody wants to read by count."""
    parts = [_shown(edit, before.get(edit.path, ""), edit.path in addition.quiet) for edit in addition.edits]
    return "\n".join(part for part in parts if part)


def _shown(edit: FileEdit, before: str, quiet: bool) -> str:
    if edit.content == before:
        return ""
    counted = change(edit.path, before, edit.content)
    head = f"{edit.path} +{counted.added} -{counted.removed}"
    if quiet:
        return head
    lines = _changed(lines_of(before), lines_of(edit.content))
    more = [f"[... {len(lines) - _SHOWN_LINES} more]"] if len(lines) > _SHOWN_LINES else []
    return "\n".join([head, *(shorten(line, _LINE_CHARACTERS) for line in lines[:_SHOWN_LINES]), *more])


def _changed(before: Sequence[str], after: Sequence[str]) -> list[str]:
    from difflib import ndiff

    return [line for line in ndiff(before, after) if line[:2] in ("+ ", "- ") and line[2:].strip()]
