"""Containers by bubblewrap: namespaces without a daemon, on the image's root file system or the host's toolchains."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from containers.base import CACHE, DEFAULT_PROCESSES, HOST, WORKSPACE, ContainerUnavailable
from containers.control_group import ControlGroup, make_group
from containers.forks import Fork, Origin, settle
from containers.gate import Gate
from containers.layers import mounting, sandbox_binds
from containers.limits import DEFAULT_DISK_BYTES, Inside, Memory, host_memory, memory_limit, shared_memory
from containers.promises import unkept
from containers.recipe import host_ca_bundle
from containers.removal import remove_tree
from containers.seccomp import seccomp_filter
from containers.starting import start_or_close
from containers.supervised import PROXY_ENVIRONMENT, SupervisedContainer, supervisor_argv

UID = GID = 1000
"""Who commands are inside, as in the image."""

HOST_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt")
HOST_FILES = (
    "/etc/alternatives",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/ocamlfind.conf",
)
"""Not all of /etc/ssl and /etc/pki: private keys lie there, which one of the user's groups may be let to read."""
NETWORK_FILES = {
    "/etc/hosts": b"127.0.0.1 localhost\n::1 localhost\n",
    "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\n",
    "/etc/resolv.conf": b"",
}
"""What is known inside of names: a lookup of any other fails at once."""
_DROP_ROOT = (
    *("setpriv", "--reuid", str(UID), "--regid", str(GID), "--clear-groups"),
    *("--inh-caps", "-all", "--bounding-set", "-all", "--no-new-privs"),
)
PROC_FILES = (
    *("/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/kmsg", "/proc/kallsyms", "/proc/latency_stats"),
    *("/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats"),
    *("/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup"),
)
"""What they tell of the whole machine is kept from commands; Docker hides nearly the same."""
PROC_FOLDERS = ("/proc/acpi", "/proc/asound", "/proc/scsi", "/proc/fs")
_SECCOMP = "seccomp"
_NICE = 5
"""Where no control group keeps commands from the host's own."""
PATH = "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class BubblewrapSpec:
    """What a sandbox is made of. `root` is the image's root file system; None stands for the host's toolchains."""

    workspace: Path
    cache: Path
    throw_away: bool = False
    """Remove the caches with the sandbox."""
    root: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    processes: int = DEFAULT_PROCESSES
    """Held by a control group where root starts the sandbox, else by the user's own limit."""
    memory_bytes: Memory = "auto"
    cpus: float | None = None
    """Like `memory_bytes`, held only where there is a control group."""
    disk_bytes: int | None = DEFAULT_DISK_BYTES
    """What the session may write."""
    host_paths: Sequence[Path] = ()
    """More host folders to show read-only at the same place (a toolchain outside /usr); only without `root`."""
    gate: Gate | None = None
    """Decides what commands reach through the host's proxy, the only way out; None: there is no way out."""
    forks: Path | None = None
    """Where forks keep what they write; beside the workspace unless told otherwise."""
    fork: Fork | None = None
    """This is a fork: the workspace and the caches are these layers."""
    tell: Callable[[str], None] = lambda _: None
    """Called with a line that a person should read."""


class _Pipes:
    """A channel over a child process's standard streams."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self.process = process
        self._stdin = process.stdin
        self._stdout = process.stdout

    async def send(self, data: bytes) -> None:
        self._stdin.write(data)
        await self._stdin.drain()

    async def receive(self) -> bytes:
        return await self._stdout.read(65536)

    async def close(self) -> None:
        self._stdin.close()


class BubblewrapContainer(SupervisedContainer):
    """A sandbox that ends with its `bwrap` process; the kernel then kills all that runs in its process namespace."""

    def __init__(
        self, pipes: _Pipes, errors: asyncio.Task[bytes], group: ControlGroup | None, spec: BubblewrapSpec
    ) -> None:
        super().__init__(pipes, f"bubblewrap {pipes.process.pid}", spec.gate)
        self._spec = spec
        self._origin = _origin(spec)
        self._group = group
        self._process = pipes.process
        self._errors = errors
        self._follower = asyncio.create_task(self._follow(pipes), name=f"end of {self.name}")

    @classmethod
    async def start(cls, spec: BubblewrapSpec) -> BubblewrapContainer:
        """Start a sandbox. Raises ContainerUnavailable: no bwrap, or the kernel forbids it."""
        container = await start_or_close(cls._create(spec))
        try:
            await container.ready()
            await (settle(container, spec.fork) if spec.fork else container.seed_cache())
        except BaseException as error:
            await container.close()
            said = (await container._errors).decode(errors="replace").strip().splitlines()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise ContainerUnavailable(
                f"bubblewrap can't start a sandbox here: {said[-1] if said else error}"
            ) from error
        return container

    @classmethod
    async def _create(cls, spec: BubblewrapSpec) -> BubblewrapContainer:
        python = "python3" if spec.root else str(Path(sys.base_prefix, "bin", "python3"))
        memory = memory_limit(spec.memory_bytes, host_memory())
        group = make_group(processes=spec.processes, memory_bytes=memory, cpus=spec.cpus)
        with contextlib.ExitStack() as until_started:
            files = {path: until_started.enter_context(_readable(text)) for path, text in NETWORK_FILES.items()}
            if (calls := seccomp_filter()) is not None:
                files[_SECCOMP] = until_started.enter_context(_readable(calls))
            held = group.holds if group else ()
            if not spec.fork and (line := unkept(spec.memory_bytes, spec.cpus, held, filters_calls=calls is not None)):
                spec.tell(line)
            counters = until_started.enter_context(group.counters()) if group else None
            inside = _inside(spec, group, memory, counters)
            argv = [*_bwrap(spec, files, memory, inside), "--", *(_DROP_ROOT if os.geteuid() == 0 else ())]
            argv += supervisor_argv(python)
            if spec.fork:
                argv = mounting(spec.fork, argv)
            process = await asyncio.create_subprocess_exec(
                *(group.entering(argv) if group else argv),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={},
                cwd=spec.fork.folder if spec.fork else None,
                pass_fds=(*files.values(), *(counters or {}).values()),
                start_new_session=True,  # Ctrl-C in the terminal is Bactrian's to handle
            )
        assert process.stderr
        errors = asyncio.create_task(process.stderr.read())
        return cls(_Pipes(process), errors, group, spec)

    @property
    def image(self) -> str:
        return self._spec.root.name if self._spec.root else HOST

    async def fork(self, *, own_caches: bool = True) -> BubblewrapContainer:
        spec = self._spec
        return await self._origin.start(
            lambda fork: BubblewrapContainer.start(replace(spec, fork=fork)), own_caches=own_caches
        )

    async def _follow(self, pipes: _Pipes) -> None:
        """Let process 1 end with `bwrap`, whose own means (--die-with-parent) the change of user has undone."""
        await _exited(self._process.pid)
        await pipes.close()

    async def _cause(self) -> str | None:
        kills = await asyncio.to_thread(self._group.kills) if self._group else 0
        return f"killed from outside, or out of memory, as {kills} processes before" if kills else None

    async def _end(self) -> None:
        try:
            await asyncio.wait_for(self._process.wait(), 2)
        except TimeoutError:
            # Both: the end of `bwrap` does not reach process 1, nor the end of that one a `bwrap` that was stopped.
            for pid in (*_children(self._process.pid), self._process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await self._process.wait()
        await asyncio.gather(self._errors, self._follower, return_exceptions=True)
        if self._group:
            await asyncio.to_thread(self._group.remove)
        if self._spec.fork:
            await self._spec.fork.discard()
        elif self._spec.throw_away:
            await asyncio.to_thread(remove_tree, self._spec.cache)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


async def _exited(pid: int) -> None:
    """Wait for a child's end; asyncio's own way waits for whoever holds its pipes as well."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        loop.add_reader(descriptor, gone.set)
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


@contextlib.contextmanager
def _readable(data: bytes) -> Generator[int]:
    """Open a descriptor from which `data`, which fits into a pipe, can be read."""
    reader, writer = os.pipe()
    try:
        os.write(writer, data)
        os.close(writer)
        yield reader
    finally:
        os.close(reader)


def _inside(
    spec: BubblewrapSpec, group: ControlGroup | None, memory: int | None, counters: Mapping[str, int] | None
) -> Inside:
    """Return which limits hold: without a group neither memory nor CPU, and processes only all of the user's."""
    if group is None:
        return Inside(user_processes=spec.processes, disk=spec.disk_bytes, nice=_NICE)
    known = memory if "memory" in group.holds else None
    return Inside(memory=known, processes=spec.processes, disk=spec.disk_bytes, counters=counters)


def _bwrap(spec: BubblewrapSpec, files: Mapping[str, int], memory: int | None, inside: Inside) -> list[str]:
    """Return the command; `files` has open descriptors of small files by the path where they are to be."""
    executable = shutil.which("bwrap")
    if not executable:
        raise ContainerUnavailable("bubblewrap is not installed: install it with `apt-get install bubblewrap`")
    argv = [
        executable,
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-net",
        "--unshare-cgroup-try",
        "--hostname",
        "bactrian",
    ]
    argv += ["--die-with-parent", "--new-session", "--as-pid-1"]
    if os.geteuid() == 0:
        # Root lays the mounts out (the state directory may be root's alone) and then becomes the image's user for good.
        argv += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
    else:
        argv += ["--unshare-user", "--uid", str(UID), "--gid", str(GID)]
        if _can(executable, "--disable-userns"):
            argv.append("--disable-userns")
    argv += _image_mounts(spec.root) if spec.root else _host_mounts(spec.host_paths)
    argv += ["--proc", "/proc", "--dev", "/dev"]
    for path in PROC_FILES:
        if os.path.exists(path):
            argv += ["--ro-bind", "/dev/null", path]
    for path in PROC_FOLDERS:
        if os.path.isdir(path):
            argv += ["--tmpfs", path, "--remount-ro", path]
    # Both are memory.
    temporary = ("--size", str(memory // 2)) if memory else ()
    argv += ["--perms", "1777", *temporary, "--tmpfs", "/tmp"]
    argv += ["--perms", "1777", "--size", str(shared_memory(memory)), "--tmpfs", "/dev/shm"]
    argv += sandbox_binds(spec.fork) if spec.fork else ["--bind", str(spec.workspace), WORKSPACE]
    if not (spec.fork and spec.fork.cache):
        argv += ["--bind", str(spec.cache), CACHE]
    argv += ["--chdir", WORKSPACE]
    for path, descriptor in files.items():
        if path == _SECCOMP:
            argv += ["--seccomp", str(descriptor)]
        else:
            argv += ["--perms", "0444", "--ro-bind-data", str(descriptor), path]
    environment = {"HOME": "/cache/home", "USER": "bactrian", "LANG": "C.UTF-8", "PATH": PATH, **spec.environment}
    environment |= PROXY_ENVIRONMENT if spec.gate else {}
    environment |= inside.variable()
    argv.append("--clearenv")
    for name, value in environment.items():
        argv += ["--setenv", name, value]
    return argv


def _origin(spec: BubblewrapSpec) -> Origin:
    owner = (UID, GID) if os.geteuid() == 0 else None
    origin = Origin(
        forks=spec.forks or spec.workspace.parent / "forks",
        workspace=(str(spec.workspace),),
        cache=(str(spec.cache),),
        copied_cache=str(spec.cache),
        owner=owner,
        ways=("volatile", "durable", "copy"),
        tell=spec.tell,
    )
    if spec.fork:
        origin.below(spec.fork)
    return origin


@functools.cache
def _can(executable: str, option: str) -> bool:
    """Whether this bubblewrap knows an option; older ones don't."""
    return option in subprocess.run([executable, "--help"], capture_output=True, text=True, check=False).stdout


def _image_mounts(root: Path) -> list[str]:
    return ["--ro-bind", str(root), "/"]


def _host_mounts(extra: Sequence[Path]) -> list[str]:
    argv: list[str] = ["--tmpfs", "/"]
    # What bwrap makes by itself above a mount would be root's alone.
    for folder in ("/etc", "/etc/ssl", "/etc/pki", "/etc/pki/tls"):
        argv += ["--perms", "0755", "--dir", folder]
    for path in HOST_FOLDERS:
        if os.path.islink(path):
            argv += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            argv += ["--ro-bind", path, path]
    for path in HOST_FILES:
        if os.path.exists(path):
            argv += ["--ro-bind", path, path]
    trusted = Path("/etc/ssl/certs/ca-certificates.crt")
    if (bundle := host_ca_bundle()) and trusted.exists():
        argv += ["--ro-bind", str(bundle.resolve()), str(trusted)]
    for path in (Path(sys.base_prefix), *extra):
        if not any(str(path).startswith(folder + "/") for folder in HOST_FOLDERS):
            argv += ["--ro-bind", str(path), str(path)]
    return argv
