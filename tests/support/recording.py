"""Golden cases of languages: an input in txtar form, what the real tools printed, what the parsers make of it."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from containers.recipe import recipe
from lang.base import Language, Project, Step, StepOutput

Run = Callable[[Step, Path, Mapping[str, str], str], list[str]]
"""Gives the command that runs a step over a directory with a case's settings in an image."""


def read_input(case: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return a case's settings and its files."""
    text = (case / "input.txtar").read_text(encoding="utf-8")
    head, *files = re.split(r"^-- (.+) --\n", text, flags=re.MULTILINE)
    settings = dict(re.findall(r"^(\w+): (.*)$", head, re.MULTILINE))
    return settings, dict(zip(files[::2], files[1::2], strict=True))


def outputs(case: Path) -> list[StepOutput]:
    """Return what each step of a case printed when it was recorded."""
    recorded = json.loads((case / "output.json").read_text(encoding="utf-8"))
    return [
        StepOutput(exit_code=item["exit_code"], stdout="\n".join(item["stdout"]), stderr="\n".join(item["stderr"]))
        for item in recorded
    ]


def report(language: Language, case: Path, printed: Sequence[StepOutput]) -> Any:
    """Return what the language's parser makes of a case's output."""
    settings, _ = read_input(case)
    project = _project(language, settings)
    match settings["step"]:
        case "build":
            return asdict(language.parse_build(project, printed[0]))
        case "vet":
            return asdict(language.parse_vet(project, printed[0]))
        case "test":
            return asdict(language.parse_test(project, printed[0]))
        case _:
            return [asdict(language.parse_documentation(settings["symbol"], item)) for item in printed]


def record(language: Language, data: Path, run: Run, unstable: Sequence[tuple[re.Pattern[str], str]]) -> None:
    """Record the cases that the command line names, or all, with what differs from run to run (`unstable`) replaced."""
    parser = argparse.ArgumentParser(description=f"Record real output of the {language.name} tools for golden tests.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--image", default=recipe().tag)
    options = parser.parse_args()
    for name in options.names or sorted(path.name for path in data.iterdir()):
        print(name, flush=True)
        _record(language, data / name, run, unstable, options.image)


def _record(
    language: Language, case: Path, run: Run, unstable: Sequence[tuple[re.Pattern[str], str]], image: str
) -> None:
    settings, files = read_input(case)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        for step in _steps(language, settings):
            done = subprocess.run(run(step, Path(folder), settings, image), capture_output=True, text=True, check=False)
            output = StepOutput(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)
            streams = [_censored(text, unstable).splitlines() for text in (output.stdout, output.stderr)]
            found.append({"exit_code": output.exit_code, "stdout": streams[0], "stderr": streams[1]})
            if "symbol" in settings and language.parse_documentation(settings["symbol"], output).found:
                break
    (case / "output.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _steps(language: Language, settings: Mapping[str, str]) -> Sequence[Step]:
    project = _project(language, settings)
    packages = settings.get("packages", "").split()
    match settings["step"]:
        case "build":
            return [language.build(project, packages)]
        case "vet":
            step = language.vet(project, packages)
            return [step] if step else []
        case "test":
            return [language.test(project, packages, settings.get("run", ""))]
        case "exports":
            return [language.exports(project, settings["symbol"])]
        case _:
            return language.documentation(project, settings["symbol"])


def _project(language: Language, settings: Mapping[str, str]) -> Project:
    return Project(language=language.name, root=settings.get("root", "."))


def _censored(text: str, unstable: Sequence[tuple[re.Pattern[str], str]]) -> str:
    for pattern, stable in unstable:
        text = pattern.sub(stable, text)
    return text
