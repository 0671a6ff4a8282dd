"""A session is broken in every way there is: it says in a line what happened, and goes on to its green end."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

import pytest
from autopsy import Reference, Scene
from injuries import INJURIES, KILLED, Injury
from recorded_runs import EDITS
from records import record
from scenes import Theatre
from victims import Ended

ALL = os.environ.get("BACTRIAN_FAULTS") == "all"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts small disks and sees all processes")
@pytest.mark.parametrize("injury", [pytest.param(injury, id=injury.name) for injury in INJURIES if ALL or injury.quick])
def test_broken_session_goes_on(injury: Injury, theatre: Theatre, request: pytest.FixtureRequest) -> None:
    reference, scene = theatre.reference(EDITS), theatre.scene(injury.run)
    try:
        _break(theatre, scene, injury, reference)
        record(request, "fault", [injury.name, scene.lost, scene.leaked])
    finally:
        for place in _mounts(scene):
            subprocess.run(["umount", "-l", place], check=False)
    assert (scene.lost, scene.leaked) == ([], [])
    theatre.close(scene)


def _break(theatre: Theatre, scene: Scene, injury: Injury, reference: Reference) -> None:
    _shell(theatre, scene, injury.before)
    if injury.cut != (0, 0):
        (scene.folder / "model.toml").write_text(injury.run.script_cut(*injury.cut))
    ended = theatre.begin(
        scene, *injury.blows, options=injury.options, variables=injury.variables, limits=injury.limits
    )
    _look_at_the_broken(scene, injury, ended)
    _shell(theatre, scene, injury.after)
    if injury.users:
        scene.before = {}
    if not injury.gone:
        last = ended if ended.status == 0 else _go_on(theatre, scene, injury)
        if last.status:
            scene.lost.append(f"it went on to {last.status}: {last.stderr[-500:]}")
        else:
            scene.look_at_end(reference, last.last, branches=injury.branches, whole=not injury.damaged)
    _look_for_leaks(theatre, scene, injury)


def _look_at_the_broken(scene: Scene, injury: Injury, ended: Ended) -> None:
    if ended.status not in injury.status:
        scene.lost.append(f"it ended with {ended.status}: {ended.stderr[-500:]}")
    if not re.search(injury.told, " ".join(ended.stderr.split())):
        scene.lost.append(f"the user does not read /{injury.told}/ but: {ended.stderr[-500:]}")
    if "Traceback" in ended.stderr or "defect" in ended.stderr:
        scene.lost.append(f"the user reads a traceback: {ended.stderr[-3000:]}")
    numbers = [event["seq"] for event in scene.events()]
    if ended.status == KILLED and numbers != list(range(1, len(numbers) + 1)):
        scene.lost.append(f"the transcript has {numbers}")


def _go_on(theatre: Theatre, scene: Scene, injury: Injury) -> Ended:
    if injury.refused:
        refused = theatre.resume(scene, injury.run, variables=injury.missing)
        said = refused.stderr.strip().splitlines()
        if refused.status not in (1, 2) or not any(re.search(injury.refused, line) for line in said):
            scene.lost.append(f"going on ended with {refused.status}: {refused.stderr[-500:]}")
        if "Traceback" in refused.stderr:
            scene.lost.append(f"the user reads a traceback: {refused.stderr[-3000:]}")
    _shell(theatre, scene, injury.mend)
    return theatre.resume(scene, injury.run, redo=injury.redo)


def _look_for_leaks(theatre: Theatre, scene: Scene, injury: Injury) -> None:
    if injury.gone:
        theatre.begin(scene)
    scene.look_for_leaks(torn=True)


def _shell(theatre: Theatre, scene: Scene, script: str) -> None:
    if not script:
        return
    entry = scene.entry()
    folder = entry.folder if entry else scene.folder
    told = {"SESSION": str(folder), "CLONE": str(folder / "workspace")}
    subprocess.run(["bash", "-euc", script], env=theatre.environment(scene) | told, check=True)


def _mounts(scene: Scene) -> Iterator[str]:
    """Yield what scripts have mounted and not unmounted, the innermost first."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        places = [line.split()[1] for line in file]
    yield from (place for place in reversed(places) if place.startswith((f"{scene.folder}/", f"{scene.repository}/")))
