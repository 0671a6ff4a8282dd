"""The commands themselves, in a repository that would run something at every step, with a model that adds to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import git
from strangers import LEADING_OUT, RUNNING, SECRET, Trap

BACTRIAN = Path(sys.executable).with_name("bactrian")
COMMANDS = (
    ("image", "--container", "bubblewrap"),
    ("doctor", "--json"),
    ("stats",),
    ("trust",),
    ("sessions", "list"),
    ("run", "--init", "--model", "scripted/nothing", "x"),
)
MODEL = """
[[turn]]
[[turn.call]]
name = "bash"
[turn.call.input]
command = '''
echo work > work.txt
printf '[core]\\nfsmonitor = EVIL\\nhooksPath = /workspace/h\\n[filter "x"]\\nclean = EVIL\\n' >> .git/config
mkdir h; printf '#!/bin/sh\\nEVIL\\n' > h/reference-transaction; chmod +x h/*; cp h/* .git/hooks/ || true
echo '* filter=x diff=x merge=x' > .gitattributes
ln -s KEY key; ln -s / root; mkfifo pipe
git update-ref refs/heads/main HEAD; git tag -f v9; git symbolic-ref HEAD refs/heads/main
'''
[[turn]]
[[turn.call]]
name = "finish"
input = { summary = "x" }
"""


@pytest.fixture
def environment(trap: Trap, rootfs: Path) -> dict[str, str]:
    state = trap.folder / "session"
    own = {"BACTRIAN_STATE_DIR": str(state), "XDG_CONFIG_HOME": str(state / "config")}
    return {**os.environ, **own, "XDG_CACHE_HOME": str(rootfs_cache(rootfs)), "PATH": os.environ["PATH"]}


def rootfs_cache(rootfs: Path) -> Path:
    """The cache directory that the session image's root file system lies in."""
    return next(parent.parent for parent in rootfs.parents if parent.name == "bactrian")


def bactrian(trap: Trap, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [str(BACTRIAN), *arguments]
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        cwd=trap.checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def run(trap: Trap, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    model = trap.folder / "session" / "model.toml"
    model.parent.mkdir(exist_ok=True)
    model.write_text(MODEL.replace("EVIL", str(trap.script)).replace("KEY", str(trap.key)))
    options = (
        "--container",
        "bubblewrap",
        "--model",
        f"scripted/{model}",
        "--branch",
        "bactrian/work",
        "--max-turns",
        "2",
    )
    return bactrian(trap, environment, "run", *options, "--max-turns", "2", "do the work")


def test_every_command_in_a_repository_that_would_run_everything(trap: Trap, environment: dict[str, str]) -> None:
    # First what commits: the others would have their way with it.
    for name in sorted(RUNNING, key=lambda name: name != "submodule that runs"):
        RUNNING[name](trap)
    (trap.folder / "mark").unlink(missing_ok=True)
    surroundings = trap.surroundings()
    ended = run(trap, environment)
    session = next(path.name for path in (trap.folder / "session" / "sessions").iterdir())
    for command in (*COMMANDS, ("sessions", "show", session), ("sessions", "resume", session)):
        bactrian(trap, environment, *command)
    assert trap.ran == []
    assert trap.surroundings() == surroundings
    assert "bactrian/work" in git(trap.checkout, "branch", "--list", "bactrian/*"), ended.stderr
    assert git(trap.checkout, "show", "bactrian/work:work.txt") == "work"
    assert git(trap.checkout, "-c", "core.fsmonitor=", "tag") == ""
    assert SECRET not in ended.stdout + ended.stderr


@pytest.mark.parametrize("name", [".git as a link", "core.worktree of the home", "commondir", "pipe for an index"])
def test_a_run_in_one_that_leads_out_does_not_begin(trap: Trap, environment: dict[str, str], name: str) -> None:
    LEADING_OUT[name](trap)
    surroundings = trap.surroundings()
    ended = run(trap, environment)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert trap.ran == []
    assert trap.surroundings() == surroundings
