"""What `bactrian run` refuses before a session begins, in one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.run import RunOptions, hand_out, make_small_provider
from agent.config import Settings
from agent.providers.base import ProviderError

BACTRIAN = str(Path(sys.executable).with_name("bactrian"))
SCRIPT = "[[turn]]\ntext = 'done'\n"


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    repository = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    script = tmp_path / "model.toml"
    script.write_text(SCRIPT)
    return [BACTRIAN, "run", "--repo", str(repository), "--model", f"scripted/{script}", "do it"]


def refused(command: list[str], tmp_path: Path, **environment: str) -> str:
    env = {**os.environ, "BACTRIAN_STATE_DIR": str(tmp_path / "state"), **environment}
    ended = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("bactrian: ")
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "state" / "sessions").exists()
    return ended.stderr


def test_a_limit_on_cost_needs_a_price(command: list[str], tmp_path: Path) -> None:
    told = refused([*command, "--max-cost", "2"], tmp_path)
    assert f"no price is known for scripted/{tmp_path}/model.toml, so --max-cost can't be kept" in told
    told = refused([*command, "--max-cost", "2", "--model", "openai/new"], tmp_path, OPENAI_API_KEY="k")
    assert "no price is known for openai/new, so --max-cost can't be kept: leave it out, or use --max-turns" in told


def test_last_words_need_a_place(command: list[str], tmp_path: Path) -> None:
    for path, problem in ((tmp_path / "no" / "file", "No such file or directory"), (tmp_path, "Is a directory")):
        told = refused([*command, "--output-last-message", str(path)], tmp_path)
        assert told == f"bactrian: --output-last-message: can't write {path}: {problem}\n"


def test_last_words_are_written_whatever_they_hold(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "last"
    hand_out(RunOptions(last_message=path, as_json=True), "dön\ud800e")
    assert path.read_bytes() == "dön?e\n".encode()
    hand_out(RunOptions(last_message=tmp_path, as_json=True), "done")
    assert capfd.readouterr().err == f"bactrian: can't write {tmp_path}: Is a directory\n"


def test_events_need_a_standard_output(command: list[str], tmp_path: Path) -> None:
    told = refused(["sh", "-c", '"$@" >&-', "sh", *command, "--json"], tmp_path)
    assert told == "bactrian: --json: standard output is closed\n"


def test_a_plug_in_that_is_broken_is_named(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "broken_tool.py").write_text("1 / 0\n")
    info = tmp_path / "broken_tool-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-tool\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bactrian.tools]\nbroken = broken_tool:Tool\n")
    told = refused(command, tmp_path, PYTHONPATH=str(tmp_path))
    assert told == "bactrian: the tool plug-in broken_tool:Tool can't be loaded: division by zero\n"


@pytest.mark.parametrize(("model", "is_asked"), [("anthropic/a", False), ("openai/a", True), ("openai-chat/a", True)])
def test_a_key_goes_to_its_own_vendor_only(
    model: str, is_asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    asked = tmp_path / "asked"
    settings = Settings(
        model=model,
        small_model="openai/small",
        base_url="http://127.0.0.1:9/v1",
        key_command=("sh", "-c", f"touch {asked}; echo key"),
    )
    if is_asked:
        assert make_small_provider(settings) is not None
    else:
        with pytest.raises(ProviderError, match="set OPENAI_API_KEY"):
            make_small_provider(settings)
    assert asked.exists() is is_asked
    assert make_small_provider(Settings(model=model)) is None
