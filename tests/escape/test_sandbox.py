"""Attempts to get out of a container by the kernel, by files, by processes and by sockets; none may succeed.

Each is also made where it does succeed, which shows that a success would be seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from escapes import Attempt, Outside, unique
from escapes_by_kernel import kernel_escapes
from escapes_by_neighbours import DIALLED, neighbour_escapes
from records import record

from containers.base import Container
from containers.docker import connect

pytestmark = pytest.mark.asyncio(loop_scope="module")
RIGHTS = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
    *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
    *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD"),
)
"""Capabilities by their numbers, the later ones left out."""
ATTEMPTS = unique(iter([*kernel_escapes(), *neighbour_escapes()]))


@pytest.mark.parametrize("name", ATTEMPTS)
async def test_nothing_gets_out(
    request: pytest.FixtureRequest, name: str, kind: str, python: str, cell: Container, outside: Outside
) -> None:
    inside = outside.facts() | {"workspace": "/workspace", "first": 1}
    result = await cell.exec(ATTEMPTS[name].argv(inside, python), merge_stderr=True, timeout_s=60)
    evidence = outside.evidence(result.stdout.head + result.stdout.tail)
    record(request, "escape", (f"{kind}: {name}", evidence))
    assert evidence == []
    assert not [word for word in ("SyntaxError", "NameError", "TypeError") if word in result.stdout.text()]


async def test_process_1_survives_them(cell: Container) -> None:
    assert (await cell.exec(["sh", "-c", "kill -9 1; kill -STOP 1; kill -TERM 1; echo here"])).stdout.text() == "here\n"


# Controls


@pytest.fixture(scope="module")
def weak(image: str, outside: Outside) -> Iterator[Any]:
    """A container with the host's namespaces, all rights and root: there is nothing to get out of."""
    binds = [f"{path}:{path}" for path in (outside.folder, outside.workspace, "/dev", "/sys")]
    binds += [f"{outside.folder}/socket:{path}" for path in DIALLED]
    modes = {f"{name}_mode": "host" for name in ("pid", "network", "ipc", "uts")}
    unconfined = ["seccomp=unconfined", "apparmor=unconfined"]
    with contextlib.closing(connect()) as client:
        api: Any = client.api
        # Not `privileged`: the engine may lack a right itself.
        config = api.create_host_config(binds=binds, cap_add=_rights(), security_opt=unconfined, **modes)
        config |= {"MaskedPaths": [], "ReadonlyPaths": []}
        config["DeviceCgroupRules"] = ["a *:* rwm"]
        made = api.create_container(image, ["sleep", "3600"], user="0:0", working_dir="/", host_config=config)
        container: Any = client.containers.get(made["Id"])
        try:
            container.start()
            yield container
        finally:
            container.remove(force=True)


@pytest.mark.parametrize("name", ATTEMPTS)
async def test_a_success_is_seen(name: str, outside: Outside, request: pytest.FixtureRequest) -> None:
    attempt = ATTEMPTS[name]
    if attempt.control == "host":
        output = await asyncio.to_thread(_on_host, attempt, outside)
    else:
        argv = attempt.argv(outside.facts())
        weak: Any = request.getfixturevalue("weak")
        output = (await asyncio.to_thread(weak.exec_run, argv)).output
    evidence = outside.evidence(output)
    assert evidence, output.decode(errors="replace")
    outside.restore()


def _rights() -> list[str]:
    """Name the rights that this process has, as the engine's do."""
    status = Path("/proc/self/status").read_text()
    (held,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd"))
    return [name for number, name in enumerate(RIGHTS) if held >> number & 1]


def _on_host(attempt: Attempt, outside: Outside) -> bytes:
    root = os.open("/", os.O_RDONLY)
    try:
        argv = attempt.argv(outside.facts(), sys.executable)
        return subprocess.run(argv, capture_output=True, pass_fds=(root,), check=False).stdout
    finally:
        os.close(root)
