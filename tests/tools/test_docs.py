"""The tool `docs` over the real toolchains in a real sandbox."""

from __future__ import annotations

import pytest

from containers.base import Container
from lang.go import Go
from lang.ocaml import OCaml
from tools.base import ToolContext, ToolResult
from tools.registry import Registry, default_tools

SHOP = {
    "go.mod": "module example.com/shop\n\ngo 1.25\n",
    "store/store.go": "package store\n\n// Store keeps.\ntype Store struct {\n\tPath string\n\thidden int\n}\n",
    "store/dice.go": 'package store\n\nimport "math/rand/v2"\n\nfunc Roll() int { return rand.IntN(6) }\n',
}


@pytest.fixture
async def context(bubblewrap_container: Container) -> ToolContext:
    """A Go module and both languages."""
    for name, text in SHOP.items():
        await bubblewrap_container.write(name, text.encode())
    return ToolContext(container=bubblewrap_container, languages=(Go(), OCaml()))


async def look_up(context: ToolContext, symbol: str) -> ToolResult:
    registry = Registry(default_tools())
    return await registry.get("docs").run(registry.arguments("docs", {"symbol": symbol}), context)


async def test_go_symbols_by_short_names(context: ToolContext) -> None:
    store = (await look_up(context, "Store")).content
    assert "Path string" in store
    assert "hidden" not in store
    assert "math/rand/v2" in (await look_up(context, "rand.IntN")).content
    several = (await look_up(context, "template.Template")).content
    assert "html/template: type Template" in several
    assert "text/template: type Template" in several
    cut = (await look_up(context, "strings.Cut")).content
    assert cut.index("func Cut(") < cut.index("Examples from its tests") < cut.index("func ExampleCut()")
    missing = (await look_up(context, "Store.Put")).content
    assert missing.startswith("Not found: Store.Put. What is there:")


async def test_ocaml_symbols_without_a_project(context: ToolContext) -> None:
    await context.container.exec(["rm", "-r", "go.mod", "store"])
    context.languages = (OCaml(),)
    assert "val from_string :" in (await look_up(context, "Safe.from_string")).content
    functor = (await look_up(context, "Map.Make")).content
    assert functor.startswith("module Map.Make (Ord : Map.OrderedType) ->")
    several = (await look_up(context, "from_string")).content
    assert "Yojson.Safe (yojson): val from_string" in several
    assert "Lexing (" in several
    assert "pos_lnum : int" in (await look_up(context, "Lexing.position.pos_lnum")).content
    assert "`Assoc of (string * t) list" in (await look_up(context, "Yojson.Basic")).content
