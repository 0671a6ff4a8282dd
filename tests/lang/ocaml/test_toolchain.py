"""The steps, run by the real toolchain in a sandbox: a hanging test, a watching dune, the formatter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from containers.base import Container
from lang.base import Project, Step, StepOutput
from lang.ocaml import OCaml

OCAML = OCaml()
TOP = Project(language="ocaml", root=".")


async def run(container: Container, step: Step, extra: Mapping[str, str] | None = None) -> StepOutput:
    environment = {**OCAML.environment, **step.env, **(extra or {})}
    done = await container.exec(
        step.argv, cwd=step.cwd, env=environment, timeout_s=step.timeout_s, limit_bytes=8 * 1024 * 1024
    )
    return StepOutput(
        exit_code=done.exit_code, stdout=done.stdout.text(), stderr=done.stderr.text(), timed_out=done.timed_out
    )


async def lay_out(container: Container, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        await container.write(path, text.encode())


async def test_hanging_test_is_named(bubblewrap_container: Container) -> None:
    files = {
        "dune-project": "(lang dune 3.17)\n",
        "dune": "(tests (names slow quick) (libraries unix))\n",
        "slow.ml": "let () = Unix.sleep 500\n",
        "quick.ml": "",
    }
    await lay_out(bubblewrap_container, files)
    step = OCAML.test(TOP)
    assert step.argv[4] == "560"
    output = await run(bubblewrap_container, replace(step, argv=(*step.argv[:4], "8", *step.argv[5:])))
    report = OCAML.parse_test(TOP, output)
    assert [(case.name, case.status) for case in report.cases] == [("quick", "passed"), ("slow", "failed")]
    assert report.cases[1].output == "it did not end within the time limit"
    assert not report.ok


async def test_watching_dune_does_not_answer_in_our_place(bubblewrap_container: Container) -> None:
    files = {"dune-project": "(lang dune 3.17)\n", "dune": "(test (name t))\n", "t.ml": "let () = exit 3\n"}
    await lay_out(bubblewrap_container, files)
    watch = "dune build --root . --watch @check >/dev/null 2>&1 & until [ -S _build/.rpc/dune ]; do sleep 0.1; done"
    await bubblewrap_container.exec(["sh", "-c", watch], env=OCAML.environment)
    report = OCAML.parse_test(TOP, await run(bubblewrap_container, OCAML.test(TOP)))
    found = [(case.name, case.status, case.output) for case in report.cases]
    assert found == [("t", "failed", "exited with code 3")], report


async def test_formatter_keeps_to_projects_that_ask_for_it(bubblewrap_container: Container, workspace: Path) -> None:
    container = bubblewrap_container
    await lay_out(
        container, {"dune-project": "(lang dune 3.17)\n", "a.ml": "let   x=1\n", "dune": "(library   (name a))\n"}
    )
    step = OCAML.format(TOP, ["a.ml", "dune"])
    assert step is not None
    for settings, formatted in ((None, False), ("version = 0.1.0\n", False), ("", True)):
        if settings is not None:
            await container.write(".ocamlformat", settings.encode())
        output = await run(container, step)
        assert (output.exit_code, output.stderr) == (0, "")
        assert ((workspace / "a.ml").read_text() == "let x = 1\n") is formatted
        assert ((workspace / "dune").read_text() == "(library\n (name a))\n") is formatted
