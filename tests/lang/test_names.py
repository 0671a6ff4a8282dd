from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lang.analysis import Place, Symbol
from lang.names import best, parse


@pytest.mark.parametrize(
    ("written", "parts", "within"),
    [
        ("Shutdown", "Shutdown", ""),
        ("Server.Shutdown", "Server Shutdown", ""),
        ("`Server.Shutdown()`", "Server Shutdown", ""),
        ("(*Server).Shutdown", "Server Shutdown", ""),
        ("(*http.Server).Shutdown", "http Server Shutdown", ""),
        ("Server[T].Shutdown", "Server Shutdown", ""),
        ("net/http.Server", "Server", "net/http"),
        ("example.com/m/v2/sub.T.F", "T F", "example.com/m/v2/sub"),
        ("gopkg.in/yaml.v3.Node", "Node", "gopkg.in/yaml"),
        ("./server.Run", "Run", "./server"),
        ("server/run.go:Server.Run", "Server Run", "server/run.go"),
        ("run.go:Run", "Run", "run.go"),
        ("lib/foo.ml:M.f", "M f", "lib/foo.ml"),
        ("Lib.Module.t", "Lib Module t", ""),
        ("M.( let* )", "M (let*)", ""),
        ("( + )", "(+)", ""),
        ("(/)", "(/)", ""),
    ],
)
def test_names_as_people_write_them(written: str, parts: str, within: str):
    name = parse(written)
    assert name
    assert (list(name.parts), name.within) == (parts.split(), within)


@pytest.mark.parametrize("written", ["", "  ", "net/http", "...", "."])
def test_what_is_no_name(written: str):
    assert parse(written) is None


@given(st.text(alphabet="aB.:/()[]*&` 1v\n", max_size=20) | st.text(max_size=20))
def test_any_text_can_be_taken_apart(written: str):
    name = parse(written)
    if name:
        assert name.word
        assert (
            best(name, [Symbol(name=name.dotted, kind="func", place=Place(path="a.go", line=1, column=1))]) is not None
        )


SYMBOLS = tuple(
    Symbol(name=name, kind=kind, place=Place(path=path, line=1, column=1))
    for name, kind, path in [
        ("server.Server", "type", "server/server.go"),
        ("server.Server.Shutdown", "method", "server/server.go"),
        ("client.Shutdown", "func", "client/client.go"),
        ("main.run", "func", "main.go"),
        ("Tree.Node.t", "type", "src/tree.ml"),
        ("Tree.(+)", "value", "src/tree.ml"),
    ]
)


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("Shutdown", "server.Server.Shutdown client.Shutdown"),
        ("Server.Shutdown", "server.Server.Shutdown"),
        ("server.Shutdown", "server.Server.Shutdown"),
        ("server/server.go:Shutdown", "server.Server.Shutdown"),
        ("example.com/m/client.Shutdown", "client.Shutdown"),
        ("client.Server.Shutdown", ""),
        ("other/client.go:Shutdown", ""),
        ("example.com/m.run", "main.run"),
        ("Data.Tree.Node.t", "Tree.Node.t"),
        ("Tree.t", "Tree.Node.t"),
        ("Node.t", "Tree.Node.t"),
        ("Tree.( + )", "Tree.(+)"),
        ("nothing", ""),
    ],
)
def test_what_a_name_means(written: str, names: str):
    name = parse(written)
    assert name
    assert " ".join(symbol.name for symbol in best(name, SYMBOLS)) == names
