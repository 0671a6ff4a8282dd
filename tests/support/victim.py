"""A program that runs the command line in forks of itself, and strikes them at an event that is told beforehand.

Each line of standard input is an order (`Order` in `victims.py`), answered by a line when the fork has ended. The fork
has everything imported already, so that a start costs little. What is struck is the real thing: only the transcript's
writer is another, which sees each event come.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import agent.cli.main
import agent.event_log
import lang.detect
import tools.registry
from agent.codec import encode
from agent.events import Stamped
from agent.transcript import TranscriptWriter

Blow = dict[str, Any]

_WARM = (
    *("agent.cli.ask", "agent.cli.jsonl", "agent.cli.resume", "agent.cli.run", "agent.cli.screen", "agent.projects"),
    *("agent.providers.scripted", "agent.session", "containers.bubblewrap", "containers.rootfs"),
)
"""What a session imports only when it is needed. Not the engine's client: whoever has it asks the engine."""


class Struck(TranscriptWriter):
    """A transcript that lets the blows fall before, after or in the middle of the events that they wait for."""

    blows: Sequence[Blow] = ()

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._seen: Counter[str] = Counter()
        self._errno = 0

    def append(self, stamped: Stamped) -> None:
        """Write one event, with what goes wrong there."""
        event = stamped.event
        names = {event.kind, f"{event.kind} {getattr(event, 'tool', '')}"}
        self._seen.update(names)
        found = [blow for blow in self.blows if self._meets(blow, stamped, names)]
        for blow in found:
            if blow["moment"] == "torn":
                line = encode(stamped).encode()
                os.write(self._file, line[: max(1, len(line) * blow.get("share", 50) // 100)])
                _strike(blow, self.path.parent, stamped)
            if blow["moment"] == "before":
                self._errno = blow.get("errno", 0)
                _strike(blow, self.path.parent, stamped)
        super().append(stamped)
        for blow in found:
            if blow["moment"] == "after":
                _strike(blow, self.path.parent, stamped)

    def _meets(self, blow: Blow, stamped: Stamped, names: set[str]) -> bool:
        if "seq" in blow:
            return blow["seq"] == stamped.stamp.seq
        return blow["kind"] in names and blow.get("nth", 1) in (0, self._seen[blow["kind"]])

    def _write(self, data: bytes) -> None:
        if self._errno:
            with contextlib.suppress(OSError):
                os.write(self._file, data[: len(data) // 2])  # as a disk that is full takes the first part
            raise OSError(self._errno, os.strerror(self._errno))
        super()._write(data)


def _strike(blow: Blow, folder: Path, stamped: Stamped) -> None:
    for name, limit in blow.get("limits", {}).items():
        kind = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))
    if "shell" in blow:
        told = {"SESSION": str(folder), "CLONE": str(folder / "workspace"), "PID": str(os.getpid())}
        told["CALL"] = str(getattr(stamped.event, "call", ""))
        done = subprocess.run(["bash", "-euc", blow["shell"]], env=os.environ | told, capture_output=True, check=False)
        if done.returncode:
            os.write(2, b"the blow itself failed: " + done.stderr)
            os._exit(99)
    for number in blow.get("signals", ()):
        os.kill(os.getpid(), number)


def _run(order: dict[str, Any]) -> int:
    """Be the command line."""
    os.setsid()
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["cwd"])
    for descriptor, path in enumerate((os.devnull, order["stdout"], order["stderr"])):
        flags = os.O_RDWR if path == os.devnull else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    for name, limit in order["limits"].items():
        kind = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))
    Struck.blows = order["blows"]
    agent.event_log.TranscriptWriter = Struck
    sys.argv = ["bactrian", *order["argv"]]
    try:
        agent.cli.main.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _serve(order: dict[str, Any]) -> dict[str, Any]:
    started = time.monotonic()
    pid = os.fork()
    if not pid:
        code = 98
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            code = _run(order)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    gone = os.pidfd_open(pid)
    late = not select.select([gone], [], [], order["timeout_s"])[0]
    if late:
        os.kill(pid, signal.SIGKILL)
    os.close(gone)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return {"pid": pid, "status": status, "late": late, "seconds": time.monotonic() - started}


def main() -> None:
    """Serve until standard input ends. Arguments are folders of plug-ins."""
    sys.path += sys.argv[1:]
    for name in _WARM:
        importlib.import_module(name)
    lang.detect.languages()
    tools.registry.default_tools("edit")
    for line in sys.stdin:
        print(json.dumps(_serve(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
