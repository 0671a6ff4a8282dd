"""The bridge's words, and a real dune that watches: cancelled, killed, closed, absent."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from dune_projects import PEOPLE, analysed

from containers.base import Container
from lang.analysis import AnalysisUnavailable
from lang.base import Project
from lang.ocaml import OCaml
from lang.ocaml.bridge import Sexp, answer, packed, request, unpacked
from lang.ocaml.watch import CHECK, Watch
from tools.bench import ContainerBench

StartContainer = Callable[[Path], Awaitable[Container]]

PROJECT = Project(language="ocaml", root=".")


def test_a_request_is_a_canonical_expression() -> None:
    sent = request("a1", "build", [b"(alias_rec check)"])
    assert sent == b"((2:id2:a1)(6:method5:build)(6:params(17:(alias_rec check))))"


def test_expressions_are_read_as_they_were_written() -> None:
    value: Sexp = [b"", [b"a(b", []], b"\xff" * 12]
    assert unpacked(io.BytesIO(packed(value))) == value


@pytest.mark.parametrize("data", [b"", b"(", b"3:ab", b"(1:a", b"x", b"5"])
def test_a_connection_that_ends_in_the_middle_ends_the_reading(data: bytes) -> None:
    stream = io.BytesIO(data)
    with pytest.raises(EOFError):
        unpacked(stream)


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (b"(2:ok(7:Success()))", "Success"),
        (b"(2:ok(7:Failure()))", "Failure"),
        (b"(2:ok())", "Success"),
        (b"(5:error((4:kind10:Code_error)))", "refused"),
    ],
)
def test_an_answer_names_its_request_and_outcome(result: bytes, outcome: str) -> None:
    packet = unpacked(io.BytesIO(b"((2:id2:a1)(6:result" + result + b"))"))
    assert answer(packet or []) == ("a1", outcome)


def test_what_answers_nothing_is_passed_over() -> None:
    assert answer([[b"method", b"notify"], [b"params", []]]) == ("", "")
    assert answer(b"atom") == ("", "")


async def test_a_build_says_what_a_plain_one_would(bubblewrap_container: Container) -> None:
    bench = ContainerBench(container=bubblewrap_container, language=OCaml())
    await bubblewrap_container.write("dune-project", b"(lang dune 3.17)\n")
    await bubblewrap_container.write("dune", b"(executable (name main) (libraries nowhere))\n")
    await bubblewrap_container.write("main.ml", b"let () = ()\n")
    watch = Watch(PROJECT, bench)
    with pytest.raises(AnalysisUnavailable, match="not started"):
        await watch.build(CHECK)
    await watch.start()
    said = await watch.build(CHECK)
    assert 'Error: Library "nowhere" not found.' in said
    assert "_build/default/.main.eobjs" in said
    assert "/tmp/" not in said
    assert "waiting for filesystem" not in said
    await watch.close()
    await watch.close()


async def test_a_build_that_is_given_up_leaves_the_next_one_right(
    start_bubblewrap: StartContainer, workspace: Path
) -> None:
    async with analysed(start_bubblewrap, workspace, PEOPLE) as changing:
        for count in range(8):
            text = "let () = 1\n" if count % 2 else "let () = ()\n"
            await changing.container.write("bin/main.ml", text.encode())
            await changing.analysis.changed(["bin/main.ml"])
            asked = asyncio.ensure_future(changing.analysis.diagnostics(["bin/main.ml"]))
            await asyncio.sleep(0.004 * count)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            assert bool(await changing.analysis.diagnostics(["bin/main.ml"])) == bool(count % 2)


async def test_a_dune_that_dies_is_told_and_a_new_one_takes_over(
    start_bubblewrap: StartContainer, workspace: Path
) -> None:
    async with analysed(start_bubblewrap, workspace, PEOPLE) as changing:
        await changing.container.exec(["pkill", "-9", "-f", "passive-watch-mode"])
        await changing.analysis.changed(["bin/main.ml"])
        with pytest.raises(AnalysisUnavailable, match="dune has ended"):
            await changing.analysis.diagnostics(["bin/main.ml"])
        await changing.analysis.close()
        again = Watch(changing.project, changing.bench)
        await again.start()
        assert (await again.build(CHECK)).strip() == ""
        await again.close()


async def test_closing_leaves_no_process_and_nothing_in_the_tree(
    start_bubblewrap: StartContainer, workspace: Path
) -> None:
    async with analysed(start_bubblewrap, workspace, PEOPLE) as changing:
        await changing.analysis.outline("lib/greeting.ml")
        running = await changing.processes()
        assert "--passive-watch-mode" in running
        assert "ocamlmerlin" in running
        await changing.analysis.close()
        for _ in range(100):
            running = await changing.processes()
            if "dune" not in running and "merlin" not in running:
                break
            await asyncio.sleep(0.02)
        assert "dune" not in running
        assert "merlin" not in running
    found = {path.relative_to(workspace).as_posix() for path in workspace.rglob("*") if path.is_file()}
    assert found == set(PEOPLE)


async def test_a_project_that_is_not_there_has_no_analysis(bubblewrap_container: Container) -> None:
    bench = ContainerBench(container=bubblewrap_container, language=OCaml())
    watch = Watch(Project(language="ocaml", root="nowhere"), bench)
    with pytest.raises(AnalysisUnavailable, match="dune has ended"):
        await watch.start()
