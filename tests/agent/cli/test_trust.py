"""Asking for trust: in a terminal once, elsewhere never; `bactrian trust` shows, remembers and forgets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminals import Terminal

BACTRIAN = str(Path(sys.executable).with_name("bactrian"))
SCRIPT = "[[turn]]\ntext = 'I do nothing.'\n"

Bactrian = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """No engine and no bubblewrap: a run that gets past the question ends with a word that it has no sandbox."""
    (tmp_path / "bin").mkdir()
    for name in ("git", "sh"):
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (tmp_path / "bin" / name).symlink_to(found)
    return {
        "PATH": str(tmp_path / "bin"),
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "BACTRIAN_STATE_DIR": str(tmp_path / "state"),
        "DOCKER_HOST": f"unix://{tmp_path}/no.sock",
    }


@pytest.fixture
def bactrian(environment: dict[str, str]) -> Bactrian:
    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        argv = [BACTRIAN, *(str(argument) for argument in arguments)]
        return subprocess.run(
            argv, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, check=False
        )

    return call


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    (path / ".bactrian").mkdir()
    (path / ".bactrian" / "config.toml").write_text("max_turns = 7\n")
    (path / "AGENTS.md").write_text("one\ntwo\nthree\nfour \x1b]52;c;ZXZpbA==\x07\nfive\n")
    return path


@pytest.fixture
def run_words(tmp_path: Path, repository: Path) -> list[str]:
    script = tmp_path / "model.toml"
    script.write_text(SCRIPT)
    return [
        "run",
        "--repo",
        str(repository),
        "--model",
        f"scripted/{script}",
        "--container",
        "docker",
        "add a greeting",
    ]


def began(environment: dict[str, str]) -> bool:
    """Whether a session has begun."""
    return Path(environment["BACTRIAN_STATE_DIR"], "sessions").exists()


def standings(bactrian: Bactrian, repository: Path) -> dict[str, str]:
    shown: Any = json.loads(bactrian("trust", "--json", "--repo", repository).stdout)
    return {file["path"]: file["standing"] for file in shown["files"]}


def test_without_a_person_a_run_ends_before_it_begins(
    bactrian: Bactrian, run_words: list[str], environment: dict[str, str]
) -> None:
    for more in ((), ("--json",)):
        ended = bactrian(*run_words, *more)
        assert (ended.returncode, ended.stdout) == (5, "")
        assert ended.stderr == (
            "bactrian: this repository's .bactrian/config.toml, AGENTS.md would steer Bactrian and nobody has trusted "
            "it yet: look at it, then give --trust (for this run) or run `bactrian trust`; --no-project-files goes on "
            "without\n"
        )
    assert not began(environment)


@pytest.mark.parametrize("flag", ["--trust", "--no-project-files"])
def test_flags_let_a_run_begin_and_are_not_remembered(
    bactrian: Bactrian, run_words: list[str], repository: Path, environment: dict[str, str], flag: str
) -> None:
    ended = bactrian(*run_words, flag)
    assert ended.returncode == 1
    assert "no Docker engine answers" in ended.stderr
    assert began(environment)
    assert set(standings(bactrian, repository).values()) == {"new"}


def test_both_flags_are_a_mistake(bactrian: Bactrian, run_words: list[str], repository: Path) -> None:
    said = "bactrian: --trust and --no-project-files say the opposite: give one of them\n"
    for words in (run_words, ["image", "--repo", str(repository)]):
        ended = bactrian(*words, "--trust", "--no-project-files")
        assert (ended.returncode, ended.stderr) == (2, said)


def test_settings_that_nobody_trusts_are_not_even_read(
    bactrian: Bactrian, run_words: list[str], repository: Path
) -> None:
    (repository / ".bactrian" / "config.toml").write_text("network = 'open to all'\n")
    assert bactrian(*run_words).returncode == 5
    assert bactrian(*run_words, "--no-project-files").returncode == 1
    trusted = bactrian(*run_words, "--trust")
    assert (trusted.returncode, "network is" in trusted.stderr) == (2, True)


def test_the_image_is_not_built_either(bactrian: Bactrian, repository: Path) -> None:
    (repository / ".bactrian" / "Dockerfile").write_text("FROM scratch\n")
    ended = bactrian("image", "--repo", repository)
    assert ended.returncode == 5
    assert ended.stderr.startswith("bactrian: this repository's .bactrian/Dockerfile, .bactrian/config.toml, AGENTS.md")
    assert (
        "no Docker engine answers" in bactrian("image", "--trust", "--repo", repository, "--container", "docker").stderr
    )


def test_many_files_are_named_in_one_line(bactrian: Bactrian, run_words: list[str], repository: Path) -> None:
    for number in range(100):
        (repository / ".bactrian" / f"{number}\n\x1b[31m").write_text("")
    ended = bactrian(*run_words)
    assert ended.stderr.count("\n") == 1
    assert "\x1b" not in ended.stderr
    assert "and 99 more would steer" in ended.stderr


def test_what_was_trusted_is_not_asked_for_again_until_it_changes(
    bactrian: Bactrian, run_words: list[str], repository: Path
) -> None:
    shown = bactrian("trust", "--repo", repository)
    assert shown.returncode == 5
    assert "\x1b" not in shown.stderr
    assert "  │ four ^[]52;c;ZXZpbA==^G\n  │ five\n" in shown.stderr
    assert bactrian("trust", "--yes", "--repo", repository).returncode == 0
    assert bactrian("trust", "--repo", repository).returncode == 0
    assert bactrian(*run_words).returncode == 1
    (repository / "AGENTS.md").write_text("Other words.\n")
    ended = bactrian(*run_words)
    assert ended.returncode == 5
    assert "this repository's AGENTS.md would steer" in ended.stderr
    assert "changed since you trusted it" in bactrian("trust", "--repo", repository).stderr


def test_trust_can_be_taken_back(bactrian: Bactrian, repository: Path) -> None:
    assert bactrian("trust", "--yes", "--json", "--repo", repository).returncode == 0
    assert set(standings(bactrian, repository).values()) == {"trusted"}
    forgotten = bactrian("trust", "--forget", "--repo", repository)
    assert forgotten.stderr == f"Forgotten: 2 trusted files and 0 allowed hosts of {repository}.\n"
    assert set(standings(bactrian, repository).values()) == {"new"}


def test_links_are_told_and_ask_for_nothing(bactrian: Bactrian, run_words: list[str], repository: Path) -> None:
    (repository / ".bactrian" / "config.toml").unlink()
    (repository / "AGENTS.md").unlink()
    (repository / ".bactrian" / "Dockerfile").symlink_to("/etc/shadow")
    ended = bactrian(*run_words)
    assert ended.returncode == 1
    assert ended.stderr.startswith("not used: .bactrian/Dockerfile: a symbolic link\n")


def test_without_a_repository_it_is_one_line(bactrian: Bactrian, tmp_path: Path) -> None:
    ended = bactrian("trust", "--repo", tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)


def test_a_person_is_shown_and_asked_once(
    bactrian: Bactrian, run_words: list[str], repository: Path, environment: dict[str, str]
) -> None:
    with Terminal([BACTRIAN, *run_words], environment) as terminal:
        terminal.wait_for("or quit?")
        assert "● AGENTS.md  (new; 41 bytes, 5 lines; the model is told to follow it)" in terminal.text
        assert "│ three" in terminal.text
        assert "│ four" not in terminal.text
        assert "… 2 more lines" in terminal.text
        assert not began(environment)
        terminal.type("show\n")
        terminal.wait_for("│ five")
        assert "\x1b]52" not in terminal.shown
        terminal.type("t\n")
        assert terminal.wait() == 1
        assert "no Docker engine answers" in terminal.text
    assert set(standings(bactrian, repository).values()) == {"trusted"}
    with Terminal([BACTRIAN, *run_words], environment) as terminal:
        assert terminal.wait() == 1
        assert "or quit?" not in terminal.text


def test_a_person_may_go_on_without_or_quit(
    bactrian: Bactrian, run_words: list[str], repository: Path, environment: dict[str, str]
) -> None:
    with Terminal([BACTRIAN, *run_words], environment) as terminal:
        terminal.wait_for("or quit?")
        terminal.type("yes\n")
        terminal.wait_for("Answer trust, show, without, quit")
        terminal.type("q\n")
        assert terminal.wait() == 5
    assert not began(environment)
    with Terminal([BACTRIAN, *run_words], environment) as terminal:
        terminal.wait_for("or quit?")
        terminal.type("\x03")
        assert terminal.wait() == 130
    assert not began(environment)
    with Terminal([BACTRIAN, *run_words], environment) as terminal:
        terminal.wait_for("or quit?")
        terminal.type("without\n")
        assert terminal.wait() == 1
    assert began(environment)
    assert set(standings(bactrian, repository).values()) == {"new"}


def test_a_person_can_trust_by_the_command(bactrian: Bactrian, repository: Path, environment: dict[str, str]) -> None:
    with Terminal([BACTRIAN, "trust", "--repo", str(repository)], environment) as terminal:
        terminal.wait_for("Trust these files?")
        terminal.type("y\n")
        assert terminal.wait() == 0
    assert set(standings(bactrian, repository).values()) == {"trusted"}
