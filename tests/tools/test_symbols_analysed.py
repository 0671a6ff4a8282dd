"""outline, definition, references and rename with the real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from containers.base import Container
from lang.detect import languages
from tools.analyses import Analyses
from tools.base import ToolContext, ToolError, ToolResult
from tools.registry import Registry, default_tools

Call = Callable[..., Awaitable[ToolResult]]

GO = {
    "go.mod": "module example.com/m\n\ngo 1.24\n",
    "main.go": 'package main\n\nimport "example.com/m/server"\n\n// Shutdown too.\nfunc main() {\n'
    "\ts := &server.Server{}\n\ts.Shutdown()\n\tShutdown()\n}\n\nfunc Shutdown() {}\n",
    "server/server.go": "package server\n\n// Server serves.\ntype Server struct {\n\tName string\n}\n\n"
    "// Shutdown stops it.\nfunc (s *Server) Shutdown() {}\n",
    "server/server_test.go": 'package server\n\nimport "testing"\n\nfunc TestIt(t *testing.T) {\n'
    "\tvar s Server\n\ts.Shutdown()\n}\n",
}
OCAML = {
    "dune-project": "(lang dune 3.0)\n",
    "lib/dune": "(library (name lib))\n",
    "lib/tree.mli": "type t = Leaf | Node of t * t\n\n(** [depth t] is how deep it is. *)\nval depth : t -> int\n",
    "lib/tree.ml": "type t = Leaf | Node of t * t\n\nlet rec depth = function\n  | Leaf -> 0\n  | Node (a, b) ->"
    " 1 + max (depth a) (depth b)\n",
    "bin/dune": "(executable (name main) (libraries lib))\n",
    "bin/main.ml": "let depth = 1\nlet () = print_int (depth + Lib.Tree.depth Leaf)\n",
}


@pytest.fixture
async def context(
    bubblewrap_container: Container, lay_out: Callable[[Mapping[str, str]], None]
) -> AsyncIterator[ToolContext]:
    lay_out({**GO, **OCAML})
    analyses = Analyses(container=bubblewrap_container, languages=languages())
    analyses.start()
    for _ in range(40):
        if len(await analyses.symbols()) == 2:  # waits a little for those that start
            break
    try:
        yield ToolContext(container=bubblewrap_container, languages=languages(), analyses=analyses)
    finally:
        await analyses.close()


@pytest.fixture
def call(context: ToolContext) -> Call:
    """Call tools as a session does: analyses hear of what was written."""
    registry = Registry(default_tools())

    async def run(tool: str, /, **arguments: Any) -> ToolResult:
        result = await registry.get(tool).run(registry.arguments(tool, arguments), context)
        if result.changes and context.analyses:
            await context.analyses.changed([change.path for change in result.changes])
        return result

    return run


async def test_go(call: Call, workspace: Path):
    assert (await call("definition", symbol="(*Server).Shutdown")).content == (
        "server/server.go:8-9 method server.Server.Shutdown\n// Shutdown stops it.\nfunc (s *Server) Shutdown() {}"
    )
    assert (await call("references", symbol="Server.Shutdown")).content == (
        "method server.Server.Shutdown server/server.go:9: used on 2 lines in 2 files, 1 of them in tests.\n"
        "main.go\n8:s.Shutdown()\nserver/server_test.go\n7:s.Shutdown()"
    )
    with pytest.raises(ToolError, match=r"may mean several; name one:\nfunc main\.Shutdown main\.go:12\nmethod server"):
        await call("rename", symbol="Shutdown", to="Stop")
    with pytest.raises(ToolError, match="conflict with this field"):
        await call("rename", symbol="Server.Shutdown", to="Name")
    result = await call("rename", symbol="Server.Shutdown", to="Stop")
    counts = "main.go 1 line, server/server.go 2 lines, server/server_test.go 1 line"
    assert result.content == f"Renamed server.Server.Shutdown to Stop: {counts}."
    assert [(change.path, change.added, change.removed) for change in result.changes] == [
        ("main.go", 1, 1),
        ("server/server.go", 2, 2),
        ("server/server_test.go", 1, 1),
    ]
    assert "\ts.Stop()\n\tShutdown()\n" in (workspace / "main.go").read_text()
    assert "main.go\n8:s.Stop()" in (await call("references", symbol="server.Server.Stop")).content
    (workspace / "server/server_test.go").chmod(0o444)
    (workspace / "server").chmod(0o555)
    with pytest.raises(ToolError, match=r"server/server(_test)?\.go"):
        await call("rename", symbol="Server.Stop", to="Halt")
    assert "\ts.Stop()\n" in (workspace / "main.go").read_text()
    (workspace / "server").chmod(0o755)


async def test_ocaml(call: Call, context: ToolContext, workspace: Path):
    assert (await call("outline", path="lib/tree.ml")).content == (
        "lib/tree.ml (5 lines)\n1 type t = Leaf | Node of t * t\n3-5 val depth : t -> int"
    )
    content = (await call("definition", symbol="Lib.Tree.depth")).content
    assert content.startswith("lib/tree.ml:3-5 value Lib.Tree.depth\nval depth : t -> int\nlet rec depth = function\n")
    assert (await call("references", symbol="Tree.depth")).content == (
        "value Lib.Tree.depth lib/tree.ml:3, lib/tree.mli:4: used on 2 lines in 2 files.\n"
        "bin/main.ml\n2:let () = print_int (depth + Lib.Tree.depth Leaf)\n"
        "lib/tree.ml\n5:| Node (a, b) -> 1 + max (depth a) (depth b)"
    )
    result = await call("rename", symbol="Lib.Tree.depth", to="height")
    assert [change.path for change in result.changes] == ["bin/main.ml", "lib/tree.ml", "lib/tree.mli"]
    assert (workspace / "bin/main.ml").read_text() == (
        "let depth = 1\nlet () = print_int (depth + Lib.Tree.height Leaf)\n"
    )
    (workspace / "bin/main.ml").write_text("let () = print_int (Lib.Tree.height Lea)\n")
    assert context.analyses
    await context.analyses.changed(["bin/main.ml"])
    content = (await call("references", symbol="Tree.height")).content
    assert content.endswith("[The word, not known to mean this, is in bin/main.ml 1.]")
    with pytest.raises(ToolError, match=r"not renamed: .*does not compile"):
        await call("rename", symbol="Tree.height", to="depth")
