"""Re-records the Go golden tests: runs the real toolchain over each `input.txtar` and writes `output.json`.

    .venv/bin/python tests/lang/go/record.py [NAME ...] [--image IMAGE]

Then `pytest tests/lang/go --update`, and read the difference. An input opens with a remark and `key: value` lines:
`step` (build, vet, test, documentation), `packages`, `run`, `symbol`, `root`, `environment` (NAME=value), `replace`
(an argument and what to put in its place) and `twice`; its files follow in txtar form.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests" / "support")]

from recording import record  # noqa: E402  (a script outside of the packages: the path comes first)

from lang.base import Step  # noqa: E402
from lang.go import Go  # noqa: E402

DATA = REPOSITORY / "tests" / "data" / "go"
UNSTABLE = (
    (re.compile(r'"Time":"[^"]*",'), ""),
    (re.compile(r'"Elapsed":[\d.e-]+'), '"Elapsed":0.01'),
    (re.compile(r"\b\d+\.\d+s\b"), "0.01s"),
    (re.compile(r"\b0x[0-9a-f]{5,}\b"), "0xc000012345"),
    (re.compile(r"go-build\d+"), "go-build1"),
    (re.compile(r"\bgoroutine \d+\b"), "goroutine 7"),
    (re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"), "2026/11/20 12:00:00"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:80"),
)


def run(cache: str, step: Step, workspace: Path, settings: Mapping[str, str], image: str) -> list[str]:
    """Return the command that runs a step in a container of the image, without a network."""
    environment = {**Go().environment, "GOPROXY": "off"}
    for item in settings.get("environment", "").split():
        name, _, environment[name] = item.partition("=")
    old, _, new = settings.get("replace", " ").partition(" ")
    argv = [new if argument == old else argument for argument in step.argv]
    again = '"$@" > /dev/null; ' if "twice" in settings else ""
    command = [
        "docker",
        "run",
        "--rm",
        "--network=none",
        f"--volume={workspace}:/workspace",
        f"--volume={cache}:/cache",
    ]
    command += [f"--workdir=/workspace/{step.cwd}", *(f"--env={key}={value}" for key, value in environment.items())]
    return [*command, image, "sh", "-c", f'{again}exec "$@"', "record", *argv]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        record(Go(), DATA, partial(run, folder), UNSTABLE)
