"""Gets the session image on first use: there already, pulled, or built; its base pulled or made by debootstrap."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from containers.base import ContainerUnavailable
from containers.docker import connect, engine_facts
from containers.labels import labels, process_name
from containers.limits import memory_limit
from containers.recipe import BASE, SUITE, Recipe

if TYPE_CHECKING:
    import docker

ProgressSink = Callable[[str], None]
"""Receives one line of progress at a time."""


def ensure_image(recipe: Recipe, *, registry: str = "", progress: ProgressSink) -> str:
    """Return the name of an image that the engine has, made from `recipe`; blocks until it is there.

    An image of the same digest is taken as it is; else it is pulled as `REGISTRY/TAG` where `registry` is set
    and has it; else built.

    Raises ContainerUnavailable: no engine, or the build failed (with the last lines of its output).
    """
    client = connect()
    try:
        if not _has(client, recipe.tag) and not (registry and _pull(client, registry, recipe.tag, progress)):
            _ensure_base(client, recipe.base, progress)
            progress(f"building the session image {recipe.tag} (once; about five minutes and 3 GB)")
            _build(client, recipe.tag, _without_proxies(recipe.files), {"BASE": recipe.base, **_proxies()}, progress)
        if recipe.project_dockerfile and not _has(client, recipe.project_tag):
            progress(f"building the project's image {recipe.project_tag} from .bactrian/Dockerfile")
            files = [("Dockerfile", recipe.project_dockerfile)]
            proxies = {name: _without_password(value) for name, value in _proxies().items()}
            _build(client, recipe.project_tag, files, {"BASE": recipe.tag, **proxies}, progress, project=True)
        return recipe.project_tag
    finally:
        client.close()


def has_image(recipe: Recipe) -> bool:
    """Whether the engine has the image already. Raises ContainerUnavailable without an engine."""
    client = connect()
    try:
        return _has(client, recipe.project_tag)
    finally:
        client.close()


def export_image(tag: str, folder: Path) -> None:
    """Unpack an image's root file system into `folder`. Raises ContainerUnavailable."""
    import docker.errors

    client = connect()
    try:
        container = client.containers.create(tag, labels=labels("export"))
        try:
            with subprocess.Popen(["tar", "-x", "-C", str(folder)], stdin=subprocess.PIPE) as unpack:
                assert unpack.stdin
                for piece in container.export(chunk_size=1 << 20):
                    unpack.stdin.write(piece)
        finally:
            container.remove(v=True)
    except (docker.errors.DockerException, OSError) as error:
        raise ContainerUnavailable(f"the image can't be copied: {str(error).splitlines()[0][:200]}") from error
    finally:
        client.close()
    if unpack.returncode:
        raise ContainerUnavailable("the image can't be unpacked: is the disk full?")


def debootstrap(folder: Path, progress: ProgressSink) -> None:
    """Lay a minimal Debian out in `folder`.

    Raises ContainerUnavailable: not root, debootstrap is not installed, or the mirror does not answer.
    """
    if os.geteuid() != 0 or not (tool := shutil.which("debootstrap") or shutil.which("/usr/sbin/debootstrap")):
        raise ContainerUnavailable(
            f"{BASE} can't be pulled, and making it needs root and debootstrap: "
            "`apt-get install debootstrap`, then run this as root once"
        )
    argv = debootstrap_argv(tool, folder, debian_mirror(), Path("/usr/share/debootstrap/scripts"))
    progress(f"making a Debian {SUITE} base with debootstrap (about a minute)")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as run:
        last = ""
        for line in run.stdout or ():
            last = line.strip()
            if last.startswith("I: "):
                progress(last[3:])
    if run.returncode:
        raise ContainerUnavailable(f"debootstrap failed: {last}")
    for pattern in ("var/cache/apt/archives/*.deb", "var/lib/apt/lists/*_*"):
        for path in folder.glob(pattern):
            path.unlink()


def debootstrap_argv(tool: str, folder: Path, mirror: str, scripts: Path) -> list[str]:
    """Return the command; a debootstrap older than the suite has no script of its name, and unstable's serves."""
    script = [] if (scripts / SUITE).exists() else [str(scripts / "sid")]
    return [tool, "--variant=minbase", "--include=ca-certificates", SUITE, str(folder), mirror, *script]


def debian_mirror(apt: Path = Path("/etc/apt")) -> str:
    """Return the mirror that this host installs Debian packages from; empty (debootstrap's own) where it has none."""
    for path in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))):
        text = path.read_text(errors="replace") if path.is_file() else ""
        found = re.search(r"^(?:URIs:\s*|deb\s+(?:\[[^]]*\]\s+)?)(https?://\S+/debian)/?(?=\s|$)", text, re.MULTILINE)
        if found:
            return found[1]
    return ""


def _has(client: docker.DockerClient, tag: str) -> bool:
    import docker.errors

    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        return False
    return True


def _pull(client: docker.DockerClient, registry: str, tag: str, progress: ProgressSink) -> bool:
    import docker.errors

    name = f"{registry.rstrip('/')}/{tag}"
    progress(f"pulling {name}")
    try:
        client.images.pull(name).tag(tag)
    except (docker.errors.DockerException, OSError) as error:
        progress(f"not pulled: {str(error).splitlines()[0][:200]}")
        return False
    return True


def _ensure_base(client: docker.DockerClient, base: str, progress: ProgressSink) -> None:
    import docker.errors

    if _has(client, base):
        return
    progress(f"pulling {base}")
    try:
        client.images.pull(base)
        return
    except (docker.errors.DockerException, OSError) as error:
        progress(f"not pulled: {str(error).splitlines()[0][:200]}")
    if base != BASE:
        raise ContainerUnavailable(f"the base image {base} can't be pulled")
    with tempfile.TemporaryDirectory(prefix=f"bactrian-{process_name()}-base-") as scratch:
        root = Path(scratch) / "root"
        debootstrap(root, progress)
        archive = Path(scratch) / "root.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(root, arcname=".")
        repository, tag = base.split(":")
        load: Any = getattr(client.api, "import_image_from_file")  # noqa: B009 - its stub leaves `changes` untyped
        load(str(archive), repository=repository, tag=tag)


def _build(
    client: docker.DockerClient,
    tag: str,
    files: Iterable[tuple[str, bytes]],
    arguments: dict[str, str],
    progress: ProgressSink,
    *,
    project: bool = False,
) -> None:
    """Build by the engine's classic builder: it knows no secrets, no mounts, no network of the host.

    Commands of a `project` get nothing that the engine's own configuration knows, and limited memory.
    """
    import docker.errors

    said: list[str] = []
    failure = ""
    try:
        stream: Any = client.api.build(
            fileobj=_context(files),
            custom_context=True,
            tag=tag,
            buildargs=arguments,
            rm=True,
            forcerm=True,
            decode=True,
            use_config_proxy=not project,
            container_limits=_limits(client) if project else None,
        )
        # Read to its end even after an error: the SDK closes its connection only then.
        for part in cast("Iterable[dict[str, str]]", stream):
            failure = failure or part.get("error", "").strip()
            for line in part.get("stream", "").splitlines():
                if line.strip():
                    said = [*said[-3:], line.strip()]
                    progress(line.strip())
    except (docker.errors.DockerException, OSError) as error:
        # The text of the engine's own errors has the address asked, and with it the proxies' passwords.
        told = str(error.explanation if isinstance(error, docker.errors.APIError) else error) or "no reason given"
        raise ContainerUnavailable(f"the image can't be built: {told.splitlines()[0][:300]}") from None
    if failure:
        raise ContainerUnavailable(f"the image can't be built: {' '.join(failure.split())}; before it: {said}")


def _limits(client: docker.DockerClient) -> Any:  # the stubs' own type has no public name
    facts = engine_facts(client)
    memory = memory_limit("auto", facts.memory_bytes) if "memory" in facts.limits else None
    if not memory:
        return {}
    return {"memory": memory, "memswap": memory} if "swap" in facts.limits else {"memory": memory}


def _context(files: Iterable[tuple[str, bytes]]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    buffer.seek(0)
    return buffer


def _proxies() -> dict[str, str]:
    names = ("http_proxy", "https_proxy", "no_proxy")
    return {name: value for name in names if (value := os.environ.get(name) or os.environ.get(name.upper()))}


def _without_password(proxy: str) -> str:
    """What a project's commands get: they could write the rest into an image, or send it anywhere."""
    return re.sub(r"^([a-z][a-z0-9+.-]*://)?[^/]*@", r"\1", proxy, flags=re.IGNORECASE)


def _without_proxies(files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Take the proxies out of the Dockerfile: engines know them, and what is declared stands in the history."""
    for name, data in files:
        declared = rb"^ARG (?:http_proxy|https_proxy|no_proxy)\n"
        yield name, re.sub(declared, b"", data, flags=re.MULTILINE) if name == "Dockerfile" else data
