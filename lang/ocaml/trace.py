"""dune's event trace of a test run: which actions ran, how their processes ended, what dune reported."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

_ACTION = re.compile(r"_build/\.actions/[^/]+/(?:(?P<directory>.*)/)?(?P<alias>[^/]+)-(?P<digest>[0-9a-f]{32})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEnd:
    """A process that an action ran, once it had ended."""

    arguments: tuple[str, ...] = ()
    error: str = ""
    """dune's words for it: `exited with code 1`, `got signal SEGV`; `""` for success."""
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Action:
    """What an alias made dune do in a directory: a test program, a cram test, a rule."""

    directory: str
    """Relative to the project, `.` for its top."""
    alias: str
    """`runtest-NAME` of a test stanza, a cram test's name, `runtest` of a rule."""
    digest: str
    succeeded: bool = False
    started: int = 0
    """Processes that it started; more than have ended where the run was cut short."""
    processes: list[ProcessEnd] = field(default_factory=list[ProcessEnd])
    reports: list[str] = field(default_factory=list[str])
    """What dune said about it, as it prints it."""


@dataclass(slots=True, kw_only=True)
class Trace:
    """The actions of a run in the order that they were first seen, and reports that belong to none: build errors."""

    actions: dict[str, Action] = field(default_factory=dict[str, Action])
    reports: list[str] = field(default_factory=list[str])

    def action(self, directory: str, alias: str, digest: str) -> Action:
        """The action with this digest, made at the first call."""
        return self.actions.setdefault(digest, Action(directory=directory or ".", alias=alias, digest=digest))


Fields = dict[str, object]


def read(lines: Iterable[str]) -> Trace:
    """Read `dune trace cat`; a line that is cut or no JSON is left out."""
    trace = Trace()
    for line in lines:
        event = _event(line)
        arguments = _fields(event.get("args"))
        match event.get("cat"), event.get("name"):
            case "process", "start":
                _start(trace, arguments)
            case "process", "finish":
                _process(trace, arguments, _number(event.get("dur")))
            case "action", "write-file":
                _success(trace, arguments)
            case "diagnostics", _:
                _report(trace, arguments)
            case _:
                pass
    return trace


def _event(line: str) -> Fields:
    try:
        # dune repeats keys (the stack of what it was doing): the first is the innermost.
        return _fields(json.loads(line, object_pairs_hook=lambda pairs: dict(reversed(pairs))))
    except (ValueError, RecursionError):
        return {}


def _start(trace: Trace, arguments: Fields) -> None:
    action = _action_of(trace, _strings(arguments.get("target_files")))
    if action is not None:
        action.started += 1


def _process(trace: Trace, arguments: Fields, seconds: float) -> None:
    action = _action_of(trace, _strings(arguments.get("target_files")))
    if action is None:
        return
    action.processes.append(
        ProcessEnd(
            arguments=_strings(arguments.get("process_args")),
            error=_text(arguments.get("error")),
            stdout=_text(arguments.get("stdout")),
            stderr=_text(arguments.get("stderr")),
            seconds=seconds,
        )
    )


def _success(trace: Trace, arguments: Fields) -> None:
    action = _action_of(trace, (_text(arguments.get("file")),))
    if action is not None:
        action.succeeded = True


def _report(trace: Trace, arguments: Fields) -> None:
    memo = _fields(arguments.get("memo"))
    digest = _strings(_fields(memo.get("execute-action")).get("digest"))
    alias = _fields(memo.get("build-alias"))
    text = _text(arguments.get("exn"))
    if len(digest) != 2 or not alias:
        trace.reports.append(text)
        return
    directory = (*_strings(alias.get("dir")), "", "")[1].partition("/")[2]
    trace.action(directory, _text(alias.get("name")), digest[1]).reports.append(text)


def _action_of(trace: Trace, files: tuple[str, ...]) -> Action | None:
    for file in files:
        match = _ACTION.search(file)
        if match:
            return trace.action(match["directory"] or "", match["alias"], match["digest"])
    return None


def _fields(value: object) -> Fields:
    return cast(Fields, value) if isinstance(value, dict) else {}


def _strings(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in cast(list[object], value)) if isinstance(value, list) else ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float:
    # JSON as Python reads it has NaN, infinities and integers of any length.
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e15 else 0.0
