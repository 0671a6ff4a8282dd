"""A rich renderable whose lines begin as told and end where their text ends, so that logs have no trailing blanks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """`content` with `first` before its first line and `rest` before the others, wrapped to the width that is left."""

    content: RenderableType
    first: str = ""
    rest: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(1, options.max_width - max(len(self.first), len(self.rest)))
        inner = options.update(width=width, height=None)
        for number, line in enumerate(console.render_lines(self.content, inner, pad=False)):
            trimmed = _trimmed(line)
            prefix = self.rest if number else self.first
            if prefix and trimmed:
                yield Segment(prefix)
            yield from trimmed
            yield Segment.line()


def _trimmed(line: Sequence[Segment]) -> list[Segment]:
    kept = list(line)
    while kept:
        last = kept.pop()
        if text := last.text.rstrip(" "):
            return [*kept, Segment(text, last.style, last.control)]
    return []
