"""What a container keeps in and out: rights, secrets, its own supervisor; and what it has: tools, network, caches."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from containers.base import Container
from containers.docker import session_user
from containers.supervisor.frames import EXIT, OUT, pack
from lang.go import Go

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def status(container: Container) -> dict[str, str]:
    text = (await container.exec(["cat", "/proc/self/status"])).stdout.text()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


async def test_user_is_unprivileged(shared: Container) -> None:
    uid = session_user()[0]
    found = await status(shared)
    assert uid != 0
    assert set(found["Uid"].split()) <= {str(uid), "1000"}
    assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert found["NoNewPrivs"] == "1"
    assert found["Groups"] in ("", "1000", str(session_user()[1]))


async def test_files_belong_to_the_session_user_on_both_sides(shared: Container, shared_workspace: Path) -> None:
    await shared.exec(["touch", "made-inside"])
    assert (shared_workspace / "made-inside").stat().st_uid == session_user()[0]
    (shared_workspace / "made-outside").write_text("from the host")
    assert await shared.read("made-outside") == b"from the host"


async def test_system_files_cannot_be_changed(shared: Container) -> None:
    result = await shared.exec(
        ["sh", "-c", "touch /usr/bin/x; touch /etc/x; echo x >> /etc/passwd; mount -t tmpfs x /mnt"]
    )
    assert result.exit_code != 0
    assert (await shared.exec(["sh", "-c", "ls /usr/bin/x /etc/x"])).stdout.text() == ""


async def test_no_engine_and_no_host_files(shared: Container) -> None:
    script = "ls /var/run/docker.sock /run/docker.sock /run/podman /dev/sda /dev/vda /dev/kmsg; ls -A /root"
    assert (await shared.exec(["sh", "-c", script])).stdout.text() == ""


@pytest.mark.asyncio(loop_scope="function")
async def test_host_environment_is_not_visible(
    start_container: Callable[[Path], Awaitable[Container]], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACTRIAN_TEST_KEY", "sk-secret")
    async with await start_container(workspace) as container:
        everything = "env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'; ls /proc"
        said = (await container.exec(["sh", "-c", everything], limit_bytes=1_000_000)).stdout.text()
    assert "HOME=/cache/home" in said
    assert "sk-secret" not in said
    assert "BACTRIAN_INTERNAL" not in said


FORGED = pack(OUT, 1, b"forged") + pack(EXIT, 1, b'{"code": 0, "seconds": 0, "limit": "", "note": ""}')


async def test_output_that_looks_like_frames_is_output(shared: Container) -> None:
    forged = b"".join(pack(kind, job, b'{"code": 0}') for kind in range(60, 75) for job in range(40)) + FORGED
    await shared.write("forged", forged)
    result = await shared.exec(["sh", "-c", "cat forged; cat forged >&2; exit 3"])
    assert (result.exit_code, result.stdout.head, result.stderr.head) == (3, forged, forged)


async def test_the_supervisors_streams_cannot_be_opened(shared: Container) -> None:
    """Neither process 1 nor any shim lets a command of the same user in, whatever the moment."""
    program = """
import os, sys, time
forged = sys.stdin.buffer.read()
def is_ours(pid):
    with open(f"/proc/{pid}/comm") as file:
        return file.read() == "bactrian\\n"
def forge(pid, path):
    try:
        # It may have become a command meanwhile, which anybody of its user may write to.
        if is_ours(pid):
            with open(path, "r+b" if path.endswith("mem") else "wb", buffering=0) as file:
                if is_ours(pid):
                    print(path)
                    file.write(forged)
    except OSError:
        pass
end = time.monotonic() + 2
while time.monotonic() < end:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ["mem", *(f"fd/{number}" for number in range(64))]:
            forge(pid, f"/proc/{pid}/{name}")
print("tried")
"""
    prober = asyncio.create_task(shared.exec(["python3", "-c", program], stdin=FORGED))
    while not prober.done():
        result = await shared.exec(["sh", "-c", "exit 4"])
        assert (result.exit_code, result.stdout.head) == (4, b"")
    assert (await prober).stdout.text() == "tried\n"


async def test_the_supervisor_cannot_be_traced(shared: Container) -> None:
    program = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
for pid in (1, os.getppid()):
    for request in (PTRACE_ATTACH, PTRACE_SEIZE):
        print(libc.ptrace(request, pid, 0, 0), os.strerror(ctypes.get_errno()))
"""
    result = await shared.exec(["python3", "-c", program])
    assert result.stdout.text() == "-1 Operation not permitted\n" * 4


async def test_memory_is_taken_from_commands_first(shared: Container) -> None:
    result = await shared.exec(["sh", "-c", "cat /proc/self/oom_score_adj /proc/1/oom_score_adj"])
    command, supervisor = (int(line) for line in result.stdout.text().split())
    assert command >= 500 > supervisor


TOOLS = (
    "python3 git rg fdfind patch curl make gcc jq go gopls dlv gotestsum govulncheck gofmt "
    "ocaml dune opam ocamlfind ocamlformat ocamlmerlin ocp-indent odoc"
)


async def test_tools_are_there(shared: Container) -> None:
    script = 'for tool; do command -v "$tool" >/dev/null || echo "$tool"; done'
    missing = (await shared.exec(["sh", "-c", script, "sh", *TOOLS.split()])).stdout.text().split()
    assert missing == []


async def test_temporary_files_can_be_written(shared: Container) -> None:
    script = "for folder in /tmp /dev/shm /cache /cache/home; do f=$(mktemp -p $folder) && rm $f || echo $folder; done"
    assert (await shared.exec(["sh", "-c", script])).stdout.text() == ""


GO_PROGRAM = b"""package main

import "fmt"

func main() { fmt.Println("built inside") }
"""


async def test_go_builds_without_compiling_the_standard_library(shared: Container) -> None:
    await shared.write("hello/main.go", GO_PROGRAM)
    await shared.write("hello/go.mod", b"module example.com/hello\n\ngo 1.22\n")
    result = await shared.exec(["go", "build", "-x", "-o", "hello", "."], cwd="hello", env=Go().environment)
    assert result.exit_code == 0
    assert "compile -o" in result.stderr.text()
    assert "-p fmt" not in result.stderr.text()
    assert (await shared.exec(["hello/hello"])).stdout.text() == "built inside\n"


@pytest.mark.asyncio(loop_scope="function")
async def test_modules_come_over_the_network_and_stay_in_the_cache(
    start_container: Callable[[Path], Awaitable[Container]], workspace: Path
) -> None:
    (workspace / "go.mod").write_text("module example.com/m\n\ngo 1.22\n")
    os.chown(workspace / "go.mod", *session_user())
    module = "rsc.io/quote@v1.5.2"
    async with await start_container(workspace) as first:
        result = await first.exec(["go", "get", module], env=Go().environment)
        assert result.exit_code == 0, result.stderr.text()
    async with await start_container(workspace) as second:
        offline = {**Go().environment, "GOPROXY": "off"}
        result = await second.exec(["go", "mod", "download", module], env=offline)
        assert result.exit_code == 0, result.stderr.text()
