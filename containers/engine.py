"""What a container engine says about itself and about a container's end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from containers.base import ContainerUnavailable

if TYPE_CHECKING:
    import docker

_RECENT_S = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What an engine is and which limits it can hold."""

    podman: bool
    memory_bytes: int
    """Of the machine that it runs on, perhaps a virtual one."""
    limits: frozenset[str]
    """`memory`, `swap`, `processes`, `cpus`, as far as it holds them."""
    version: str
    control_groups: str
    """`1` or `2`."""
    security: tuple[str, ...]
    """As it names its own measures: `name=seccomp,profile=default`, `name=rootless`."""

    @property
    def rootless(self) -> bool:
        """Whether it runs without root, in a user namespace."""
        return any(word.startswith("name=rootless") for word in self.security)

    @property
    def filters_calls(self) -> bool:
        """Whether containers get a seccomp filter where nobody asks for one."""
        found = [word for word in self.security if word.startswith("name=seccomp")]
        return bool(found) and not any("unconfined" in word for word in found)


def engine_facts(client: docker.DockerClient) -> EngineFacts:
    """Ask an engine about itself. Raises DockerException."""
    known: dict[str, Any] = client.info()
    version: dict[str, Any] = client.version()
    fields = {"memory": "MemoryLimit", "swap": "SwapLimit", "processes": "PidsLimit", "cpus": "CpuCfsQuota"}
    return EngineFacts(
        podman=any("Podman" in part.get("Name", "") for part in version.get("Components") or ()),
        memory_bytes=known.get("MemTotal") or 0,
        # One that doesn't say so (older, another program) is taken to hold it.
        limits=frozenset(limit for limit, field in fields.items() if known.get(field, True)),
        version=version.get("Version", "?"),
        control_groups=str(known.get("CgroupVersion") or "1"),
        security=tuple(known.get("SecurityOptions") or ()),
    )


def require_usable(facts: EngineFacts) -> None:
    """Raise ContainerUnavailable where commands could not write to the workspace."""
    if facts.rootless and not facts.podman:
        raise ContainerUnavailable(
            "in containers of a Docker engine without root the workspace is root's, which commands are not: "
            "use `--container bubblewrap`, Podman, or an engine with root"
        )


def ran_out_of_memory(client: docker.DockerClient, container: str) -> bool:
    """Whether a container that has just ended met its memory limit; False where the engine can't say."""
    import docker.errors

    now = int(time.time())
    wanted = {"container": container, "event": "oom"}
    try:
        return bool(list(client.events(since=now - _RECENT_S, until=now + 1, filters=wanted, decode=True)))
    except (docker.errors.DockerException, OSError):
        return False
