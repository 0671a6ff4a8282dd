"""Files that steer: all are found, no link is followed, nothing but a plain file is opened, every change is seen."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.config import KEYS, PROJECT_KEYS, load
from agent.errors import UserError
from agent.projects import Projects
from agent.trust import (
    LARGEST_BYTES,
    MOST_FILES,
    Found,
    Refused,
    SteeringFile,
    find,
    remember,
    rules_of,
    settings_of,
)
from containers.workspace import RepositoryError
from tools.steering import steers

Write = Callable[[str, str], Path]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    return path


@pytest.fixture
def write(root: Path) -> Write:
    def write(path: str, text: str) -> Path:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write


def paths(found: Found) -> list[str]:
    return [file.path for file in found.files]


def refused(found: Found) -> dict[str, str]:
    return {each.path: each.reason for each in found.refused}


def commit(root: Path) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", "-C", str(root), "add", "-A"], check=True)
    subprocess.run(["git", *identity, "-C", str(root), "commit", "-qm", "all"], check=True)


def test_all_of_them_are_found_the_outermost_first(root: Path, write: Write) -> None:
    expected = [
        ".bactrian/Dockerfile",
        ".bactrian/config.toml",
        ".bactrian/hooks/before/run.sh",
        ".agents/skills/b/SKILL.md",
        ".claude/skills/a/SKILL.md",
        "AGENTS.md",
        "CLAUDE.md",
        "deep/er/AGENTS.md",
    ]
    for path in (*expected, "main.go", ".claude/settings.json", "docs/AGENTS.md.txt", "sub/.bactrian/config.toml"):
        write(path, path)
    assert find(root) == Found(files=tuple(SteeringFile(path=path, data=path.encode()) for path in expected))
    assert all(steers(path) for path in expected)
    assert not any(steers(path) for path in ("main.go", "sub/.bactrian/x", ".claude/settings.json", ".bactrianx/y"))
    commit(root)
    assert paths(find(root)) == expected


def test_a_repository_without_any(root: Path, write: Write) -> None:
    write("main.go", "package main")
    assert find(root) == Found()
    (root / ".bactrian").mkdir()
    assert find(root) == Found()


def test_what_git_ignores_counts_only_in_bactrian_s_own_folders(root: Path, write: Write) -> None:
    write(".gitignore", ".bactrian\nvendor\n")
    write(".bactrian/config.toml", "")
    write("vendor/AGENTS.md", "")
    assert paths(find(root)) == [".bactrian/config.toml"]


def test_a_deleted_file_is_none(root: Path, write: Write) -> None:
    file = write("AGENTS.md", "x")
    commit(root)
    file.unlink()
    assert find(root) == Found()


def test_links_are_refused_wherever_they_stand(root: Path, write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    for name in ("AGENTS.md", "config.toml", "SKILL.md"):
        (tmp_path / "secret" / name).write_text("from outside")
    write(".bactrian/config.toml", "")
    (root / ".bactrian" / "Dockerfile").symlink_to("/etc/shadow")
    (root / ".bactrian" / "hooks").symlink_to(tmp_path / "secret")
    (root / "AGENTS.md").symlink_to("CLAUDE.md")
    write("CLAUDE.md", "")
    write("docs/AGENTS.md", "")
    (root / ".claude").symlink_to(tmp_path)
    (tmp_path / "skills").symlink_to(tmp_path / "secret")
    commit(root)
    (root / "docs").rename(root / "old")
    (root / "docs").symlink_to(tmp_path / "secret")
    found = find(root)
    assert paths(found) == [".bactrian/config.toml", "CLAUDE.md", "old/AGENTS.md"]
    assert refused(found) == {
        ".bactrian/Dockerfile": "a symbolic link",
        ".bactrian/hooks": "a symbolic link",
        ".claude/skills": "behind a symbolic link",
        "AGENTS.md": "a symbolic link",
        "docs/AGENTS.md": "behind a symbolic link",
    }


def test_the_folder_itself_may_be_no_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.toml").write_text("max_turns = 1")
    (root / ".bactrian").symlink_to(tmp_path / "other")
    assert find(root) == Found(refused=(Refused(path=".bactrian", reason="a symbolic link"),))


def test_only_plain_files_of_a_moderate_size_are_opened(root: Path, write: Write) -> None:
    folder = write(".bactrian/a", "").parent
    os.mkfifo(folder / "pipe")
    # The name of a socket is short.
    with socket.socket(socket.AF_UNIX) as server:
        there = os.open(folder, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{there}/socket")
        os.close(there)
    write(".bactrian/large", "x" * (LARGEST_BYTES + 1))
    write(".bactrian/largest", "x" * LARGEST_BYTES)
    found = find(root)
    assert paths(found) == [".bactrian/a", ".bactrian/largest"]
    assert refused(found) == {
        ".bactrian/large": "larger than 256 KiB",
        ".bactrian/pipe": "not a plain file",
        ".bactrian/socket": "not a plain file",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_not_opened(root: Path, write: Write) -> None:
    folder = write(".bactrian/a", "").parent
    os.mknod(folder / "zero", 0o20666, os.makedev(1, 5))
    assert refused(find(root)) == {".bactrian/zero": "not a plain file"}


def test_very_many_are_counted_and_the_outermost_steer(root: Path, write: Write) -> None:
    write("AGENTS.md", "outermost")
    for number in range(MOST_FILES + 50):
        write(f"packages/p{number:04}/AGENTS.md", "inner")
    found = find(root)
    assert (len(found.files), found.left_out, found.files[0].data) == (MOST_FILES, 51, b"outermost")


def test_very_deep_ones_open_no_file_each(root: Path) -> None:
    folder = os.open(root, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("AGENTS.md", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    os.close(folder)
    try:
        assert [path.count("/") for path in paths(find(root))] == [1_500]
    finally:  # too deep for pytest's own cleaning
        subprocess.run(["rm", "-rf", root], check=True)


def test_names_of_any_bytes(root: Path) -> None:
    name = b"docs/\xff\x1b[2J\n -x"
    os.makedirs(os.path.join(os.fsencode(root), name))
    with open(os.path.join(os.fsencode(root), name, b"AGENTS.md"), "wb") as file:
        file.write(b"\xff")
    assert [os.fsencode(path) for path in paths(find(root))] == [name + b"/AGENTS.md"]


def test_a_change_is_seen_and_a_yes_is_for_these_bytes_only(root: Path, write: Write, tmp_path: Path) -> None:
    projects = Projects(folder=tmp_path / "projects")
    write("AGENTS.md", "Be kind.")
    write(".bactrian/config.toml", "max_turns = 5")
    remember(projects, root, find(root).files)
    assert find(root).untrusted(projects.load(root)) == ()
    write("AGENTS.md", "Be evil.")
    write("lib/AGENTS.md", "Be kind.")
    project = projects.load(root)
    assert {file.path: file.standing(project) for file in find(root).files} == {
        ".bactrian/config.toml": "trusted",
        "AGENTS.md": "changed",
        "lib/AGENTS.md": "new",
    }
    write("AGENTS.md", "Be kind.")
    (root / "lib" / "AGENTS.md").unlink()
    assert find(root).untrusted(projects.load(root)) == ()


def test_what_is_used_are_the_bytes_that_were_read(root: Path, write: Write) -> None:
    write("AGENTS.md", "Be kind.")
    write(".bactrian/config.toml", "max_turns = 5")
    steering = find(root).steering()
    write("AGENTS.md", "Be evil.")
    write(".bactrian/config.toml", "max_turns = 1")
    assert rules_of(steering) == ("AGENTS.md", "Be kind.")
    assert load(settings_of(root, steering), {}, {}).max_turns == 5


def test_rules_are_the_first_at_the_root_that_is_text() -> None:
    assert rules_of({}) == ("", "")
    assert rules_of({"docs/AGENTS.md": b"x"}) == ("", "")
    assert rules_of({"CLAUDE.md": b"c", "AGENTS.md": b"a"}) == ("AGENTS.md", "a")
    assert rules_of({"CLAUDE.md": b"c", "AGENTS.md": bytes(range(256))}) == ("CLAUDE.md", "c")


@pytest.mark.parametrize(
    "line",
    [
        *(f'{key} = "x"' for key in KEYS if key not in PROJECT_KEYS),
        *('mounts = ["/etc"]', 'trust = "yes"', "approve = true", '[network]\nmode = "full"', 'privileged = "true"'),
    ],
)
def test_even_a_trusted_repository_opens_nothing_for_itself(root: Path, write: Write, line: str) -> None:
    write(".bactrian/config.toml", line + "\n")
    with pytest.raises(UserError, match=r"can't set|unknown key|network is"):
        load(settings_of(root, find(root).steering()), {}, {})


def test_a_repository_that_git_can_not_read(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError):
        find(tmp_path)
    with pytest.raises(UserError, match="can't be read: No such file"):
        find(tmp_path / "gone")
