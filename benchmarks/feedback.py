"""How soon a mistake is told after an edit, and a check of what an edit touches, beside the bare commands.

On generated projects of fifty packages, in bubblewrap (Docker's commands take the same time but for a millisecond).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import show
from benchmarks.generated import LEAF, ROOT, go_module, ocaml_project
from benchmarks.sandboxes import Sandboxes, sandboxes, started
from containers.base import Container
from containers.docker import session_user
from lang.base import Language
from lang.go import Go
from lang.ocaml import OCaml
from tools.analyses import Analyses
from tools.checks import WORK_FOLDER, Checks

RUNS = 7
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """One language's project, the edits that are timed and the commands without us."""

    language: Language
    files: Mapping[str, str]
    leaf: str
    """A file of a package that nothing uses."""
    wrong: tuple[str, str]
    """What to replace in it, and by what, for a type error."""
    harmless: Callable[[str, int], str]
    """Changes it so that it has to be compiled again."""
    root: str
    root_wrong: tuple[str, str]
    """A file that others use, and how to break them."""
    bare: Sequence[str]
    goals: Mapping[str, str]


GO = Edits(
    language=Go(),
    files=go_module(),
    leaf=f"{LEAF}/f0.go",
    wrong=('return strings.Join(keys, ","), nil', "return len(keys), nil"),
    harmless=lambda text, number: text.replace('"bad %d"', f'"bad {number} %d"'),
    root=f"{ROOT}/sum.go",
    root_wrong=("func Sum(", "func Summ("),
    bare=("sh", "-c", "go build ./... && go vet ./..."),
    goals={"same": "150 ms", "dependents": "1000 ms"},
)
OCAML = Edits(
    language=OCaml(),
    files=ocaml_project(),
    leaf=f"{LEAF}/m0.ml",
    wrong=("if n < 0 then", "if n then"),
    harmless=lambda text, number: text.replace('"bad %d"', f'"bad {number} %d"'),
    root=f"{ROOT}/sum.mli",
    root_wrong=("val sum : int -> int", "val sum : int -> string"),
    bare=("dune", "build", "--root", "."),
    goals={"same": "150 ms", "dependents": "300 ms"},
)


def main() -> None:
    """Print the figures."""
    for edits in (GO, OCAML):
        with sandboxes() as made:
            _lay_out(made.workspace, edits.files)
            asyncio.run(_measure(made, edits))


def _lay_out(workspace: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git = ["git", "-C", str(workspace), "-c", "user.name=B", "-c", "user.email=b@example.com", "-c", "safe.directory=*"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "base"]):
        subprocess.run([*git, *arguments], check=True)
    uid, gid = session_user()
    for folder, _, names in os.walk(workspace):
        for name in (".", *names):
            os.chown(Path(folder, name), uid, gid)


async def _measure(made: Sandboxes, edits: Edits) -> None:
    name = edits.language.name
    async with started(made.bubblewrap) as container:
        base = (await container.exec(["git", "rev-parse", "HEAD"])).stdout.text().strip()
        checks = Checks(container=container, languages=(edits.language,), base_commit=base)
        before = time.perf_counter()
        checks.start()
        await checks.base()
        cold = time.perf_counter() - before
        try:
            await _check(container, edits, checks, cold)
        finally:
            await checks.stop()
        bare = await _bare(container, edits)
        analyses = Analyses(container=container, languages=(edits.language,))
        analyses.start()
        try:
            await _analyses(container, edits, analyses, bare)
        finally:
            await analyses.close()
        print(f"{name}: done", flush=True)


async def _check(container: Container, edits: Edits, checks: Checks, cold: float) -> None:
    """Time checks after harmless edits of the leaf: with what the base's check has compiled in the caches."""
    seconds: list[float] = []
    for number in range(RUNS):
        await container.write(edits.leaf, edits.harmless(edits.files[edits.leaf], number).encode())
        before = time.perf_counter()
        checked = await checks.check()
        seconds.append(time.perf_counter() - before)
        assert checked.comparison.green, checked.comparison.problems
        assert not checked.whole, checked.scope
    await container.write(edits.leaf, edits.files[edits.leaf].encode())
    show(f"{edits.language.name}: check after an edit in a leaf", seconds, "3000 ms", ("the whole tree cold", [cold]))


async def _bare(container: Container, edits: Edits) -> list[float]:
    """Time the bare commands after the same edits, warm, where the check has compiled before."""
    seconds: list[float] = []
    for number in range(RUNS):
        text = edits.harmless(edits.files[edits.leaf], 100 + number)
        await container.write(f"{WORK_FOLDER}/{edits.leaf}", text.encode(), within=WORK_FOLDER)
        before = time.perf_counter()
        environment = edits.language.environment
        result = await container.exec(edits.bare, cwd=WORK_FOLDER, env=environment, timeout_s=PATIENCE_S * 5)
        seconds.append(time.perf_counter() - before)
        assert result.exit_code == 0, result.stderr.text()
    return seconds


async def _analyses(container: Container, edits: Edits, analyses: Analyses, bare: Sequence[float]) -> None:
    before = time.perf_counter()
    await analyses.diagnostics([edits.leaf], timeout_s=PATIENCE_S)
    ready = time.perf_counter() - before
    print(f"{edits.language.name}: analysis ready {ready * 1000:.0f} ms after it was started", flush=True)
    name, command = edits.language.name, " ".join(edits.bare[-1:]) if edits.bare[0] == "sh" else " ".join(edits.bare)
    same = await _until_told(container, analyses, edits.leaf, edits, edits.wrong, lambda path: path == edits.leaf)
    show(f"{name}: error in the file itself", same, edits.goals["same"], (command, bare))
    told = await _until_told(
        container, analyses, edits.root, edits, edits.root_wrong, lambda path: not path.startswith(f"{ROOT}/")
    )
    show(f"{name}: error in a dependent", told, edits.goals["dependents"], (command, bare))


async def _until_told(
    container: Container,
    analyses: Analyses,
    path: str,
    edits: Edits,
    wrong: tuple[str, str],
    wanted: Callable[[str], bool],
) -> list[float]:
    """Make a mistake and undo it, by turns; time from the write until it is told."""
    good = edits.files[path]
    bad = good.replace(*wrong, 1)
    assert bad != good
    seconds: list[float] = []
    for _ in range(RUNS):
        for text in (bad, good):
            before = time.perf_counter()
            await container.write(path, text.encode())
            await analyses.changed([path])
            found = await analyses.diagnostics([path], timeout_s=PATIENCE_S)
            took = time.perf_counter() - before
            assert found.fresh, found.note
            errors = [one for one in found.diagnostics if one.severity == "error"]
            assert any(wanted(one.path) for one in errors) if text is bad else not errors, errors
            if text is bad:
                seconds.append(took)
    return seconds
