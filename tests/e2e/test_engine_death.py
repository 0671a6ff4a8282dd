"""The engine goes away in mid-session: the work is kept, the session goes on once there is an engine again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from greeting import FINISH, GO_MOD, GREET, TEST

from containers.labels import OWNER

BACTRIAN = str(Path(sys.executable).with_name("bactrian"))
SLEEP = '[[turn.call]]\nname = "bash"\ninput = { command = "sleep 300" }\n'


# A way to the engine that can be cut: the tests' own engine must live on.
_ROAD = """
import asyncio, sys
async def meet(reader, writer):
    far_reader, far_writer = await asyncio.open_unix_connection(sys.argv[1])
    async def pump(source, sink):
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            sink.write_eof()
        except OSError:
            pass
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
    writer.close()
    far_writer.close()
async def main():
    async with await asyncio.start_unix_server(meet, sys.argv[2]) as server:
        print("open", flush=True)
        await server.serve_forever()
asyncio.run(main())
"""


@contextmanager
def road(socket: Path) -> Generator[Callable[[], None]]:
    """Open a way to the engine; gives what cuts it."""
    socket.unlink(missing_ok=True)
    engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    argv = [sys.executable, "-c", _ROAD, engine, str(socket)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"

        def cut() -> None:
            process.kill()
            process.wait()
            socket.unlink(missing_ok=True)

        yield cut
        process.kill()


def owned(state: Path) -> list[str]:
    """Containers of the processes that are registered in a state directory."""
    found: list[str] = []
    for path in (state / "running").iterdir():
        argv = ["docker", "ps", "-aq", "--filter", f"label={OWNER}={path.name}"]
        found += subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    return found


def test_engine_that_dies_and_comes_back(
    environment: dict[str, str], image: str, repository: Path, tmp_path: Path
) -> None:
    assert image
    script = tmp_path / "model.toml"
    told = "['was interrupted while this was done', 'ended as failed']"
    script.write_text(f"[[turn]]\n{GO_MOD}{GREET}{SLEEP}[[turn]]\nexpect = {told}\n{TEST}{FINISH}")
    socket, state = tmp_path / "engine.sock", Path(environment["BACTRIAN_STATE_DIR"])
    through = environment | {"DOCKER_HOST": f"unix://{socket}"}
    options = ["--json", "--repo", str(repository), "--model", f"scripted/{script}", "--container", "docker"]
    with road(socket) as cut:
        process = subprocess.Popen(
            [BACTRIAN, "run", *options, "add a greeting"],
            env=through,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        for line in process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["kind"] == "tool_started" and event["tool"] == "bash":
                break
        cut()
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    last = json.loads(output.splitlines()[-1])
    assert "no Docker engine answers" in last["reason"]
    session = last["session"]
    assert f"it is in {state}/sessions/{session}/workspace" in last["reason"]
    assert f"bactrian sessions resume {session}" in " ".join(errors.split())
    assert len(list((state / "running").iterdir())) == 1  # nobody knows yet what is left in the engine

    with road(socket):
        resumed = subprocess.run(
            [BACTRIAN, "sessions", "resume", *options], env=through, capture_output=True, text=True, check=False
        )
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout.splitlines()[-1])["branch"] == "bactrian/add-greeting"
    until = time.monotonic() + 20
    while owned(state) and time.monotonic() < until:
        time.sleep(0.1)
    assert list((state / "running").iterdir()) == []
