"""Re-records the OCaml golden tests: runs the real toolchain over each `input.txtar` and writes `output.json`.

    .venv/bin/python tests/lang/ocaml/record.py [NAME ...] [--image IMAGE]

Then `pytest tests/lang/ocaml --update`, and read the difference. An input opens with a remark and `key: value` lines:
`step` (build, test, documentation, exports), `packages`, `run`, `symbol` and `root`; its files follow in txtar form.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests" / "support")]

from recording import record  # noqa: E402  (a script outside of the packages: the path comes first)

from lang.base import Step  # noqa: E402
from lang.ocaml import OCaml  # noqa: E402

DATA = REPOSITORY / "tests" / "data" / "ocaml"
UNSTABLE = (
    (re.compile(r'"ts":[\d.]+'), '"ts":0'),
    (
        re.compile(r'"(pid|queued|clock|cpu|heap_mbytes|maxrss|minflt|majflt|inblock|oublock|nv?i?v?csw)":\d+'),
        r'"\1":0',
    ),
    (re.compile(r'"(user_cpu_time|system_cpu_time|reader|typer|query|pp|ppx|error|hit|miss)":\d+'), r'"\1":0'),
    (re.compile(r'"dur":[\d.e-]+'), '"dur":0.001'),
    (re.compile(r"ID `[A-Z0-9]{8}'"), "ID `AAAAAAAA'"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:+]+"), "2026-01-01T00:00:00+00:00"),
    (re.compile(r"random seed: \d+"), "random seed: 1"),
)


def run(step: Step, workspace: Path, settings: Mapping[str, str], image: str) -> list[str]:
    """Return the command that runs a step in a container of the image, without a network, on a copy."""
    environment = {"HOME": "/tmp", **OCaml().environment, **step.env}
    command = ["docker", "run", "--rm", "--network=none", "--hostname=host", f"--volume={workspace}:/input:ro"]
    command += [f"--env={key}={value}" for key, value in environment.items()]
    # The container's own copy: what root builds there never reaches the host's directory.
    copy = 'cp -r /input/. /workspace && cd "$0" && exec "$@"'
    return [*command, image, "sh", "-c", copy, f"/workspace/{step.cwd}", *step.argv]


if __name__ == "__main__":
    record(OCaml(), DATA, run, UNSTABLE)
