"""A user's home with secrets, and in it a repository for a stranger to spoil."""

from __future__ import annotations

from pathlib import Path

import pytest
from strangers import Trap, make_home, make_trap


@pytest.fixture(scope="session")
def plain_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that every test gets a copy of."""
    home = tmp_path_factory.mktemp("hostile") / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_AUTHOR_NAME", "Ada")
        patch.setenv("GIT_AUTHOR_EMAIL", "ada@example.org")
        patch.setenv("GIT_COMMITTER_NAME", "Ada")
        patch.setenv("GIT_COMMITTER_EMAIL", "ada@example.org")
        make_home(home)
    return home


@pytest.fixture
def trap(tmp_path: Path, plain_home: Path, monkeypatch: pytest.MonkeyPatch) -> Trap:
    """A home of the test's; whatever is looked up on PATH first meets programs that tell of themselves."""
    folder = tmp_path / "a"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("PATH", f"{folder / 'programs'}:/usr/bin:/bin")
    return make_trap(folder, plain_home)
