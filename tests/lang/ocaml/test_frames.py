"""Which places in a test's output are the project's own."""

from __future__ import annotations

import pytest

from lang.base import Project
from lang.ocaml.frames import Own

OWN = Own(project=Project(language="ocaml", root="."), packages=frozenset({".", "lib", "test"}))
TRACE = """\
[exception] Not_found
Raised at Stdlib__List.assoc in file "list.ml", line 193, characters 10-25
Called from Shop.price in file "lib/shop.ml", line 2, characters 23-47
Re-raised at Stdlib__Fun.protect in file "fun.ml", line 34, characters 8-15
Called from unknown location
Called from Dune__exe__Test_shop.(fun) in file "test/test_shop.ml", lines 3-4, characters 10-27
Called from Alcotest_engine__Core.Make.protect_test.(fun) in file "src/alcotest-engine/core.ml", line 186"""


def test_frames_of_the_standard_library_and_of_runners_are_left_out() -> None:
    assert OWN.trimmed(TRACE).splitlines() == [
        "[exception] Not_found",
        'Called from Shop.price in file "lib/shop.ml", line 2, characters 23-47',
        'Called from Dune__exe__Test_shop.(fun) in file "test/test_shop.ml", lines 3-4, characters 10-27',
    ]


def test_a_trace_without_own_frames_stays() -> None:
    trace = 'Raised at Stdlib.failwith in file "stdlib.ml", line 29, characters 17-33'
    assert OWN.trimmed(trace) == trace
    assert OWN.place(trace) == ("", 0)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (TRACE, ("lib/shop.ml", 2)),
        ('Fatal error: exception Assert_failure("test/t.ml", 3, 2)', ("test/t.ml", 3)),
        ('File "test/test_shop.ml", line 2, character 2:', ("test/test_shop.ml", 2)),
        ('File "test/greet.t", line 1, characters 0-0:', ("test/greet.t", 1)),
        ('File "test/dune", line 1, characters 12-21:', ("", 0)),
        ('Called from Main.run in file "elsewhere/main.ml", line 1, characters 0-1', ("", 0)),
        ('Raised at M.f in file "/usr/lib/ocaml/m.ml", line 1, characters 0-1', ("", 0)),
    ],
)
def test_the_first_own_place_is_told(text: str, place: tuple[str, int]) -> None:
    assert OWN.place(text) == place


def test_places_are_the_workspaces_in_a_project_below_it() -> None:
    own = Own(project=Project(language="ocaml", root="ml"), packages=frozenset({"ml/lib"}))
    assert own.place('Called from Shop.f in file "lib/shop.ml", line 7, characters 0-1') == ("ml/lib/shop.ml", 7)
