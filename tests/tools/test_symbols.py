"""outline, definition, references and rename where no analysis can answer: by syntax alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import pytest

from containers.base import Container
from lang.go import Go
from lang.ocaml import OCaml
from tools.base import ToolContext, ToolError, ToolResult

Call = Callable[..., Awaitable[ToolResult]]

SERVER = """\
package server

// Server serves.
type Server struct {
	Name string
}

// Shutdown stops it. At once.
func (s *Server) Shutdown() error { return nil }

const (
	Limit = 3
	Other = 4
)
"""
LONG = "func Long() {\n" + "\tx()\n" * 100 + "}\n"
FILES = {
    "go.mod": "module example.com/m\n",
    "main.go": 'package main\n\nimport "example.com/m/server"\n\n// Shutdown too.\nfunc main() {\n'
    "\ts := &server.Server{}\n\ts.Shutdown()\n}\n",
    "server/server.go": SERVER,
    "server/server_test.go": "package server\n\nfunc TestShutdown(t *testing.T) {\n\tvar s Server\n\ts.Shutdown()\n}\n",
    "client/client.go": f"package client\n\nfunc Shutdown() {{}}\n\nfunc Only() {{ Shutdown() }}\n\n{LONG}",
    "notes.md": "Shutdown\n",
    "dune-project": "(lang dune 3.0)\n",
    "lib/tree.mli": "type t\n\n(** [depth t] is how deep it is. *)\nval depth : t -> int\n",
    "lib/tree.ml": "type t = Leaf | Node of t * t\n\nlet rec depth = function\n  | Leaf -> 0\n  | Node (a, b) ->"
    " 1 + max (depth a) (depth b)\n\nmodule Inner = struct\n  let ( + ) a b = a\n\n  let width t = t\nend\n",
    "bin/main.ml": "let () = print_int (Lib.Tree.depth Leaf)\n",
}


@pytest.fixture
def context(bubblewrap_container: Container) -> ToolContext:
    return ToolContext(container=bubblewrap_container, languages=(Go(), OCaml()))


@pytest.fixture(autouse=True)
def _repository(lay_out: Callable[[Mapping[str, str]], None]) -> None:  # pyright: ignore[reportUnusedFunction] pytest
    lay_out(FILES)


async def test_outlines(call: Call):
    assert (await call("outline", path="server/server.go")).content == (
        "server/server.go (14 lines)\n4-6 type Server struct { Name string }\n"
        "9 func (s *Server) Shutdown() error\n12 const Limit = 3; const Other = 4"
    )
    assert (await call("outline", path="lib")).content == (
        "lib/tree.ml (11 lines)\n1 type t = Leaf | Node of t * t\n3-5 let depth\n7-11 module Inner = …\n"
        "  8 let (+) a b\n  10 let width t\nlib/tree.mli (4 lines)\n1 type t\n4 val depth : t -> int"
    )
    content = (await call("outline", path="server")).content
    assert content.endswith("const Other = 4\nserver/server_test.go (6 lines): TestShutdown")
    assert (await call("outline", path="server/server_test.go")).content.endswith(
        "\n3-6 func TestShutdown(t *testing.T)"
    )
    top = (await call("outline", path=".")).content
    assert "main.go (9 lines)\n6-9 func main()\n" in top
    assert top.endswith("bin/ (1 file), client/ (1 file), lib/ (2 files), server/ (2 files)")
    library = (await call("outline", path="/usr/lib/go/src/sort/slice.go")).content
    assert "func Slice(x any, less func(i, j int) bool)\n" in library
    library = (await call("outline", path="/usr/lib/go/src/net/http")).content
    assert "/server.go (" in library
    assert " lines): Client, DefaultClient, RoundTripper, " in library
    assert len(library) < 12_100


@pytest.mark.parametrize(
    ("path", "told"),
    [("nowhere.go", "does not exist"), ("notes.md", "use read_file"), ("/etc", "outside the workspace")],
)
async def test_paths_without_an_outline(call: Call, path: str, told: str):
    with pytest.raises(ToolError, match=told):
        await call("outline", path=path)


@pytest.mark.parametrize(
    "symbol", ["Server.Shutdown", "(*Server).Shutdown", "server.Server.Shutdown", "server/server.go:Shutdown"]
)
async def test_a_definition_comes_with_its_documentation(call: Call, symbol: str):
    assert (await call("definition", symbol=symbol)).content == (
        "[by syntax only]\nserver/server.go:8-9 method server.Server.Shutdown\n"
        "// Shutdown stops it. At once.\nfunc (s *Server) Shutdown() error { return nil }"
    )


async def test_a_declaration_and_its_definition_are_one(call: Call):
    content = (await call("definition", symbol="Lib.Tree.depth")).content
    assert "lib/tree.ml:3-5 value Tree.depth\nlet rec depth = function" in content
    assert "lib/tree.mli:3-4 value Tree.depth\n(** [depth t] is how deep it is. *)\nval depth" in content
    assert "let ( + ) a b = a" in (await call("definition", symbol="Tree.Inner.( + )")).content


async def test_a_name_of_several_is_told(call: Call):
    content = (await call("definition", symbol="Shutdown")).content
    assert "client/client.go:3 client.Shutdown\nfunc Shutdown() {}" in content
    assert content.endswith("[Also called Shutdown: method server.Server.Shutdown server/server.go:9]")
    content = (await call("definition", symbol="t")).content
    assert "Tree.t" in content


async def test_what_is_not_there_and_what_is_near(call: Call):
    content = (await call("definition", symbol="Server.Shutdwn")).content
    assert content.startswith("Nothing in the workspace defines Server.Shutdwn. Near: ")
    assert "server.Server.Shutdown (server/server.go:9)" in content
    with pytest.raises(ToolError, match="names no symbol"):
        await call("definition", symbol="net/http")


async def test_long_sources_are_cut(call: Call):
    content = (await call("definition", symbol="Long")).content
    assert content.count("\n") == 82
    assert content.endswith("[22 more lines: read_file from 87.]")


async def test_a_symbol_of_a_library(call: Call):
    content = (await call("definition", symbol="/usr/lib/go/src/sort/slice.go:Slice")).content
    assert content.startswith("[by syntax only]\n/usr/lib/go/src/sort/slice.go:")
    assert "\nfunc Slice(x any, less func(i, j int) bool) {\n" in content
    assert "func Ints(" in (await call("definition", symbol="/usr/lib/go/src/sort.Ints")).content
    told = (await call("definition", symbol="/usr/lib/go/src/sort/slice.go:Slic")).content
    assert told.startswith("Nothing in /usr/lib/go/src/sort/slice.go defines Slic. Near: sort.Slice (")
    with pytest.raises(ToolError, match="does not exist"):
        await call("definition", symbol="/usr/lib/nowhere.Ints")


async def test_references(call: Call):
    content = (await call("references", symbol="Server.Shutdown")).content
    assert content == (
        "[by syntax only] other symbols of this name are among them.\n"
        "method server.Server.Shutdown server/server.go:9: used on 4 lines in 3 files, 1 of them in tests.\n"
        "client/client.go\n3:func Shutdown() {}\n5:func Only() { Shutdown() }\n"
        "main.go\n8:s.Shutdown()\n"
        "server/server_test.go\n5:s.Shutdown()"
    )
    assert "bin/main.ml\n1:let () =" in (await call("references", symbol="Tree.depth")).content
    content = (await call("references", symbol="Shutdown")).content
    assert content.endswith("[Also called Shutdown: method server.Server.Shutdown server/server.go:9]")
    assert "used on 0 lines in 0 files." in (await call("references", symbol="Only")).content


async def test_nothing_is_renamed_by_guess(call: Call):
    with pytest.raises(ToolError, match=r"no Go analysis knows its uses now\. Take them from references"):
        await call("rename", symbol="Server.Shutdown", to="Stop")
    with pytest.raises(
        ToolError, match=r"may mean several; name one:\nfunc client\.Shutdown client/client\.go:3\nmethod"
    ):
        await call("rename", symbol="Shutdown", to="Stop")
    with pytest.raises(ToolError, match="Nothing in the workspace defines Missing"):
        await call("rename", symbol="Missing", to="Stop")
