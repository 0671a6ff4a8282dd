"""What Bactrian keeps on this host from session to session: caches, images, root file systems; what of it is stale.

Other people's things are left alone: of volumes only those count that were used from here.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from containers.base import ContainerUnavailable
from containers.caches import FOLDER, VOLUME, repository_caches
from containers.labels import REPOSITORY
from containers.reaper import is_free
from containers.recipe import REPOSITORY as IMAGES
from containers.recipe import Recipe
from containers.removal import remove_tree
from containers.uses import Use, is_used, last_use, unused

if TYPE_CHECKING:
    import docker
    from docker.models.images import Image
    from docker.models.volumes import Volume

PATIENCE_S = 14 * 24 * 3600.0
"""How long images and root file systems of former recipes are kept after their last use."""

State = Literal["used", "kept", "stale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One thing. `remove` raises OSError, with a reason for people, and does nothing where it is in use by then."""

    kind: Literal["caches", "image", "root file system", "leftover", "checks", "session"]
    name: str
    state: State
    why: str
    size_bytes: int
    used_s: float = 0.0
    """When it was last used, since the epoch; 0 if nobody knows."""
    repository: str = ""
    """Whose it is: a directory of git's."""
    remove: Callable[[], None] | None = None
    """None: it is not to be removed in any case."""


def stock(cache: Path, wanted: Recipe) -> Iterator[Kept]:
    """Yield what lies in Bactrian's cache directory, and in the engine if one answers. `wanted` is the recipe now."""
    for path in _inside(cache / FOLDER):
        yield _folder_of_caches(cache, path)
    yield from _root_file_systems(cache, wanted)
    with _engine() as client:
        if client:
            yield from _volumes(cache, client)
            for tag, image in _images(client):
                yield _image(cache, tag, image, wanted)


def size_of(path: Path) -> int:
    """Return how many bytes of the disk a file or directory takes; 0 where that can't be told."""
    told = subprocess.run(["du", "-skx", "--", path], capture_output=True, text=True, check=False).stdout
    return int(told.split()[0]) * 1024 if told else 0


def _inside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_dir() and not path.is_symlink())


def _folder_of_caches(cache: Path, path: Path) -> Kept:
    name = f"{FOLDER}/{path.name}"
    use = last_use(cache, name)
    state, why = _state_of_caches(cache, path.name, use) if use else ("stale", "of an older Bactrian")
    return Kept(
        kind="caches",
        name=str(path),
        state=state,
        why=why,
        size_bytes=size_of(path),
        used_s=use.time_s if use else 0.0,
        repository=use.whose if use else "",
        remove=lambda: _remove_folder(cache, name, path),
    )


def _state_of_caches(cache: Path, caches: str, use: Use) -> tuple[State, str]:
    if is_used(cache, f"{FOLDER}/{caches}"):
        return "used", "in use"
    if repository_caches(Path(use.whose)) != caches:
        return "stale", "the repository is gone from there"
    return "kept", f"last used {_day(use.time_s)}"


def _root_file_systems(cache: Path, wanted: Recipe) -> Iterator[Kept]:
    for path in _inside(cache / "rootfs"):
        digest, half, _ = path.name.partition(".part")
        if not half:
            name = f"rootfs/{path.name}"
            use = last_use(cache, name) or Use(whose="", time_s=path.lstat().st_ctime)
            state, why = _state_of_tools(cache, name, use, present=path.name == wanted.digest)
            yield Kept(
                kind="root file system",
                name=str(path),
                state=state,
                why=why,
                size_bytes=size_of(path),
                used_s=use.time_s,
                remove=lambda name=name, path=path: _remove_folder(cache, name, path),
            )
        elif is_free(path.with_name(f"{digest}.lock")):
            yield leftover(path)


def leftover(path: Path) -> Kept:
    """Return what somebody has half made who was killed."""
    remove = (lambda: path.unlink(missing_ok=True)) if path.is_file() else (lambda: _remove(path))
    return Kept(
        kind="leftover", name=str(path), state="stale", why="half made", size_bytes=size_of(path), remove=remove
    )


def _state_of_tools(cache: Path, name: str, use: Use, *, present: bool) -> tuple[State, str]:
    if is_used(cache, name):
        return "used", "in use"
    if present:
        return "kept", "what sessions run in"
    if time.time() - use.time_s > PATIENCE_S:
        return "stale", f"of a former recipe, or of a project; last used {_day(use.time_s)}"
    return "kept", f"last used {_day(use.time_s)}; stale {PATIENCE_S / 86400:.0f} days later"


def _remove_folder(cache: Path, name: str, path: Path) -> None:
    with unused(cache, name) as free:
        if not free:
            raise OSError("it is in use")
        _remove(path)


def _remove(path: Path) -> None:
    if not remove_tree(path):
        raise OSError("not all of it can be removed")


# In an engine


@contextlib.contextmanager
def _engine() -> Generator[docker.DockerClient | None]:
    from containers.docker import connect

    try:
        client = connect()
    except ContainerUnavailable:
        yield None
        return
    with contextlib.closing(client):
        yield client


def _volumes(cache: Path, client: docker.DockerClient) -> Iterator[Kept]:
    told: Any = getattr(client, "df")()  # noqa: B009 - its stub leaves the answer untyped
    known: list[dict[str, Any]] = told.get("Volumes") or []
    sizes = {str(volume["Name"]): _measured(volume.get("UsageData")) for volume in known}
    for volume in client.volumes.list(filters={"name": VOLUME}):
        if (volume.name or "").startswith(VOLUME):
            yield _volume(cache, volume, sizes)


def _measured(usage: Any) -> int:
    """What an engine says of a volume's size; not every one says it."""
    return max(0, int(usage["Size"])) if usage else 0


def _volume(cache: Path, volume: Volume, sizes: Mapping[str, int]) -> Kept:
    name = volume.name or ""
    caches = name.removeprefix(VOLUME)
    use = last_use(cache, f"{FOLDER}/{caches}")
    if use:
        state, why = _state_of_caches(cache, caches, use)
    else:
        state, why = "kept", f"not used from here: `docker volume rm {name}` removes it if it is yours"
    told: dict[str, str] = volume.attrs.get("Labels") or {}
    return Kept(
        kind="caches",
        name=f"volume {name}",
        state=state,
        why=why,
        size_bytes=sizes.get(name, 0),
        used_s=use.time_s if use else 0.0,
        repository=use.whose if use else told.get(REPOSITORY, ""),
        remove=(lambda: _by_engine(cache, f"{FOLDER}/{caches}", "volumes", name)) if use else None,
    )


def _images(client: docker.DockerClient) -> Iterator[tuple[str, Image]]:
    for repository in (IMAGES, f"{IMAGES}-project"):
        for image in client.images.list(repository):
            yield from ((tag, image) for tag in image.tags if tag.startswith(f"{repository}:"))


def _image(cache: Path, tag: str, image: Image, wanted: Recipe) -> Kept:
    use = last_use(cache, tag) or Use(whose="", time_s=_seconds(str(image.attrs.get("Created", ""))))
    state, why = _state_of_tools(cache, tag, use, present=tag == wanted.tag)
    return Kept(
        kind="image",
        name=tag,
        state=state,
        why=why,
        size_bytes=int(image.attrs.get("Size", 0)),
        used_s=use.time_s,
        remove=lambda: _by_engine(cache, tag, "images", tag),
    )


def _by_engine(cache: Path, use: str, kind: Literal["volumes", "images"], name: str) -> None:
    """Have an engine remove a thing by its name; it refuses while a container has it. Raises OSError."""
    import docker.errors

    with unused(cache, use) as free, _engine() as client:
        if not free:
            raise OSError("it is in use")
        if client is None:
            raise OSError("the engine does not answer")
        try:
            if kind == "volumes":
                client.volumes.get(name).remove()
            else:
                client.images.remove(name)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            raise OSError(str(error.explanation or "the engine refuses").splitlines()[0]) from error


def _seconds(time_stamp: str) -> float:
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(f"{time_stamp[:19]}+00:00").timestamp()
    return 0.0


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d") if seconds else "long ago"
