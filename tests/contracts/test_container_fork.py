"""A fork: the same tools, a copy of workspace and caches of its own, and nothing left of it afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from containers.base import CACHE, Container, ContainerDied, ContainerUnavailable
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.docker import DockerContainer, DockerSpec, connect
from containers.labels import KIND, OWNER, process_name
from containers.reaper import reap

pytestmark = pytest.mark.asyncio(loop_scope="module")

StartIn = Callable[..., Awaitable[Container]]
"""Starts a container around a workspace, whose forks keep what they write in the other folder; see `start_in`."""


@pytest.fixture
def start_in(request: pytest.FixtureRequest, kind: str) -> StartIn:
    async def start(workspace: Path, forks: Path, tell: Callable[[str], None] = print) -> Container:
        if kind == "docker":
            image, volume = request.getfixturevalue("image"), request.getfixturevalue("cache_volume")
            spec = DockerSpec(image=image, workspace=workspace, cache_volume=volume, forks=forks, tell=tell)
            return await DockerContainer.start(spec)
        root, cache = request.getfixturevalue("rootfs"), request.getfixturevalue("cache_folder")
        spec = BubblewrapSpec(workspace=workspace, cache=cache, root=root, forks=forks, tell=tell)
        return await BubblewrapContainer.start(spec)

    return start


@pytest.fixture
def forks(shared_workspace: Path) -> Path:
    """Where `shared`'s forks keep what they write."""
    return shared_workspace.parent / "forks"


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount a file system for the test's time."""
    if os.geteuid():
        pytest.skip("only root mounts")
    made: list[Path] = []

    def mount(kind: str, options: str) -> Path:
        path = tmp_path / kind
        path.mkdir()
        subprocess.run(["mount", "-t", kind, "-o", options, kind, path], check=True)
        made.append(path)
        return path

    yield mount
    for path in made:
        subprocess.run(["umount", "-l", path], check=True)


@pytest_asyncio.fixture(loop_scope="module")
async def clean(shared: Container, forks: Path) -> AsyncIterator[Container]:
    """`shared`, whose workspace holds `one`, `kept` and `folder/inner`; afterwards nothing may be left of its forks."""
    before = layered()
    script = "mkdir -p folder; echo original | tee one kept folder/inner /cache/one >/dev/null"
    assert (await shared.exec(["sh", "-c", script])).exit_code == 0
    yield shared
    assert not forks.exists()
    assert not await asyncio.to_thread(volumes)
    assert layered() <= before
    await shared.exec(["sh", "-c", "rm -rf /workspace/* /workspace/.git /cache/one"])


def volumes() -> list[str]:
    """The volumes of this process's forks."""
    wanted = {"label": [f"{KIND}=fork", f"{OWNER}={process_name()}"]}
    with contextlib.closing(connect()) as client:
        return [str(volume.name) for volume in client.volumes.list(filters=wanted)]


def layered() -> set[str]:
    """This machine's mounts of forks' layers."""
    return {line for line in Path("/proc/mounts").read_text().splitlines() if "upper,workdir" in line}


async def shell(container: Container, script: str) -> str:
    result = await container.exec(["sh", "-ec", script], merge_stderr=True)
    assert result.exit_code == 0, result.stdout.text()
    return result.stdout.text()


async def state(container: Container) -> str:
    return await shell(container, "cd /workspace; ls -A . folder; cat one; cat /cache/one; ls /cache")


async def test_neither_sees_what_the_other_writes(clean: Container, shared_workspace: Path) -> None:
    before = await state(clean)
    async with await clean.fork() as fork:
        assert fork.image == clean.image
        assert await state(fork) == before
        await fork.write("one", b"of the fork")
        await fork.write(f"{CACHE}/new", b"of the fork", within=CACHE)
        await shell(
            fork, "echo more >>/cache/one; rm kept; mv folder moved; mkdir folder; chmod 700 moved; ln -s / link"
        )
        assert await shell(fork, "ls folder moved") == "folder:\n\nmoved:\ninner\n"
        assert await state(clean) == before
        await clean.write("one", b"of the original")
        assert await fork.read("one") == b"of the fork"
    assert (shared_workspace / "one").read_text() == "of the original"
    assert sorted(path.name for path in shared_workspace.iterdir()) == ["folder", "kept", "one"]


async def test_processes_and_temporary_files_are_its_own(clean: Container, seconds: int) -> None:
    async with await clean.fork() as fork:
        await fork.open(["sleep", str(seconds)])
        await fork.write("/tmp/fork.txt", b"", within="/tmp")
        assert (await fork.exec(["pgrep", "-f", f"sleep {seconds}"])).exit_code == 0
        assert (await clean.exec(["pgrep", "-f", f"^sleep {seconds}"])).exit_code == 1
        assert (await clean.exec(["ls", "/tmp/fork.txt"])).exit_code != 0
        assert await shell(fork, "env | grep -vi proxy | sort; id") == await shell(
            clean, "env | grep -vi proxy | sort; id"
        )
    assert (await clean.exec(["true"])).exit_code == 0


async def test_eight_side_by_side(clean: Container) -> None:
    forks = await asyncio.gather(*(clean.fork() for _ in range(8)))
    try:
        for name in ("one", f"{CACHE}/one"):
            await asyncio.gather(
                *(fork.write(name, b"%d" % number, within="/") for number, fork in enumerate(forks)),
            )
            found = await asyncio.gather(*(fork.read(name, within="/") for fork in forks))
            assert found == [b"%d" % number for number in range(8)]
            assert await clean.read(name, within="/") == b"original\n"
    finally:
        await asyncio.gather(*(fork.close() for fork in forks))


async def test_a_fork_of_a_fork_outlives_it(clean: Container) -> None:
    async with await clean.fork() as first:
        await shell(first, "echo first >one; rm kept; mv folder moved; echo first >/cache/one; echo first >new")
        async with await first.fork() as second, await second.fork() as third:
            await first.close()
            await shell(second, "echo second >new")
            for fork in (second, third):
                assert await shell(fork, "ls -A; cat one moved/inner /cache/one") == (
                    "moved\nnew\none\nfirst\noriginal\nfirst\n"
                )
            await second.close()
            assert await third.read("one") == b"first\n"
            await shell(third, "rm -r moved; mkdir moved; echo third >moved/other")
            assert await shell(third, "ls moved") == "other\n"
    assert await clean.read("one") == b"original\n"


async def test_caches_can_be_shared(clean: Container) -> None:
    async with await clean.fork(own_caches=False) as sharing:
        await shell(sharing, "echo fork | tee one >/cache/one")
        assert await shell(clean, "cat one /cache/one") == "original\nfork\n"
        async with await sharing.fork(own_caches=False) as again, await sharing.fork() as private:
            assert await shell(again, "cat one /cache/one; echo again >/cache/one") == "fork\nfork\n"
            await shell(private, "echo private >/cache/one")
            with pytest.raises(ContainerUnavailable, match="can't share them"):
                await private.fork(own_caches=False)
        assert await shell(clean, "cat /cache/one") == "again\n"


async def test_git_works_and_finds_nothing_changed(clean: Container) -> None:
    identity = "git config user.name A; git config user.email a@example.com"
    await shell(clean, f"git init -qb main; {identity}; git add .; git commit -qm base")
    head = await shell(clean, "git rev-parse HEAD")
    async with await clean.fork() as fork:
        assert await shell(fork, "git status --porcelain; git rev-parse HEAD") == head
        await shell(fork, "git mv folder moved; git rm -q kept; git commit -qm fork; git gc -q")
        assert await shell(fork, "git fsck --full 2>&1; git diff --name-status HEAD~") == (
            "D\tkept\nR100\tfolder/inner\tmoved/inner\n"
        )
    assert await shell(clean, "git status --porcelain; git rev-parse HEAD; git fsck --full 2>&1") == head


async def test_what_the_original_has_compiled_is_there(clean: Container) -> None:
    await clean.write("go.mod", b"module example.com/m\n\ngo 1.24\n")
    await clean.write("m.go", b'package m\n\nimport "strings"\n\nvar A = strings.ToUpper("a")\n')
    await clean.write("dune-project", b"(lang dune 3.0)\n")
    await clean.write("dune", b"(rule (with-stdout-to made (run date +%N)))\n")
    build = "go build -x ./... 2>&1 | grep -c compile || true; "
    build += "dune build ./made; cat _build/default/made"
    assert (first := await shell(clean, build)).splitlines()[0] != "0"
    async with await clean.fork() as fork:
        assert await shell(fork, build) == f"0\n{first.splitlines()[-1]}\n"
        await clean.write("m.go", b"package m\n")
        await fork.write("m.go", b"package m\n\nvar B = 1\n")
        assert (await shell(fork, build)).splitlines()[0] != "0"


async def test_names_of_every_kind_and_a_deep_tree(start_in: StartIn, tmp_path: Path) -> None:
    workspace, forks = tmp_path / "a b,c:d\\e'ä\n%s" / "work,space", tmp_path / "f,o:r\\k s"
    workspace.mkdir(parents=True)
    os.chown(workspace, *_owner())
    deep = "import os\nfor n in range(60): os.mkdir('x' * 200); os.chdir('x' * 200)\nopen('end', 'w').write('{}')"
    async with await start_in(workspace, forks) as container:
        await shell(container, f'touch "$(printf "\\377\\n-x")"; python3 -c "{deep.format("original")}"')
        listed = "find . | md5sum; find . -name end -execdir cat {} +"
        async with await container.fork() as fork:
            assert await shell(fork, listed) == await shell(container, listed)
            into = "import os\nfor n in range(60): os.chdir('x' * 200)\nopen('end', 'w').write('fork')"
            await shell(fork, f'python3 -c "{into}"; rm ./*-x')
            assert (await shell(fork, listed)).endswith("fork")
        assert (await shell(container, listed)).endswith("original")
        assert not forks.exists()
        await shell(container, "rm -rf ./*")


async def test_nothing_is_copied_for_a_large_workspace(start_in: StartIn, workspace: Path, tmp_path: Path) -> None:
    async with await start_in(workspace, tmp_path / "forks") as container:
        await shell(container, "mkdir d; cd d; seq 10000 | split -l 1 -a 4 -")
        async with await container.fork() as fork:
            written = [path for path in (tmp_path / "forks").rglob("upper/**/*") if path.is_file()]
            assert written == []
            assert await shell(fork, "ls d | wc -l") == "10000\n"


async def test_a_full_disk_is_the_forks_alone(start_in: StartIn, workspace: Path, mounted: Callable[..., Path]) -> None:
    async with await start_in(workspace, mounted("tmpfs", "size=4m") / "forks") as container:
        async with await container.fork() as fork:
            filled = await fork.exec(["dd", "if=/dev/zero", "of=/workspace/large", "bs=1M", "count=8"])
            assert "No space left on device" in filled.stderr.text()
            with pytest.raises(OSError, match="No space left"):
                await fork.write("more", b"x" * 2**16)
            await container.write("large", b"x" * 2**23)
            await shell(fork, "rm large; echo room >room")
        assert sorted(path.name for path in workspace.iterdir()) == ["large"]


async def test_where_no_layers_can_be_had_it_is_a_copy(
    start_in: StartIn, workspace: Path, tmp_path: Path, mounted: Callable[..., Path]
) -> None:
    for name in ("lower", "upper", "work"):
        (tmp_path / name).mkdir()
    # The kernel refuses a file system of layers to keep layers on.
    of = ",".join(f"{name}dir={tmp_path / name}" for name in ("lower", "upper", "work"))
    forks = mounted("overlay", of) / "forks"
    told: list[str] = []
    async with await start_in(workspace, forks, told.append) as container:
        await shell(
            container, "mkdir d; echo original >d/a; ln -s a d/b; mkfifo p; chmod 500 d; echo original >/cache/a"
        )
        async with await container.fork() as fork:
            await shell(fork, "rm p; chmod 700 d; echo fork >d/a; echo fork >/cache/a")
            async with await fork.fork() as second:
                await fork.close()
                await shell(second, "echo second >d/c")
                assert await shell(second, "cat d/b /cache/a; ls d") == "fork\nfork\na\nb\nc\n"
        assert await shell(container, "ls . d; cat d/b /cache/a; chmod 700 d; rm -rf d /cache/a") == (
            ".:\nd\np\n\nd:\na\nb\noriginal\noriginal\n"
        )
        assert not forks.exists()
    assert [line.startswith("forks copy all files") for line in told] == [True]


async def test_a_killed_fork_leaves_nothing(clean: Container) -> None:
    fork = await clean.fork()
    await shell(fork, "echo fork >one")
    kind, identity = fork.name.split()
    if kind == "bubblewrap":
        os.kill(int(identity), signal.SIGKILL)
    else:
        with contextlib.closing(connect()) as client:
            client.containers.get(identity).kill()
    with pytest.raises(ContainerDied):
        await fork.exec(["sleep", "60"])
    await fork.close()
    assert await clean.read("one") == b"original\n"


ORPHANS = """
import asyncio, sys
from pathlib import Path
from containers.bubblewrap import BubblewrapContainer, BubblewrapSpec
from containers.docker import DockerContainer, DockerSpec
from containers.labels import process_name
from containers.reaper import registered

async def main(kind, alive, workspace, what, cache, forks):
    if kind == "docker":
        spec = DockerSpec(image=what, workspace=workspace, cache_volume=cache, forks=forks)
        container = await DockerContainer.start(spec)
    else:
        spec = BubblewrapSpec(workspace=workspace, cache=Path(cache), root=Path(what), forks=forks)
        container = await BubblewrapContainer.start(spec)
    with registered(alive):
        forked = [await container.fork(), await container.fork()]
        await forked[0].exec(["sh", "-c", "mkdir -p d/e; echo x >d/e/f; chmod 500 d/e"])
        print(process_name(), *(one.name for one in forked), sep=chr(10), flush=True)
        await asyncio.sleep(600)

kind, alive, workspace, what, cache, forks = sys.argv[1:]
asyncio.run(main(kind, Path(alive), Path(workspace), what, cache, Path(forks)))
"""


async def test_what_a_killed_bactrian_leaves_the_reaper_removes(
    request: pytest.FixtureRequest, kind: str, workspace: Path, tmp_path: Path
) -> None:
    alive, forks = tmp_path / "alive", tmp_path / "cache" / "forks"
    made_of = map(
        request.getfixturevalue, ("image", "cache_volume") if kind == "docker" else ("rootfs", "cache_folder")
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ORPHANS, kind, alive, workspace, *map(str, made_of), forks), stdout=-1
    )
    assert process.stdout
    owner, *names = [(await process.stdout.readline()).decode().strip() for _ in range(3)]
    assert all(names), "it has started nothing"
    assert len(list(forks.iterdir())) == 2
    process.kill()
    await process.wait()
    async with asyncio.timeout(30):
        while any([str(forks) in line for line in layered()] + await asyncio.to_thread(_there, names)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert await asyncio.to_thread(reap, alive, forks.parent) == 1
    assert not forks.exists()
    with contextlib.closing(connect()) as client:
        assert client.volumes.list(filters={"label": f"{OWNER}={owner}"}) == []


def _there(names: list[str]) -> list[bool]:
    kind = names[0].split()[0]
    identities = [name.split()[1] for name in names]
    if kind == "bubblewrap":
        return [Path("/proc", identity).exists() for identity in identities]
    with contextlib.closing(connect()) as client:
        ids = [found.id or "" for found in client.containers.list(all=True, ignore_removed=True)]
    return [any(one.startswith(identity) for one in ids) for identity in identities]


def _owner() -> tuple[int, int]:
    return (1000, 1000) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
