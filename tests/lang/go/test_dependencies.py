"""What names may mean, what the go command's complaints amount to, what of a package is worth showing."""

from __future__ import annotations

import json

import pytest

from lang.dependencies import Failure
from lang.go.candidates import (
    called,
    cleaned,
    imitated,
    import_path,
    majors,
    near,
    prefixes,
    required,
    tidy_version,
    vulnerabilities,
)
from lang.go.exports import brief
from lang.go.failures import failure, kind_of
from lang.go.known import known, paths


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("github.com/andybalholm/brotli", ("github.com/andybalholm/brotli", "")),
        ("github.com/andybalholm/brotli@v1.1.0", ("github.com/andybalholm/brotli", "v1.1.0")),
        (" https://github.com/andybalholm/brotli.git ", ("github.com/andybalholm/brotli", "")),
        ("`golang.org/x/sync/errgroup/`", ("golang.org/x/sync/errgroup", "")),
    ],
)
def test_import_paths(name: str, found: tuple[str, str]) -> None:
    assert import_path(name) == found


def test_versions() -> None:
    assert [tidy_version(version) for version in ("1.2", "v1.2.0", "latest", "")] == ["v1.2", "v1.2.0", "latest", ""]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("brotli", "github.com/andybalholm/brotli"),
        ("go-redis", "github.com/redis/go-redis/v9"),
        ("gorilla/mux", "github.com/gorilla/mux"),
        ("go-chi/chi", "github.com/go-chi/chi/v5"),
        ("testify/suite", "github.com/stretchr/testify/suite"),
        ("pgx/v5/pgxpool", "github.com/jackc/pgx/v5/pgxpool"),
        ("x/sync/errgroup", "golang.org/x/sync/errgroup"),
        ("ERRGROUP", "golang.org/x/sync/errgroup"),
    ],
)
def test_known_names(name: str, path: str) -> None:
    assert known(name)[0] == path


def test_the_table_holds_import_paths_only() -> None:
    assert known("nothing-of-that-name") == ()
    assert all("." in path.partition("/")[0] and "~" not in path for path in paths())


def test_modules_of_a_go_mod() -> None:
    text = (
        "module example.com/m\n\ngo 1.22\n\ntoolchain go1.22.1\n\nrequire example.org/a v1.0.0 // indirect\n"
        "require (\n\tgithub.com/go-chi/chi/v5 v5.0.1\n\tgopkg.in/yaml.v3 v3.0.1 // indirect\n)\n"
        "replace example.org/b v1.0.0 => ../b\nexclude (\n\texample.org/c v1.2.3\n)\n"
    )
    found = required(text)
    assert found == {"example.org/a": "v1.0.0", "github.com/go-chi/chi/v5": "v5.0.1", "gopkg.in/yaml.v3": "v3.0.1"}
    assert called("chi", found) == ("github.com/go-chi/chi/v5",)
    assert called("go-chi/chi", found) == ("github.com/go-chi/chi/v5",)
    assert called("yaml", found) == ("gopkg.in/yaml.v3",)
    assert called("b", found) == ()


def test_where_a_package_may_lie() -> None:
    assert prefixes("github.com/a/b/c") == ("github.com/a/b/c", "github.com/a/b")
    assert prefixes("go.uber.org/zap") == ("go.uber.org/zap",)
    assert majors("example.org/a", 2) == ("example.org/a/v2", "example.org/a/v3")
    assert majors("example.org/a/v4", 2) == ("example.org/a/v5", "example.org/a/v6")
    assert majors("gopkg.in/yaml.v3") == ()


def test_lookalikes() -> None:
    assert imitated("github.com/andybalhom/brotli") == "github.com/andybalholm/brotli"
    assert imitated("github.com/spf13/cobra") == ""
    assert imitated("github.com/spf13/cobra/doc") == ""
    assert imitated("github.com/go-chi/render") == ""
    assert near("github.com/andybalhom/brotli")[0] == "github.com/andybalholm/brotli"


def test_proposals_are_freed_of_prose() -> None:
    said = ["1. `github.com/a/b`", "- https://github.com/c/d@v1.0.0", "I would take cobra", "github.com/a/b", "yaml"]
    assert cleaned(said) == ("github.com/a/b", "github.com/c/d")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("go: module a.b/c: module lookup disabled by GOPROXY=off", "network"),
        ('go: a.b/c: Get "https://p.example/a.b/c/@v/list": dial tcp: lookup p.example: no such host', "network"),
        ("go: a.b/c@v1.0.0: reading https://p.example/a.b/c/@v/v1.0.0.info: 404 Not Found", "unknown"),
        ("go: a.b/c: reading https://p.example/a.b/c/@v/list: 401 Unauthorized", "access"),
        ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", "access"),
        ("verifying a.b/c@v1.0.0: checksum mismatch\n\tdownloaded: h1:x\n\tgo.sum: h1:y\n\nSECURITY ERROR", "checksum"),
        ("go: a.b/c@v1.2.0 requires go >= 1.99 (running go 1.27.3; GOTOOLCHAIN=local)", "toolchain"),
        ("ambiguous import: found package a.b/c in multiple modules:", "conflict"),
        ("write /cache/x: no space left on device", "system"),
        ("something new", "failed"),
    ],
)
def test_kinds_of_failure(said: str, kind: Failure) -> None:
    assert kind_of(said) == kind
    told = failure(said, path="a.b/c", proxy="https://me:secret@p.example")
    assert told.kind == kind
    assert str(told)
    assert "secret" not in str(told)


def test_findings_of_other_modules_are_not_this_ones() -> None:
    findings = [
        {"finding": {"osv": "GO-1", "fixed_version": "v1.2.0", "trace": [{"module": "a.b/c"}]}},
        {"finding": {"osv": "GO-1", "fixed_version": "v1.2.0", "trace": [{"module": "a.b/c", "package": "a.b/c/d"}]}},
        {"finding": {"osv": "GO-2", "trace": [{"module": "a.b/c"}]}},
        {"finding": {"osv": "GO-3", "trace": [{"module": "stdlib"}]}},
    ]
    printed = "\n".join(json.dumps(each, indent=2) for each in findings)
    assert vulnerabilities(printed, "a.b/c") == ("GO-1 (mended in v1.2.0)", "GO-2 (not mended yet)")
    assert vulnerabilities('{"finding": ', "a.b/c") == ()


PAGE = """\
bactrian-doc: codec
package codec // import "example.org/codec"

Package codec reads and writes things. It is quick.

CONSTANTS

const (
	BestSpeed = 0
	Best      = 11
)

VARIABLES

var ErrShort = errors.New("short")

FUNCTIONS

func SetDebug(on bool)
    SetDebug is for us.

func Old()
    Old is old.

    Deprecated: use New.

TYPES

type Option func(*Codec)

func WithLevel(level int) Option

type Codec struct {
	// Level is how hard to try.
	Level int `json:"level"`
	// Has unexported fields.
}
    Codec is what it is about.

func New(options ...Option) *Codec

func (c *Codec) Run(data []byte) ([]byte, error)

func (c *Codec) String() string
bactrian-packages:
example.org/codec|codec|example.org/codec/wire|Package codec reads and writes things.
example.org/codec/wire|wire||Package wire is the format.
example.org/codec/rare|rare||
example.org/codec/internal/x|x||
example.org/codec/examples/one|one||
example.org/codec/cmd/codec|main||
"""


def test_the_essentials_of_a_package_come_first() -> None:
    assert brief("example.org/codec", "example.org/codec", PAGE).splitlines() == [
        "package codec: reads and writes things.",
        "Other packages: wire, rare",
        "type Codec struct { Level int }",
        "  func New(options ...Option) *Codec",
        "  func (c *Codec) Run(data []byte) ([]byte, error)",
        "type Option func(*Codec)",
        "  func WithLevel(level int) Option",
        "func SetDebug(on bool)",
        "Values: BestSpeed, Best, ErrShort.",
    ]


VECTORS = """\
bactrian-doc: metrics
package metrics // import "example.org/metrics"

Package metrics counts.

FUNCTIONS

func NewRarity() func() int

TYPES

type Labels map[string]string

type Opts struct {
	Name string
}

type CounterOpts Opts

type CounterVec struct {
	// Has unexported fields.
}

func MustNewCounterVec(
	opts CounterOpts,
	names ...string,
) *CounterVec
    MustNewCounterVec panics.

func NewCounterVec(opts CounterOpts, names []string) *CounterVec

func (v *CounterVec) Curry(labels Labels)

func (v *CounterVec) Delete(labels Labels)

func (v *CounterVec) Reset2()

func (v *CounterVec) With(labels Labels)

type GaugeVec struct {
	// Has unexported fields.
}

func NewGaugeVec(names []string) *GaugeVec

func (v *GaugeVec) Curry(labels Labels)

func (v *GaugeVec) Delete(labels Labels)

func (v *GaugeVec) Reset2()

func (v *GaugeVec) With(labels Labels)

type Kind int

func (k Kind) Int() int
bactrian-uses:
NewCounterVec 40
With 30
Labels 10
bactrian-packages:
example.org/metrics|metrics||
example.org/api|api||
example.org/metrics/testutil|testutil||
"""


def test_what_examples_use_comes_first_and_methods_of_look_alikes_once() -> None:
    assert brief("example.org/metrics", "example.org", VECTORS).splitlines() == [
        "package metrics: counts.",
        "Other packages: metrics/testutil, api",
        "type CounterOpts Opts",
        "type Opts struct { Name string }",
        "type CounterVec struct { … }",
        "  func NewCounterVec(opts CounterOpts, names []string) *CounterVec",
        "  func MustNewCounterVec(opts CounterOpts, names ...string) *CounterVec",
        "  func (v *CounterVec) With(labels Labels)",
        "  func (v *CounterVec) Curry(labels Labels)",
        "  func (v *CounterVec) Delete(labels Labels)",
        "  func (v *CounterVec) Reset2()",
        "type Labels map[string]string",
        "func NewRarity() func() int",
        "type GaugeVec struct { … }",
        "  func NewGaugeVec(names []string) *GaugeVec",
        "  methods as CounterVec's",
        "type Kind int",
        "  func (k Kind) Int() int",
    ]


def test_a_module_without_a_package_at_its_root_lists_those_it_has() -> None:
    _, _, listed = PAGE.partition("bactrian-packages:\n")
    printed = f"bactrian-doc: \nbactrian-packages:\n{listed}"
    assert brief("example.org/codec", "example.org/codec", printed).splitlines() == [
        "Its packages:",
        "example.org/codec/wire  format.",
        "example.org/codec/rare",
    ]


@pytest.mark.parametrize("printed", ["", "bactrian-doc:", "bactrian-doc: x\nTYPES\n\ntype", "garbage (\n{"])
def test_garbled_documentation_is_no_trouble(printed: str) -> None:
    assert brief("a.b/c", "a.b/c", printed) == ""
