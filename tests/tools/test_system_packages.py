"""Which outputs are answered with the way to a system package, and that it is told once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tools.base import ToolResult
from tools.system_packages import advice, wants_system_package

Call = Callable[..., Awaitable[ToolResult]]


@pytest.mark.parametrize(
    "output",
    [
        "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?",
        "Error: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?",
        "Reading package lists...\nE: List directory /var/lib/apt/lists/partial is missing. - Acquire (13: Denied)",
        "dpkg: error: requested operation requires superuser privilege",
        "bash: line 1: sudo: command not found",
        "./a.go:4:11: fatal error: zmq.h: No such file or directory\n    4 | // #include <zmq.h>\n      | ^~~",
        "/usr/bin/ld: cannot find -lzmq: No such file or directory",
        "Package libzmq was not found in the pkg-config search path.",
        "Package 'libzmq', required by 'virtual:world', not found",
        "# pkg-config --cflags -- libzmq\nNo package 'libzmq' found",
    ],
)
def test_what_wants_a_system_package(output: str) -> None:
    assert wants_system_package(f"first\n{output}\nlast\n")


@pytest.mark.parametrize(
    "output",
    [
        'a.c:1:10: fatal error: own.h: No such file or directory\n    1 | #include "own.h"\n      |          ^~~~',
        "fatal error: all goroutines are asleep - deadlock!",
        "main.go:3:8: package zmq is not in std",
        "bash: line 1: frobnicate: command not found",
        "README: run sudo apt-get install libzmq3-dev first",
        'Error: Library "zmq" not found.',
    ],
)
def test_what_does_not(output: str) -> None:
    assert not wants_system_package(output)


async def test_the_way_is_told_once(call: Call) -> None:
    first = await call("bash", command="apt-get install -y libzmq3-dev 2>&1 | tail -n 3")
    assert first.content.endswith(f"[{advice()}]")
    second = await call("bash", command="sudo true")
    assert second.content == "bash: line 1: sudo: command not found\n[exit code 127]"


async def test_a_header_that_is_not_there(call: Call) -> None:
    command = r"printf '#include <zmq.h>\nint main(void) { return 0; }\n' > a.c; gcc a.c"
    assert (await call("bash", command=command)).content.endswith(f"[{advice()}]\n[exit code 1]")
