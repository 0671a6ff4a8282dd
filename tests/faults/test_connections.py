"""What goes wrong between a session and its model, through the vendors' SDKs: it is asked again, or told in a line."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

import pytest
from recorded_runs import EDITS
from records import record
from scenes import Theatre
from victims import Blow

from agent.providers.loopback import Break, Fault, Garbage, Loopback, Refuse, Stall
from agent.providers.script import parse

ALL = os.environ.get("BACTRIAN_FAULTS") == "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How a connection fails. Each fault is of one request, the first of which goes well."""

    name: str
    faults: tuple[Fault, ...]
    status: int = 0
    """What the session ends with; it goes on with a connection that is sound."""
    told: str = ""
    quick: bool = False


LINES = (
    Line(name="reset in the middle of a reply", faults=(Break(how="reset", after_events=4),), quick=True),
    Line(name="cut in the middle of a reply", faults=(Break(how="cut", after_events=4),)),
    Line(name="a reply that ends too early", faults=(Break(how="end", after_events=4),)),
    Line(name="an error in the stream", faults=(Break(how="error", after_events=2),)),
    Line(name="garbage in the stream", faults=(Garbage(streamed=True),)),
    Line(name="a web page in place of a reply", faults=(Garbage(),), status=1, told=r"^✗ "),
    Line(name="overloaded, and then still", faults=(Refuse(status=529, retry_after_s=0), Refuse(status=529))),
    Line(name="a reply that pauses", faults=(Stall(seconds=0.5, after_events=3),)),
    Line(name="the key is revoked", faults=(Refuse(status=401, message="invalid key"),), status=1, told="401|key"),
    Line(name="no money is left", faults=(Refuse(status=402, message="no credit"),), status=1, told="credit"),
)


@pytest.mark.parametrize("line", [pytest.param(line, id=line.name) for line in LINES if ALL or line.quick])
def test_broken_connection(line: Line, theatre: Theatre, request: pytest.FixtureRequest) -> None:
    reference, scene = theatre.reference(EDITS), theatre.scene(EDITS)
    with Loopback(parse(EDITS.script()), faults=(None, *line.faults)) as server:
        variables = {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "sk-ant-of-a-test"}
        ended = theatre.begin(scene, model="anthropic/claude-opus-5-5", variables=variables)
    if not line.status and ended.status == 1:
        scene.lost.append(f"it ended with {ended.status}: {ended.stderr[-800:]}")
    if not re.search(line.told, ended.stderr, re.MULTILINE) or "Traceback" in ended.stderr:
        scene.lost.append(f"the user does not read /{line.told}/ but: {ended.stderr[-800:]}")
    if ended.status:
        with Loopback(parse(EDITS.script_after(scene.events()))) as server:
            variables["ANTHROPIC_BASE_URL"] = server.url
            ended = theatre.resume(scene, EDITS, model="anthropic/claude-opus-5-5", variables=variables)
    assert ended.status == 0, ended.stderr[-1000:]
    scene.look_at_end(reference, ended.last)
    scene.look_for_leaks()
    record(request, "fault", [line.name, scene.lost, scene.leaked])
    assert (scene.lost, scene.leaked) == ([], [])
    theatre.close(scene)


@pytest.mark.parametrize("how", ["the reader has gone", "its disk is full"])
def test_standard_output(how: str, theatre: Theatre, request: pytest.FixtureRequest) -> None:
    reference, scene = theatre.reference(EDITS), theatre.scene(EDITS)
    if how == "the reader has gone":
        pipe, status = scene.folder / "pipe", 130
        os.mkfifo(pipe)
        with subprocess.Popen(["sh", "-c", f"exec sleep 60 <{pipe}"]) as reader:
            gone = Blow(kind="turn_started", nth=2, shell=f"kill {reader.pid}; sleep 0.2")
            ended = theatre.begin(scene, gone, stdout=str(pipe))
    else:
        status = 1
        ended = theatre.begin(scene, stdout="/dev/full")
    assert ended.status == status, ended.stderr[-1000:]
    assert "Traceback" not in ended.stderr
    ended = theatre.resume(scene, EDITS)
    scene.look_at_end(reference, ended.last)
    scene.look_for_leaks()
    record(request, "fault", [f"standard output: {how}", scene.lost, scene.leaked])
    assert (scene.lost, scene.leaked) == ([], [])
    theatre.close(scene)
