"""Go remedies where no language server answers: from the sources and `go doc` alone, in the real sandbox."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from mistakes import write

from containers.docker import session_user
from lang.analysis import AnalysisUnavailable, Bench, Place, Symbol
from lang.base import Diagnostic, Project
from lang.go import Go
from lang.go.remedies import remedy
from tools.bench import ContainerBench

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = {
    "app/go.mod": "module example.com/shop\n\ngo 1.27\n\nrequire example.com/router/v5 v5.1.0\n",
    "app/shop.go": """\
package shop

import (
	"net/http"
	text "strings"

	"example.com/shop/store"
)

type Shop struct {
	*store.Store
	name string
}

func (s *Shop) Name() string { return s.name }

var items = store.New(1)

func use(s *Shop, r *http.Request) {
	items.Get("tea")
	text.Contain("", "")
	err := items.Find("tea")
	_ = err != nil
	counter.Add(1)
}
""",
    "app/store/store.go": """\
// Package store keeps items.
package store

// Store keeps items.
type Store struct{ count int }

// New returns a store with room.
func New(room int) *Store { return &Store{count: room} }

// Find says where an item is. It may take long.
func (s *Store) Find(name string) (int, bool) { return 0, name == "" }

// Keeper is what keeps.
type Keeper interface {
	Closer
	// Keep keeps.
	Keep(name string) error
}

// Closer closes.
type Closer interface{ Close() error }
""",
}
PROJECT = Project(language="go", root="app")


class Absent:
    """Symbols of a server that isn't there."""

    async def members(self, place: Place) -> tuple[Symbol, ...]:
        raise AnalysisUnavailable("none")

    async def describe(self, place: Place) -> Symbol | None:
        raise AnalysisUnavailable("none")

    async def find(self, name: str) -> tuple[Symbol, ...]:
        raise AnalysisUnavailable("none")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    start = request.getfixturevalue("start_bubblewrap")
    workspace: Path = tmp_path_factory.mktemp("remedies")
    os.chown(workspace, *session_user())
    write(workspace, FILES)
    async with await start(workspace) as container:
        yield ContainerBench(container=container, language=Go())


@pytest.mark.parametrize(
    ("message", "line", "told"),
    [
        (
            "items.Get undefined (type *store.Store has no field or method Get)",
            20,
            "Find(name string) (int, bool) — says where an item is.",
        ),
        ("s.Nam undefined (type *Shop has no field or method Nam)", 20, "Name() string"),
        ("undefined: text.Contain", 21, "Contains(s, substr string) bool — reports whether substr is within s."),
        ("undefined: store.NewStore", 17, "New(room int) *store.Store — returns a store with room."),
        ("undefined: itms", 17, "items = store.New(1)"),
        ("undefined: counter", 24, "No package counter in the standard library"),
        ("undefined: Store", 17, "store.Store"),
        ("unknown field nam in struct literal of type Shop", 17, "name string"),
        ("unknown field size in struct literal of type store.Store", 17, "New(room int) *store.Store"),
        ("not enough arguments in call to store.New\n\thave ()\n\twant (int)", 17, "store.New(room int) *store.Store"),
        ("assignment mismatch: 1 variable but items.Find returns 2 values", 22, "Find(name string) (int, bool)"),
        ("invalid operation: err != nil (mismatched types bool and untyped nil)", 23, "err is from items.Find(name"),
        (
            "cannot use s (variable of type *Shop) as store.Keeper value in argument to f: *Shop does not implement "
            "store.Keeper (missing method Close)",
            20,
            "Keep(name string) error — keeps.",
        ),
        (
            "cannot use f (value of type func(w http.ResponseWriter, r *http.Request)) as http.Handler value in "
            "argument to g: func(w http.ResponseWriter, r *http.Request) does not implement http.Handler "
            "(missing method ServeHTTP)",
            20,
            "http.HandlerFunc(f) makes a http.Handler of it",
        ),
        ("package shop/store is not in std (/usr/lib/go/src/shop/store)", 7, 'import "example.com/shop/store"'),
        ("package json is not in std (/usr/lib/go/src/json)", 7, "The standard library has encoding/json"),
        ("no required module provides package example.com/router; to add it:", 7, 'import "example.com/router/v5"'),
        ("no required module provides package example.com/shop/cart; to add it:", 7, "example.com/shop/store"),
        ("no required module provides package example.org/other; to add it:", 7, "add_dependency example.org/other"),
        ("import cycle not allowed", 7, "move what both need"),
        ("s.x undefined (type []int has no field or method x)", 20, "append(s, v)"),
    ],
)
async def test_without_a_server(bench: Bench, message: str, line: int, told: str) -> None:
    diagnostic = Diagnostic(
        path="app/shop.go", line=line, column=1, severity="error", message=message, source="go build"
    )
    answer = await remedy(diagnostic, Absent(), bench, PROJECT)
    assert told in answer
    assert len(answer) <= 600


@pytest.mark.parametrize(
    "message", ["", "undefined: ", "undefined: \x00.y", "(type  has no field or method x", "\n" * 99]
)
async def test_garbage_has_no_remedy_and_raises_nothing(bench: Bench, message: str) -> None:
    diagnostic = Diagnostic(path="no/where.go", line=9999, column=0, severity="error", message=message, source="x")
    assert await remedy(diagnostic, Absent(), bench, PROJECT) == ""
