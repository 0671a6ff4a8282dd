"""Whatever compilers, test runners and documentation tools print, no parser of it raises, hangs or gives nonsense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fuzzing import explained, fuzz, texts
from hypothesis import strategies as st

from agent.hosts import parse_pattern
from lang.analysis import Place
from lang.base import BuildReport, Documentation, Language, Project, StepOutput, Survey, TestReport
from lang.go import Go, messages, printed
from lang.go import exports as go_exports
from lang.names import parse as parse_name
from lang.ocaml import OCaml, installing, sexp, signature, trace
from lang.ocaml.frames import Own
from lang.registries import registry
from tools.blocks import BlockError, parse_blocks
from tools.edits import Edit, EditFailed, apply_edits
from tools.hunks import apply_hunks
from tools.patches import PatchError, Updated, parse_patch

DATA = Path(__file__).parents[1] / "data"


def recorded(name: str) -> list[str]:
    """What the real tools printed."""
    rows: list[Any] = []
    for path in sorted((DATA / name).glob("*/output.json")):
        rows += json.loads(path.read_text(encoding="utf-8"))
    return ["\n".join([*row["stdout"], *row["stderr"]]) for row in rows]


LANGUAGES: dict[str, Language] = {"go": Go(), "ocaml": OCaml()}
every_language = pytest.mark.parametrize("name", LANGUAGES)


@every_language
def test_output_of_the_tools(request: pytest.FixtureRequest, name: str) -> None:
    language = LANGUAGES[name]

    def check(given: tuple[str, int, bool]) -> None:
        text, code, aside = given
        output = StepOutput(exit_code=code, stdout="" if aside else text, stderr=text if aside or code else "")
        project = Project(language=name, root="services/api" if aside else ".")
        for report in (language.parse_build(project, output), language.parse_vet(project, output)):
            assert isinstance(report, BuildReport)
            assert all(isinstance(one.line, int) and one.line >= 0 for one in report.diagnostics)
            assert report.ok or report.diagnostics or report.note
        tests = language.parse_test(project, output)
        assert isinstance(tests, TestReport)
        assert isinstance(language.parse_survey(project, output), Survey)
        assert isinstance(language.parse_survey(None, output), Survey)
        language.parse_scope(project, ["a/b.go", "bin/a.ml"], output)
        assert isinstance(language.parse_documentation("x.Y", output), Documentation)

    values = st.tuples(texts(recorded(name)), st.sampled_from([0, 1, 2, 139]), st.booleans())
    fuzz(request, values, check, inputs=500)


@every_language
def test_sources(request: pytest.FixtureRequest, name: str) -> None:
    language = LANGUAGES[name]
    path = {"go": "a.go", "ocaml": "a.ml"}[name]
    seeds = [file.read_text() for file in sorted((DATA / name).glob("*/input.txtar"))]

    def check(text: str) -> None:
        spans = language.tokens(path, text)
        assert all(0 <= start < end <= len(text) for start, end in spans)
        for symbol in language.outline(path, text):
            assert symbol.name
        assert all(isinstance(place, Place) for place in language.mentions(path, text, "main"))

    fuzz(request, texts(seeds), check, inputs=150)


def test_pages_of_go(request: pytest.FixtureRequest) -> None:
    def check(text: str) -> None:
        printed.read(text)
        go_exports.brief("a/b", "a", text)
        go_exports.told(text)
        messages.unwrapped(text)
        messages.folded(text)
        messages.clipped(text)

    pages = [text for text in recorded("go") if "func " in text]
    fuzz(request, texts(pages), check, inputs=300)


def test_pages_of_ocaml(request: pytest.FixtureRequest) -> None:
    events = '{"cat":"process","name":"start","ts":1.5,"args":{"process_args":["a"],"pid":3,"targets":["_build/x"]}}\n'
    own = Own(project=Project(language="ocaml", root="."), packages=("lib",))

    def check(text: str) -> None:
        sexp.parse(text)
        signature.parse(text)
        trace.read(text.splitlines())
        installing.parse(StepOutput(exit_code=0, stdout=text, stderr=""))
        own.trimmed(text)
        own.place(text)
        parse_name(text)

    fuzz(request, texts([*recorded("ocaml"), events * 3, '(lang dune 3.17)\n(name "x")\n']), check, inputs=400)


def test_hosts_and_addresses(request: pytest.FixtureRequest) -> None:
    def check(text: str) -> None:
        try:
            pattern = parse_pattern(text)
        except ValueError as error:
            explained(error)
        else:
            assert parse_pattern(str(pattern)) == pattern
            pattern.covers(pattern.host, 443)
        found = registry(text)
        assert found is None or (found.host and 0 < found.port < 1 << 16)

    seeds = ["*.example.com:8443", "[2001:db8::1]:80", "1.2.3.4", "http://u:p@example.org:3128/x", "git+https://é.fr"]
    fuzz(request, st.one_of(texts(seeds), st.text(max_size=80)), check, inputs=600)


PATCH = (
    "*** Begin Patch\n*** Update File: a/b.go\n@@ func main() {\n \tx := 1\n-\ty := 2\n+\ty := 3\n"
    "*** Add File: c.txt\n+hello\n*** Delete File: d.txt\n*** End Patch\n"
)
BLOCKS = "a/b.go\n<<<<<<< SEARCH\n\tx := 1\n=======\n\tx := 2\n>>>>>>> REPLACE\n"
FILE = "package main\n\nfunc main() {\n\tx := 1\n\ty := 2\n\t_ = x\n}\n"


def test_patches(request: pytest.FixtureRequest) -> None:
    go = LANGUAGES["go"]

    def check(text: str) -> None:
        try:
            patches = parse_patch(text)
        except PatchError as error:
            explained(error)
            return
        for patch in patches:
            if isinstance(patch, Updated):
                try:
                    apply_hunks(FILE, patch.hunks, lambda part: go.tokens("a.go", part))
                except EditFailed as error:
                    explained(error)

    fuzz(
        request,
        texts([PATCH, PATCH.replace("***", "---"), "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"]),
        check,
        inputs=500,
    )


def test_blocks_and_edits(request: pytest.FixtureRequest) -> None:
    def check(given: tuple[str, str]) -> None:
        text, file = given
        try:
            blocks = parse_blocks(text)
        except BlockError as error:
            explained(error)
            return
        for block in blocks:
            try:
                apply_edits(file, [block.edit, Edit(old="x", new=text)])
            except EditFailed as error:
                explained(error)

    fuzz(request, st.tuples(texts([BLOCKS, BLOCKS * 3]), texts([FILE])), check, inputs=400)
