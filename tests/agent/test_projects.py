"""Decisions about repositories: kept whole, apart from each other, and by two processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import UserError
from agent.projects import Project, Projects


@pytest.fixture
def projects(tmp_path: Path) -> Projects:
    return Projects(folder=tmp_path / "state" / "projects")


def kept(projects: Projects) -> Path:
    (path,) = projects.folder.glob("*.json")
    return path


def allow(*hosts: str) -> Callable[[Project], Project]:
    return lambda project: replace(project, network_allow=(*project.network_allow, *hosts))


def test_nothing_is_decided_at_first_and_nothing_is_written(projects: Projects, tmp_path: Path) -> None:
    assert projects.load(tmp_path) == Project(repository=os.path.realpath(tmp_path))
    assert not projects.folder.exists()


def test_what_was_decided_is_there_again(projects: Projects, tmp_path: Path) -> None:
    odd = os.fsdecode(b"docs/\xff\n/AGENTS.md")
    decided = Project(repository=str(tmp_path), trusted={odd: "ab" * 32}, network_allow=("example.org", "*.example"))
    assert projects.change(tmp_path, lambda _: decided) == decided
    assert projects.load(tmp_path) == decided


def test_a_repository_is_known_by_its_real_path(projects: Projects, tmp_path: Path) -> None:
    checkout, link = tmp_path / "checkout", tmp_path / "link"
    checkout.mkdir()
    link.symlink_to(checkout)
    projects.change(link, allow("example.org"))
    assert projects.load(checkout).network_allow == ("example.org",)
    assert projects.load(tmp_path).network_allow == ()


def test_only_the_user_reads_it(projects: Projects, tmp_path: Path) -> None:
    projects.change(tmp_path, allow("example.org"))
    assert projects.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in projects.folder.iterdir()} == {0o600}
    assert sorted(path.suffix for path in projects.folder.iterdir()) == [".json", ".lock"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"version": 2, "repository": "x", "trusted": {}, "network_allow": []}',
        b'{"version": 1, "repository": 5, "trusted": {}, "network_allow": []}',
        b'{"version": 1, "repository": "x", "trusted": [], "network_allow": []}',
        b'{"version": 1, "repository": "x", "trusted": {"a": 1}, "network_allow": []}',
        b'{"version": 1, "repository": "x", "trusted": {}, "network_allow": "example.org"}',
    ],
)
def test_a_damaged_file_is_one_line_that_says_what_to_do(projects: Projects, tmp_path: Path, data: bytes) -> None:
    projects.change(tmp_path, allow("example.org"))
    kept(projects).write_bytes(data)
    said = r"^/\S+\.json: damaged, or of a newer Bactrian: remove it, and"
    with pytest.raises(UserError, match=said):
        projects.load(tmp_path)
    with pytest.raises(UserError, match=said):
        projects.change(tmp_path, allow("other.example"))
    assert kept(projects).read_bytes() == data


def test_a_file_of_another_repository_decides_nothing(projects: Projects, tmp_path: Path) -> None:
    projects.change(tmp_path, lambda project: replace(allow("example.org")(project), repository="/elsewhere"))
    assert projects.load(tmp_path) == Project(repository=os.path.realpath(tmp_path))


def test_a_folder_that_can_t_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(UserError, match=r"\.json: can't be (read|written): Not a directory$"):
        Projects(folder=tmp_path / "state" / "projects").change(tmp_path, allow("example.org"))


def test_what_a_killed_process_left_is_not_in_the_way(projects: Projects, tmp_path: Path) -> None:
    projects.change(tmp_path, allow("one.example"))
    kept(projects).with_suffix(".part").write_text("{")
    projects.change(tmp_path, allow("two.example"))
    assert projects.load(tmp_path).network_allow == ("one.example", "two.example")


def test_processes_at_once_lose_nothing(projects: Projects, tmp_path: Path) -> None:
    code = """
import sys
from dataclasses import replace
from pathlib import Path
from agent.projects import Projects
folder, repository, name = sys.argv[1:]
for number in range(20):
    host = f"{name}-{number}.example"
    Projects(folder=Path(folder)).change(
        Path(repository), lambda project: replace(project, network_allow=(*project.network_allow, host))
    )
"""
    argv = [sys.executable, "-c", code, str(projects.folder), str(tmp_path)]
    processes = [subprocess.Popen([*argv, name]) for name in ("a", "b", "c")]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    hosts = projects.load(tmp_path).network_allow
    assert sorted(hosts) == sorted(f"{name}-{number}.example" for name in "abc" for number in range(20))


def test_what_comes_to_lie_at_a_repositorys_path_gets_none_of_its_hosts(projects: Projects, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    projects.change(checkout, lambda project: replace(project, trusted={"AGENTS.md": "ab" * 32}))
    projects.change(checkout, allow("example.org"))
    checkout.rename(tmp_path / "elsewhere")
    checkout.mkdir()
    assert projects.load(checkout).network_allow == ()
    assert projects.load(checkout).trusted == {"AGENTS.md": "ab" * 32}  # those very bytes, whoever brings them
    projects.change(checkout, allow("other.example"))
    assert projects.load(checkout).network_allow == ("other.example",)
