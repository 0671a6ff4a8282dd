"""Languages and the projects of mixed repositories."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lang.base import Project
from lang.detect import detect, languages
from lang.go import Go


def project(language: str, root: str) -> Project:
    return Project(language=language, root=root)


def test_both_languages_are_built_in() -> None:
    assert [language.name for language in languages()] == ["go", "ocaml"]


def test_mixed_repository_gives_the_projects_of_both_outermost_first() -> None:
    paths = ["services/api/go.mod", "dune-project", "bin/dune", "go.mod", "main.go", "README.md"]
    found = detect(paths, languages())
    assert found == (project("go", "."), project("ocaml", "."), project("go", "services/api"))


def test_no_project_in_an_empty_tree() -> None:
    assert detect([], languages()) == ()


def test_a_plug_in_adds_a_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tinygo.py").write_text(
        "from lang.go import Go\n\nclass TinyGo(Go):\n    @property\n    def name(self):\n        return 'tinygo'\n"
    )
    info = tmp_path / "tinygo-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tinygo\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bactrian.languages]\ntinygo = tinygo:TinyGo\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = languages()
    sys.modules.pop("tinygo")
    assert [language.name for language in found] == ["go", "ocaml", "tinygo"]
    assert isinstance(found[-1], Go)
