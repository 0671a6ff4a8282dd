"""What a call is about to do to the workspace's files: worked out in full first, then written, all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from containers.base import Container
from tools.base import Change, ToolError, ToolResult
from tools.diff import change, snippets, unified
from tools.edit_record import EditRecord
from tools.files import missing
from tools.paths import Place, file_errors
from tools.text import decode, encode, lines_of, plural

_SNIPPET_LINES = 60
"""Shown of all files together."""
_LEAST_SNIPPET_LINES = 12


@dataclass(slots=True, kw_only=True)
class _File:
    place: Place
    before: bytes | None
    """None: there was no such file."""
    after: bytes | None
    """None: it is to go."""
    notes: list[str] = field(default_factory=list[str])
    moved_from: str = ""
    whole: bool = False
    """Whether all of it was given anew."""


@dataclass(slots=True, kw_only=True)
class Changeset:
    """Files as they will be. Nothing is written before `write`."""

    container: Container
    _files: dict[str, _File] = field(default_factory=dict[str, _File])

    async def text(self, place: Place) -> str:
        """Return a file's text as it will be. Raises ToolError: there is no such file, or it is a binary one."""
        data = (await self._file(place)).after
        if data is None:
            raise ToolError(f"{await missing(self.container, place)} To create it use write_file.")
        decoded = decode(data)
        if decoded is None:
            raise ToolError(f"{place.shown} is a binary file and can't be edited; use bash.")
        return decoded.text

    async def exists(self, place: Place) -> bool:
        """Whether there will be a file. Raises ToolError: there is something else, or the path leads out."""
        return (await self._file(place)).after is not None

    async def put(self, place: Place, text: str, notes: Iterable[str] = (), *, whole: bool = False) -> None:
        """Give a file its text, making it if need be. `notes` are told beside it. Raises ToolError like `exists`.

        `whole`: the model wrote all of it and need not see it again.
        """
        file = await self._file(place)
        file.after, file.whole = encode(text), whole
        file.notes += notes

    async def remove(self, place: Place) -> None:
        """Let a file go. Raises ToolError: there is none."""
        file = await self._file(place)
        if file.after is None:
            raise ToolError(await missing(self.container, place))
        file.after = None

    async def move(self, place: Place, to: Place) -> None:
        """Give a file another name. Raises ToolError: there is none, or the name is taken."""
        file, target = await self._file(place), await self._file(to)
        if target.after is not None:
            raise ToolError(f"{to.shown} exists already; {place.shown} can't be moved there.")
        if file.after is None:
            raise ToolError(await missing(self.container, place))
        target.after, target.moved_from, target.notes, target.whole = file.after, place.path, file.notes, False
        file.after, file.notes = None, []

    async def write(self) -> None:
        """Write everything. Raises ToolError for what can't be written; the files are then as they were."""
        done: list[_File] = []
        try:
            # What goes is removed last: moved files take their mode along.
            for file in sorted(self._changed(), key=lambda file: file.after is None):
                done.append(file)
                await self._set(file, file.after)
        except ToolError:
            for file in reversed(done):
                with suppress(ToolError):
                    await self._set(file, file.before)
            raise

    def result(self, edits: EditRecord) -> ToolResult:
        """Return what is said of the changes once they are written."""
        changed = self._changed()
        if not changed:
            names = ", ".join(file.place.shown for file in self._files.values())
            return ToolResult(content=f"{names}: the edits cancel out; nothing was written.", edits=edits)
        limit = max(_LEAST_SNIPPET_LINES, _SNIPPET_LINES // len(changed))
        moved = {file.moved_from for file in changed}
        shown = [file for file in changed if file.after is not None or file.place.path not in moved]
        told = [_told(file, self._source(file), limit) for file in shown]
        diffs = [_diff(file, self._source(file)) for file in shown]
        return ToolResult(
            content="\n".join(told),
            display="\n".join(diff for diff in diffs if diff),
            changes=tuple(_counted(file) for file in changed),
            edits=edits,
        )

    def _changed(self) -> list[_File]:
        return [file for file in self._files.values() if file.before != file.after]

    def _source(self, file: _File) -> bytes | None:
        """Return what a file is made from: what was there, or what was where it is moved from."""
        return self._files[file.moved_from].before if file.moved_from else file.before

    async def _file(self, place: Place) -> _File:
        if place.path not in self._files:
            data = await _bytes(self.container, place)
            self._files[place.path] = _File(place=place, before=data, after=data)
        return self._files[place.path]

    async def _set(self, file: _File, data: bytes | None) -> None:
        if data is not None:
            with file_errors(file.place.shown):
                await self.container.write(file.place.path, data)
            if file.moved_from:
                await self.container.exec(["chmod", "--reference", file.moved_from, "--", file.place.path])
            return
        removed = await self.container.exec(["rm", "-f", "--", file.place.path])
        if removed.exit_code:
            raise ToolError(f"{file.place.shown}: {removed.stderr.text().strip() or 'can not be removed'}")


async def _bytes(container: Container, place: Place) -> bytes | None:
    with file_errors(place.shown):
        try:
            return await container.read(place.path)
        except FileNotFoundError:
            return None


def _shown(data: bytes | None) -> str:
    decoded = decode(data or b"")
    return decoded.shown if decoded else ""


def _counted(file: _File) -> Change:
    return change(file.place.shown, _shown(file.before), _shown(file.after))


def _told(file: _File, source: bytes | None, limit: int) -> str:
    name, after = file.place.shown, _shown(file.after)
    if file.after is None:
        return f"Deleted {name}."
    if source is None or file.whole:
        return f"{'Created' if source is None else 'Replaced'} {name}, {plural(len(lines_of(after)), 'line')}."
    counted = change(name, _shown(source), after)
    moved = f" to {name}" if file.moved_from else ""
    head = f"{'Moved' if moved else 'Edited'} {_origin(file)}{moved} (+{counted.added} -{counted.removed})."
    return "\n".join(part for part in (head, *file.notes, snippets(_shown(source), after, limit=limit)) if part)


def _origin(file: _File) -> str:
    moved = Place(path=file.moved_from, within=file.place.within) if file.moved_from else file.place
    return moved.shown


def _diff(file: _File, source: bytes | None) -> str:
    if file.after is None or source is None:
        return _told(file, source, 0)
    return unified(file.place.shown, _shown(source), _shown(file.after))


def all_or_nothing(problems: Sequence[str], edits: EditRecord, *, several: bool) -> ToolError:
    """Return the error for a call some of whose edits can't be made."""
    others = ["None of the edits was made."] if several else []
    return ToolError("\n".join([*problems, *others]), edits=edits)
