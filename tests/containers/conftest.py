"""A user's checkout, made by git without anybody's own settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkouts import commit, git, write


@pytest.fixture
def plain_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nobody's own configuration: a home of the test's."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n[init]\ndefaultBranch = main\n")
    return home


@pytest.fixture
def checkout(tmp_path: Path, plain_git: Path) -> Path:
    """A user's checkout with two commits."""
    path = tmp_path / "a check—out"
    git(tmp_path, "init", "-q", str(path))
    write(path, "README", "one\n")
    commit(path, "one")
    write(path, "src/main.go", "package main\n")
    write(path, "tool.sh", "#!/bin/sh\n").chmod(0o755)
    (path / "link").symlink_to("README")
    commit(path, "two")
    return path
