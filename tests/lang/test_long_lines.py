"""No parser needs more than time in proportion to the output: a minified file in a test's output is one long line."""

from __future__ import annotations

import time

import pytest

from lang.base import Language, Project, StepOutput
from lang.go import Go
from lang.ocaml import OCaml

LENGTH = 200_000
BEGINNINGS = ("", "  [OK] ", "│ [FAIL] a", "> [FAIL]", 'File "', "goroutine 1 [", "--- FAIL: ", "a.go:1: ", "/")
PIECES = ("x", " ", "\t", "\n", "1 ", "/", '"', "a  ", "Dune__exe", "Error (", "Error 1", "\x1b[", "{", "a.go:1: ")


def parse(language: Language, text: str) -> None:
    project = Project(language=language.name, root=".")
    for output in (StepOutput(exit_code=1, stdout=text, stderr=""), StepOutput(exit_code=1, stdout="", stderr=text)):
        language.parse_build(project, output)
        language.parse_vet(project, output)
        language.parse_test(project, output)
        language.parse_documentation("x.Y", output)


@pytest.mark.parametrize("language", [Go(), OCaml()], ids=["go", "ocaml"])
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_long_line_takes_no_time(language: Language, beginning: str) -> None:
    slow: dict[str, float] = {}
    for piece in PIECES:
        started = time.process_time()
        parse(language, beginning + piece * (LENGTH // len(piece)) + "\n")
        if (took := time.process_time() - started) > 3:
            slow[piece] = took
    assert not slow
