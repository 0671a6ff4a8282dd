"""Excerpts of what a failed test printed: crashes keep their message and the frames that are the user's code."""

from __future__ import annotations

import re

from lang.go.output import Places

HEAD_LINES = 40
TAIL_LINES = 20
LINE_LIMIT = 500
"""Characters that are kept of one line."""
GOROUTINES = 3
"""How many goroutines of a crash are shown: the one that crashed, then those inside the user's code."""

_FRAME_FILE = re.compile(r"^\s+(?P<path>/\S+\.go|_testmain\.go):(?P<line>\d{1,9})(?: \+0x[0-9a-f]+)?$")
_STANDARD = re.compile(r"/go(?:-\d[\w.]*)?/src/")
_GOROUTINE = re.compile(r"^goroutine \d+ .*:$")


def excerpt(said: str, places: Places) -> str:
    """Return the part of a test's output that is worth reading, with paths relative to the workspace."""
    return _clipped(places.shorten(_without_goroutines(said, places)))


def first_frame(said: str, places: Places) -> tuple[str, int]:
    """Return the path and line of the first stack frame inside the workspace, or `("", 0)`."""
    for line in said.splitlines():
        match = _FRAME_FILE.match(line)
        if match and match["path"].startswith("/") and places.inside(match["path"]):
            return places.relative(match["path"]), int(match["line"])
    return "", 0


def _clipped(said: str) -> str:
    lines = [line if len(line) <= LINE_LIMIT else f"{line[:LINE_LIMIT]}…" for line in said.splitlines()]
    left_out = len(lines) - HEAD_LINES - TAIL_LINES
    if left_out > 0:
        lines[HEAD_LINES:-TAIL_LINES] = [f"… {left_out} lines left out …"]
    return "\n".join(lines)


def _without_goroutines(said: str, places: Places) -> str:
    """Thin a goroutine dump out; text that holds none comes back as it is."""
    kept: list[str] = []
    shown = left_out = 0
    for block in said.split("\n\n"):
        lines = block.splitlines()
        start = next((at for at, line in enumerate(lines) if _GOROUTINE.match(line)), None)
        frames = _own_frames(lines if start is None else lines[start + 1 :])
        if start is None:
            kept.append("\n".join(frames))
        elif frames and (shown == 0 or (shown < GOROUTINES and first_frame(block, places)[0])):
            shown += 1
            kept.append("\n".join((*lines[: start + 1], *frames)))
        else:
            kept.extend(lines[:start])
            left_out += 1
    if left_out and shown:
        kept.append(f"… {left_out} more goroutines left out …")
    return "\n\n".join(kept)


def _own_frames(lines: list[str]) -> list[str]:
    """Drop the standard library's frames: two lines each, the call and the place."""
    kept: list[str] = []
    for line in lines:
        match = _FRAME_FILE.match(line)
        if match and kept and (match["path"] == "_testmain.go" or _STANDARD.search(match["path"])):
            kept.pop()
        else:
            kept.append(line)
    return kept
