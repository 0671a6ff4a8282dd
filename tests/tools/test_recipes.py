"""How a repository says that it is built and tested."""

from __future__ import annotations

from tools.recipes import is_recipe, recipes

MAKEFILE = """\
VERSION := 1
.PHONY: all test
all: build test

build: ## Builds it
\t@go build ./...
test: build
\tgo vet ./...
\tgo test -race ./...
release:
\tgoreleaser
"""
WORKFLOW = """\
jobs:
  test:
    steps:
      - uses: actions/checkout@v4
      - run: dune build @fmt
      - name: Test
        run: |
          opam install . --deps-only
          dune runtest
          echo "test ${{ matrix.os }}"
"""


def test_targets_and_what_the_telling_ones_run() -> None:
    assert recipes({"Makefile": MAKEFILE}) == (
        "Makefile targets: all build test release",
        "  make build: go build ./...",
        "  make test: go test -race ./...",
    )


def test_scripts_are_left_out_and_options_keep_their_dashes() -> None:
    text = "generate:\n\tdocker run \\\n\t  --rm x\ntest:\n\t@-dune test --force\nlint:\n\t" + "x" * 200 + "\n"
    assert recipes({"Makefile": text}) == ("Makefile targets: generate test lint", "  make test: dune test --force")


def test_what_ci_runs() -> None:
    assert recipes({".github/workflows/ci.yml": WORKFLOW}) == ("CI runs: dune build @fmt; dune runtest",)


def test_recipes_by_path() -> None:
    assert [
        path for path in ("Makefile", "justfile", ".github/workflows/a.yaml", "docs/Makefile") if is_recipe(path)
    ] == [
        "Makefile",
        "justfile",
        ".github/workflows/a.yaml",
    ]


def test_any_text_is_read() -> None:
    assert recipes({"Makefile": "\0\t:\n:::\n", ".gitlab-ci.yml": "run: |\n"}) == ()
