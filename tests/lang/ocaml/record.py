"""Re-records the OCaml golden tests: runs the real toolchain over each `input.txtar` and writes `output.json`.

    .venv/bin/python tests/lang/ocaml/record.py [NAME ...] [--image bactrian:dev]

Then `pytest tests/lang/ocaml --update`, and read the difference. An input opens with a remark and `key: value` lines:
`step` (build, test, documentation, exports), `packages`, `run`, `symbol` and `root`; its files follow in txtar form.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY))

from lang.base import Project, Step, StepOutput  # noqa: E402  (a script outside of the packages: the path comes first)
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


def read_input(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return an input's settings and its files."""
    head, *files = re.split(r"^-- (.+) --\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    settings = dict(re.findall(r"^(\w+): (.*)$", head, re.MULTILINE))
    return settings, dict(zip(files[::2], files[1::2], strict=True))


def steps(settings: Mapping[str, str]) -> tuple[Step, ...]:
    """Return the steps that an input's settings ask for."""
    ocaml = OCaml()
    project = Project(language="ocaml", root=settings.get("root", "."))
    packages = settings.get("packages", "").split()
    match settings["step"]:
        case "build":
            return (ocaml.build(project, packages),)
        case "test":
            return (ocaml.test(project, packages, settings.get("run", "")),)
        case "exports":
            return (ocaml.exports(project, settings["symbol"]),)
        case _:
            return ocaml.documentation(project, settings["symbol"])


def run(step: Step, workspace: Path, image: str) -> StepOutput:
    """Run one step in a container of the image, without a network, on a copy of the workspace."""
    environment = {"HOME": "/tmp", **OCaml().environment, **step.env}
    command = ["docker", "run", "--rm", "--network=none", "--hostname=host", f"--volume={workspace}:/input:ro"]
    command += [f"--env={key}={value}" for key, value in environment.items()]
    # The container's own copy: what root builds there never reaches the host's directory.
    copy = 'cp -r /input/. /workspace && cd "$0" && exec "$@"'
    command += [image, "sh", "-c", copy, f"/workspace/{step.cwd}", *step.argv]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return StepOutput(exit_code=done.returncode, stdout=censor(done.stdout), stderr=censor(done.stderr))


def censor(text: str) -> str:
    """Replace what differs from run to run."""
    for pattern, stable in UNSTABLE:
        text = pattern.sub(stable, text)
    return text


def record(case: Path, image: str) -> None:
    """Write one case's `output.json`: a list with what each step printed."""
    settings, files = read_input(case / "input.txtar")
    outputs: list[StepOutput] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        for step in steps(settings):
            outputs.append(run(step, Path(folder), image))
            if "symbol" in settings and OCaml().parse_documentation(settings["symbol"], outputs[-1]).found:
                break
    found = [
        {"exit_code": item.exit_code, "stdout": item.stdout.splitlines(), "stderr": item.stderr.splitlines()}
        for item in outputs
    ]
    (case / "output.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Record all cases, or those named."""
    parser = argparse.ArgumentParser(description="Record real output of the OCaml toolchain for the golden tests.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--image", default="bactrian:dev")
    arguments = parser.parse_args()
    names = arguments.names or sorted(path.name for path in DATA.iterdir())
    for name in names:
        print(name, flush=True)
        record(DATA / name, arguments.image)


if __name__ == "__main__":
    main()
