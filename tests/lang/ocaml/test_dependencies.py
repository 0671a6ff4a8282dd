"""Writing a dependency down: which file and stanza gets it, with comments and layout as they were."""

from __future__ import annotations

from lang.base import Project
from lang.ocaml import OCaml
from lang.ocaml.libraries import cleaned, library, near, opam_package, same
from lang.ocaml.recording import record

TOP = Project(language="ocaml", root=".")


def recorded(name: str, files: dict[str, str], version: str | None = None) -> dict[str, str]:
    return {edit.path: edit.content for edit in record(TOP, library(name), version, files)}


def edited(name: str, dune: str) -> str:
    return recorded(name, {"dune": dune}).get("dune", dune)


def test_library_joins_the_others_on_their_line() -> None:
    assert edited("yojson", "(library (name a) (libraries fmt re))") == "(library (name a) (libraries fmt re yojson))"


def test_library_gets_a_line_where_the_others_have_one() -> None:
    before = "(library\n (name a) ; the name\n (libraries\n  fmt ; printing\n  re ; matching\n ))\n"
    after = "(library\n (name a) ; the name\n (libraries\n  fmt ; printing\n  re ; matching\n  yojson\n ))\n"
    assert edited("yojson", before) == after


def test_field_is_made_where_there_is_none() -> None:
    assert edited("yojson", "(library\n (name a))\n") == "(library\n (name a)\n (libraries yojson))\n"
    assert edited("yojson", "(library (name a) (libraries))") == "(library (name a) (libraries yojson))"


def test_what_is_there_stays_as_it_is() -> None:
    for dune in ("(library (name a) (libraries yojson))", "(library (name a) (libraries (re_export yojson)))"):
        assert recorded("yojson", {"dune": dune}) == {}


def test_test_framework_goes_to_test_stanzas_only() -> None:
    before = "(library (name a))\n#| old |# (test (name t) (libraries a))\n(tests (names x))\n"
    after = (
        "(library (name a))\n#| old |# (test (name t) (libraries a alcotest))\n(tests (names x) (libraries alcotest))\n"
    )
    assert edited("alcotest", before) == after


def test_ounit_is_called_ounit2() -> None:
    assert edited("ounit", "(test (name t))") == "(test (name t) (libraries ounit2))"


def test_programs_get_it_where_there_is_no_library() -> None:
    files = {"bin/dune": "(executable (name main))", "test/dune": "(test (name t))"}
    assert recorded("yojson", files) == {"bin/dune": "(executable (name main) (libraries yojson))"}


def test_every_library_gets_it_and_programs_do_not() -> None:
    files = {"a/dune": "(library (name a))", "b/dune": "(library (name b))", "bin/dune": "(executable (name m))"}
    assert set(recorded("fmt", files)) == {"a/dune", "b/dune"}


def test_preprocessor_becomes_a_preprocessor() -> None:
    assert edited("ppx_deriving", "(library (name a))") == "(library (name a) (preprocess (pps ppx_deriving.std)))"
    assert edited("ppx_expect", "(library (name a) (preprocess (pps x)))") == (
        "(library (name a) (preprocess (pps x ppx_expect)) (inline_tests))"
    )


def test_tool_goes_to_no_stanza() -> None:
    files = {"dune": "(library (name a))", "dune-project": "(lang dune 3.17)\n(package (name a))\n"}
    assert recorded("menhir", files) == {"dune-project": "(lang dune 3.17)\n(package (name a) (depends menhir))\n"}


def test_project_file_gets_the_package() -> None:
    before = (
        "(lang dune 3.17)\n(generate_opam_files true)\n(package\n (name a)\n (depends\n  ocaml\n  (dune (>= 3.0))))\n"
    )
    after = before.replace("(dune (>= 3.0))", "(dune (>= 3.0))\n  lwt")
    assert recorded("lwt.unix", {"dune-project": before, "a.opam": "depends: []\n"}) == {"dune-project": after}
    assert recorded("lwt", {"dune-project": after}) == {}


def test_version_and_purpose_are_written() -> None:
    project = {"dune-project": "(lang dune 3.17)\n(package (name a) (depends ocaml))\n"}
    assert "(depends ocaml (yojson (>= 3.0)))" in recorded("yojson", project, "3.0")["dune-project"]
    assert "(alcotest :with-test)" in recorded("alcotest", project)["dune-project"]
    assert "(alcotest (and :with-test (>= 1.8)))" in recorded("alcotest", project, "1.8")["dune-project"]


def test_opam_file_gets_it_where_the_project_file_has_no_package() -> None:
    opam = 'opam-version: "2.0"\ndepends: [\n  "ocaml" {>= "4.14"}\n]\nbuild: []\n'
    found = recorded("alcotest", {"dune-project": "(lang dune 3.17)\n", "a.opam": opam}, "1.8")
    assert found == {"a.opam": opam.replace("\n]", '\n  "alcotest" {with-test & >= "1.8"}\n]')}
    assert recorded("ocaml", {"a.opam": opam}) == {}
    assert recorded("fmt", {"a.opam": 'depends: ["ocaml"]\n'}) == {"a.opam": 'depends: ["ocaml" "fmt" ]\n'}
    assert recorded("fmt", {"a.opam": 'opam-version: "2.0"\n'}) == {
        "a.opam": 'opam-version: "2.0"\ndepends: [\n  "fmt"\n]\n'
    }


def test_malformed_files_are_left_alone() -> None:
    broken = {
        "dune": "(library (name a)",
        "dune-project": "(package (name a)))",
        "a.opam": 'depends: [ "x"',
        "b/dune": '(* -*- tuareg -*- *) let () = Jbuild_plugin.V1.send {| "( |}',
    }
    assert recorded("fmt", broken) == {}


def test_strings_and_comments_hide_parentheses() -> None:
    dune = '(rule (action (echo "a ) \\" b"))) ; )\n(library (name a)) #| ( |#\n'
    assert edited("fmt", dune) == dune.replace("(name a)", "(name a) (libraries fmt)")


def test_only_the_projects_own_build_files_are_asked_for() -> None:
    project = Project(language="ocaml", root="ml")
    paths = [
        "ml/dune-project",
        "ml/lib/dune",
        "ml/a.opam",
        "dune-project",
        "ml/_build/default/dune",
        "ml/vendor/x/dune",
    ]
    assert OCaml().build_files(project, paths) == ("ml/a.opam", "ml/dune-project", "ml/lib/dune")


def test_a_library_that_a_stanza_names_already_goes_into_no_other() -> None:
    files = {
        "dune-project": "(lang dune 3.17)\n(package (name a) (depends ocaml))\n",
        "lib/dune": "(library (name a))\n",
        "lib_lwt/dune": "(library (name a_lwt) (libraries a lwt.unix))\n",
    }
    assert recorded("lwt", files) == {"dune-project": "(lang dune 3.17)\n(package (name a) (depends ocaml lwt))\n"}


def test_what_the_compiler_brings_needs_no_package() -> None:
    files = {"dune": "(library (name a))", "dune-project": "(lang dune 3.17)\n(package (name a))\n"}
    assert recorded("str", files) == {"dune": "(library (name a) (libraries str))"}
    assert recorded("threads", files) == {"dune": "(library (name a) (libraries threads.posix))"}


def test_a_package_called_otherwise_than_its_library() -> None:
    files = {"dune": "(library (name a))", "dune-project": "(lang dune 3.17)\n(package (name a))\n"}
    assert recorded("curl", files) == {
        "dune": "(library (name a) (libraries curl))",
        "dune-project": "(lang dune 3.17)\n(package (name a) (depends ocurl))\n",
    }
    assert (library("ocurl"), opam_package("curl"), opam_package("lwt.unix")) == ("curl", "ocurl", "lwt")


def test_loose_names() -> None:
    installed = ["re", "re.pcre", "lwt", "yojson", "ppx_deriving", "ounit2", "cmdliner"]
    assert (same("ocaml-re", installed), same("Lwt", installed), same("ppx-deriving", installed)) == (
        "re",
        "lwt",
        "ppx_deriving",
    )
    assert same("xyz", installed) == ""
    assert near("yjson", installed) == ["yojson"]
    assert near("cmdline", installed) == ["cmdliner"]


def test_a_models_proposals_are_freed_of_prose() -> None:
    assert cleaned(["1. `yojson`", "- ezjsonm", "I would take jsonm", "yojson"]) == ("yojson", "ezjsonm")
