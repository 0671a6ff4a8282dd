"""Bases' checks that are kept on the host."""

from __future__ import annotations

import os
import time
from pathlib import Path

from agent.base_store import KEPT_S, BaseFolder
from lang.base import BuildReport, Diagnostic, Project, TestCase, TestReport
from tools.check_report import CheckReport, ProjectReport

REPORT = CheckReport(
    projects=(
        ProjectReport(
            project=Project(language="go", root="."),
            build=BuildReport(
                ok=False,
                diagnostics=(Diagnostic(path="a.go", line=1, column=2, severity="error", message="x", source="go"),),
                packages=("m",),
                failed=("m",),
            ),
            test=TestReport(ok=True, cases=(TestCase(package="m", name="TestÄ", status="passed", seconds=0.5),)),
        ),
    ),
    seconds=3.0,
)


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    store = BaseFolder(folder=tmp_path / "bases", repository="r")
    assert store.load("key") is None
    store.save("key", REPORT)
    assert store.load("key") == REPORT
    assert [path.name for path in (tmp_path / "bases").iterdir()] == ["r-key.json"]


def test_garbage_and_old_files_are_nothing(tmp_path: Path) -> None:
    store = BaseFolder(folder=tmp_path, repository="r")
    (tmp_path / "r-key.json").write_text('{"projects": 3}')
    assert store.load("key") is None
    store.save("old", REPORT)
    long_ago = time.time() - KEPT_S - 60
    os.utime(tmp_path / "r-old.json", (long_ago, long_ago))
    assert store.load("old") is None
    store.save("key", REPORT)
    assert not (tmp_path / "r-old.json").exists()


def test_a_folder_that_can_not_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = BaseFolder(folder=tmp_path / "file" / "bases", repository="r")
    store.save("key", REPORT)
    assert store.load("key") is None


def test_of_another_repository_nothing_is_believed(tmp_path: Path) -> None:
    BaseFolder(folder=tmp_path, repository="a").save("key", REPORT)
    assert BaseFolder(folder=tmp_path, repository="b").load("key") is None
    assert BaseFolder(folder=tmp_path, repository="a").load("key") == REPORT
