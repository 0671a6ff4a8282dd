"""What is wrong in a project while it changes, by the real dune and merlin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from dune_projects import PEOPLE, Changing, analysed

from containers.base import Container
from lang.base import Diagnostic, Project
from lang.ocaml import OCaml
from lang.ocaml.polishing import without_unused_opens

pytestmark = pytest.mark.asyncio(loop_scope="module")

StartContainer = Callable[[Path], Awaitable[Container]]

OCAML = OCaml()

FILES: Mapping[str, str] = {
    **PEOPLE,
    "derived/dune": "(library (name derived) (preprocess (pps ppx_deriving.show)))\n",
    "derived/derived.ml": "type t = { a : int } [@@deriving show]\n\nlet shown = show { a = 1 }\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def project(
    start_bubblewrap: StartContainer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Changing]:
    async with analysed(start_bubblewrap, tmp_path_factory.mktemp("changing"), FILES) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def changing(project: Changing) -> AsyncIterator[Changing]:
    """The project, laid out anew after each test."""
    yield project
    listed = await project.container.exec(["find", ".", "-type", "f", "-not", "-path", "./_build/*"])
    for path in (line.removeprefix("./") for line in listed.stdout.text().splitlines()):
        if path not in FILES:
            await project.container.exec(["rm", path])
    for path, text in FILES.items():
        await project.container.write(path, text.encode())
    await project.analysis.changed(["dune", *FILES])
    assert await project.analysis.diagnostics(()) == ()


def places(found: Collection[Diagnostic]) -> list[tuple[str, int, str]]:
    return [(each.path, each.line, each.message.partition("\n")[0]) for each in found]


async def test_an_error_comes_and_goes(changing: Changing) -> None:
    (found,) = await changing.write("bin/main.ml", "let () = print_endline 1\n")
    assert found == Diagnostic(
        path="bin/main.ml",
        line=1,
        column=24,
        severity="error",
        message="The constant 1 has type int but an expression was expected of type\n  string",
        source="dune",
        package="bin",
    )
    assert await changing.analysis.diagnostics(["bin/main.ml"]) == (found,)
    assert await changing.write("bin/main.ml", FILES["bin/main.ml"]) == ()


async def test_a_changed_interface_breaks_its_users(changing: Changing) -> None:
    renamed = {path: FILES[path].replace("make", "create") for path in ("lib/greeting.ml", "lib/greeting.mli")}
    await changing.container.write("lib/greeting.ml", renamed["lib/greeting.ml"].encode())
    found = await changing.write("lib/greeting.mli", renamed["lib/greeting.mli"])
    assert places(found) == [("bin/main.ml", 1, "Unbound value Greeting.make")]


async def test_an_implementation_that_lacks_what_its_interface_says(changing: Changing) -> None:
    (found,) = await changing.write("lib/greeting.mli", FILES["lib/greeting.mli"] + "val more : int\n")
    assert found.path == "lib/greeting.ml"
    assert "The value more is required but not provided" in found.message


async def test_files_that_come_and_go(changing: Changing) -> None:
    assert places(await changing.write("lib/fresh.ml", "let a = b\n")) == [("lib/fresh.ml", 1, "Unbound value b")]
    assert await changing.remove("lib/fresh.ml") == ()
    found = await changing.remove("lib/greeting.ml")
    assert any("greeting" in each.message.lower() for each in found), found


async def test_tests_are_checked_too(changing: Changing) -> None:
    found = await changing.write("test/test_people.ml", "let unused = 1\n")
    assert places(found) == [("test/test_people.ml", 1, "warning 32 [unused-value-declaration]: unused value unused.")]


async def test_build_files_that_are_wrong(changing: Changing) -> None:
    found = await changing.write("bin/dune", "(executable (name main) (libraries people nowhere))\n")
    assert places(found) == [("bin/dune", 1, 'Library "nowhere" not found.')]
    found = await changing.write("bin/dune", "(executable (name main\n")
    assert places(found) == [("bin/dune", 2, "unclosed parenthesis at end of input")]
    assert await changing.write("bin/dune", FILES["bin/dune"]) == ()
    found = await changing.write("dune-project", "(lang dune 99.0)\n")
    assert [each.path for each in found] == ["dune-project"]
    await changing.remove("dune-project")
    assert await changing.write("dune-project", FILES["dune-project"]) == ()


async def test_new_directories_are_packages(changing: Changing) -> None:
    await changing.container.write("deep/er/dune", b"(library (name deeper))\n")
    await changing.analysis.changed(["deep/er/dune"])
    (found,) = await changing.write("deep/er/deeper.ml", "let a : int = ''\n")
    assert (found.path, found.package) == ("deep/er/deeper.ml", "deep/er")


async def test_code_that_is_rewritten(changing: Changing) -> None:
    found = await changing.write("derived/derived.ml", "type t = { a : int } [@@deriving show]\n\nlet s = shew 1\n")
    assert places(found) == [("derived/derived.ml", 3, "Unbound value shew")]
    assert found[0].package == "derived"


async def test_all_type_errors_of_a_file_at_once(changing: Changing) -> None:
    text = """\
let first = String.concat 3 []
let second () = Greting.make "x"
let third : int = "a"
let again = first ^ 1
"""
    found = await changing.write("lib/people.ml", text)
    assert places(found) == [
        ("lib/people.ml", 1, "The constant 3 has type int but an expression was expected of type"),
        ("lib/people.ml", 2, "Unbound module Greting"),
        ("lib/people.ml", 3, "This constant has type string but an expression was expected of type int"),
    ]


async def test_what_follows_from_an_error_is_none(changing: Changing) -> None:
    text = "let f n =\n  let r = ref (n ^ 1) in\n  r := !r + n;\n  !r\nlet g = f 1 + 2\n"
    assert [each.line for each in await changing.write("lib/people.ml", text)] == [2]
    assert places(await changing.write("lib/people.ml", "let a = (\nlet b = c\n"))[0][2] == "Syntax error"
    assert len(await changing.analysis.diagnostics(["lib/people.ml"])) == 1
    unused = "let f () = let a = 1 in let b = 2 in ()\n"
    assert len(await changing.write("lib/people.ml", unused)) == 2


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("lib/people.ml", "let a = Greeting.mak\n"),
        ("lib/people.ml", "let f = function Some x -> x\n"),
        ("lib/people.ml", "let f (x : Greeting.t) = x.nam\n"),
        ("lib/people.ml", "module type S = sig val x : int end\nmodule M : S = struct let x = '1' end\n"),
        ("lib/greeting.ml", "let a = 1\n"),
        ("bin/dune", "(executable (name main) (libraries nowhere))\n"),
        ("bin/main.ml", 'let () = match 1 with 1 -> print_endline "\n'),
        ("lib/greeting.ml", "let x = People.pretty\n"),
    ],
)
async def test_findings_read_as_those_of_a_plain_build(changing: Changing, path: str, text: str) -> None:
    found = await changing.write(path, text)
    plain = OCAML.parse_build(changing.project, await changing.bench.run(OCAML.build(changing.project)))
    assert found
    assert set(found) == set(plain.diagnostics)


async def test_answers_are_never_of_an_older_state(changing: Changing) -> None:
    bad = "let () = print_endline 1\n"
    for count in range(20):
        text = bad if count % 2 else f"let () = print_endline {str(count)!r}\n".replace("'", '"')
        assert len(await changing.write("bin/main.ml", text)) == count % 2


async def test_builds_of_others_at_the_same_time(changing: Changing) -> None:
    async def own() -> None:
        for target in ("build", "test"):
            done = await changing.container.exec(["dune", target], env=OCAML.environment)
            assert done.exit_code == 0, done.stderr.text()

    async def ours() -> None:
        for count in range(6):
            text = FILES["lib/people.ml"] + f"(* {count} *)\n"
            assert await changing.write("lib/people.ml", text) == ()

    await asyncio.gather(own(), ours())
    assert await changing.found("lib/people.ml") == ()


async def test_unused_opens_go(changing: Changing) -> None:
    text = "open People\nopen Greeting\n\nlet () = print_endline (Greeting.show (Greeting.make café))\n"
    assert len(await changing.write("bin/main.ml", text)) == 1
    edit = await changing.analysis.polished("bin/main.ml", FILES["bin/main.ml"])
    assert edit
    assert edit.content == text.replace("open Greeting\n", "")
    assert await changing.write("bin/main.ml", edit.content) == ()
    assert await changing.analysis.polished("bin/main.ml", text) is None
    assert await changing.analysis.polished("bin/none.ml", None) is None


async def test_only_an_open_alone_on_its_line_goes() -> None:
    unused = [
        Diagnostic(path="a.ml", line=line, column=1, severity="error", source="dune", message=message)
        for line, message in [(1, "warning 33 [unused-open]: unused open List."), (2, "warning 33 [unused-open]: x")]
    ]
    text = "open List\nlet a = let open Array in 1\n"
    assert without_unused_opens("a.ml", text, unused) == "let a = let open Array in 1\n"
    assert without_unused_opens("b.ml", text, unused) == text


async def test_polishing_formats_what_was_formatted(changing: Changing) -> None:
    text, formatted = "let   a=1\nlet b =   a\n", "let a = 1\nlet b = a\n"
    await changing.write("lib/fresh.ml", text)
    assert await changing.analysis.polished("lib/fresh.ml", None) is None
    await changing.write(".ocamlformat", "profile = default\n")
    for before in (None, formatted):
        edit = await changing.analysis.polished("lib/fresh.ml", before)
        assert edit
        assert (edit.path, edit.content) == ("lib/fresh.ml", formatted)
    assert await changing.analysis.polished("lib/fresh.ml", "let  a=2\n") is None
    await changing.write("lib/dune", "(library\n  (name   people))\n")
    edit = await changing.analysis.polished("lib/dune", None)
    assert edit
    assert edit.content == "(library\n (name people))\n"
    await changing.write(".ocamlformat", "version = 0.1\n")
    assert await changing.analysis.polished("lib/fresh.ml", None) is None


async def test_a_remedy_names_what_is_near(changing: Changing) -> None:
    (found,) = await changing.write("bin/main.ml", "let () = ignore (People.Greeting.mak ())\n")
    assert "?tone:People.Greeting.tone -> string -> People.Greeting.t" in await changing.analysis.remedy(found)


async def test_a_project_below_the_top(start_bubblewrap: StartContainer, tmp_path: Path) -> None:
    files = {f"sub/{path}": text for path, text in PEOPLE.items()}
    async with analysed(start_bubblewrap, tmp_path, files, root="sub") as changing:
        found = await changing.write("sub/bin/main.ml", "let () = 1\n")
        assert [(each.path, each.package) for each in found] == [("sub/bin/main.ml", "sub/bin")]
        (make,) = await changing.analysis.find("Greeting.make")
        assert make.place
        assert make.place.path == "sub/lib/greeting.ml"
        paths = {place.path for place in await changing.analysis.references(make)}
        assert paths == {"sub/lib/greeting.ml", "sub/lib/greeting.mli"}
        assert changing.project == Project(language="ocaml", root="sub")
