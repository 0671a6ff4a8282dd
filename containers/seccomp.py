"""The system calls that sandboxes refuse, as a seccomp filter.

bubblewrap takes it. A Docker engine brings its own, an older one with io_uring let through; process 1 adds this one.

A short list of what no build needs instead of Docker's long list of what is allowed: calls that newer kernels add are
let through. It names what Docker's default profile (moby, `profiles/seccomp/default.json`) keeps from a container
without capabilities, io_uring and what changes mounts as newer versions of it do; and `process_vm_*` and `kcmp`, which
it allows.
"""

from __future__ import annotations

import base64
import json
import platform
import struct
from collections.abc import Iterator, Sequence

EPERM, ENOSYS = 1, 38
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
"""What a filter returns; an error's number is added to `ERRNO`."""

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""How the kernel names them to a filter."""

_X32 = 0x40000000

_NUMBERS = {
    **{"acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "chroot": (161, 51), "clock_adjtime": (305, 266)},
    **{"clock_settime": (227, 112), "create_module": (174, None), "delete_module": (176, 106)},
    **{"fanotify_init": (300, 262), "finit_module": (313, 273), "fsconfig": (431, 431), "fsmount": (432, 432)},
    **{"fsopen": (430, 430), "fspick": (433, 433), "get_kernel_syms": (177, None), "get_mempolicy": (239, 236)},
    **{"init_module": (175, 105), "io_uring_enter": (426, 426), "io_uring_register": (427, 427)},
    **{"io_uring_setup": (425, 425), "ioperm": (173, None), "iopl": (172, None), "kcmp": (312, 272)},
    **{"kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219), "lookup_dcookie": (212, 18)},
    **{"mbind": (237, 235), "migrate_pages": (256, 238), "mount": (165, 40), "mount_setattr": (442, 442)},
    **{"move_mount": (429, 429), "move_pages": (279, 239), "name_to_handle_at": (303, 264), "nfsservctl": (180, 42)},
    **{"open_by_handle_at": (304, 265), "open_tree": (428, 428), "open_tree_attr": (467, 467)},
    **{"perf_event_open": (298, 241), "pivot_root": (155, 41), "process_vm_readv": (310, 270)},
    **{"process_vm_writev": (311, 271), "query_module": (178, None), "quotactl": (179, 60), "quotactl_fd": (443, 443)},
    **{"reboot": (169, 142), "request_key": (249, 218), "set_mempolicy": (238, 237)},
    **{"set_mempolicy_home_node": (450, 450), "setdomainname": (171, 162), "sethostname": (170, 161)},
    **{"setns": (308, 268), "settimeofday": (164, 170), "swapoff": (168, 225), "swapon": (167, 224)},
    **{"syslog": (103, 116), "sysfs": (139, None), "_sysctl": (156, None), "umount2": (166, 39)},
    **{"unshare": (272, 97), "uselib": (134, None), "userfaultfd": (323, 282), "ustat": (136, None)},
    **{"vhangup": (153, 58)},
    **{"clone": (56, 220), "clone3": (435, 435), "ioctl": (16, 29), "personality": (135, 92), "socket": (41, 198)},
}
"""On x86_64 and aarch64, from Linux's tables; None: it hasn't got the call."""

_BY_ARGUMENT = ("clone", "clone3", "ioctl", "personality", "socket")
NEW_NAMESPACES = 0x7E020000
"""`clone`'s flags for namespaces."""
TERMINAL_REQUESTS = (0x5412, 0x541C)
"""`ioctl`s that type into the terminal: TIOCSTI, TIOCLINUX."""
PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
"""The only ones that are allowed, as in Docker's profile."""
SOCKETS = (40, 38)
"""AF_VSOCK, which leads to a virtual machine's host, and AF_ALG, which leads to the kernel's less known parts."""

_LOAD, _RETURN, _EQUAL, _AT_LEAST, _ANY_BIT = 0x20, 0x06, 0x15, 0x35, 0x45
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_Step = tuple[int, int, int, int]
"""An instruction of classic BPF: code, jumps if true and if false, operand."""


def numbers(machine: str) -> dict[str, int]:
    """Return the calls that the filter refuses whatever their arguments, with their numbers."""
    every = {name: number for name, number in _on(machine).items() if name not in _BY_ARGUMENT}
    return {name: number for name, number in every.items() if number is not None}


def seccomp_filter(machine: str = "") -> bytes | None:
    """Return the filter for a machine (`x86_64`; this one if empty); None where no table is there for it."""
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        return None
    return b"".join(struct.pack("<HBBI", *step) for step in _program(machine))


def filters_variable() -> dict[str, str]:
    """Return the variable by which process 1 gets the filter, for whatever machine it finds itself on."""
    filters = {machine: base64.b64encode(seccomp_filter(machine) or b"").decode() for machine in ARCHITECTURES}
    return {"BACTRIAN_INTERNAL_SECCOMP": json.dumps(filters)}


def _on(machine: str) -> dict[str, int | None]:
    column = list(ARCHITECTURES).index(machine)
    return {name: both[column] for name, both in _NUMBERS.items()}


def _program(machine: str) -> Iterator[_Step]:
    yield (_LOAD, 0, 0, _ARCHITECTURE)
    # Another architecture's calls (32 bits) have other numbers.
    yield from [(_EQUAL, 1, 0, ARCHITECTURES[machine]), (_RETURN, 0, 0, KILL), (_LOAD, 0, 0, _NUMBER)]
    if machine == "x86_64":
        yield from [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, ERRNO + ENOSYS)]
    for number in numbers(machine).values():
        yield from [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, ERRNO + EPERM)]
    special = _on(machine)
    # Its flags lie in memory, where no filter sees them; C libraries then take `clone`.
    yield from [(_EQUAL, 0, 1, special["clone3"] or 0), (_RETURN, 0, 0, ERRNO + ENOSYS)]
    refuse, allow = (_RETURN, 0, 0, ERRNO + EPERM), (_RETURN, 0, 0, ALLOW)
    yield from _tested(special["clone"] or 0, 0, [(_ANY_BIT, 0, 1, NEW_NAMESPACES), refuse, allow])
    for name, argument, values in (("ioctl", 1, TERMINAL_REQUESTS), ("socket", 0, SOCKETS)):
        steps = [(_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
        yield from _tested(special[name] or 0, argument, [*steps, allow, refuse])
    steps = [(_EQUAL, len(PERSONALITIES) - at, 0, value) for at, value in enumerate(PERSONALITIES)]
    yield from _tested(special["personality"] or 0, 0, [*steps, refuse, allow])
    yield allow


def _tested(number: int, argument: int, steps: Sequence[_Step]) -> Iterator[_Step]:
    """Look at the lower half of one call's argument; every way through `steps` returns."""
    yield (_EQUAL, 0, len(steps) + 1, number)
    yield (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)
    yield from steps
