"""Whatever arguments fit a tool's schema, in a real sandbox: a result or a ToolError, and the container lives on."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest
from fuzzing import explained, fuzz
from hypothesis import strategies as st

from containers.base import Container
from lang.go import Go
from lang.ocaml import OCaml
from tools.base import Tool, ToolContext, ToolError, ToolResult
from tools.bash import Bash
from tools.definition import Definition
from tools.edit import EditOnce
from tools.files import ReadFile, WriteFile
from tools.outline import Outline
from tools.references import References
from tools.registry import EDIT_TOOLS, Registry, default_tools
from tools.rename import Rename
from tools.search import Search

FILES = {
    "go.mod": "module example.org/shop\n\ngo 1.25\n",
    "main.go": "package main\n\nfunc main() {\n\tserve(3)\n}\n\nfunc serve(port int) {}\n",
    "lib/dune": "(library (name shop))\n",
    "dune-project": "(lang dune 3.17)\n",
    "lib/shop.ml": "let open_ x = x + 1\n",
    "broken.go": "package main\n\nfunc {",
}
PATCH = "*** Begin Patch\n*** Update File: main.go\n@@\n-\tserve(3)\n+\tserve(4)\n*** End Patch\n"
BLOCK = "main.go\n<<<<<<< SEARCH\n\tserve(3)\n=======\n\tserve(4)\n>>>>>>> REPLACE\n"
TEXTS = st.one_of(
    st.sampled_from(
        [
            *("main.go", "lib/shop.ml", "lib", ".", "", " ", "serve", "main.serve", "Shop.open_", "lib/shop.ml:open_"),
            *(
                "/",
                "/workspace",
                "/etc/passwd",
                "../../etc/passwd",
                ".git/config",
                "a/../../b",
                "main.go/x",
                "~",
                "-rf",
            ),
            *("--help", "-", "*", "**/*.go", "[", "(?<=x", "a{99999999}", "\\", "$(kill 1)", "`x`", "%s%n", "\x1b[2J"),
            *("a\0b", "\ud800", "\udc80", "é\u202e", "\n", "\r\n", "x\ny", "a" * 5000, "a/" * 2500, "/" * 5000),
            *("...", "./...", "//...", "-exec=sh", "Test(", "^$", "Shop.", ".Shop", "(*Server).Stop", "a.go:", ":"),
            *(PATCH, BLOCK, PATCH[:40], BLOCK[:30], PATCH.replace("main.go", "../x"), BLOCK.replace("main.go", "/x")),
        ]
    ),
    st.text(st.characters(codec=None), max_size=20),
)
EXECUTED = ("check", "test", "add_dependency", "docs", "bash")
"""What takes long, as it starts compilers: tried less often."""


ALWAYS: list[tuple[Tool, dict[str, Any]]] = [
    (WriteFile(), {"path": "new", "content": "\ud800"}),
    (WriteFile(), {"path": "\ud800", "content": "x"}),
    (EditOnce(), {"path": "main.go", "old": "serve(3)", "new": "\ud800"}),
    (EditOnce(), {"path": "main.go", "old": "\ud800", "new": "x"}),
    (Search(), {"pattern": "\ud800"}),
    (Search(), {"pattern": "x", "glob": "a\0b"}),
    (Search(), {"pattern": "a\0b"}),
    (Search(), {"pattern": "x", "path": "\ud800"}),
    (ReadFile(), {"path": "main.go", "start_line": 10**30}),
    (ReadFile(), {"path": "main.go", "start_line": 1, "end_line": 10**30}),
    (Outline(), {"path": "\ud800"}),
    (Bash(), {"command": "echo \ud800"}),
    (Bash(), {"command": "echo a\0b"}),
    (Rename(), {"symbol": "main.go:serve", "to": "\ud800"}),
    (Definition(), {"symbol": "\ud800"}),
    (References(), {"symbol": "a\0b"}),
]
"""Paths and texts that rarely meet by chance."""


def fitting(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit a tool's schema."""
    match schema["type"]:
        case "object":
            kinds: Mapping[str, Any] = schema["properties"]
            fields = {name: fitting(kind) for name, kind in kinds.items()}
            required = schema.get("required", [])
            return st.fixed_dictionaries(
                {name: value for name, value in fields.items() if name in required},
                optional={name: value for name, value in fields.items() if name not in required},
            )
        case "array":
            return st.lists(fitting(schema["items"]), min_size=schema.get("minItems", 0), max_size=3)
        case "integer":
            least, most = schema.get("minimum", -(10**30)), schema.get("maximum", 10**30)
            return st.one_of(st.sampled_from([least, most]), st.integers(least, most))
        case "boolean":
            return st.booleans()
        case kind:
            assert kind == "string"
            return TEXTS.filter(lambda text: len(text) >= schema.get("minLength", 0))


def calls(tool: Tool) -> st.SearchStrategy[tuple[Tool, dict[str, Any]]]:
    arguments = fitting(tool.spec.parameters)
    if tool.spec.name == "bash":
        arguments = st.fixed_dictionaries({"command": TEXTS.filter(len), "timeout_s": st.just(1)})
    return st.tuples(st.just(tool), arguments)


@pytest.fixture
def project(workspace: Path) -> Path:
    for name, text in FILES.items():
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(text)
    (workspace / "outside").symlink_to("/etc")
    subprocess.run(["git", "init", "-q", workspace], check=True)
    subprocess.run(["chown", "-hR", "--reference", workspace, workspace], check=True)
    return workspace


def test_any_arguments_that_fit(
    request: pytest.FixtureRequest, project: Path, start_bubblewrap: Callable[[Path], Coroutine[Any, Any, Container]]
) -> None:
    tools = [*default_tools(), *(make() for form, make in EDIT_TOOLS.items() if form != "edit")]
    quick = [calls(tool) for tool in tools if tool.spec.name not in EXECUTED]
    slow = [calls(tool) for tool in tools if tool.spec.name in EXECUTED]
    with asyncio.Runner() as runner:
        container = runner.run(start_bubblewrap(project))
        context = ToolContext(container=container, languages=(Go(), OCaml()))

        async def call(tool: Tool, arguments: dict[str, Any]) -> None:
            assert tool.summary(arguments) is not None
            try:
                result = await tool.run(Registry([tool]).arguments(tool.spec.name, arguments), context)
            except ToolError as error:
                explained(error)
            else:
                assert isinstance(result, ToolResult)
                result.content.encode(errors="surrogatepass")
            assert (await container.exec(["true"])).exit_code == 0

        def check(given: tuple[Tool, dict[str, Any]]) -> None:
            runner.run(call(*given))

        try:
            fuzz(request, st.one_of(quick), check, inputs=120, always=ALWAYS)
            fuzz(request, st.one_of(slow), check, inputs=4)
        finally:
            runner.run(container.close())
