"""The tools `read_file` and `write_file`."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from containers.base import Container
from tools.base import ToolContext, ToolError, ToolResult, ToolSpec
from tools.diff import change, unified
from tools.paths import Place, file_errors, readable, writable
from tools.text import Decoded, brief, decode, encode, lines_of, numbered, plural, shorten

_LIMIT_LINES = 2000
_LIMIT_CHARACTERS = 64_000
_LINE_CHARACTERS = 2000
_LISTED = 200


class ReadFile:
    """Shows a text file's lines, numbered, or what a directory holds."""

    spec = ToolSpec(
        name="read_file",
        description=(
            "Read a text file, or list a directory. Lines come as `number<TAB>text`; number and tab are not part of "
            f"the file. At most {_LIMIT_LINES} lines a call. Also reads kept outputs, and library sources in /cache "
            "and /usr."
        ),
        parameters={
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "Relative to the workspace, or absolute."},
                "start_line": {"type": "integer", "minimum": 1},
                "end_line": {"type": "integer", "minimum": 1, "description": "Inclusive."},
            },
            "required": ["path"],
            "additionalProperties": False,
        },
        effect="read",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        path, start, end = arguments["path"], arguments.get("start_line"), arguments.get("end_line")
        return brief(path) if start is None and end is None else brief(path, f"{start or 1}-{end or ''}")

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        place = readable(arguments["path"], context)
        try:
            data = await context.container.read(place.path, within=place.within)
        except FileNotFoundError as error:
            raise ToolError(await missing(context.container, place)) from error
        except IsADirectoryError:
            return await _listing(context.container, place)
        except OSError:
            with file_errors(place.shown):
                raise
        decoded = decode(data)
        if decoded is None:
            raise ToolError(
                f"{place.shown} is a binary file of {len(data)} bytes; use bash (file, xxd, strings) on it."
            )
        return _excerpt(place.shown, decoded, arguments.get("start_line", 1), arguments.get("end_line"))


class WriteFile:
    """Replaces a whole file or makes a new one."""

    spec = ToolSpec(
        name="write_file",
        description=(
            "Create a file, or replace all of it; directories are made. The file then holds exactly `content`, so "
            "there is no need to read it back. To change part of a file, edit it."
        ),
        parameters={
            "type": "object",
            "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
            "required": ["path", "content"],
            "additionalProperties": False,
        },
        effect="write",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(arguments["path"], f"({plural(len(lines_of(arguments['content'])), 'line')})")

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        place, content = writable(arguments["path"]), str(arguments["content"])
        before = await _before(context.container, place)
        if before is not None and before == encode(content):
            return ToolResult(content=f"{place.shown} holds exactly this already; nothing was written.")
        with file_errors(place.shown):
            await context.container.write(place.path, encode(content))
        count = plural(len(lines_of(content)), "line")
        old = None if before is None else decode(before)
        changed = change(place.shown, old.text if old else "", content)
        if before is None:
            text = f"Created {place.shown}, {count}."
            return ToolResult(content=text, display=text, changes=(changed,))
        diff = unified(place.shown, old.shown, content) if old else ""
        return ToolResult(content=f"Replaced {place.shown}, {count}.", display=diff, changes=(changed,))


async def missing(container: Container, place: Place) -> str:
    """Say that a file isn't there, and which near ones are."""
    folder, name = posixpath.split(place.path)
    listed = await container.exec(["ls", "-1Ap", "--", folder])
    entries = listed.stdout.text().splitlines() if listed.exit_code == 0 else []
    near = [posixpath.join(posixpath.dirname(place.shown), entry) for entry in get_close_matches(name, entries, n=5)]
    tracked = await container.exec(["git", "ls-files", "-co", "--exclude-standard", "--", f":(glob)**/{name}"])
    elsewhere = tracked.stdout.text().splitlines() if tracked.exit_code == 0 else []
    found = list(dict.fromkeys([*elsewhere[:5], *near]))
    if found:
        return f"{place.shown} does not exist. Near: {', '.join(found)}."
    if not entries:
        return (
            f"{place.shown} does not exist, nor does its directory."
            if listed.exit_code
            else (f"{place.shown} does not exist; its directory is empty.")
        )
    return f"{place.shown} does not exist. Its directory holds: {', '.join(entries[:30])}."


async def _before(container: Container, place: Place) -> bytes | None:
    try:
        return await container.read(place.path)
    except FileNotFoundError:
        return None
    except OSError:
        with file_errors(place.shown):
            raise


async def _listing(container: Container, place: Place) -> ToolResult:
    listed = await container.exec(["ls", "-1Ap", "--", place.path])
    if listed.exit_code:
        raise ToolError(f"{place.shown}: {listed.stderr.text().strip() or 'can not be listed'}")
    entries = [entry for entry in listed.stdout.text().splitlines() if entry != ".git/"]
    shown = "\n".join(entries[:_LISTED])
    more = f"\n[{len(entries) - _LISTED} more entries]" if len(entries) > _LISTED else ""
    return ToolResult(content=f"{place.shown} is a directory with {len(entries)} entries:\n{shown}{more}".rstrip("\n"))


def _excerpt(path: str, decoded: Decoded, start: int, end: int | None) -> ToolResult:
    lines = lines_of(decoded.shown)
    if not lines:
        return ToolResult(content=f"{path} is empty.")
    if end is not None and end < start:
        raise ToolError(f"end_line {end} comes before start_line {start}.")
    if start > len(lines):
        raise ToolError(f"{path} has only {plural(len(lines), 'line')}; start_line {start} is beyond its end.")
    chosen = _fitting(lines[start - 1 : end])
    last = start + len(chosen) - 1
    notes = _notes(decoded, complete=last >= min(end or len(lines), len(lines)), last=last, total=len(lines))
    return ToolResult(content="\n".join([numbered(chosen, start), *notes]), display=f"{path} {start}-{last}")


def _fitting(lines: Sequence[str]) -> list[str]:
    """Return the lines from the first on that fit the limits, long ones cut."""
    chosen: list[str] = []
    left = _LIMIT_CHARACTERS
    for line in lines[:_LIMIT_LINES]:
        chosen.append(shorten(line, _LINE_CHARACTERS))
        left -= len(chosen[-1]) + 8
        if left <= 0:
            break
    return chosen


def _notes(decoded: Decoded, *, complete: bool, last: int, total: int) -> list[str]:
    notes: list[str] = []
    if not complete:
        notes.append(f"[Cut at line {last} of {total}; read on with start_line {last + 1}.]")
    if "\r\n" in decoded.text:
        notes.append("[Lines end with CRLF; edits keep that.]")
    if not decoded.utf8:
        notes.append("[Not UTF-8: other bytes are shown as \N{REPLACEMENT CHARACTER}; edits keep them.]")
    return notes
