"""What `Container.read` and `Container.write` promise, held against Docker and bubblewrap."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from containers.base import CACHE, Container, OutsideWorkspace

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("path", ["file", "/workspace/file", "./file", "new/folders/file"])
@pytest.mark.parametrize("data", [b"", b"text\n", bytes(range(256))])
async def test_what_is_written_is_read(shared: Container, path: str, data: bytes) -> None:
    await shared.write(path, data)
    assert await shared.read(path) == data
    assert (await shared.exec(["cat", path])).stdout.head == data


async def test_twenty_megabytes(shared: Container) -> None:
    data = os.urandom(1 << 20) * 20
    await shared.write("large", data)
    assert await shared.read("large") == data


async def test_names_need_not_be_utf8(shared: Container) -> None:
    name = os.fsdecode(b"\xff\xfe.bin")
    await shared.write(name, b"odd")
    assert await shared.read(name) == b"odd"


async def test_mode_bits_stay(shared: Container, shared_workspace: Path) -> None:
    await shared.write("script", b"one")
    path = shared_workspace / "script"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    for mode in (0o755, 0o600, 0o640):
        await shared.exec(["chmod", f"{mode:o}", "script"])
        await shared.write("script", b"two")
        assert stat.S_IMODE(path.stat().st_mode) == mode


async def test_a_write_leaves_no_other_file(shared: Container) -> None:
    await shared.write("alone/file", b"one")
    await shared.write("alone/file", b"two")
    assert (await shared.exec(["ls", "-A", "alone"])).stdout.text() == "file\n"


async def test_what_is_not_there(shared: Container) -> None:
    with pytest.raises(FileNotFoundError, match="gone/file"):
        await shared.read("gone/file")


async def test_a_directory_is_no_file(shared: Container) -> None:
    await shared.exec(["mkdir", "-p", "folder"])
    for path in ("folder", ".", "/workspace"):
        with pytest.raises(IsADirectoryError):
            await shared.read(path)
        with pytest.raises(IsADirectoryError):
            await shared.write(path, b"")


async def test_a_file_is_no_directory(shared: Container) -> None:
    await shared.write("plain", b"")
    for path in ("plain/file", "plain/folder/file"):
        with pytest.raises(NotADirectoryError):
            await shared.read(path)
        with pytest.raises(NotADirectoryError):
            await shared.write(path, b"")


async def test_a_named_pipe_is_refused_at_once(shared: Container) -> None:
    await shared.exec(["mkfifo", "-m", "666", "pipe"])
    for call in (shared.read("pipe"), shared.write("pipe", b"")):
        with pytest.raises(OSError, match="not a regular file"):
            await call


async def test_what_may_not_be_read(shared: Container) -> None:
    await shared.exec(["sh", "-c", "echo secret > locked; chmod 000 locked"])
    with pytest.raises(PermissionError):
        await shared.read("locked")


async def test_a_read_only_place(shared: Container) -> None:
    with pytest.raises(OSError, match=r"usr/bin/new") as caught:
        await shared.write("/usr/bin/new", b"", within="/usr")
    assert caught.value.errno in (errno.EACCES, errno.EROFS)
    assert await shared.read("/usr/bin/sh", within="/usr")


@pytest.mark.parametrize("path", ["/etc/passwd", "../etc/passwd", "/workspace/../etc/passwd", "/", "..", "/workspaces"])
async def test_paths_out_of_the_workspace(shared: Container, path: str) -> None:
    with pytest.raises(OutsideWorkspace):
        await shared.read(path)
    with pytest.raises(OutsideWorkspace):
        await shared.write(path, b"")


async def test_symbolic_links_out_of_the_workspace(shared: Container) -> None:
    await shared.exec(
        ["sh", "-c", "ln -s /etc/passwd a; ln -s /etc b; ln -s /tmp/nothing-yet c; ln -s /proc/1/root d; ln -s b e"]
    )
    for path in ("a", "b/passwd", "c", "d/etc/passwd", "e/passwd"):
        with pytest.raises(OutsideWorkspace):
            await shared.read(path)
        with pytest.raises(OutsideWorkspace):
            await shared.write(path, b"")
    assert (await shared.exec(["test", "-e", "/tmp/nothing-yet"])).exit_code == 1


async def test_a_symbolic_link_within_the_workspace_is_followed(shared: Container) -> None:
    await shared.write("target", b"one")
    await shared.exec(["ln", "-sf", "/workspace/target", "link"])
    await shared.write("link", b"two")
    assert await shared.read("target") == await shared.read("link") == b"two"
    assert (await shared.exec(["readlink", "link"])).stdout.text() == "/workspace/target\n"


async def test_a_loop_of_symbolic_links(shared: Container) -> None:
    await shared.exec(["ln", "-sf", "round", "round"])
    with pytest.raises(OSError, match="round") as caught:
        await shared.read("round")
    assert caught.value.errno == errno.ELOOP


async def test_a_long_chain_of_symbolic_links(shared: Container) -> None:
    await shared.exec(["sh", "-c", "for i in $(seq 1500); do ln -s chain$((i+1)) chain$i; done"])
    with pytest.raises(OSError, match="chain1"):
        await shared.read("chain1")


async def test_another_place_can_be_chosen(shared: Container) -> None:
    await shared.write(f"{CACHE}/kept/file", b"kept", within=CACHE)
    assert await shared.read(f"{CACHE}/kept/file", within=CACHE) == b"kept"
    with pytest.raises(OutsideWorkspace):
        await shared.read("target", within=CACHE)


async def test_a_path_of_many_parts(shared: Container) -> None:
    await shared.write("y/" * 1900 + "z", b"deep")
    assert await shared.read("y/" * 1900 + "z") == b"deep"
    await shared.exec(["rm", "-r", "y"])  # pytest could not


@pytest.mark.parametrize(
    ("path", "number"),
    [("a\0b", errno.EINVAL), ("x" * 300, errno.ENAMETOOLONG), ("y/" * 3000 + "z", errno.ENAMETOOLONG)],
    ids=["NUL", "name", "path"],
)
async def test_names_that_cannot_be(shared: Container, path: str, number: int) -> None:
    for call in (shared.read(path), shared.write(path, b"")):
        with pytest.raises(OSError, match=r".") as caught:
            await call
        assert caught.value.errno == number


async def test_more_than_fits_into_memory(shared: Container) -> None:
    await shared.exec(["truncate", "-s", "3G", "sparse"])
    with pytest.raises(OSError, match="too large") as caught:
        await shared.read("sparse")
    assert caught.value.errno == errno.EFBIG
    with pytest.raises(OSError, match="too large"):
        await shared.write("sparse", bytes((64 << 20) + 1))


@pytest.fixture
def tiny(workspace: Path) -> Iterator[Path]:
    """A file system of one megabyte within the workspace."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    path = workspace / "tiny"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=1777", "bactrian-test", path], check=True)
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


@pytest.mark.asyncio(loop_scope="function")
async def test_a_full_disk_keeps_the_old_file(
    tiny: Path, workspace: Path, start_container: Callable[[Path], Awaitable[Container]]
) -> None:
    async with await start_container(workspace) as container:
        await container.write("tiny/file", b"old" * 1000)
        with pytest.raises(OSError, match="tiny/file") as caught:
            await container.write("tiny/file", bytes(2 << 20))
        assert caught.value.errno == errno.ENOSPC
        assert await container.read("tiny/file") == b"old" * 1000
        assert os.listdir(tiny) == ["file"]
        saved = await container.exec(["head", "-c", "2000000", "/dev/zero"], save_to="tiny/log")
        assert (saved.exit_code, saved.stdout.omitted) == (0, 2_000_000 - 65_536)
