"""What is stale of what is kept, and that nothing else goes: not what is in use, not what other people have."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from containers.caches import FOLDER, VOLUME, repository_caches
from containers.docker import connect
from containers.recipe import REPOSITORY, Recipe
from containers.stock import PATIENCE_S, Kept, stock
from containers.uses import begin_use, last_use

RECIPE = Recipe(files=(("Dockerfile", b""),))
USER = """
import sys
from pathlib import Path
from typing import Any
from containers.uses import begin_use
begin_use(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
print("uses it", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Bactrian's cache directory."""
    path = tmp_path / "kept"
    path.mkdir()
    return path


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")


@pytest.fixture
def engine(image: str) -> Iterator[docker.DockerClient]:
    assert image
    with contextlib.closing(connect()) as client:
        yield client


@contextlib.contextmanager
def used(kept: Path, name: str, whose: Path) -> Generator[None]:
    """Have another process use a thing, and be killed."""
    argv = [sys.executable, "-c", USER, str(kept), name, str(whose)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "uses it\n"
        yield
        process.kill()


def repository(path: Path) -> str:
    """Make something that has caches; return their name."""
    path.mkdir()
    return repository_caches(path)


def found(kept: Path, *names: str) -> list[Kept]:
    return [thing for thing in stock(kept, RECIPE) if not names or thing.name in names]


def states(things: list[Kept]) -> dict[str, str]:
    return {Path(thing.name).name: thing.state for thing in things}


def remove_stale(things: list[Kept]) -> None:
    for thing in things:
        if thing.state == "stale":
            assert thing.remove
            thing.remove()


def test_caches_of_repositories_that_are_gone_are_stale(kept: Path, tmp_path: Path, no_engine: None) -> None:
    here, gone, replaced = (repository(tmp_path / name) for name in ("here", "gone", "replaced"))
    for name in (here, gone, replaced, "unheard"):
        (kept / FOLDER / name / "go-mod").mkdir(parents=True)
        (kept / FOLDER / name / "go-mod" / "read-only").mkdir(mode=0o500)
    for name, path in ((here, "here"), (gone, "gone"), (replaced, "replaced")):
        with used(kept, f"{FOLDER}/{name}", tmp_path / path):
            pass
    (tmp_path / "gone").rmdir()
    (tmp_path / "replaced").rmdir()
    assert repository(tmp_path / "replaced") != replaced
    things = found(kept)
    assert states(things) == {here: "kept", gone: "stale", replaced: "stale", "unheard": "stale"}
    remove_stale(things)
    assert states(found(kept)) == {here: "kept"}


def test_what_is_in_use_is_not_removed(kept: Path, tmp_path: Path, no_engine: None) -> None:
    name = repository(tmp_path / "gone")
    folder = kept / FOLDER / name
    folder.mkdir(parents=True)
    with used(kept, f"{FOLDER}/{name}", tmp_path / "gone"):
        pass
    (tmp_path / "gone").rmdir()
    (stale,) = found(kept)
    assert stale.state == "stale"
    with used(kept, f"{FOLDER}/{name}", tmp_path / "gone"):
        (thing,) = found(kept)
        assert thing.state == "used"
        assert stale.remove
        with pytest.raises(OSError, match="in use"):
            stale.remove()
        assert folder.is_dir()
    stale.remove()
    assert not folder.exists()


def test_root_file_systems_are_stale_two_weeks_after_their_last_use(kept: Path, no_engine: None) -> None:
    for name in (RECIPE.digest, "former", "recent", "half.part", "half.part-context"):
        (kept / "rootfs" / name).mkdir(parents=True)
    for name in (RECIPE.digest, "former", "recent"):
        with used(kept, f"rootfs/{name}", kept):
            pass
    for use in (RECIPE.digest, "former"):
        old = time.time() - PATIENCE_S - 60
        os.utime(kept / "uses" / f"rootfs%2F{use}", (old, old))
    (kept / "rootfs" / "half.lock").touch()
    things = found(kept)
    assert states(things) == {
        RECIPE.digest: "kept",
        "former": "stale",
        "recent": "kept",
        "half.part": "stale",
        "half.part-context": "stale",
    }
    remove_stale(things)
    assert states(found(kept)) == {RECIPE.digest: "kept", "recent": "kept"}


def test_links_are_not_followed(kept: Path, tmp_path: Path, no_engine: None) -> None:
    other = tmp_path / "other"
    (other / "kept").mkdir(parents=True)
    (kept / FOLDER / "unheard").mkdir(parents=True)
    (kept / FOLDER / "unheard" / "link").symlink_to(other)
    (kept / FOLDER / "link").symlink_to(other)
    things = found(kept)
    assert states(things) == {"unheard": "stale"}
    remove_stale(things)
    assert (other / "kept").is_dir()


def test_volumes_go_only_if_they_were_used_from_here(kept: Path, tmp_path: Path, engine: docker.DockerClient) -> None:
    name, others = repository(tmp_path / "gone"), uuid.uuid4().hex[:12]
    with used(kept, f"{FOLDER}/{name}", tmp_path / "gone"):
        pass
    (tmp_path / "gone").rmdir()
    for volume in (name, others):
        engine.volumes.create(VOLUME + volume)
    try:
        things = found(kept, f"volume {VOLUME}{name}", f"volume {VOLUME}{others}")
        assert {thing.name[-12:]: (thing.state, thing.remove is not None) for thing in things} == {
            name: ("stale", True),
            others: ("kept", False),
        }
        remove_stale(things)
        assert [volume.name for volume in engine.volumes.list(filters={"name": VOLUME + name})] == []
        assert len(engine.volumes.list(filters={"name": VOLUME + others})) == 1
    finally:
        engine.volumes.get(VOLUME + others).remove()


def test_images_of_former_recipes_are_stale(kept: Path, engine: docker.DockerClient) -> None:
    tags = [f"{REPOSITORY}:test{uuid.uuid4().hex[:8]}" for _ in range(2)]
    for tag in tags:
        load: Any = getattr(engine.api, "import_image_from_data")  # noqa: B009 - its stub leaves everything untyped
        load(_empty_archive(), repository=REPOSITORY, tag=tag.split(":")[1])
        with used(kept, tag, kept):
            pass
    old = time.time() - PATIENCE_S - 60
    path = kept / "uses" / tags[0].replace("/", "%2F").replace(":", "%3A")
    os.utime(path, (old, old))
    things = found(kept, *tags)
    assert [thing.state for thing in things] == ["stale", "kept"] if things[0].name == tags[0] else ["kept", "stale"]
    remove_stale(things)
    left = [tag for image in engine.images.list(REPOSITORY) for tag in image.tags if tag in tags]
    assert left == [tags[1]]
    engine.images.remove(tags[1])


def test_a_use_is_remembered(kept: Path, tmp_path: Path) -> None:
    begin_use(kept, "image:of/mine", str(tmp_path))
    use = last_use(kept, "image:of/mine")
    assert use
    assert use.whose == str(tmp_path)
    assert time.time() - use.time_s < 60
    assert last_use(kept, "another") is None


def _empty_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo(f"empty-{uuid.uuid4().hex}")
        tar.addfile(entry)
    return buffer.getvalue()
