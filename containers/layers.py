"""Mounts a fork's layers: as volumes that an engine makes for one container, or in a sandbox's own mount namespace."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from containers.base import ContainerUnavailable
from containers.forks import ORIGIN, Fork, Layers, remove_folders
from containers.labels import labels

if TYPE_CHECKING:
    import docker
    import docker.types

_MOUNT = """
while [ "$1" != -- ]; do
    mount -n -t overlay -o "$2" overlay "$1" || exit
    shift 2
done
shift
exec "$@"
"""


def engine_mounts(fork: Fork) -> list[docker.types.Mount]:
    """Return the mounts of a fork's container."""
    from docker.types import Mount

    if fork.way != "copy":
        return [_volume(target, layers, fork) for target, layers in fork.places]
    mounts: list[Mount] = []
    for target, layers in fork.places:
        source = layers.lowers[0]
        kind = "bind" if source.startswith("/") else "volume"
        mounts.append(Mount(target, str(layers.upper), type="bind"))
        mounts.append(Mount(ORIGIN + target, source, type=kind, read_only=True))
    return mounts


def _volume(target: str, layers: Layers, fork: Fork) -> docker.types.Mount:
    """Return a volume without a name, which the engine mounts, unmounts and removes together with its container."""
    from docker.types import DriverConfig, Mount

    options = _with_marks(layers.options(), fork, "redirect_dir=on")
    driver = DriverConfig("local", {"type": "overlay", "device": "overlay", "o": options})
    return Mount(target, None, type="volume", no_copy=True, labels=labels("fork"), driver_config=driver)


def as_root(*capabilities: str) -> dict[str, Any]:
    """Return the options of a container for one command of the harness's own as root: it can do no more than that."""
    return {
        "user": "0:0",
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "cap_add": list(capabilities),
        "security_opt": ["no-new-privileges"],
        "healthcheck": {"test": ["NONE"]},
    }


def remove_by_engine(client: docker.DockerClient, image: str, folders: Sequence[Path]) -> None:
    """Remove forks' folders in which overlayfs has left what is the engine's root's. Raises nothing."""
    import docker.errors
    from docker.types import Mount

    for folder in folders:
        with contextlib.suppress(docker.errors.DockerException, OSError):
            client.containers.run(
                image,
                ["-rf", "/fork/workspace/work", "/fork/cache/work"],
                entrypoint=["rm"],
                **as_root("DAC_OVERRIDE", "FOWNER"),
                mounts=[Mount("/fork", str(folder), type="bind")],
                labels=labels("fork"),
                remove=True,
            )
    remove_folders(list(folders))


def sandbox_binds(fork: Fork) -> list[str]:
    """Return the `bwrap` options that show a fork's places."""
    # What lies above a mount would be root's alone.
    argv = ["--perms", "0755", "--dir", ORIGIN] if fork.way == "copy" else []
    for target, layers in fork.places:
        if fork.way == "copy":
            argv += ["--bind", str(layers.upper), target, "--ro-bind", layers.lowers[0], ORIGIN + target]
        else:
            argv += ["--bind", str(layers.merged), target]
    return argv


def mounting(fork: Fork, argv: list[str]) -> list[str]:
    """Return a command, to be run in the fork's folder, that mounts its layers and becomes `argv`.

    Only its own mount namespace has the mounts: the kernel takes them back at its end, whatever end that is.
    Raises ContainerUnavailable.
    """
    if fork.way == "copy":
        return argv
    unshare = shutil.which("unshare")
    if not unshare:
        raise ContainerUnavailable("forks need `unshare`: install util-linux")
    # Without root, overlayfs has to keep its marks where the user may write them, and renames no directory from below.
    root = os.geteuid() == 0
    rights = () if root else ("--user", "--map-root-user")
    marks = "redirect_dir=on" if root else "userxattr"
    script = ["/bin/sh", "-c", _MOUNT, "fork"]
    for _, layers in fork.places:
        script += [str(layers.merged), _with_marks(layers.relative_options(), fork, marks)]
    return [unshare, *rights, "--mount", "--propagation", "slave", "--", *script, "--", *argv]


def _with_marks(options: str, fork: Fork, marks: str) -> str:
    return f"{options},index=off,{marks}{',volatile' if fork.way == 'volatile' else ''}"
