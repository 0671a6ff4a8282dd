"""Puts in order what a reply wrote: the formatter, the imports, what can only be mended one way."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from containers.base import Container
from lang.base import FileEdit
from tools.analyses import Analyses
from tools.base import Change
from tools.checks import Checks
from tools.diff import change, changed_lines
from tools.text import decode, encode

_BETWEEN_S, _LAST_S = 5.0, 30.0
"""How long files wait for an analysis that is starting: between replies, and before a verdict."""
_SHOWN_LINES = 24

Polished = dict[str, tuple[Change, str]]
"""What was changed by path, and how to say it."""


@dataclass(slots=True, kw_only=True)
class Polish:
    """One session's polishing. Methods raise ContainerDied."""

    container: Container
    analyses: Analyses
    checks: Checks
    _waiting: set[str] = field(default_factory=set[str])
    """Written while no analysis was ready for it."""

    async def after(self, paths: Collection[str], seen: str) -> Polished:
        """Polish files that a reply wrote; `seen` is the tree before it. Those that must wait come next time."""
        return await self._polish(paths, seen, _BETWEEN_S, last=False)

    async def last(self, paths: Collection[str], seen: str) -> bool:
        """Polish for the last time, new files by the formatter at least; whether there was anything to look at."""
        if not paths and not self._waiting:
            return False
        await self._polish(paths, seen, _LAST_S, last=True)
        return True

    async def _polish(self, paths: Collection[str], seen: str, patience_s: float, *, last: bool) -> Polished:
        until = time.monotonic() + patience_s
        done: Polished = {}
        waiting, self._waiting = self._waiting, set()
        for path in dict.fromkeys((*waiting, *paths)):
            before = await self._text_at(self.checks.base_commit if path in waiting else seen, path)
            now = await self._text(path)
            if now is None:
                continue
            owned = any(language.owns(path) for language in self.checks.languages)
            left_s = max(0.0, until - time.monotonic())
            if owned and not await self.analyses.symbols(path, patience_s=left_s):
                self._waiting.add(path)
                if not last:
                    continue
            edit = await self.analyses.polished(path, before)
            if edit is not None and edit.content != now and await self._write(edit):
                done[edit.path] = (change(edit.path, now, edit.content), _said_of(edit, now))
        if done:
            await self.analyses.changed(done)
        return done

    async def _write(self, edit: FileEdit) -> bool:
        """Write a file; where that can't be done (a full disk) it stays as the model wrote it."""
        try:
            await self.container.write(edit.path, encode(edit.content))
        except OSError:
            return False
        return True

    async def _text(self, path: str) -> str | None:
        try:
            decoded = decode(await self.container.read(path))
        except OSError:
            return None
        return decoded.text if decoded and decoded.utf8 else None

    async def _text_at(self, tree: str, path: str) -> str | None:
        argv = ["git", "cat-file", "blob", f"{tree}:{path}"]
        shown = await self.container.exec(argv, limit_bytes=8 << 20)
        return shown.stdout.text() if shown.exit_code == 0 else None


def _said_of(edit: FileEdit, now: str) -> str:
    """Say what the formatter changed; of white space alone nobody needs to see the lines."""
    if "".join(now.split()) == "".join(edit.content.split()):
        return f"{edit.path} was formatted (white space only)."
    return f"{edit.path} was put in order:\n{changed_lines(now, edit.content, limit=_SHOWN_LINES)}"
