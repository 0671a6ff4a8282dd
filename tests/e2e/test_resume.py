"""A session that was killed goes on: nothing of the work is lost, nothing of the dead one is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from greeting import FINISH, GO_MOD, GREET, TEST

from agent.transcript import recover
from containers.labels import KIND

BACTRIAN = str(Path(sys.executable).with_name("bactrian"))
SLEEP = '[[turn.call]]\nname = "bash"\ninput = { command = "touch .git/index.lock begun; sleep 300" }\n'
FIRST = f"[[turn]]\n{GO_MOD}[[turn]]\n{GREET}{SLEEP}{TEST}"


@pytest.fixture
def bactrian(environment: dict[str, str], repository: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command of `bactrian sessions` in the repository."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        argv = [BACTRIAN, "sessions", *map(str, arguments)]
        return subprocess.run(
            argv, cwd=repository, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )

    return run


@pytest.fixture
def model(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "model.toml"
        path.write_text(text)
        return f"scripted/{path}"

    return write


def events_of(ended: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.stdout.splitlines()]


def killed_at(environment: dict[str, str], kind: str, *arguments: str | Path, tool: str = "", wait: Path | None = None):
    """Run a task until an event of a kind comes (and a file is there), kill it then; return the session's id."""
    argv = [BACTRIAN, "run", "--json", *map(str, arguments), "add a greeting"]
    with subprocess.Popen(
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            event = json.loads(line)
            if event["kind"] == kind and (not tool or event["tool"] == tool):
                break
        else:
            raise AssertionError(process.stderr.read() if process.stderr else "")
        if wait:
            there = Path(environment["BACTRIAN_STATE_DIR"], "sessions", event["session"], "workspace", wait)
            until = time.monotonic() + 20
            while not there.exists() and time.monotonic() < until:
                time.sleep(0.02)
        process.kill()
    return str(event["session"])


def left_over(environment: dict[str, str]) -> list[str]:
    """What of this test's sessions is still in the engine or runs: containers by their workspace, processes by it."""
    state = environment["BACTRIAN_STATE_DIR"]
    ids = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label={KIND}"], capture_output=True, text=True, check=True
    )
    found: list[str] = []
    for name in ids.stdout.split():
        shown = subprocess.run(["docker", "inspect", name], capture_output=True, text=True, check=False).stdout
        found += [name] if state in shown else []
    return found + subprocess.run(["pgrep", "-f", state], capture_output=True, text=True, check=False).stdout.split()


def files_on(repository: Path, branch: str) -> list[str]:
    argv = ["git", "-C", str(repository), "ls-tree", "-r", "--name-only", branch]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("container", ["docker", "bubblewrap"])
def test_killed_session_goes_on_where_it_was(
    container: str, environment: dict[str, str], model: Any, repository: Path, bactrian: Any
) -> None:
    told = (
        "['was interrupted while this was done', 'was interrupted before this was done', 'it was killed', 'greet.go']"
    )
    script = model(f"{FIRST}[[turn]]\nexpect = {told}\n{TEST}{FINISH}")
    options = ("--repo", repository, "--model", script, "--container", container)
    session = killed_at(environment, "tool_started", *options, tool="bash", wait=Path("begun"))

    listed = json.loads(bactrian("list", "--json").stdout)
    assert [(entry["id"], entry["status"]) for entry in listed] == [(session, "killed")]
    assert (Path(listed[0]["clone"]) / "greet.go").exists()
    assert "killed" in bactrian("list").stdout

    ended = bactrian("resume", "--json", "--container", container)
    assert ended.returncode == 0, ended.stderr
    events = events_of(ended)
    assert events[0]["kind"] == "session_resumed"
    assert events[0]["turns"] == 2
    assert events[-1]["status"] == "done"
    assert events[-1]["turns"] == 3
    assert files_on(repository, events[-1]["branch"]) == ["begun", "go.mod", "greet.go", "greet_test.go"]

    kept = recover(Path(environment["BACTRIAN_STATE_DIR"], "sessions", session, "transcript.jsonl"))
    assert not kept.problems
    assert [stamped.stamp.seq for stamped in kept.events] == list(range(1, len(kept.events) + 1))
    assert left_over(environment) == []
    assert json.loads(bactrian("list", "--json").stdout)[0]["status"] == "done"
    again = bactrian("resume")
    assert again.returncode == 2
    assert again.stderr.startswith("bactrian: there is nothing to resume in")


def test_next_start_says_what_became_of_the_last(
    environment: dict[str, str], model: Any, repository: Path, run: Any
) -> None:
    options = ("--repo", repository, "--container", "bubblewrap")
    script = model(f"{FIRST}")
    session = killed_at(environment, "tool_started", *options, "--model", script, tool="bash")
    green = run(*options, "--model", model(f"[[turn]]\n{GO_MOD}{GREET}{TEST}{FINISH}"), "add a greeting")
    said = [event["text"] for event in green.of("progress") if session in event["text"]]
    assert len(said) == 1
    assert said[0].startswith(f"session {session} was killed")
    assert f"bactrian sessions resume {session}" in said[0]


GREEN = f"[[turn]]\n{GO_MOD}{GREET}{TEST}{FINISH}"


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("session_opened", "session_started"),
        ("message_added", "session_resumed"),
        ("check_finished", "session_resumed"),
    ],
)
def test_killed_at_the_edges(
    kind: str, first: str, environment: dict[str, str], model: Any, repository: Path, bactrian: Any
) -> None:
    """Before there was a clone, before the first reply, and when only the verdict was left: no reply is asked twice."""
    options = ("--repo", repository, "--model", model(GREEN), "--container", "bubblewrap")
    killed_at(environment, kind, *options)
    ended = bactrian("resume", "--json", "--container", "bubblewrap")
    assert ended.returncode == 0, ended.stderr
    events = events_of(ended)
    assert next(event["kind"] for event in events if event["kind"] != "progress") == first
    last = events[-1]
    assert (last["status"], last["turns"], last["branch"]) == ("done", 1, "bactrian/add-greeting")
    assert files_on(repository, "bactrian/add-greeting") == ["go.mod", "greet.go", "greet_test.go"]
    assert left_over(environment) == []


def test_done_session_takes_more_with_another_model(
    environment: dict[str, str], model: Any, repository: Path, bactrian: Any, run: Any, tmp_path: Path
) -> None:
    thinking = GREEN.replace("[[turn]]\n", "[[turn]]\nthinking = 'hm'\n")
    done = run("--repo", repository, "--model", model(thinking), "--container", "bubblewrap", "add a greeting")
    assert done.code == 0, done.stderr
    session = done.last["session"]
    refused = bactrian("resume", session)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"bactrian: session {session} is done, and its work is on bactrian/add-greeting: ")

    other = tmp_path / "other.toml"
    readme = '[[turn.call]]\nname = "write_file"\ninput = { path = "README", content = "Greets.\\n" }\n'
    turns = f"[[turn]]\n[[turn]]\nexpect = ['# More to do\\nwrite a README', 'greet.go \\+']\n{readme}{FINISH}"
    other.write_text(turns)
    ended = bactrian(
        *("resume", "--json", "--container", "bubblewrap", "--model", f"scripted/{other}"), session, "write a README"
    )
    assert ended.returncode == 0, ended.stderr
    events = events_of(ended)
    assert events[0]["more"] == "write a README"
    assert events[-1]["turns"] == 2
    assert events[-1]["branch"] == "bactrian/add-greeting"
    assert "README" in files_on(repository, "bactrian/add-greeting")
    # What it made stands on the branch as a second commit, not as another branch.
    argv = ["git", "-C", str(repository), "rev-list", "--count", "bactrian/add-greeting"]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "2\n"


def test_limit_that_is_used_up_is_said_before_anything_starts(
    model: Any, repository: Path, bactrian: Any, run: Any
) -> None:
    script = model(f"{FIRST.replace('sleep 300', 'true')}[[turn]]\n{TEST}{FINISH}")
    options = ("--container", "bubblewrap", "--max-turns", "2")
    assert run("--repo", repository, "--model", script, *options, "add a greeting").last["status"] == "limit"
    refused = bactrian("resume", "--max-turns", "2")
    assert refused.returncode == 2
    assert refused.stderr == "bactrian: the session has taken 2 turns: allow more with --max-turns\n"
    ended = bactrian("resume", "--json", *options[:3], "3")
    assert ended.returncode == 0, ended.stderr
    assert events_of(ended)[-1]["branch"] == "bactrian/add-greeting"


def test_broken_repository_of_a_clone_is_made_anew_around_its_files(
    environment: dict[str, str], model: Any, repository: Path, bactrian: Any
) -> None:
    script = model(f'{FIRST}[[turn]]\nexpect = ["git\'s own were broken"]\n{TEST}{FINISH}')
    options = ("--repo", repository, "--model", script, "--container", "bubblewrap")
    session = killed_at(environment, "tool_started", *options, tool="bash", wait=Path("begun"))
    folder = Path(environment["BACTRIAN_STATE_DIR"], "sessions", session)
    (folder / "workspace" / ".git" / "HEAD").write_bytes(b"\0" * 100)
    with (folder / "transcript.jsonl").open("ab") as transcript:
        transcript.write(b'{"kind":"tool_output","seq":')
    ended = bactrian("resume", "--json", "--container", "bubblewrap")
    assert ended.returncode == 0, ended.stderr
    assert files_on(repository, "bactrian/add-greeting") == ["begun", "go.mod", "greet.go", "greet_test.go"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "transcript.jsonl",
        "transcript.jsonl.lock",
        "transcript.jsonl.torn",
    ]


def test_clone_stays_where_no_container_can_be_had_around_it(
    environment: dict[str, str], model: Any, repository: Path, bactrian: Any, tmp_path: Path
) -> None:
    script = model(f"{FIRST}[[turn]]\n{TEST}{FINISH}")
    options = ("--repo", repository, "--model", script, "--container", "bubblewrap")
    session = killed_at(environment, "tool_started", *options, tool="bash", wait=Path("begun"))
    environment["DOCKER_HOST"] = f"unix://{tmp_path}/nobody.sock"
    failed = bactrian("resume", "--json", "--container", "docker")
    assert failed.returncode == 1, failed.stderr
    clone = Path(environment["BACTRIAN_STATE_DIR"], "sessions", session, "workspace")
    assert (clone / "greet.go").is_file()
    assert str(clone) in events_of(failed)[-1]["reason"]
    again = bactrian("resume", "--json", "--container", "bubblewrap")
    assert again.returncode == 0, again.stderr
    assert files_on(repository, "bactrian/add-greeting") == ["begun", "go.mod", "greet.go", "greet_test.go"]
    assert not clone.exists()


def test_work_that_is_in_a_submodule_alone_stays_in_the_clone(
    environment: dict[str, str], model: Any, repository: Path, run: Any, bactrian: Any, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always", "-C"]
    for argv in (
        [*git, tmp_path, "init", "-q", library],
        [*git, library, "commit", "-q", "--allow-empty", "-m", "one"],
        [*git, repository, "submodule", "--quiet", "add", library, "library"],
        [*git, repository, "commit", "-q", "-m", "library"],
    ):
        subprocess.run(argv, check=True, capture_output=True)
    script = model(
        "[[turn]]\n[[turn.call]]\nname='bash'\ninput={command='echo work > library/file'}\n[[turn]]\n" + FINISH
    )
    ended = run("--repo", repository, "--model", script, "--container", "bubblewrap", "change the library")
    clone = Path(environment["BACTRIAN_STATE_DIR"], "sessions", ended.last["session"], "workspace")
    assert (clone / "library" / "file").read_text() == "work\n"
    told = [event["text"] for event in ended.of("progress") if "changes inside the submodule" in event["text"]]
    assert told == [f"changes inside the submodule library can't be part of the branch: they stay in {clone}"]


@pytest.mark.parametrize("container", ["docker", "bubblewrap"])
def test_two_in_one_repository_are_in_nobodys_way(
    container: str, environment: dict[str, str], model: Any, repository: Path, bactrian: Any
) -> None:
    script = model(GREEN)
    argv = [BACTRIAN, "run", "--json", "--repo", str(repository), "--model", script, "--container", container]
    both = [
        subprocess.Popen(
            [*argv, "add a greeting"], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    ended = [json.loads(process.communicate(timeout=120)[0].splitlines()[-1]) for process in both]
    assert [last["status"] for last in ended] == ["done", "done"]
    assert sorted(last["branch"] for last in ended) == ["bactrian/add-greeting", "bactrian/add-greeting-2"]
    assert len({last["session"] for last in ended}) == 2
    assert [entry["status"] for entry in json.loads(bactrian("list", "--json").stdout)] == ["done", "done"]
    assert left_over(environment) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_full_disk_under_the_state_directory(
    environment: dict[str, str], model: Any, repository: Path, bactrian: Any, run: Any
) -> None:
    state = Path(environment["BACTRIAN_STATE_DIR"])
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", state], check=True)
    try:
        talk = "[[turn]]\n[[turn.call]]\nname='bash'\ninput={command='seq 10000'}\n" * 12
        script = model(f"[[turn]]\n{GO_MOD}{GREET}{talk}[[turn]]\n{TEST}{FINISH}")
        ended = run("--repo", repository, "--model", script, "--container", "bubblewrap", "add a greeting")
        assert ended.code == 1, ended.stderr
        assert "No space left on device" in ended.last["reason"]
        assert "Traceback" not in ended.stderr
        subprocess.run(["mount", "-o", "remount,size=200m", state], check=True)
        resumed = bactrian("resume", "--json", "--container", "bubblewrap")
        assert resumed.returncode == 0, resumed.stderr
        last = events_of(resumed)[-1]
        assert (last["status"], last["branch"]) == ("done", "bactrian/add-greeting")
    finally:
        subprocess.run(["umount", "-l", state], check=True)
    assert files_on(repository, "bactrian/add-greeting") == ["go.mod", "greet.go", "greet_test.go"]
