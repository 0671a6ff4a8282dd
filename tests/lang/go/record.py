"""Re-records the Go golden tests: runs the real toolchain over each `input.txtar` and writes `output.json`.

    .venv/bin/python tests/lang/go/record.py [NAME ...] [--image bactrian:dev]

Then `pytest tests/lang/go --update`, and read the difference. An input opens with a remark and `key: value` lines:
`step` (build, vet, test, documentation), `packages`, `run`, `symbol`, `root`, `environment` (NAME=value), `replace`
(an argument and what to put in its place) and `twice`; its files follow in txtar form.
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


def read_input(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return an input's settings and its files."""
    head, *files = re.split(r"^-- (.+) --\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    settings = dict(re.findall(r"^(\w+): (.*)$", head, re.MULTILINE))
    return settings, dict(zip(files[::2], files[1::2], strict=True))


def steps(settings: Mapping[str, str]) -> tuple[Step, ...]:
    """Return the steps that an input's settings ask for."""
    go = Go()
    project = Project(language="go", root=settings.get("root", "."))
    packages = settings.get("packages", "").split()
    match settings["step"]:
        case "build":
            return (go.build(project, packages),)
        case "vet":
            return (go.vet(project, packages),)
        case "test":
            return (go.test(project, packages, settings.get("run", "")),)
        case _:
            return go.documentation(project, settings["symbol"])


def run(step: Step, workspace: Path, cache: str, settings: Mapping[str, str], image: str) -> StepOutput:
    """Run one step in a container of the image, without a network."""
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
    command += [image, "sh", "-c", f'{again}exec "$@"', "record", *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return StepOutput(exit_code=done.returncode, stdout=censor(done.stdout), stderr=censor(done.stderr))


def censor(text: str) -> str:
    """Replace what differs from run to run."""
    for pattern, stable in UNSTABLE:
        text = pattern.sub(stable, text)
    return text


def record(case: Path, cache: str, image: str) -> None:
    """Write one case's `output.json`: a list with what each step printed."""
    settings, files = read_input(case / "input.txtar")
    outputs: list[StepOutput] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        for step in steps(settings):
            outputs.append(run(step, Path(folder), cache, settings, image))
            if settings["step"] == "documentation" and Go().parse_documentation(settings["symbol"], outputs[-1]).found:
                break
    found = [
        {"exit_code": item.exit_code, "stdout": item.stdout.splitlines(), "stderr": item.stderr.splitlines()}
        for item in outputs
    ]
    (case / "output.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Record the cases named, or all."""
    parser = argparse.ArgumentParser(description="Record real output of the Go toolchain for the golden tests.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--image", default="bactrian:dev")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        for name in options.names or sorted(path.name for path in DATA.iterdir()):
            print(name, flush=True)
            record(DATA / name, cache, options.image)


if __name__ == "__main__":
    main()
