"""What a Go finding's remedy says by itself: without a language server, from the sources and `go doc` alone."""

from __future__ import annotations

import re

import pytest

from lang.analysis import Symbol
from lang.go.remedies import plain
from lang.go.remedies.declarations import Declaration, read_package
from lang.go.remedies.nearness import likeness, listing, nearest, useful
from lang.go.remedies.question import declared, package_name

RATE = """\
package rate // import "golang.org/x/time/rate"

Package rate provides a rate limiter.

CONSTANTS

const Inf = Limit(math.MaxFloat64)
    Inf is the infinite rate limit; it allows all events.

TYPES

type Limit float64
    Limit defines the maximum frequency of some events.

type Limiter struct {
	// Has unexported fields.
}
    A Limiter controls how frequently events are allowed to happen. It is safe
    for use by several goroutines.

func NewLimiter(r Limit, b int) *Limiter
    NewLimiter returns a new Limiter that allows events up to rate r.

func (lim *Limiter) AllowN(t time.Time, n int) bool
    AllowN reports whether n events may happen at time t. Use this method if
    you intend to drop events.

func (r *Ring[T]) Each(
	do func(T) error,
) error

type Options struct {
	io.Reader

	// Name is what it is called.
	Name, Title string
	Size int `json:"size"` // in bytes
}
"""


def test_a_package_is_read_from_its_documentation() -> None:
    package = read_package("rate", RATE)
    told = {(one.owner, one.name): one.line for one in package.declarations}
    assert told["", "NewLimiter"] == (
        "NewLimiter(r Limit, b int) *Limiter — returns a new Limiter that allows events up to rate r."
    )
    assert told["Limiter", "AllowN"] == (
        "AllowN(t time.Time, n int) bool — reports whether n events may happen at time t."
    )
    assert told["Ring", "Each"] == "Each( do func(T) error, ) error"
    assert told["Options", "Title"] == "Title string — Name is what it is called."
    assert told["Options", "Size"] == "Size int — in bytes"
    assert told["", "Inf"].startswith("Inf = Limit(math.MaxFloat64)")
    assert package.embedded == (("Options", "io.Reader"),)


def test_garbage_is_no_package() -> None:
    assert not read_package("x", "doc: no such package\n\x00\n\t)\n}").declarations


@pytest.mark.parametrize(
    ("wanted", "names", "first"),
    [
        ("Contain", ["Compare", "Contains", "Count"], "Contains"),
        ("NewRequestContext", ["NewRequest", "NewRequestWithContext", "NewServeMux"], "NewRequestWithContext"),
        ("UnixMilliseconds", ["Unix", "UnixMilli", "Minute"], "UnixMilli"),
        ("Timeout", ["Addr", "ReadTimeout", "Handler"], "ReadTimeout"),
        ("QueryParams", ["Query", "RawQuery", "Parse"], "Query"),
    ],
)
def test_the_likeliest_name_is_among_the_near_ones(wanted: str, names: list[str], first: str) -> None:
    package = read_package("x", "".join(f"func {name}()\n" for name in names))
    assert first in [one.name for one in nearest(wanted, package.declarations)]


def test_likeness_is_of_letters_words_and_beginnings() -> None:
    assert likeness("UnMarshal", "Unmarshal") == 1
    assert likeness("AllowAt", "AllowN") > likeness("AllowAt", "WaitN")
    assert 0 <= likeness("", "A") < 0.1


def test_a_listing_stays_within_its_room() -> None:
    package = read_package("x", "".join(f"func Name{n}(parameter string) error\n    Does it.\n" for n in range(99)))
    told = listing("x has", package.declarations[:4], package.declarations)
    assert len(told) <= 500
    assert told.splitlines()[1] == "  Name0(parameter string) error — Does it."
    assert told.endswith("…")
    assert not listing("x has", (), ())


def test_every_plain_remark_names_only_what_its_pattern_found() -> None:
    for pattern, text in plain.TABLE:
        groups = set(re.compile(pattern).groupindex)
        assert set(re.findall(r"\{(\w+)\}", text)) <= groups, pattern


def test_braces_in_a_remark_stay() -> None:
    assert "for condition { … }" in plain.remark("syntax error: unexpected name n at end of statement")
    assert "Item is no pointer: return its zero value, Item{} for" in plain.remark(
        "cannot use nil as Item value in return statement"
    )
    assert not plain.remark("something else")


@pytest.mark.parametrize(
    ("symbol", "signature"),
    [
        (
            Symbol(name="strings.Split", kind="func", signature="func strings.Split(s string) []string"),
            "Split(s string) []string",
        ),
        (Symbol(name="T.Get", kind="method", signature="func (t *T) Get(k int) int"), "Get(k int) int"),
        (Symbol(name="Len", kind="method", signature="func() int"), "Len() int"),
        (Symbol(name="T.Size", kind="field", signature="field Size int"), "field Size int"),
        (Symbol(name="Size", kind="field", signature="int"), "Size int"),
        (Symbol(name="Map", kind="func", signature="func Map[T any](all []T)"), "Map[T any](all []T)"),
    ],
)
def test_a_symbol_of_the_server_reads_as_a_declaration(symbol: Symbol, signature: str) -> None:
    assert declared(symbol).signature == signature


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("net/http", "http"),
        ("github.com/go-chi/chi/v5", "chi"),
        ("gopkg.in/yaml.v3", "yaml"),
        ("github.com/mattn/go-sqlite3", "sqlite3"),
    ],
)
def test_package_names_follow_from_paths(path: str, name: str) -> None:
    assert package_name(path) == name


def test_of_generated_messages_fields_and_getters_are_told_with_types() -> None:
    methods = ("ProtoReflect() protoreflect.Message", "Descriptor() ([]byte, []int)", "ProtoMessage()", "Reset()")
    read = [
        *(Declaration(name=text.partition("(")[0], kind="method", signature=text) for text in methods),
        Declaration(name="String", kind="method", signature="String() string"),
        Declaration(name="GetValue", kind="method", signature="GetValue() float64"),
        Declaration(name="Value", kind="field", signature="Value *float64"),
    ]
    assert [one.name for one in useful(read)] == ["Value", "GetValue"]
    assert listing("Gauge has", (), useful(read)).splitlines() == [
        "Gauge has",
        "  Value *float64",
        "  GetValue() float64",
    ]
    plain = [one for one in read if not one.name.startswith("Proto")]
    assert useful(plain) == plain


def test_beside_near_members_others_have_their_types_where_there_is_room() -> None:
    near = Declaration(name="Start", kind="method", signature="Start() error")
    other = Declaration(name="Stop", kind="method", signature="Stop() error")
    assert listing("Clock has", (near,), (near, other)).splitlines() == [
        "Clock has",
        "  Start() error",
        "  Stop() error",
    ]
