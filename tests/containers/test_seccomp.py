"""The filter of system calls: what it returns for any call, and that the kernel holds commands to it."""

from __future__ import annotations

import errno
import json
import platform
import struct
from pathlib import Path

import pytest

from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.seccomp import (
    ALLOW,
    ARCHITECTURES,
    ENOSYS,
    EPERM,
    ERRNO,
    KILL,
    NEW_NAMESPACES,
    PERSONALITIES,
    SOCKETS,
    TERMINAL_REQUESTS,
    numbers,
    seccomp_filter,
)

CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435
IOCTL = {"x86_64": 16, "aarch64": 29}
PERSONALITY = {"x86_64": 135, "aarch64": 92}
SOCKET = {"x86_64": 41, "aarch64": 198}
READ = {"x86_64": 0, "aarch64": 63}


def verdict(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter returns: classic BPF as the kernel runs it."""
    code = seccomp_filter(machine)
    assert code
    padded = [*arguments, *[0] * (6 - len(arguments))]
    where = ARCHITECTURES[machine] if architecture is None else architecture
    data = struct.pack("<IIQ6Q", number, where, 0, *padded)
    program = list(struct.iter_unpack("<HBBI", code))
    at, loaded = 0, 0
    while True:
        kind, if_true, if_false, value = program[at]
        if kind == 0x06:
            return value
        if kind == 0x20:
            (loaded,) = struct.unpack_from("<I", data, value)
            at += 1
            continue
        holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[kind]
        at += 1 + (if_true if holds else if_false)


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_what_the_filter_returns(machine: str) -> None:
    assert {verdict(machine, number) for number in numbers(machine).values()} == {ERRNO + EPERM}
    assert verdict(machine, READ[machine], 1, 2, 3) == ALLOW
    assert verdict(machine, READ[machine], architecture=0x40000003) == KILL
    assert verdict(machine, CLONE3) == ERRNO + ENOSYS
    threads = 0x3D0F00
    assert verdict(machine, CLONE[machine], threads) == ALLOW
    for bit in (bit for bit in range(32) if NEW_NAMESPACES >> bit & 1):
        assert verdict(machine, CLONE[machine], 17 | 1 << bit) == ERRNO + EPERM
    assert {verdict(machine, IOCTL[machine], 0, value) for value in TERMINAL_REQUESTS} == {ERRNO + EPERM}
    assert verdict(machine, IOCTL[machine], 0, 0x5401) == ALLOW
    # The kernel looks at 32 bits only, so that others can't hide a request.
    assert verdict(machine, IOCTL[machine], 0, 0x1_0000_5412) == ERRNO + EPERM
    assert {verdict(machine, PERSONALITY[machine], value) for value in PERSONALITIES} == {ALLOW}
    assert verdict(machine, PERSONALITY[machine], 0x0040000) == ERRNO + EPERM
    assert {verdict(machine, SOCKET[machine], value) for value in SOCKETS} == {ERRNO + EPERM}
    assert {verdict(machine, SOCKET[machine], value, 1) for value in (1, 2, 10, 16)} == {ALLOW}


def test_x32_is_refused() -> None:
    assert verdict("x86_64", 0x40000000) == ERRNO + ENOSYS


def test_unknown_machines_have_no_filter() -> None:
    assert seccomp_filter("riscv64") is None


PROGRAM = """
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    return libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) and ctypes.get_errno()
# Arguments that the kernel itself would refuse in another way, or not at all.
print(json.dumps({name: call(*request) for name, request in json.load(sys.stdin).items()}))
"""


async def test_refused_calls_are_refused_inside(workspace: Path, cache_folder: Path, rootfs: Path) -> None:
    machine = platform.machine()
    # All ones: no such flags, addresses, descriptors.
    requests = {name: [number, -1, -1, -1, -1, -1] for name, number in numbers(machine).items()}
    requests |= {f"socket {family}": [SOCKET[machine], family, 2, 0] for family in SOCKETS}
    requests |= {f"ioctl {value}": [IOCTL[machine], 0, value, 0] for value in TERMINAL_REQUESTS}
    requests["personality"] = [PERSONALITY[machine], 0x40000]
    requests["clone"] = [CLONE[machine], 0x10000000 | 17, 0, 0, 0, 0]
    spec = BubblewrapSpec(workspace=workspace, cache=cache_folder, root=rootfs)
    async with await BubblewrapContainer.start(spec) as container:
        result = await container.exec(["python3", "-c", PROGRAM], stdin=json.dumps(requests).encode())
        told = json.loads(result.stdout.text())
        assert {name: code for name, code in told.items() if code != errno.EPERM} == {}
        assert set(told) == set(requests)
        status = (await container.exec(["cat", "/proc/1/status", "/proc/self/status"])).stdout.text()
        assert status.count("Seccomp:\t2") == 2
        hidden = await container.exec(["sh", "-c", "cat /proc/kallsyms /proc/keys /proc/timer_list; ls /proc/acpi"])
        assert hidden.stdout.text() == ""
        kernel = await container.exec(["sh", "-c", "cat /proc/sys/kernel/pid_max; echo 1 >/proc/sys/kernel/pid_max"])
        assert kernel.stdout.text().strip().isdigit()
        assert kernel.exit_code
