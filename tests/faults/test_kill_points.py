"""A session is killed at every event, before it is written down, after, and in the middle of its line, and goes on.

All of them by `make faults`; otherwise a few of each kind.
"""

from __future__ import annotations

import json
import os

import pytest
from autopsy import Scene
from recorded_runs import EDITS, PATCHES, Run
from records import record
from scenes import Theatre
from victims import KILL, Blow, Ended, Moment

ALL = os.environ.get("BACTRIAN_FAULTS") == "all"
MOMENTS: tuple[Moment, ...] = ("before", "after", "torn")
PARTS = 12 if ALL else 2


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("run", [EDITS, PATCHES], ids=lambda run: run.name)
def test_killed_in_bubblewrap(run: Run, part: int, theatre: Theatre, request: pytest.FixtureRequest) -> None:
    count = len(theatre.reference(run).events)
    every: list[tuple[int, Moment]] = [(seq, moment) for seq in range(1, count + 1) for moment in MOMENTS]
    # Of a sample, each point is of another moment than the one before.
    points = every[part::PARTS] if ALL else every[part * 23 :: len(every) // 3 + 1]
    scenes = [_killed(theatre, run, seq, moment, request) for seq, moment in points]
    assert [(scene.lost, scene.leaked) for scene in scenes if scene.lost or scene.leaked] == []


def _killed(theatre: Theatre, run: Run, seq: int, moment: Moment, request: pytest.FixtureRequest) -> Scene:
    reference, scene = theatre.reference(run), theatre.scene(run)
    share = (10, 50, 99)[seq % 3]
    ended = theatre.begin(scene, Blow(seq=seq, moment=moment, share_percent=share, signals=KILL))
    if ended.killed:
        scene.look_for_losses(reference, ended.events, whole=seq if moment == "after" else seq - 1)
        resumed = _go_on(theatre, run, scene)
        if resumed.status:
            scene.lost.append(f"it went on to {resumed.status}: {resumed.stderr[-1000:]}")
        else:
            scene.look_at_end(reference, resumed.last)
        scene.look_for_leaks(torn=moment == "torn", engine=theatre.container == "docker")
        name = f"{theatre.container} {run.name} {moment} {seq} {reference.events[seq - 1]}"
        record(request, "fault", [name, scene.lost, scene.leaked])
    else:
        assert seq > len(ended.events), "the process outlived its death"
    theatre.close(scene)
    return scene


def _go_on(theatre: Theatre, run: Run, scene: Scene) -> Ended:
    """Resume; a session that had no task yet begins anew, and of one that is done that is said."""
    events = scene.events()
    if events and events[-1]["kind"] != "session_finished":
        return theatre.resume(scene, run)
    refused = theatre.resume(scene, run)
    said = refused.stderr.count("\n") == 1 and "nothing to resume" in refused.stderr
    if refused.status != 2 or not said:
        scene.lost.append(f"it is not told in a line that there is nothing to go on with: {refused.stderr}")
    if events:
        return Ended(pid=0, status=0, late=False, stdout=json.dumps(events[-1]) + "\n", stderr="")
    return theatre.again(scene, run)
