"""Go's analysis, by the real gopls in the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from containers.base import Container
from lang.analysis import Place, Symbol
from lang.base import Diagnostic, Project
from lang.go import Go
from lang.go.gopls import Gopls
from tools.bench import ContainerBench

SHOP: Mapping[str, str] = {
    "go.mod": "module example.com/shop\n\ngo 1.24\n",
    "price/price.go": (
        "package price\n\n// Total adds. It is quick.\nfunc Total(amounts ...int) int {\n\treturn len(amounts)\n}\n"
    ),
    "shop.go": (
        'package shop\n\nimport "example.com/shop/price"\n\n'
        "// Server serves.\n"
        "type Server struct {\n\t// Name says who.\n\tName string\n}\n\n"
        "// Sum sums.\nfunc (s *Server) Sum() int {\n\treturn price.Total(1, 2)\n}\n\n"
        "func use() int {\n\ts := &Server{}\n\treturn s.Sum()\n}\n"
    ),
}


class Desk:
    """A workspace with its analysis, told of every change."""

    def __init__(self, container: Container, gopls: Gopls) -> None:
        self.container = container
        self.gopls = gopls

    async def write(self, path: str, text: str) -> tuple[Diagnostic, ...]:
        """Write a file and return what is found then."""
        await self.container.write(path, text.encode())
        await self.gopls.changed([path])
        return await self.gopls.diagnostics([path])

    async def remove(self, path: str) -> tuple[Diagnostic, ...]:
        await self.container.exec(["rm", path])
        await self.gopls.changed([path])
        return await self.gopls.diagnostics([path])

    async def polish(self, path: str, text: str, before: str | None) -> str:
        await self.write(path, text)
        edit = await self.gopls.polished(path, before)
        return edit.content if edit else text


@pytest.fixture
def root() -> str:
    return "."


@pytest.fixture
async def desk(bubblewrap_container: Container, root: str) -> AsyncIterator[Desk]:
    for path, text in SHOP.items():
        await bubblewrap_container.write(f"{root}/{path}", text.encode())
    language = Go()
    gopls = Gopls(Project(language="go", root=root), ContainerBench(container=bubblewrap_container, language=language))
    await gopls.start()
    yield Desk(bubblewrap_container, gopls)
    await gopls.close()


def places(found: tuple[Diagnostic, ...]) -> list[tuple[str, int, str]]:
    return [(one.path, one.line, one.message) for one in found]


def place(path: str, text: str, before: str) -> Place:
    """Where the text goes on after some words of it."""
    head = text[: text.index(before) + len(before)]
    return Place(path=path, line=head.count("\n") + 1, column=len(head) - head.rfind("\n"))


async def test_findings_come_and_go_with_the_files(desk: Desk):
    price, shop = SHOP["price/price.go"], SHOP["shop.go"]
    assert await desk.gopls.diagnostics(["shop.go"]) == ()
    broken = await desk.write("price/price.go", price.replace("return len", 'return "😀" + len'))
    assert [(one.path, one.line, one.column, one.severity) for one in broken] == [("price/price.go", 5, 9, "error")]
    dependent = await desk.write("price/price.go", price.replace("Total(", "Add("))
    assert places(dependent) == [("shop.go", 13, "undefined: price.Total")]
    assert await desk.write("price/price.go", price) == ()
    # A use of a package that comes later, and a helper beside it.
    early = await desk.write("shop.go", shop.replace("shop/price", "shop/cost").replace("price.", "cost."))
    assert [one.message.partition(";")[0] for one in early] == [
        "no required module provides package example.com/shop/cost"
    ]
    new = await desk.write("cost/cost.go", "package cost\n\nfunc Total(a, b int) int { return helper() }\n")
    assert places(new) == [("cost/cost.go", 3, "undefined: helper")]
    assert await desk.write("cost/help.go", "package cost\n\nfunc helper() int { return 1 }\n") == ()
    assert places(await desk.remove("cost/help.go")) == [("cost/cost.go", 3, "undefined: helper")]


async def test_the_go_command_words_what_the_loader_finds(desk: Desk):
    shop = SHOP["shop.go"]
    missing = await desk.write("shop.go", shop.replace('import "', 'import _ "example.org/none"\nimport "'))
    assert places(missing) == [
        ("shop.go", 3, "no required module provides package example.org/none; to add it:\n\tgo get example.org/none")
    ]
    assert places(await desk.write("shop.go", shop.removesuffix("}\n"))) == [
        ("shop.go", 19, "syntax error: unexpected EOF, expected }")
    ]
    await desk.write("shop.go", shop)
    price = SHOP["price/price.go"]
    cycle = await desk.write("price/price.go", price.replace("\n\n", '\n\nimport _ "example.com/shop"\n\n', 1))
    assert [one.message.splitlines()[0] for one in cycle] == ["import cycle not allowed:"]
    assert await desk.write("price/price.go", price) == ()
    other = await desk.write("price/other.go", "package other\n")
    assert [one.message for one in other] == ["found packages other (other.go) and price (price.go) in price"]
    assert await desk.remove("price/other.go") == ()


async def test_go_mod_counts(desk: Desk):
    module = SHOP["go.mod"]
    assert places(await desk.write("go.mod", f"{module}require (\n"))[0][:2] == ("go.mod", 5)
    renamed = await desk.write("go.mod", module.replace("example.com/shop", "example.com/store"))
    assert [one.path for one in renamed] == ["shop.go"]
    assert await desk.write("go.mod", f"{module}\nrequire example.org/unused v1.0.0\n") == ()
    assert await desk.write("go.mod", module) == ()


async def test_vet_is_heard_and_nagging_is_not(desk: Desk):
    call = 'fmt.Printf("%d", "x")'
    loop = f"\tfor i := 0; i < 3; i++ {{\n\t\t{call}\n\t}}\n"
    source = f'package price\n\nimport "fmt"\n\nfunc Print(unused int) {{\n{loop}}}\n'
    # Without a warm cache vet takes longer than a finding may.
    await desk.container.write("print.go", source.replace("package price", "package shop").encode())
    await desk.container.exec(["go", "vet", "-json", "."], env=Go().environment)
    found = await desk.write("price/print.go", source)
    assert places(found) == [("price/print.go", 7, 'fmt.Printf format %d has arg "x" of wrong type string')]
    assert (found[0].severity, found[0].source) == ("error", "go vet")


async def test_files_that_are_not_built_make_no_noise(desk: Desk):
    assert await desk.write("price/price_windows.go", "package price\n\nfunc w() { none() }\n") == ()
    assert await desk.write("price/generate.go", "//go:build ignore\n\npackage main\n\nfunc main() {}\n") == ()
    assert await desk.write("price/testdata/x.go", "package x\n\nfunc x() { none() }\n") == ()
    assert await desk.write("README.md", "# Shop\n") == ()


async def test_symbols(desk: Desk):
    gopls, shop = desk.gopls, SHOP["shop.go"]
    for name in ("Sum", "Server.Sum", "(*Server).Sum", "shop.Server.Sum", "example.com/shop.Server.Sum"):
        assert await gopls.find(name) == (
            Symbol(
                name="shop.Server.Sum",
                kind="method",
                signature="func (s *Server) Sum() int",
                doc="Sum sums.",
                place=Place(path="shop.go", line=12, column=18),
                first_line=11,
                end_line=14,
            ),
        )
    assert [one.name for one in await gopls.find("Server.Name")] == ["shop.Server.Name"]
    assert await gopls.find("price.Sum") == await gopls.find("um") == await gopls.find("") == ()
    described = await gopls.describe(place("shop.go", shop, "price.To"))
    assert described
    assert (described.name, described.doc, described.place) == (
        "price.Total",
        "Total adds.",
        Place(path="price/price.go", line=4, column=6),
    )
    assert await gopls.describe(Place(path="shop.go", line=999, column=1)) is None
    assert await gopls.describe(Place(path="none.go", line=1, column=1)) is None
    outlined = [(one.name, one.kind, one.signature) for one in await gopls.outline("shop.go")]
    assert outlined == [
        ("shop.Server", "type", "type Server struct{...}"),
        ("shop.Server.Name", "field", "field Name string"),
        ("shop.Server.Sum", "method", "func (*Server) Sum() int"),
        ("shop.use", "func", "func use() int"),
    ]


async def test_members(desk: Desk):
    gopls, shop = desk.gopls, SHOP["shop.go"]
    assert [one.name for one in await gopls.members(place("shop.go", shop, "price."))] == ["price.Total"]
    methods = await gopls.members(place("shop.go", shop, "return s."))
    assert {(one.name, one.signature, one.doc) for one in methods} == {
        ("Server.Name", "Name string", "Name says who."),
        ("Server.Sum", "func Sum() int", "Sum sums."),
    }
    fields = await gopls.members(place("shop.go", shop, "&Server{"))
    assert "Name" in [one.name for one in fields if one.kind == "field"]
    assert await gopls.members(Place(path="none.go", line=1, column=1)) == ()


async def test_references_and_renaming(desk: Desk):
    (total,) = await desk.gopls.find("Total")
    assert await desk.gopls.references(total) == (
        Place(path="price/price.go", line=4, column=6),
        Place(path="shop.go", line=13, column=15),
    )
    edits = {edit.path: edit.content for edit in await desk.gopls.rename(total, "Add")}
    assert edits == {path: SHOP[path].replace("Total", "Add") for path in ("price/price.go", "shop.go")}
    (server,) = await desk.gopls.find("Server")
    for name, reason in (("use", "conflicts with func"), ("no name", "invalid identifier")):
        with pytest.raises(ValueError, match=reason):
            await desk.gopls.rename(server, name)


POLISHED = {
    "imports, format": (
        "package price\nfunc  Up(s string) string { return strings.ToUpper(s) }\n",
        None,
        'package price\n\nimport "strings"\n\nfunc Up(s string) string { return strings.ToUpper(s) }\n',
    ),
    "an unused import": ('package price\n\nimport "os"\n', "package price\n", "package price\n"),
    "a package of the module": (
        "package price\n\nvar x = cost.X\n",
        None,
        'package price\n\nimport "example.com/shop/cost"\n\nvar x = cost.X\n',
    ),
    "only one has what is used": (
        "package price\n\nvar x = rand.Intn(3)\n",
        None,
        'package price\n\nimport "math/rand"\n\nvar x = rand.Intn(3)\n',
    ),
    "two packages could be meant": (
        "package price\n\nvar x = template.New\n",
        None,
        "package price\n\nvar x = template.New\n",
    ),
    "never formatted": ("package price\nvar  x = 1\n", "package price\nvar  x = 0\n", "package price\nvar  x = 1\n"),
    "does not parse": ("package price\nvar  x = (\n", "package price\n", "package price\nvar  x = (\n"),
    "generated": (
        "// Code generated by hand; DO NOT EDIT.\n\npackage price\nvar  x = 1\n",
        None,
        "// Code generated by hand; DO NOT EDIT.\n\npackage price\nvar  x = 1\n",
    ),
}


async def test_polish(desk: Desk):
    await desk.write("cost/cost.go", "package cost\n\nconst X = 1\n")
    polished = {name: await desk.polish("price/up.go", text, before) for name, (text, before, _) in POLISHED.items()}
    assert polished == {name: after for name, (_, _, after) in POLISHED.items()}
    assert await desk.gopls.polished("none.go", None) is None
    assert await desk.gopls.polished("go.mod", SHOP["go.mod"]) is None


@pytest.mark.parametrize("root", ["tools/shop"])
async def test_a_module_below_the_top(desk: Desk):
    found = await desk.write("tools/shop/price/price.go", SHOP["price/price.go"].replace("Total(", "Add("))
    assert places(found) == [("tools/shop/shop.go", 13, "undefined: price.Total")]
    assert await desk.write("elsewhere/x.go", "package x\n\nfunc x() { none() }\n") == found
    (added,) = await desk.gopls.find("Add")
    assert added.place == Place(path="tools/shop/price/price.go", line=4, column=6)


async def test_a_misspelt_name_gets_its_remedy(desk: Desk, workspace: Path):
    (found,) = await desk.write("shop.go", SHOP["shop.go"].replace("price.Total", "price.Totl"))
    assert "Total(amounts ...int) int" in await desk.gopls.remedy(found)
