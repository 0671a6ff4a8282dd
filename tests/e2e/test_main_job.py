"""The main job: a whole package by a model that makes mistakes, in every sandbox, through every vendor's SDK."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.providers.loopback import Loopback
from agent.providers.script import read

EXAMPLES = Path(__file__).parents[2] / "examples"
TESTS = {"brotli-middleware": 4, "ocaml-jsonl-summary": 3}
TURNS = {"brotli-middleware": 3, "ocaml-jsonl-summary": 4}


@pytest.mark.parametrize("container", ["docker", "bubblewrap"])
@pytest.mark.parametrize("vendor", ["anthropic", "openai-chat", "openai-responses"])
@pytest.mark.parametrize("example", list(TESTS))
def test_package_is_built_green_and_handed_over(
    example: str, vendor: str, container: str, repository: Path, run: Any
) -> None:
    with Loopback(read(EXAMPLES / example / "model.toml")) as server:
        url = server.url if vendor == "anthropic" else server.openai_url
        ended = run(
            *("--repo", repository, "--task-file", EXAMPLES / example / "task.md", "--container", container),
            *("--model", f"{vendor}/demo", "--base-url", url),
        )
        assert not server.complaints
    assert ended.code == 0, ended.stderr
    *before, last_check = (event["green"] for event in ended.of("check_finished"))
    assert before
    assert not any(before)
    assert last_check
    last = ended.last
    assert last["kind"] == "session_finished"
    assert last["status"] == "done"
    assert last["turns"] == TURNS[example]
    assert sum(row["passed"] for row in last["verdict"]) == TESTS[example]
    assert ended.of("session_started")[0]["container"].startswith(container)
    branch = _git(repository, "for-each-ref", "--format=%(refname:short) %(objectname)").strip()
    assert branch == f"{last['branch']} {last['commit']}"
    # Nothing is checked out, nothing else is left: the branch is all that came.
    assert _git(repository, "status", "--porcelain") == ""
    assert not [path for path in repository.iterdir() if path.name != ".git"]


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True).stdout
