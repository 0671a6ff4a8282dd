"""Looking up, finding uses and renaming, by the real merlin on a real project."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from dune_projects import PEOPLE, Changing, analysed

from containers.base import Container
from lang.analysis import Place, Symbol
from lang.ocaml.merlin import File

pytestmark = pytest.mark.asyncio(loop_scope="module")

StartContainer = Callable[[Path], Awaitable[Container]]

FILES: Mapping[str, str] = {
    **PEOPLE,
    "bin/extra.ml": """\
open People

let bob = Greeting.{ name = "Bob"; tone = Plain; count = 1 }
let name = "Eve"
let eve = { bob with Greeting.name; tone = Greeting.Formal "Dr" }
let shown ~name ?(age = 3) () = name ^ string_of_int age
let both = shown ~name () ^ shown ~name:bob.name ~age:4 () ^ eve.Greeting.name
let fixed = String.concat ", " [ both ]
""",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def changing(
    start_bubblewrap: StartContainer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Changing]:
    async with analysed(start_bubblewrap, tmp_path_factory.mktemp("merlin"), FILES) as started:
        yield started


def at(path: str, text: str, files: Mapping[str, str] = FILES) -> Place:
    """The place of `│` in a piece of a file."""
    before, after = text.split("│")
    offset = files[path].index(before + after) + len(before)
    start = files[path].rfind("\n", 0, offset) + 1
    return Place(path=path, line=files[path].count("\n", 0, offset) + 1, column=offset - start + 1)


async def test_columns_count_characters_and_merlin_bytes() -> None:
    file = File(path="a.ml", text='let café = "é" ^ x\n')
    assert file.byte(1, 18) == 19
    assert file.column(1, 19) == 18
    assert file.place({"line": 1, "col": 19}) == Place(path="a.ml", line=1, column=18)
    assert file.place({"line": 0, "col": 0}) is None
    assert file.byte(7, 3) == 0


async def test_members_of_a_module(changing: Changing) -> None:
    members = {one.name: one for one in await changing.analysis.members(at("bin/main.ml", "(Greeting.│make"))}
    assert members["Greeting.make"].signature == "?tone:Greeting.tone -> string -> Greeting.t"
    assert members["Greeting.make"].doc == "make name greets name."
    assert members["Greeting.Formal"].kind == "constructor"
    assert members["Greeting.count"].kind == "field"
    assert members["Greeting.Nested"].kind == "module"
    assert "Greeting.title" not in members


async def test_members_of_a_record(changing: Changing) -> None:
    members = await changing.analysis.members(at("bin/extra.ml", "~name:bob.│name"))
    assert {one.name for one in members} == {"bob.name", "bob.tone", "bob.count"}


async def test_members_after_a_bare_dot_and_without_one(changing: Changing) -> None:
    files = {"bin/dot.ml": "let x = String.\nlet y = 1\n"}
    await changing.write("bin/dot.ml", files["bin/dot.ml"])
    after_dot = {one.name for one in await changing.analysis.members(at("bin/dot.ml", "String.│", files))}
    anything = {one.name for one in await changing.analysis.members(at("bin/dot.ml", "let y = │1", files))}
    assert "String.concat" in after_dot
    assert {"print_endline", "List"} <= anything
    assert await changing.remove("bin/dot.ml") == ()


async def test_describing_a_value(changing: Changing) -> None:
    described = await changing.analysis.describe(at("bin/main.ml", "Greeting.ma│ke"))
    assert described is not None
    assert described.name == "Greeting.make"
    assert described.kind == "value"
    assert described.doc == "make name greets name."
    assert described.place == at("lib/greeting.ml", "let │make")


async def test_describing_a_library_s_value_and_a_local_one(changing: Changing) -> None:
    library = await changing.analysis.describe(at("bin/extra.ml", "String.c│oncat"))
    local = await changing.analysis.describe(at("lib/greeting.ml", "show │g"))
    assert library
    assert library.signature == "string -> string list -> string"
    assert library.place
    assert library.place.path.startswith("/")
    assert local
    assert (local.name, local.signature) == ("g", "t")


async def test_nothing_stands_beyond_the_text(changing: Changing) -> None:
    assert await changing.analysis.describe(Place(path="bin/main.ml", line=99, column=1)) is None
    assert await changing.analysis.describe(Place(path="bin/none.ml", line=1, column=1)) is None
    assert await changing.analysis.members(Place(path="bin/none.ml", line=1, column=1)) == ()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("make", "People.Greeting.make"),
        ("Greeting.make", "People.Greeting.make"),
        ("People.Greeting.make", "People.Greeting.make"),
        ("Nested.deep", "People.Greeting.Nested.deep"),
        ("Formal", "People.Greeting.Formal"),
        ("Greeting.t", "People.Greeting.t"),
        ("café", "People.café"),
        ("bob", "Extra.bob"),
    ],
)
async def test_finding_a_definition(changing: Changing, name: str, found: str) -> None:
    assert [one.name for one in await changing.analysis.find(name)] == [found]


async def test_a_found_value_has_its_type_its_doc_and_its_implementation_s_place(changing: Changing) -> None:
    (make,) = await changing.analysis.find("make")
    assert make.signature == "val make : ?tone:tone -> string -> t"
    assert make.doc == "make name greets name."
    assert make.place == at("lib/greeting.ml", "let │make")


async def test_a_file_is_found_as_a_module_and_what_is_not_there_is_not(changing: Changing) -> None:
    found = await changing.analysis.find("Greeting")
    assert Place(path="lib/greeting.ml", line=1, column=1) in [one.place for one in found]
    assert await changing.analysis.find("nothing_like_it") == ()
    assert await changing.analysis.find("") == ()


async def test_an_outline_has_inferred_types(changing: Changing) -> None:
    outlined = {one.name: one.signature for one in await changing.analysis.outline("lib/greeting.ml")}
    assert outlined["Greeting.title"] == "val title : tone -> string"
    assert outlined["Greeting.Nested.deep"] == "val deep : int -> int"
    assert outlined["Greeting.t.count"] == "mutable count : int"
    assert await changing.analysis.outline("lib/none.ml") == ()


async def references(changing: Changing, name: str) -> set[Place]:
    (symbol,) = await changing.analysis.find(name)
    return set(await changing.analysis.references(symbol))


async def test_references_cross_files_and_libraries(changing: Changing) -> None:
    assert await references(changing, "Greeting.make") == {
        at("lib/greeting.ml", "let │make"),
        at("lib/greeting.mli", "val │make"),
        at("bin/main.ml", "Greeting.│make"),
    }
    assert await references(changing, "Nested.deep") == {
        at("lib/greeting.ml", "let │deep"),
        at("lib/greeting.mli", "val │deep"),
        at("test/test_people.ml", "Nested.│deep"),
    }


async def test_references_of_a_constructor_are_those_of_both_its_declarations(changing: Changing) -> None:
    found = await references(changing, "Formal")
    assert at("bin/extra.ml", "Greeting.│Formal") in found
    assert at("lib/greeting.ml", "| │Formal title") in found
    assert at("lib/greeting.mli", "| │Formal of") in found


async def renamed(changing: Changing, name: str, to: str) -> dict[str, str]:
    (symbol, *_) = await changing.analysis.find(name)
    return {edit.path: edit.content for edit in await changing.analysis.rename(symbol, to)}


async def test_renaming_a_value_everywhere(changing: Changing) -> None:
    edits = await renamed(changing, "Greeting.make", "create")
    assert set(edits) == {"lib/greeting.ml", "lib/greeting.mli", "bin/main.ml"}
    assert 'Greeting.create "Bob"' in edits["bin/main.ml"]
    assert "val create : ?tone:tone -> string -> t" in edits["lib/greeting.mli"]


@pytest.mark.parametrize(
    ("name", "to", "expected"),
    [
        ("Extra.name", "title", ["let title", "Greeting.name = title;", "shown ~name:title ()", "~name:bob.name"]),
        ("Extra.bob", "robert", ["let robert", "{ robert with", "robert.name"]),
        ("Greeting.t.name", "label", ["{ label = ", "with Greeting.label = name;", "bob.label", "eve.Greeting.label"]),
    ],
)
async def test_labels_and_fields_of_the_same_name_stay(
    changing: Changing, name: str, to: str, expected: list[str]
) -> None:
    edits = await renamed(changing, name, to)
    assert [text for text in expected if text not in edits["bin/extra.ml"]] == [], edits["bin/extra.ml"]
    for path, text in edits.items():
        await changing.container.write(path, text.encode())
    assert await changing.found("bin/extra.ml") == ()
    for path in edits:
        await changing.write(path, FILES[path])


@pytest.mark.parametrize(
    ("name", "to", "reason"),
    [
        ("Greeting.make", "Make", "begins with a small letter"),
        ("Greeting.make", "let", "begins with a small letter"),
        ("Formal", "formal", "begins with a capital letter"),
        ("Greeting.make", "show", "is there already"),
    ],
)
async def test_names_that_cannot_be_are_refused(changing: Changing, name: str, to: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        await renamed(changing, name, to)


async def test_files_libraries_and_broken_projects_are_not_renamed(changing: Changing) -> None:
    module = next(one for one in await changing.analysis.find("Greeting") if one.place and one.place.column == 1)
    with pytest.raises(ValueError, match="is a file: move"):
        await changing.analysis.rename(module, "Salute")
    with pytest.raises(ValueError, match="finds no use"):
        await changing.analysis.rename(Symbol(name="List.map", kind="value"), "mapped")
    concat = await changing.analysis.describe(at("bin/extra.ml", "String.│concat"))
    assert concat
    with pytest.raises(ValueError, match=r"library|finds no use"):
        await changing.analysis.rename(concat, "joined")
    (make,) = await changing.analysis.find("Greeting.make")
    await changing.write("bin/main.ml", "let () = 1\n")
    with pytest.raises(ValueError, match=r"does not compile: bin/main\.ml:1"):
        await changing.analysis.rename(make, "create")
    assert await changing.write("bin/main.ml", FILES["bin/main.ml"]) == ()
