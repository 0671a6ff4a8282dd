"""Crashes and data races in what a test printed, cut down to the message and the frames that are the user's code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lang.go.messages import clipped, folded, unwrapped
from lang.go.output import Places

GOROUTINES = 3
"""How many goroutines of a crash are shown: the one that crashed, then those inside the user's code."""

_FRAME_FILE = re.compile(r"^\s+(?P<path>/\S+\.(?:go|s)|_testmain\.go):(?P<line>\d{1,9})(?: \+0x[0-9a-f]+)?(?: fp=.*)?$")
_LIBRARY = re.compile(r"/go(?:-\d[\w.]*)?/src/|/pkg/mod/|/go-mod/|/vendor/|^_testmain\.go$")
_GOROUTINE = re.compile(r"^goroutine \d+ (?:.*)\[(?P<state>[^\]]*)\]:$")
_ARGUMENTS = re.compile(r"\([^()]*\)$")
_STARTER = re.compile(r" in goroutine \d+$")
_RACE = re.compile(r"^={18}\nWARNING: DATA RACE\n(?P<report>.*?)^={18}(?:\n|\Z)", re.MULTILINE | re.DOTALL)
_ACCESS = re.compile(
    r"^(?P<what>(?:Previous )?(?:atomic )?(?:read|write)|Goroutine) .*?(?P<goroutine>\d+|main goroutine)\b", re.I
)
_RACED = re.compile(r"^[ \t]*\S*testing\.go:\d+: race detected during execution of test$\n?", re.MULTILINE)
_NOISE = re.compile(r"^(?:runtime: (?:sp=|goroutine stack exceeds)|\[signal SIG|exit status ).*\n?", re.MULTILINE)
_REPANICKED = re.compile(r" \[recovered(?:, repanicked)?\]$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    call: str
    path: str
    line: int

    @property
    def library(self) -> bool:
        return bool(_LIBRARY.search(self.path))

    def __str__(self) -> str:
        return f"\t{self.call}  {self.path}:{self.line}"


def excerpt(said: str, places: Places) -> str:
    """Return the part of a test's output that is worth reading, with paths relative to the workspace."""
    raced = _RACE.sub(lambda match: _race(match["report"], places), said)
    plain = _RACED.sub("", raced) if raced != said else said
    crash = _without_goroutines(_REPANICKED.sub("", _NOISE.sub("", plain)), places)
    return clipped(folded(unwrapped(places.shorten(crash))))


def first_frame(said: str, places: Places) -> tuple[str, int]:
    """Return the path and line of the first stack frame inside the workspace, or `("", 0)`."""
    for line in said.splitlines():
        match = _FRAME_FILE.match(line)
        if match and match["path"].startswith("/") and places.inside(match["path"]):
            return places.relative(match["path"]), int(match["line"])
    return "", 0


def _frames(lines: Sequence[str]) -> Iterator[_Frame | str]:
    """Yield the frames, two lines each: the call and the place; other lines as they are."""
    call: str | None = None
    for line in lines:
        match = _FRAME_FILE.match(line)
        if match and call is not None:
            plain = _STARTER.sub("", call.strip())
            yield _Frame(call=_ARGUMENTS.sub("", plain), path=match["path"], line=int(match["line"]))
            call = None
            continue
        if call is not None:
            yield call
        call = line
    if call is not None:
        yield call


def _without_goroutines(said: str, places: Places) -> str:
    """Thin a goroutine dump out; text that holds none comes back as it is."""
    kept: list[str] = []
    seen: dict[str, int] = {}
    left_out = 0
    for block in said.split("\n\n"):
        lines = block.splitlines()
        start = next((at for at, line in enumerate(lines) if _GOROUTINE.match(line)), None)
        if start is None:
            kept.extend([] if lines[:1] == ["runtime stack:"] else ["\n".join(_own(lines))])
            continue
        told = "\n".join((_heading(lines[start]), *_own(lines[start + 1 :])))
        mine = bool(first_frame(block, places)[0])
        if told in seen:
            seen[told] += 1
        elif "\n" in told and (not seen or (len(seen) < GOROUTINES and mine)):
            seen[told] = 1
            kept.append("\n".join((*lines[:start], told)))
        else:
            kept.extend("\n".join(lines[:start]) for _ in lines[:1] if start)
            left_out += 1
    text = "\n\n".join(kept)
    for told, count in seen.items():
        if count > 1:
            text = text.replace(told, f"{count} goroutines like this one:\n{told}", 1)
    return f"{text}\n\n… {left_out} more goroutines left out …" if left_out and seen else text


def _heading(line: str) -> str:
    match = _GOROUTINE.match(line)
    return f"goroutine [{match['state']}]:" if match else line


def _own(lines: Sequence[str]) -> list[str]:
    """Return lines with each frame on one, without those of libraries; a frame that recurs stands once, counted."""
    kept: list[str] = []
    for item in _frames(lines):
        if isinstance(item, str):
            kept.append(item)
        elif not item.library:
            kept.append(str(item))
    return list(folded("\n".join(kept)).split("\n")) if kept else []


def _race(report: str, places: Places) -> str:
    """Return a data race in a few lines: who touches what where, and where those goroutines were started."""
    told: list[str] = []
    for block in report.split("\n\n"):
        lines = block.splitlines()
        access = _ACCESS.match(lines[0]) if lines else None
        frames = [each for each in _frames(lines[1:]) if isinstance(each, _Frame) and not each.library]
        if access and frames:
            what = access["what"].lower().replace("goroutine", "a goroutine was started")
            own = next((each for each in frames if places.inside(each.path)), frames[0])
            told.append(f"\t{what} at {places.relative(own.path)}:{own.line} in {own.call}")
    return "\n".join(("DATA RACE:", *told, ""))
