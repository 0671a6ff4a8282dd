"""Sessions side by side in one repository, some of them nasty: limits hold and are told, and none disturbs another."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from records import record

from benchmarks.crowd.complaints import complaints
from benchmarks.crowd.errands import NASTY, errands
from benchmarks.crowd.running import Crowd, run_at_once

SESSIONS = 6
WHICH = ("fork bomb", "all memory", "all disk", "1 GB printed")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes control groups, for bubblewrap")
def test_sessions_at_once_keep_their_limits_and_leave_each_other_alone(
    request: pytest.FixtureRequest, rootfs: Path, repository: Path, tmp_path: Path
) -> None:
    assert rootfs.is_dir()
    crowd = Crowd(folder=tmp_path, repositories=repository.parent, container="bubblewrap")
    nasty = [one for one in NASTY if one.name in WHICH]
    todo = [replace(one, repository=repository.name) for one in errands(SESSIONS, nasty, shared=0, rounds=8)]
    assert len({one.language for one in todo if not one.nasty}) == 2
    sessions = run_at_once(crowd, todo)
    broken = complaints(crowd, sessions)
    most = max(one.footprint.host for one in sessions) >> 20
    told = f"{SESSIONS} sessions at once, {len(nasty)} of them nasty: promises broken {len(broken)}"
    record(request, "load", f"{told}; {most} MB at most for a host's process")
    assert broken == []
