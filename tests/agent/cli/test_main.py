"""The console script: help, version, doctor, schema, and strangers among the packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

BACTRIAN = str(Path(sys.executable).with_name("bactrian"))
ROOT = Path(__file__).parents[3]


def bactrian(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run([BACTRIAN, *arguments], capture_output=True, text=True, env=env, check=False)


def test_help_names_every_command_and_option() -> None:
    shown = bactrian("--help").stdout
    for command in ("run", "doctor", "image", "trust", "schema"):
        assert f"\n  {command} " in shown
    options = bactrian("run", "--help").stdout
    for option in (
        *(
            "--repo",
            "--model",
            "--base-url",
            "--container",
            "--network",
            "--allow",
            "--max-turns",
            "--max-cost",
            "--max-time",
            "--branch",
        ),
        *("--json", "--output-last-message", "--task-file", "--init", "--small-model"),
        *("--network", "--allow"),
    ):
        assert option in options


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['bactrian', '--help']\n"
        "from agent.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    loaded = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stderr
    heavy = {"anthropic", "openai", "docker", "rich", "jsonschema", "pydantic", "asyncio", "llama_cpp"}
    assert not heavy & set(loaded.split())


def test_version() -> None:
    assert bactrian("--version").stdout.startswith("bactrian, version 0.")


def test_schema_is_a_schema_and_knows_the_last_event() -> None:
    schema = json.loads(bactrian("schema", "events").stdout)
    Draft202012Validator.check_schema(schema)
    assert "session_finished" in json.dumps(schema)


def test_doctor_says_what_is_there(tmp_path: Path) -> None:
    ended = bactrian("doctor", "--json", XDG_CONFIG_HOME=str(tmp_path), ANTHROPIC_API_KEY="k")
    findings = {finding["name"]: finding for finding in json.loads(ended.stdout)}
    assert ended.returncode == 0
    assert findings["git"]["state"] == "ok"
    assert findings["network"]["found"].startswith("registries: ")
    assert "opam.ocaml.org" in findings["network"]["found"]
    assert findings["container engine"]["state"] == "ok"
    assert findings["anthropic key"] == {
        "name": "anthropic key",
        "state": "ok",
        "found": "ANTHROPIC_API_KEY is set",
        "mend": "",
    }
    assert findings["model"]["state"] == "optional"
    assert str(tmp_path) in findings["model"]["mend"]


def test_doctor_says_what_is_missing_and_how_to_mend_it(tmp_path: Path) -> None:
    only_python = tmp_path / "bin"
    only_python.mkdir()
    ended = bactrian(
        *("doctor", "--json"),
        PATH=str(only_python),
        DOCKER_HOST="unix:///nowhere.sock",
        XDG_CONFIG_HOME=str(tmp_path),
        BACTRIAN_MODEL="anthropic/x",
        ANTHROPIC_API_KEY="",
    )
    missing = {finding["name"]: finding for finding in json.loads(ended.stdout) if finding["state"] == "missing"}
    assert ended.returncode == 1
    assert set(missing) == {"git", "container engine", "bwrap", "anthropic key"}
    assert missing["bwrap"]["mend"] == "apt-get install bubblewrap"
    assert "ANTHROPIC_API_KEY" in missing["anthropic key"]["mend"]


def test_doctor_shows_a_table_a_person_can_read(tmp_path: Path) -> None:
    shown = bactrian("doctor", XDG_CONFIG_HOME=str(tmp_path), NO_COLOR="1").stderr
    assert "git version" in shown
    assert "\x1b" not in shown


def test_another_package_of_the_same_name_is_refused(tmp_path: Path) -> None:
    stranger = tmp_path / "tools"
    stranger.mkdir()
    (stranger / "__init__.py").write_text("")
    ended = bactrian("--help", PYTHONPATH=str(tmp_path))
    assert ended.returncode == 2
    assert "another package is called `tools`" in ended.stderr
    assert "uv tool install bactrian" in ended.stderr


def test_image_obeys_the_settings(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    wrong = bactrian("image", BACTRIAN_CONTAINER="podman", **environment)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "BACTRIAN_CONTAINER: container is auto, docker or bubblewrap, not 'podman'" in wrong.stderr
    chosen = bactrian("image", BACTRIAN_CONTAINER="docker", **environment)
    assert chosen.returncode == 1
    assert chosen.stderr.startswith("bactrian: no Docker engine answers")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes root file systems")
def test_image_finds_the_repository_around(tmp_path: Path) -> None:
    below = tmp_path / "repository" / "below"
    below.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(below.parent)], check=True)
    (below.parent / ".bactrian").mkdir()
    (below.parent / ".bactrian" / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    ended = bactrian(
        *("image", "--trust", "--repo", str(below), "--container", "bubblewrap"),
        XDG_CONFIG_HOME=str(tmp_path),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        DOCKER_HOST=f"unix://{tmp_path}/no.sock",
    )
    assert ended.returncode == 1
    assert "`.bactrian/Dockerfile` needs a Docker engine to build it" in ended.stderr


@pytest.mark.parametrize("arguments", [("runn",), ("run", "--container", "jail"), ("doctor", "--fast")])
def test_wrong_words_are_2(arguments: tuple[str, ...]) -> None:
    ended = bactrian(*arguments)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
