"""The most memory that the host's process takes in the main job with a hosted model."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from agent.providers.loopback import Loopback
from agent.providers.script import read

EXAMPLE = Path(__file__).parents[1] / "examples" / "brotli-middleware"


def main() -> None:
    """Print the figure for each vendor's SDK."""
    for vendor in ("anthropic", "openai"):
        print(f"{f'memory of the host process, {vendor}':<44} {_megabytes(vendor):.0f} MB  goal 150 MB", flush=True)


def _megabytes(vendor: str) -> float:
    # The same place each time: build caches go by it.
    folder = Path(tempfile.gettempdir()) / "bactrian-benchmark"
    shutil.rmtree(folder, ignore_errors=True)
    with Loopback(read(EXAMPLE / "model.toml")) as server:
        subprocess.run(["git", "init", "--quiet", folder], check=True)
        url = server.url if vendor == "anthropic" else server.openai_url
        bactrian = str(Path(sys.executable).with_name("bactrian"))
        argv = [bactrian, "run", "--repo", str(folder), "--task-file", str(EXAMPLE / "task.md")]
        argv += ["--model", f"{vendor}/x", "--base-url", url]
        state = {"BACTRIAN_STATE_DIR": f"{folder}/.git/state"}
        quiet = subprocess.DEVNULL
        with subprocess.Popen(argv, env=os.environ | state, stdout=quiet, stderr=quiet) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the main job ended with exit code {process.returncode}")
    return usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)
