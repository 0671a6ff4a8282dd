"""Sessions to be struck: the real command line in a process of its own, killed or hindered at a chosen event."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

Moment = Literal["before", "after", "torn"]
"""Before an event is written down, after, or when half of its line is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """What happens to a session, and when."""

    seq: int = 0
    """The event's number; 0 where its kind tells which is meant."""
    kind: str = ""
    """Like `turn_started`, or `tool_started bash`."""
    nth: int = 1
    """Which one of that kind; 0: each."""
    moment: Moment = "after"
    share_percent: int = 50
    """How much of the line a torn one has."""
    signals: Sequence[int] = ()
    """What the process sends to itself."""
    errno: int = 0
    """The transcript can't be written from here on."""
    shell: str = ""
    """A script that runs meanwhile; it knows $SESSION (a folder), $CLONE, $PID, $CALL and the process's variables."""
    limits: Mapping[str, int] = field(default_factory=dict[str, int])
    """Limits of the process from here on, like `NOFILE`."""

    def told(self) -> dict[str, Any]:
        when: dict[str, Any] = {"seq": self.seq} if self.seq else {"kind": self.kind, "nth": self.nth}
        how = {"signals": list(self.signals), "errno": self.errno, "limits": dict(self.limits)}
        script = {"shell": self.shell} if self.shell else {}
        return when | how | script | {"moment": self.moment, "share": self.share_percent}


KILL = (signal.SIGKILL,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended. `status` is its exit code, or the signal that killed it as a negative number."""

    pid: int
    status: int
    late: bool
    stdout: str
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The whole lines of `--json`."""
        return [json.loads(line) for line in self.stdout.split("\n")[:-1]]

    @property
    def last(self) -> dict[str, Any]:
        return self.events[-1]

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL and not self.late


class Victims:
    """Starts one victim after the other. A context manager."""

    def __init__(self, folder: Path, plugins: Sequence[Path] = ()) -> None:
        self._folder = folder
        self._plugins = [str(path) for path in plugins]
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        program = Path(__file__).with_name("victim.py")
        self._server = subprocess.Popen(
            [sys.executable, str(program), *self._plugins], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.communicate()

    def run(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        *blows: Blow,
        cwd: Path,
        limits: Mapping[str, int] | None = None,
        stdout: str = "",
        timeout_s: float = 60.0,
    ) -> Ended:
        """Run `bactrian ARGV` to its end, whatever that is. `stdout` may name another file, which is then not read."""
        assert self._server
        assert self._server.stdin
        assert self._server.stdout
        paths = {name: self._folder / name for name in ("stdout", "stderr")}
        for path in paths.values():
            path.write_text("")
        order = {
            "argv": list(argv),
            "environ": dict(environ),
            "cwd": str(cwd),
            "blows": [blow.told() for blow in blows],
        }
        order |= {"limits": dict(limits or {}), "timeout_s": timeout_s}
        order |= {name: str(path) for name, path in paths.items()} | ({"stdout": stdout} if stdout else {})
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        said = {name: path.read_text(errors="replace") for name, path in paths.items()}
        return Ended(pid=answer["pid"], status=answer["status"], late=answer["late"], **said)
