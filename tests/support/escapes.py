"""An attempt to get out of a container, and the outside that tells whether it did.

An attempt is a small program. It is harmless where it succeeds: what it would break it opens only, or sets to what it
was. `Outside` has what nobody inside may read, change, reach or end; whether that happened is looked at from outside.
Where a success leaves no trace there (a call that the kernel has let through), the program prints the token that it
was given.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import json
import os
import secrets
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PRELUDE = r"""
import ctypes, errno, glob, json, os, platform, signal, socket, stat, struct, subprocess, sys
outside = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
column = ["x86_64", "aarch64"].index(platform.machine())
CALLS = dict(
    add_key=(248, 217), keyctl=(250, 219), bpf=(321, 280), clone=(56, 220), fsopen=(430, 430), fsmount=(432, 432),
    init_module=(175, 105), io_uring_setup=(425, 425), kcmp=(312, 272), kexec_load=(246, 104), mount_setattr=(442, 442),
    name_to_handle_at=(303, 264), open_by_handle_at=(304, 265), open_tree=(428, 428), perf_event_open=(298, 241),
    pidfd_getfd=(438, 438), pidfd_open=(434, 434), pivot_root=(155, 41), reboot=(169, 142), userfaultfd=(323, 282),
    mq_open=(240, 180), fsconfig=(431, 431), move_mount=(429, 429), fanotify_init=(300, 262),
)
def checked(result):
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
def plain(value):
    return ctypes.c_long(value) if isinstance(value, int) else value
def call(name, *arguments):
    return checked(libc.syscall(ctypes.c_long(CALLS[name][column]), *map(plain, arguments)))
def libcall(name, *arguments):
    function = getattr(libc, name)
    function.restype = ctypes.c_long
    result = function(*map(plain, arguments))
    return checked(-1 if result & 0xFFFFFFFF == 0xFFFFFFFF and name != "shmat" else result)
def won(*what):
    print(outside["token"], *what, flush=True)
def tried(action, *arguments):
    try:
        return action(*arguments)
    except (OSError, ValueError):
        return None
def allowed(action, *arguments, refusals=(errno.EPERM, errno.EACCES, errno.ENOSYS)):
    # For calls that ask for permission before they look at their arguments, which are nonsense.
    try:
        action(*arguments)
    except OSError as error:
        if error.errno in refusals:
            return
    won("let through")
def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
first = outside["first"]
def at_first(paths):
    return [path.replace("FIRST", str(first)) for path in paths]
def victim():
    for pid in pids():
        if tried(lambda: open(f"/proc/{pid}/cmdline", "rb").read().find(outside["victim"].encode()) >= 0):
            if pid != os.getpid():
                return pid
    raise OSError(errno.ESRCH, "not to be seen")
def opens(*patterns, flags=os.O_WRONLY):
    for pattern in patterns:
        for path in glob.iglob(pattern, recursive=True):
            descriptor = tried(os.open, path, flags | os.O_NONBLOCK | os.O_NOCTTY)
            if descriptor is not None:
                won("opened", path)
                os.close(descriptor)
                return
def rewrites(*patterns):
    # Some may be opened by all, and refuse what is written; of others (`register`) nothing can be read.
    for pattern in patterns:
        for path in glob.iglob(pattern):
            value = tried(lambda: open(path, "rb").read())
            if value and tried(lambda: open(path, "wb", buffering=0).write(value)):
                won("set", path, "to what it was")
                return
def reveal(path):
    data = tried(lambda: open(path, "rb").read(100000))
    if data:
        sys.stdout.buffer.write(data + b"\n")
        sys.stdout.flush()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A program in Python that has `PRELUDE`'s names, and how it is shown that a success would be seen."""

    name: str
    program: str
    control: str = "weak"
    """Where it does succeed: `weak`, a container with the host's namespaces and all rights; `host`, on the host."""

    def argv(self, facts: Mapping[str, Any], python: str = "python3") -> list[str]:
        """Return the command that tries it; `facts` is what it knows of the outside."""
        return [python, "-I", "-S", "-c", PRELUDE + self.program, json.dumps(facts)]


@dataclass(slots=True)
class Outside:
    """What must stay as it is. Use as a context manager."""

    folder: Path
    """Anybody on the host may read and write what is in here."""
    workspace: Path
    token: str = field(default_factory=lambda: f"won-{secrets.token_hex(8)}")
    secret: str = field(default_factory=lambda: f"secret-{secrets.token_hex(8)}")
    reached: list[str] = field(default_factory=list[str])
    port: int = 0
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _before: dict[str, str] = field(default_factory=dict[str, str])
    _victim: subprocess.Popen[bytes] | None = None
    _terminal: tuple[int, int] = (-1, -1)
    _shared: int = -1

    def __enter__(self) -> Outside:
        self.folder.mkdir(mode=0o777)
        self.folder.chmod(0o777)
        (self.folder / "secret").write_text(self.secret)
        (self.folder / "secret").chmod(0o666)
        self._listen()
        self._terminal = os.openpty()
        os.set_blocking(self._terminal[0], False)
        self._share()
        self.restore()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._end_victim()
        for descriptor in self._terminal:
            os.close(descriptor)
        ctypes.CDLL(None).shmctl(self._shared, 0, None)
        Path("/dev/shm", self._mark).unlink()

    def facts(self) -> dict[str, Any]:
        """Return what an attempt knows: everything but the secret."""
        return {
            "folder": str(self.folder),
            "workspace": str(self.workspace),
            "victim": self._mark,
            "token": self.token,
            "port": self.port,
            "addresses": addresses(),
            "abstract": self._mark,
            "key": self._key,
            "hostname": socket.gethostname(),
            "first": self._victim.pid if self._victim else 0,
        }

    def evidence(self, output: bytes = b"") -> list[str]:
        """Say what has happened that must not; `output` is what the attempt printed. What was told is told once."""
        found = [line for line in output.decode(errors="replace").splitlines() if line.startswith(self.token)]
        found += ["it knows the secret"] if self.secret.encode() in output else []
        found += [f"it has reached {name}" for name in self.reached]
        self.reached.clear()
        now = self._state()
        found += [f"it has changed {name}" for name in now.keys() | self._before.keys() if not self._same(now, name)]
        self._before = now
        with contextlib.suppress(BlockingIOError):
            found += [f"it has written to a terminal: {os.read(self._terminal[0], 4096)!r}"]
        return found

    def restore(self) -> None:
        """Make it as it was: a control has succeeded."""
        (self.folder / "secret").write_text(self.secret)
        (self.folder / "secret").chmod(0o666)
        for path in (*self.folder.iterdir(), *self.workspace.iterdir()):
            if path.name not in ("secret", "socket"):
                path.unlink()
        ctypes.memmove(self._memory, self.secret.encode(), len(self.secret))
        Path("/dev/shm", self._mark).write_text(self.secret)
        self._end_victim()
        # Its arguments are the mark by which it can be found.
        self._victim = subprocess.Popen(
            ["/bin/sh", "-c", "read line", self._mark],
            env={"BACTRIAN_CANARY": self.secret},
            stdin=subprocess.PIPE,
            stdout=self._terminal[1],
            start_new_session=True,
            user=1000 if os.geteuid() == 0 else None,
            cwd=self.folder,
        )
        self._before = self._state()

    def _end_victim(self) -> None:
        if self._victim and self._victim.stdin:
            self._victim.kill()
            self._victim.wait()
            self._victim.stdin.close()

    @property
    def _mark(self) -> str:
        return f"bactrian-escape-{self.token[-16:]}"

    @property
    def _key(self) -> int:
        return int(self.token[-7:], 16)

    def _same(self, now: dict[str, str], name: str) -> bool:
        return now.get(name) == self._before.get(name)

    def _state(self) -> dict[str, str]:
        assert self._victim
        status = Path(f"/proc/{self._victim.pid}/status")
        fields = {line.split()[0]: [*line.split(), ""][1] for line in status.read_text().splitlines()}
        # Also a signal that it has got and not yet obeyed.
        state = "alive" if fields["State:"] in "SRD" and not int(fields["ShdPnd:"], 16) else fields["State:"]
        found = {f"file {path.name}": _content(path) for path in self.folder.iterdir()}
        found |= {"a process": state if self._victim.poll() is None else "gone", "its name": socket.gethostname()}
        found["shared memory"] = ctypes.string_at(self._memory, 64).split(b"\0")[0].decode()
        found["a file of /dev/shm"] = Path("/dev/shm", self._mark).read_text()
        keys = Path("/proc/keys")
        found["keys"] = str(keys.exists() and self._mark in keys.read_text())
        # Files of the workspace that would do something to the host.
        odd = [path for path in self.workspace.rglob("*") if _is_odd(path)]
        return found | {f"file {path.name}": oct(path.lstat().st_mode) for path in odd}

    @property
    def _memory(self) -> int:
        libc = ctypes.CDLL(None)
        libc.shmat.restype = ctypes.c_void_p
        if not self._attached:
            self._attached.append(libc.shmat(self._shared, None, 0))
        return self._attached[0]

    _attached: list[int] = field(default_factory=list[int])

    def _share(self) -> None:
        self._shared = ctypes.CDLL(None).shmget(self._key, 64, 0o1666)
        path = Path("/dev/shm", self._mark)
        path.touch()
        path.chmod(0o666)

    def _listen(self) -> None:
        # Dual stack: every address of this host, of either family.
        both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
        self.port = both.getsockname()[1]
        datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        datagrams.bind(("::", self.port))
        named = socket.socket(socket.AF_UNIX)
        named.bind(str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o777)
        abstract = socket.socket(socket.AF_UNIX)
        abstract.bind(f"\0{self._mark}")
        for listener in (named, abstract):
            listener.listen()
        for name, one in (("tcp", both), ("udp", datagrams), ("a socket", named), ("an abstract socket", abstract)):
            self._stack.callback(one.close)
            one.settimeout(None)
            threading.Thread(target=self._serve, args=(name, one), daemon=True).start()
            self._stack.callback(_shut, one)

    def _serve(self, name: str, listener: socket.socket) -> None:
        while True:
            try:
                if name == "udp":
                    listener.recv(1000)
                else:
                    listener.accept()[0].close()
            except OSError:
                return
            if listener.fileno() < 0:
                return
            self.reached.append(name)


def _shut(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)


def _content(path: Path) -> str:
    about = path.lstat()
    return f"{about.st_mode:o} {about.st_nlink} {path.read_text() if path.is_file() else ''}"


def _is_odd(path: Path) -> bool:
    """Whether a file acts on the host: a device, or one with which others become who made it, where that is root."""
    about = path.lstat()
    device = not (path.is_file() or path.is_dir() or path.is_symlink() or path.is_fifo() or path.is_socket())
    return device or bool(about.st_mode & 0o6000 and 0 in (about.st_uid, about.st_gid) and path.is_file())


def addresses() -> list[str]:
    """Return the addresses by which this host may be reached, its bridges' too."""
    told = json.loads(subprocess.run(["ip", "-j", "addr"], capture_output=True, text=True, check=True).stdout)
    found = [each["local"] for link in told for each in link["addr_info"]]
    return [each for each in found if not ipaddress.ip_address(each).is_link_local]


def unique(attempts: Iterator[Attempt]) -> dict[str, Attempt]:
    """Return attempts by name."""
    found: dict[str, Attempt] = {}
    for attempt in attempts:
        assert attempt.name not in found, attempt.name
        found[attempt.name] = attempt
    return found
