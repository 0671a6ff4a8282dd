"""`bactrian run` as a pipeline sees it: exit codes, streams, limits, signals, what is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from greeting import FINISH, GO_MOD, GREET, TEST

from agent.providers.loopback import Loopback, Refuse, Stall
from agent.providers.script import parse
from agent.transcript import recover

BACTRIAN = str(Path(sys.executable).with_name("bactrian"))
GREEN = f"[[turn]]\n{GO_MOD}{GREET}{TEST}{FINISH}"
SLEEP = '[[turn]]\n[[turn.call]]\nname = "bash"\ninput = { command = "sleep 300 & setsid sleep 301 & sleep 302" }\n'


@pytest.fixture
def model(tmp_path: Path) -> Any:
    def write(text: str) -> str:
        path = tmp_path / "model.toml"
        path.write_text(text)
        return f"scripted/{path}"

    return write


def branches(repository: Path) -> list[str]:
    argv = ["git", "-C", str(repository), "for-each-ref", "--format=%(refname:short)", "refs/heads"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


def test_green_is_0_with_events_alone_on_standard_output(
    run: Any, model: Any, repository: Path, tmp_path: Path
) -> None:
    last_message = tmp_path / "last.txt"
    ended = run(
        *("--repo", repository, "--model", model(GREEN), "--container", "bubblewrap"),
        *("--output-last-message", last_message, "add a greeting"),
    )
    assert ended.code == 0, ended.stderr
    assert [event["seq"] for event in ended.events] == list(range(1, len(ended.events) + 1))
    assert ended.last["kind"] == "session_finished"
    assert ended.last["exit_code"] == 0
    assert ended.last["verdict"][0]["passed"] == 1
    assert ended.last["branch"] == "bactrian/add-greeting"
    assert "✓ done" in ended.stderr
    assert last_message.read_text() == "Add a greeting.\n"


def test_branch_can_be_named_and_is_never_overwritten(run: Any, model: Any, repository: Path) -> None:
    options = ("--repo", repository, "--model", model(GREEN), "--container", "bubblewrap")
    assert run(*options, "--branch", "feature/greet", "add a greeting").code == 0
    taken = run(*options, "--branch", "feature/greet", "add a greeting")
    assert taken.code == 2
    assert taken.stderr == "bactrian: --branch: feature/greet exists already: choose another name\n"
    assert run(*options, "add a greeting").code == 0
    assert run(*options, "add a greeting").last["branch"] == "bactrian/add-greeting-2"
    assert branches(repository) == ["bactrian/add-greeting", "bactrian/add-greeting-2", "feature/greet"]


def test_model_that_gives_up_is_3_with_the_work_on_the_branch(run: Any, model: Any, repository: Path) -> None:
    script = (
        f"[[turn]]\n{GO_MOD}{GREET}{FINISH}"
        + f"[[turn]]\nexpect=['no test ran: write tests of greet.go']\n{FINISH}" * 2
    )
    ended = run("--repo", repository, "--model", model(script), "--container", "bubblewrap", "add a greeting")
    assert ended.code == 3
    assert ended.last["status"] == "red"
    assert ended.last["reason"] == "no test ran: write tests of greet.go"
    assert branches(repository) == ["bactrian/add-greeting"]


def test_doing_nothing_is_not_done(run: Any, model: Any, repository: Path) -> None:
    script = "[[turn]]\ntext='All is well already.'\n" * 3
    ended = run("--repo", repository, "--model", model(script), "--container", "bubblewrap", "make it better")
    assert ended.code == 3
    assert "nothing was changed" in ended.last["reason"]
    assert branches(repository) == []


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        (("--max-turns", "1"), "1 turns are used up (--max-turns)"),
        (("--max-cost", "0.000001"), "of $0.00 is used up (--max-cost)"),
        (("--max-time", "8s"), "8 s are used up (--max-time)"),
    ],
)
def test_limits_are_4_with_the_work_on_the_branch(
    limit: tuple[str, str], reason: str, run: Any, model: Any, repository: Path
) -> None:
    script = f"[model]\ninput_price=1.0\noutput_price=1.0\n[[turn]]\n{GO_MOD}{GREET}{SLEEP}"
    ended = run("--repo", repository, "--model", model(script), "--container", "bubblewrap", *limit, "add a greeting")
    assert ended.code == 4, ended.stderr
    assert ended.last["status"] == "limit"
    assert reason in ended.last["reason"]
    assert branches(repository) == ["bactrian/add-greeting"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no model: give --model anthropic/NAME, openai/NAME, llama/FILE.gguf or scripted/FILE"),
        (("--model", "gpt"), "--model: model is PROVIDER/NAME, like anthropic/NAME, not 'gpt'"),
        (("--model", "scripted/nowhere.toml"), "nowhere.toml"),
        (("--model", "anthropic/x"), "no key: set ANTHROPIC_API_KEY, or key_command to a command that prints it"),
        (("--model", "openai/x"), "no key: set OPENAI_API_KEY, or key_command to a command that prints it"),
        (
            ("--max-time", "soon"),
            "--max-time: max_time is a duration above 0, like 90s, 10m or 2h, or none",
        ),
        (("--branch", "a..b"), "--branch: git does not take 'a..b' for a branch's name"),
        (("--task-file", "nowhere"), "give the task as an argument or with --task-file, not both"),
        (("--repo", "/nowhere"), "/nowhere is not a directory"),
        (("--repo", "/"), "/ is not in a git repository: run `git init` there, or give --init"),
    ],
)
def test_wrong_usage_is_2_and_one_line(arguments: tuple[str, ...], message: str, run: Any, repository: Path) -> None:
    ended = run("--repo", repository, *arguments, "do it")
    assert ended.code == 2
    assert message in ended.stderr
    assert ended.stderr.startswith("bactrian: ")
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


def test_task_from_standard_input_and_file(run: Any, model: Any, repository: Path, tmp_path: Path) -> None:
    options = ("--repo", repository, "--model", model(GREEN), "--container", "bubblewrap")
    assert run(*options, stdin="add a greeting").last["branch"] == "bactrian/add-greeting"
    task = tmp_path / "task.md"
    task.write_text("say hello")
    assert run(*options, "--task-file", task).last["branch"] == "bactrian/say-hello"
    assert "the task is empty" in run(*options, stdin="  \n").stderr


def test_open_pipe_that_nobody_writes_does_not_block(environment: dict[str, str], repository: Path) -> None:
    read_end, write_end = os.pipe()
    argv = [BACTRIAN, "run", "--repo", str(repository), "--model", "scripted/x"]
    silent = subprocess.run(argv, env=environment, stdin=read_end, capture_output=True, text=True, check=False)
    os.close(write_end)
    assert silent.returncode == 2
    assert silent.stderr.startswith("bactrian: no task came on standard input in 5 s")


def test_init_makes_a_repository(run: Any, model: Any, tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    options = ("--repo", folder, "--model", model(GREEN), "--container", "bubblewrap", "add a greeting")
    refused = run(*options)
    assert refused.code == 2
    assert "run `git init` there, or give --init" in refused.stderr
    assert not (folder / ".git").exists()
    folder.rmdir()
    assert "give --init to make it" in run(*options).stderr
    assert run("--init", *options).code == 0
    assert branches(folder) == ["bactrian/add-greeting"]


def start(environment: dict[str, str], *arguments: str | Path) -> subprocess.Popen[str]:
    argv = [BACTRIAN, "run", "--json", *(str(argument) for argument in arguments)]
    return subprocess.Popen(
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(process: subprocess.Popen[str], kind: str, tool: str = "") -> dict[str, Any]:
    """Read events until one of a kind comes."""
    assert process.stdout
    for line in process.stdout:
        event = json.loads(line)
        if event["kind"] == kind and (not tool or event["tool"] == tool):
            return event
    raise AssertionError(f"no {kind} came: {process.stderr.read() if process.stderr else ''}")


def sleepers() -> str:
    found = subprocess.run(["pgrep", "-f", "sleep 30[012]"], capture_output=True, text=True, check=False)
    return found.stdout


@pytest.mark.parametrize("container", ["docker", "bubblewrap"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_in_order(
    number: signal.Signals, code: int, container: str, environment: dict[str, str], model: Any, repository: Path
) -> None:
    script = f"[[turn]]\n{GO_MOD}{GREET}{SLEEP.removeprefix('[[turn]]')}"
    process = start(
        environment, "--repo", repository, "--model", model(script), "--container", container, "add a greeting"
    )
    name = wait_for(process, "session_started")["container"]
    wait_for(process, "tool_started", "bash")
    time.sleep(0.5)  # let the command's own children start
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    last = json.loads(output.splitlines()[-1])
    assert last["kind"] == "session_finished"
    assert last["exit_code"] == code
    assert last["branch"] == "bactrian/add-greeting"
    assert branches(repository) == ["bactrian/add-greeting"]
    assert sleepers() == ""
    if container == "docker":
        shown = subprocess.run(["docker", "inspect", name.split()[1]], capture_output=True, check=False)
        assert shown.returncode, "the container is still there"


def test_killed_outright_leaves_a_transcript_and_no_process(
    environment: dict[str, str], model: Any, repository: Path
) -> None:
    script = f"[[turn]]\n{GO_MOD}{GREET}{SLEEP.removeprefix('[[turn]]')}"
    process = start(
        environment, "--repo", repository, "--model", model(script), "--container", "bubblewrap", "add a greeting"
    )
    session = wait_for(process, "tool_started", "bash")["session"]
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while sleepers() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert sleepers() == ""
    folder = Path(environment["BACTRIAN_STATE_DIR"]) / "sessions" / session
    kept = recover(folder / "transcript.jsonl")
    assert not kept.problems
    assert [stamped.event.kind for stamped in kept.events][:2] == ["session_opened", "session_started"]
    assert (folder / "workspace" / "greet.go").exists()
    # The next start says so.
    following = subprocess.run(
        [BACTRIAN, "run", "--repo", repository, "--model", model(GREEN), "--container", "bubblewrap", "add a greeting"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    told = " ".join(following.stderr.split())
    assert "was killed; its work up to the last tool call is in" in told
    assert f"sessionsresume{session}" in told.replace(" ", "")


def test_reader_that_goes_away_ends_the_run(environment: dict[str, str], model: Any, repository: Path) -> None:
    script = (
        f"[[turn]]\n{GO_MOD}{GREET}" + "[[turn]]\n[[turn.call]]\nname='bash'\ninput={command='sleep 1; echo'}\n" * 90
    )
    process = start(environment, "--repo", repository, "--model", model(script), "--container", "bubblewrap", "carry")
    wait_for(process, "tool_started", "bash")
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 130
    assert branches(repository) == ["bactrian/carry"]


def test_full_disk_under_standard_output_is_a_failure(
    environment: dict[str, str], model: Any, repository: Path
) -> None:
    argv = [BACTRIAN, "run", "--json", "--repo", str(repository), "--model", model(GREEN), "--container", "bubblewrap"]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*argv, "add a greeting"], env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 1
    assert "✗ failed  can't write to standard output: No space left on device" in ended.stderr


def test_closed_standard_output_is_no_failure(environment: dict[str, str], model: Any, repository: Path) -> None:
    argv = [BACTRIAN, "run", "--repo", str(repository), "--model", model(GREEN), "--container", "bubblewrap", "greet"]
    closed = ["sh", "-c", '"$@" >&-', "sh", *argv]
    ended = subprocess.run(closed, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "  Add a greeting.\n" in ended.stderr


def test_nohup_is_obeyed(environment: dict[str, str], model: Any, repository: Path) -> None:
    wait = '[[turn]]\n[[turn.call]]\nname="bash"\ninput={command="sleep 1"}\n'
    argv = ["nohup", BACTRIAN, "run", "--json", "--repo", str(repository), "--model", model(wait + GREEN)]
    process = subprocess.Popen(
        [*argv, "--container", "bubblewrap", "add a greeting"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(process, "tool_started", "bash")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_hosted_model_failures(run: Any, repository: Path) -> None:
    options = ("--repo", repository, "--model", "anthropic/x", "--container", "bubblewrap", "add a greeting")
    with Loopback(parse(GREEN), faults=[Refuse(status=529), Refuse(status=429, retry_after_s=0.1)]) as server:
        mended = run("--base-url", server.url, *options)
    assert mended.code == 0, mended.stderr
    assert len(mended.of("request_retried")) == 2
    assert mended.last["requests"] == 3
    with Loopback(parse(GREEN), faults=[Refuse(status=401, message="bad key")] * 9) as server:
        refused = run("--base-url", server.url, *options)
    assert refused.code == 1
    assert refused.last["status"] == "failed"
    assert "ANTHROPIC_API_KEY" in refused.last["reason"]
    assert "Traceback" not in refused.stderr


def test_time_limit_ends_a_request_that_hangs(run: Any, repository: Path) -> None:
    with Loopback(parse(GREEN), faults=[Stall(seconds=120)]) as server:
        ended = run(
            *("--repo", repository, "--model", "openai-chat/x", "--base-url", server.openai_url),
            *("--container", "bubblewrap", "--max-time", "6s", "add a greeting"),
        )
    assert ended.code == 4
    assert ended.last["seconds"] < 30


@pytest.mark.parametrize("container", ["docker", "bubblewrap"])
def test_container_that_dies_is_started_again_once(
    container: str, environment: dict[str, str], model: Any, repository: Path
) -> None:
    told = "['was interrupted while this was done', 'has ended unexpectedly', 'what ran in the background']"
    again = f"[[turn]]\nexpect = {told}\n{TEST}" + SLEEP.removeprefix("[[turn]]")
    script = f"[[turn]]\n{GO_MOD}{GREET}{SLEEP.removeprefix('[[turn]]')}{again}"
    process = start(
        environment, "--repo", repository, "--model", model(script), "--container", container, "add a greeting"
    )
    kill_container(wait_for(process, "session_started")["container"], wait_for(process, "tool_started", "bash"))
    kill_container(wait_for(process, "session_resumed")["container"], wait_for(process, "tool_started", "bash"))
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    last = json.loads(output.splitlines()[-1])
    assert "has ended unexpectedly" in last["reason"]
    assert branches(repository) == ["bactrian/add-greeting"]
    show = ["git", "-C", str(repository), "ls-tree", "--name-only", "bactrian/add-greeting"]
    saved = subprocess.run(show, capture_output=True, text=True, check=True).stdout.split()
    assert saved == ["go.mod", "greet.go", "greet_test.go"]


def kill_container(name: str, _: object) -> None:
    kind, number = name.split()
    argv = ["docker", "kill", number] if kind == "docker" else ["pkill", "-KILL", "-P", number]
    subprocess.run(argv, capture_output=True, check=True)


def test_uncommitted_changes_come_along(run: Any, model: Any, repository: Path) -> None:
    (repository / "notes.txt").write_text("mine")
    script = "[[turn]]\n[[turn.call]]\nname='read_file'\ninput={path='notes.txt'}\n[[turn]]\nexpect=['mine']\n"
    ended = run(
        *("--repo", repository, "--model", model(script + GO_MOD + GREET + TEST + FINISH)),
        *("--container", "bubblewrap", "add a greeting"),
    )
    assert ended.code == 0, ended.stderr
    log = ["git", "-C", str(repository), "log", "--format=%s", "bactrian/add-greeting"]
    subjects = subprocess.run(log, capture_output=True, text=True, check=True).stdout.splitlines()
    assert subjects == ["Add a greeting.", "Take the uncommitted changes of the checkout along"]
    assert (repository / "notes.txt").read_text() == "mine"


def test_small_model_names_the_branch(run: Any, model: Any, repository: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.toml"
    small.write_text("[[turn]]\ntext = 'friendly greeter'\n")
    ended = run(
        *("--repo", repository, "--model", model(GREEN), "--small-model", f"scripted/{small}"),
        *("--container", "bubblewrap", "add a greeting"),
    )
    assert ended.last["branch"] == "bactrian/friendly-greeter"


def test_what_git_ignores_is_no_part_of_the_check(run: Any, model: Any, repository: Path) -> None:
    hidden = """
[[turn.call]]
name = "write_file"
input = { path = ".gitignore", content = "gen/\\n" }
[[turn.call]]
name = "write_file"
input = { path = "gen/gen.go", content = "package gen\\n\\nconst Word = \\"hello\\"\\n" }
[[turn.call]]
name = "write_file"
[turn.call.input]
path = "greet.go"
content = '''
package greet

import "example.com/greet/gen"

func Hello() string { return gen.Word }
'''
[[turn.call]]
name = "bash"
input = { command = "go build ./... && echo builds here" }
"""
    answer = "[[turn]]\nexpect=['builds here', 'gen/gen.go is ignored by git']\n"
    script = f"[[turn]]\n{GO_MOD}{GREET}{TEST}{hidden}{FINISH}{answer}"
    ended = run(
        *("--repo", repository, "--model", model(script), "--container", "bubblewrap", "--max-turns", "2", "add it")
    )
    assert ended.code == 4, ended.stderr
    assert not ended.of("error_raised")


def test_branch_that_is_checked_out_without_a_commit_is_left_alone(run: Any, model: Any, repository: Path) -> None:
    ended = run(
        *("--repo", repository, "--model", model(GREEN), "--container", "bubblewrap", "--branch", "main", "add it")
    )
    assert ended.code == 0, ended.stderr
    assert ended.last["branch"] == "main-2"
    status = ["git", "-C", str(repository), "status", "--porcelain"]
    assert subprocess.run(status, capture_output=True, text=True, check=True).stdout == ""


def test_signal_while_the_work_is_brought_home_loses_nothing(
    environment: dict[str, str], model: Any, repository: Path
) -> None:
    process = start(
        *(environment, "--repo", repository, "--model", model(f"[[turn]]\n{GO_MOD}{GREET}{SLEEP}")),
        *("--container", "bubblewrap", "--max-turns", "1", "add a greeting"),
    )
    wait_for(process, "turn_finished")
    for _ in range(5):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
    output, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert process.returncode == json.loads(output.splitlines()[-1])["exit_code"]
    assert process.returncode in (4, 143)
    assert branches(repository) == ["bactrian/add-greeting"]


def test_run_ends_at_once_while_an_image_is_being_built(run: Any, model: Any, repository: Path) -> None:
    folder = repository / ".bactrian"
    folder.mkdir()
    stamp = time.time()  # never cached
    (folder / "Dockerfile").write_text(f"ARG BASE\nFROM ${{BASE}}\nRUN echo {stamp} && sleep 30\n")
    started = time.monotonic()
    ended = run(
        *("--repo", repository, "--model", model(GREEN), "--container", "docker", "--max-time", "4s"),
        *("--trust", "add a greeting"),
    )
    assert ended.code == 4
    assert time.monotonic() - started < 20
    assert ended.last["kind"] == "session_finished"
    assert "Exception" not in ended.stderr


@pytest.mark.parametrize(("flag", "counts"), [("--trust", True), ("--no-project-files", False)])
def test_files_of_the_repository_steer_only_where_they_are_trusted(
    run: Any, model: Any, repository: Path, flag: str, counts: bool
) -> None:
    (repository / ".bactrian").mkdir()
    (repository / ".bactrian" / "config.toml").write_text("max_turns = 1\n")
    (repository / "AGENTS.md").write_text("Name every function Zebra.\n")
    look = '[[turn]]\n[[turn.call]]\nname = "bash"\ninput = { command = "true" }\n'
    ended = run(
        *("--repo", repository, "--model", model(look + GREEN), "--container", "bubblewrap", flag, "add a greeting")
    )
    assert ended.code == (4 if counts else 0)
    assert ("Name every function Zebra." in json.dumps(ended.of("message_added")[0])) is counts


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_full_disk_ends_the_run_with_a_word(
    environment: dict[str, str], run: Any, model: Any, repository: Path
) -> None:
    state = Path(environment["BACTRIAN_STATE_DIR"])
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", state], check=True)
    try:
        talk = "[[turn]]\n[[turn.call]]\nname='bash'\ninput={command='seq 10000'}\n" * 60
        ended = run(
            *("--repo", repository, "--model", model(f"[[turn]]\n{GO_MOD}{GREET}{talk}")),
            *("--container", "bubblewrap", "add a greeting"),
        )
    finally:
        subprocess.run(["umount", "-l", state], check=True)
    assert ended.code == 1, ended.stderr
    assert ended.last["kind"] == "session_finished"
    assert "can't write the transcript" in ended.last["reason"]
    assert "No space left on device" in ended.last["reason"]
    assert "Traceback" not in ended.stderr
