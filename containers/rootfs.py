"""The image's root file system as a directory, for bubblewrap: copied from an engine, or made by the same recipe."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

from containers.base import ContainerUnavailable
from containers.images import debootstrap, ensure_image, export_image, has_image
from containers.launch import engine_answers
from containers.recipe import Recipe
from containers.removal import remove_tree

NETWORK_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
SCRIPTS = ("base.sh", "go.sh", "ocaml.sh")


def rootfs_path(recipe: Recipe, cache: Path) -> Path:
    """Return where the root file system of `recipe` lies, whether it is there or not."""
    return cache / "rootfs" / recipe.project_tag.rsplit(":", 1)[1]


def ensure_rootfs(recipe: Recipe, cache: Path, *, registry: str = "", progress: Callable[[str], None]) -> Path:
    """Return the directory, made if it isn't there; blocks until it is. An engine builds a project's own image for it.

    Raises ContainerUnavailable: this is not root; no engine has the image and debootstrap is missing; a project's
    own Dockerfile needs an engine; a step of the recipe failed; the cache can't be written.
    """
    path = rootfs_path(recipe, cache)
    if path.is_dir():
        return path
    if os.geteuid() != 0:
        raise ContainerUnavailable(
            f"laying out the image's root file system needs root: run `{command_for_root(cache)}` once"
        )
    try:
        _make_folder(path.parent)
        with _alone(path.with_name(path.name + ".lock"), progress):
            if not path.is_dir():
                _make(recipe, path, registry, progress)
    except OSError as error:
        raise ContainerUnavailable(f"the root file system {path} can't be made: {error.strerror or error}") from error
    return path


def command_for_root(cache: Path) -> str:
    """Return the command by which a user has root lay out the root file system where that user's sessions look."""
    folder = shlex.quote(f"XDG_CACHE_HOME={cache.parent}")
    return f"sudo env {folder} {shlex.quote(os.path.abspath(sys.argv[0]))} image --container bubblewrap"


def _make_folder(folder: Path) -> None:
    """Make a folder; what is new belongs to whom the folder around it does: under sudo not to root. Raises OSError."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    owner = folder.parent.stat()
    os.chown(folder, owner.st_uid, owner.st_gid)


@contextlib.contextmanager
def _alone(lock: Path, progress: Callable[[str], None]) -> Generator[None]:
    """Hold a file's lock, which the kernel takes back even from a process that was killed."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process is laying out the session image; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(recipe: Recipe, path: Path, registry: str, progress: Callable[[str], None]) -> None:
    part = path.with_name(path.name + ".part")
    remove_tree(part)
    part.mkdir()
    if recipe.project_dockerfile and not engine_answers():
        raise ContainerUnavailable("`.bactrian/Dockerfile` needs a Docker engine to build it, and none answers")
    if recipe.project_dockerfile:
        ensure_image(recipe, registry=registry, progress=progress)
    if _engine_has(recipe):
        progress("copying the session image out of the Docker engine (once; 3 GB)")
        export_image(recipe.project_tag, part)
    else:
        debootstrap(part, progress)
        for script in SCRIPTS:
            _run_script(recipe, part, script, progress)
    disarm(part)
    make_mount_points(part)
    # Last, so that a directory of this name is always whole.
    part.rename(path)


def disarm(root: Path) -> None:
    """Take away what would serve users of this host, who may reach the files: set-user-id bits and devices.

    Inside a sandbox they serve nobody.
    """
    for test, action in (("-type f -perm /6000", "-exec chmod ug-s {} +"), ("( -type b -o -type c )", "-delete")):
        subprocess.run(["find", str(root), "-xdev", *test.split(), *action.split()], check=True)


def make_mount_points(root: Path) -> None:
    """Have plain files where network settings will be shown; a link there would lead nowhere.

    Raises ContainerUnavailable: the way there leads through a link, perhaps out of `root`.
    """
    for name in NETWORK_FILES:
        path = root / name.lstrip("/")
        if path.parent.resolve() != root.resolve() / path.parent.relative_to(root):
            raise ContainerUnavailable(f"the image's {Path(name).parent} is a symbolic link: it can't be used so")
        if path.is_symlink():
            path.unlink()
        path.touch()


def _engine_has(recipe: Recipe) -> bool:
    try:
        return has_image(recipe)
    except ContainerUnavailable:
        return False


def _run_script(recipe: Recipe, root: Path, script: str, progress: Callable[[str], None]) -> None:
    """Run one script of the recipe as root inside `root`, in namespaces of its own but for the network."""
    bwrap = shutil.which("bwrap")
    if not bwrap:
        raise ContainerUnavailable("bubblewrap is not installed: install it with `apt-get install bubblewrap`")
    context = root.with_name(root.name + "-context")
    context.mkdir(exist_ok=True)
    for name, data in recipe.files:
        (context / name).write_bytes(data)
    argv = [
        bwrap,
        "--bind",
        str(root),
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--perms",
        "1777",
        "--tmpfs",
        "/tmp",
        "--unshare-pid",
    ]
    argv += ["--die-with-parent", "--ro-bind", str(context), "/tmp/bactrian", "--cap-add", "ALL"]
    for path in NETWORK_FILES:
        if os.path.exists(path):
            argv += ["--ro-bind", os.path.realpath(path), path]
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    environment |= {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    argv += ["sh", f"/tmp/bactrian/{script}"]
    said = ""
    try:
        with subprocess.Popen(
            argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as run:
            for line in run.stdout or ():
                if line.strip():
                    said = line.strip()
                    progress(said)
        if run.returncode:
            raise ContainerUnavailable(f"the root file system can't be made: {script}: {said}")
    finally:
        remove_tree(context)
