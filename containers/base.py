"""The `Container` protocol: what a sandbox does, what it raises and what is a plain result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

WORKSPACE = "/workspace"
"""Where the session's clone lies inside every container."""

CACHE = "/cache"
"""Where the repository's build and module caches lie inside every container."""

HOST = "host"
"""The image's name of a container that has none: it runs on the host's own tools."""

DEFAULT_TIMEOUT_S = 120.0
DEFAULT_LIMIT_BYTES = 64 * 1024

DEFAULT_PROCESSES = 2048
"""How many processes and threads a container may hold, unless told otherwise."""

Limit = Literal["time", "memory", "processes", "disk"]
"""What a command can use up."""

OutputSink = Callable[[str], None]
"""Called with each piece of a running command's output, in order; must return at once."""


class ContainerError(Exception):
    """The sandbox itself failed; the message is one line that says what to do.

    ContainerError
     ├─ ContainerUnavailable    no engine, no bwrap, no image, no right to use them
     └─ ContainerDied           it was there and has gone: killed, out of memory, engine stopped
    """


class ContainerUnavailable(ContainerError):
    """The sandbox can't be started here."""


class ContainerDied(ContainerError):
    """The sandbox ended while it was in use; it can't be used again."""


class OutsideWorkspace(PermissionError):
    """A path leads out of the directory it had to stay within, perhaps by a symbolic link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A stream's bytes: all of them, or its head and tail with the number left out between."""

    head: bytes = b""
    omitted: int = 0
    tail: bytes = b""

    def text(self) -> str:
        """Decoded with replacement characters; a gap reads `[... N bytes omitted ...]` on a line of its own."""
        if not self.omitted:
            return (self.head + self.tail).decode(errors="replace")
        gap = f"\n[... {self.omitted} bytes omitted ...]\n"
        return self.head.decode(errors="replace") + gap + self.tail.decode(errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """How a command ended.

    `exit_code` is the command's own, 128 + N if signal N ended it, 127 if there is no such executable,
    126 if it could not be started (`stderr` says why), 124 at its time limit.
    """

    exit_code: int
    stdout: Capture
    stderr: Capture
    duration_s: float
    limit: Limit | None = None
    """The limit that it met: it was killed, or a process below it was killed or could not be started."""
    limit_note: str = ""
    """Says so in a line for model and person: `killed: out of memory; the container may use 4.0 GiB`."""

    @property
    def timed_out(self) -> bool:
        """Whether its time limit ended it."""
        return self.limit == "time"


class Process(Protocol):
    """A long-lived process with streams: a language server, a watching build."""

    async def write(self, data: bytes) -> None:
        """Send bytes to its standard input. Raises ContainerDied; a process that has ended ignores them."""
        ...

    async def read(self) -> bytes:
        """Return the next bytes of its standard output; `b""` once it has ended. Raises ContainerDied."""
        ...

    async def wait(self) -> int:
        """Return the exit code once it has ended. Raises ContainerDied."""
        ...

    async def kill(self) -> None:
        """Kill it and every process that descends from it. Does nothing if it has ended."""
        ...


class Container(Protocol):
    """One session's sandbox: the clone at `/workspace`, caches at `/cache`, an unprivileged user.

    Commands run side by side; each has its own process tree. Closing it, or the end of the Bactrian
    process, ends everything inside. Implementations: `containers.docker`, `containers.bubblewrap`;
    `tests/contracts/test_container*.py` is the suite that each must pass.
    """

    @property
    def name(self) -> str:
        """A word for people and logs: `docker 3f2a91…`, `bubblewrap 4711`."""
        ...

    @property
    def image(self) -> str:
        """What it runs: the name of the image or root file system, which changes with its contents; `HOST` for none."""
        ...

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str = WORKSPACE,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = DEFAULT_TIMEOUT_S,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        merge_stderr: bool = False,
        save_to: str | None = None,
        on_output: OutputSink | None = None,
    ) -> ExecResult:
        """Run a command to its end.

        Args:
            argv: Executable (looked up on PATH) and its arguments; no shell is involved.
            cwd: Directory to run in, absolute or relative to `/workspace`.
            env: Variables to add to the container's own.
            stdin: All of its standard input.
            timeout_s: Seconds after which the command's whole process tree is killed.
            limit_bytes: What `stdout` and `stderr` may each hold; beyond it the middle is left out.
            merge_stderr: Let standard error go where standard output goes, in order.
            save_to: A file in the container that receives the whole output as well (both streams).
            on_output: Receives the output as it comes, until `limit_bytes` / 2 of a stream have come.

        Returns:
            The result. *Not* an exception: a non-zero exit, a signal, a limit of time, memory, processes or disk
            (`limit`), an executable or `cwd` that isn't there (127), one that can't be started (126). Background
            processes of a command that ended by itself live on until the container is closed, or until they leave no
            room for a command or the disk is full; those of one that met a limit or was cancelled are killed with it.

        Raises:
            ContainerDied: The container has gone, before or while the command ran.
            asyncio.CancelledError: The task was cancelled; the process tree was killed.
        """
        ...

    async def open(self, argv: Sequence[str], *, cwd: str = WORKSPACE, env: Mapping[str, str] | None = None) -> Process:
        """Start a long-lived process; its standard error is dropped.

        An executable that isn't there is a process that ends with 127 at once. Raises ContainerDied.
        """
        ...

    async def read(self, path: str, *, within: str = WORKSPACE) -> bytes:
        """Return a file's bytes; `path` is absolute or relative to `/workspace`.

        Raises FileNotFoundError, IsADirectoryError, PermissionError, OutsideWorkspace (the file, symbolic links
        followed, is not under `within`), other OSErrors (a path too long, not a regular file), ContainerDied.
        """
        ...

    async def write(self, path: str, data: bytes, *, within: str = WORKSPACE) -> None:
        """Replace a file's bytes in one step, making its parent directories; mode bits of an existing file stay.

        Raises like `read`; OSError with `errno.ENOSPC` when the disk is full, the old file then stays as it was.
        """
        ...

    async def fork(self, *, own_caches: bool = True) -> Container:
        """Start another container like this, with a copy of its files: same image, environment, limits and user.

        `/workspace` and `/cache` are what they are here now, and what is written to them there is seen nowhere else;
        it is gone with the fork. This container should rest, or only add files, while a fork lives: whether a fork
        sees what it changes is not defined. With `own_caches=False` this container's caches are the fork's too.
        Processes, network and `/tmp` are the fork's own.

        Forks can be forked. Each is closed by itself, in any order. It takes as long as a start where the kernel has
        overlayfs for it; elsewhere the files are copied.

        Raises ContainerUnavailable: no room for another one, or the disk is full; without `own_caches`, this is a
        fork that has its own.
        """
        ...

    async def close(self) -> None:
        """End everything inside and remove the container. Never raises; may be called twice."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
