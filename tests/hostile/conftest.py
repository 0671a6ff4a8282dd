"""A user's home with secrets, and in it a repository that a stranger has made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from strangers import Trap, make_trap


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trap:
    """A home of the test's; whatever is looked up on PATH first meets programs that tell of themselves."""
    folder = tmp_path / "a"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    made = make_trap(folder)
    monkeypatch.setenv("PATH", f"{folder / 'programs'}:/usr/bin:/bin")
    assert shutil.which("git")
    return made
