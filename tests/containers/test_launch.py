"""Choosing a sandbox: what is said when it can't be as wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from containers.base import ContainerUnavailable
from containers.launch import LaunchSpec, launch


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")


async def test_a_cache_that_can_not_be_made(workspace: Path, tmp_path: Path, no_engine: None) -> None:
    (tmp_path / "file").touch()
    spec = LaunchSpec(common=workspace, workspace=workspace, cache_folder=tmp_path / "file")
    with pytest.raises(ContainerUnavailable, match=r"^the cache directory .*/file can't be made: Not a directory$"):
        await launch("bubblewrap", spec, print)


async def test_the_hosts_toolchains_are_announced(workspace: Path, tmp_path: Path, no_engine: None) -> None:
    spec = LaunchSpec(
        common=workspace,
        workspace=workspace,
        cache_folder=tmp_path / "cache",
        project_dockerfile=b"ARG BASE\nFROM ${BASE}\n",
    )
    said: list[str] = []
    async with await launch("bubblewrap", spec, said.append) as container:
        assert (await container.exec(["true"])).exit_code == 0
    assert said[0].startswith("no session image: ")
    assert said[1] == (
        "commands run with the Go and OCaml that this host has, in whatever versions, or none, without what "
        ".bactrian/Dockerfile installs"
    )
