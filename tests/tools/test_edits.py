from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lang.go import Go
from tools.edits import Edit, Edited, EditFailed, apply_edits
from tools.matching import matches

GO = "package a\n\nfunc f() {\n\tif x {\n\t\treturn 1\n\t}\n}\n"


def edited(text: str, old: str, new: str, *, replace_all: bool = False) -> str:
    return apply_edits(text, [Edit(old=old, new=new, replace_all=replace_all)]).text


def refusal(text: str, *edits: Edit) -> str:
    with pytest.raises(EditFailed) as caught:
        apply_edits(text, edits)
    return str(caught.value)


def test_exact_within_a_line():
    outcome = apply_edits(GO, [Edit(old="return 1", new="return 2")])
    assert outcome.text == GO.replace("1", "2")
    assert outcome.notes == ()


def test_edits_apply_in_order_each_to_what_the_one_before_left():
    outcome = apply_edits("a\n", [Edit(old="a", new="b"), Edit(old="b\n", new="c\nd\n")])
    assert outcome.text == "c\nd\n"


def test_replace_all_and_several_places():
    assert edited("x x\nx\n", "x", "yx", replace_all=True) == "yx yx\nyx\n"
    message = refusal("x\ny\nx\n", Edit(old="x", new="z"))
    assert "2 times, at lines 1, 3" in message
    assert "replace_all" in message


@pytest.mark.parametrize(
    ("text", "old", "new", "want"),
    [
        ("a  \nb\t\nc\n", "a\nb\n", "A\nB\n", "A\nB\nc\n"),
        ("a\nb\n", "a  \nb ", "A\nB", "A\nB\n"),
        ("a\nb", "a\nb\n", "A\nB\n", "A\nB"),
        ("a\r\nb\r\nc\r\n", "a\nb\n", "A\nB\nC\n", "A\r\nB\r\nC\r\nc\r\n"),
        ("a\r\nb\r\n", "a", "A\nAA", "A\r\nAA\r\nb\r\n"),
        ("a\nb\n", "a\r\nb\r\n", "A\r\nB\r\n", "A\nB\n"),
        ("a\r\nb\nc\n", "b\nc", "B\nC", "a\r\nB\nC\n"),
        ("a \r\nb\r\n", "a\nb", "A\nB", "A\r\nB\r\n"),
        ("one", "one", "two\nthree", "two\nthree"),
    ],
)
def test_line_ends_are_kept(text: str, old: str, new: str, want: str):
    assert edited(text, old, new) == want


@pytest.mark.parametrize(
    ("old", "new", "want"),
    [
        ("    if x {\n        return 1\n    }", "    if x {\n        return 2\n    }", "\tif x {\n\t\treturn 2\n\t}"),
        (
            "  if x {\n    return 1\n  }",
            "  if x {\n    for {\n      g()\n    }\n  }",
            "\tif x {\n\t\tfor {\n\t\t\tg()\n\t\t}\n\t}",
        ),
        (
            "if x {\n\treturn 1\n}",
            "if x {\n\tif y {\n\t\treturn 2\n\t}\n}",
            "\tif x {\n\t\tif y {\n\t\t\treturn 2\n\t\t}\n\t}",
        ),
        ("    if x {\n        return 1\n    }", "    g()\n\n    h()", "\tg()\n\n\th()"),
        ("            return 1\n        }", "            return 2\n        }\n    g()", "\t\treturn 2\n\t}\ng()"),
    ],
)
def test_indentation_is_carried_over(old: str, new: str, want: str):
    outcome = apply_edits(GO, [Edit(old=old, new=new)])
    before = "\tif x {\n\t\treturn 1\n\t}"
    assert outcome.text == GO.replace("\t\treturn 1\n\t}" if old.startswith("     ") else before, want)
    assert "indentation" in outcome.notes[0]


def test_tabs_become_the_spaces_of_the_file():
    ocaml = "let f x =\n  match x with\n  | A ->\n    1\n"
    assert edited(ocaml, "\tmatch x with\n\t| A ->\n\t\t1\n", "\tmatch x with\n\t| A ->\n\t\t2\n\t| B ->\n\t\t3\n") == (
        "let f x =\n  match x with\n  | A ->\n    2\n  | B ->\n    3\n"
    )


def test_an_indentation_that_stands_for_two_is_refused_and_shown():
    message = refusal(GO, Edit(old="if x {\nreturn 1\n}", new="if x {\nreturn 2\n}"))
    assert "lines 4-6" in message
    assert "     5\t\t\treturn 1" in message


def test_loose_matches_must_be_unique_too():
    text = "\tf()\n\tg()\n}\n\t\tf()\n\t\tg()\n"
    assert "2 times, at lines 1, 4" in refusal(text, Edit(old="f()\n  g()".replace("  ", ""), new="h()\nh()"))


def test_copied_line_numbers_are_left_out():
    outcome = apply_edits(
        GO, [Edit(old="     4\t\tif x {\n     5\t\t\treturn 1\n", new="     4\t\tif y {\n     5\t\t\treturn 1\n")]
    )
    assert outcome.text == GO.replace("if x", "if y")
    assert "line numbers" in outcome.notes[0]


def test_all_or_nothing_and_every_failure_is_told():
    message = refusal(GO, Edit(old="return 1", new="return 2"), Edit(old="nowhere", new="x"), Edit(old="", new="x"))
    assert message.startswith("edit 2: ")
    assert "edit 3: `old` is empty" in message


def test_nothing_to_change():
    assert "the same" in refusal(GO, Edit(old="if x {", new="if x {"))


def test_an_edit_made_before_is_recognised():
    assert "made already" in refusal(GO, Edit(old="if z {", new="if x {"))


def test_nearest_region_is_shown():
    text = "".join(f"line {number}\n" for number in range(50)) + "func (s *Server) Start() error {\n\treturn nil\n}\n"
    message = refusal(text, Edit(old="func (s *Server) Start(ctx context.Context) error {\n\treturn nil\n}", new="x"))
    assert "lines 51-53" in message
    assert "    51\tfunc (s *Server) Start() error {" in message


def test_nothing_alike():
    assert "nor anything like it" in refusal("aaa\nbbb\n", Edit(old="entirely different words", new="x"))
    assert "nor anything like it" in refusal("", Edit(old="word", new="x"))


def test_line_numbers_alone_are_nothing_to_look_for():
    assert "not in the file" in refusal("a\nb\n", Edit(old="1\t", new="x"))


def test_blank_old_matches_only_exactly():
    assert "not in the file" in refusal("a\nb\n", Edit(old="  \n\t\n", new="x"))


def test_bytes_that_are_not_text_survive():
    text = b"caf\xe9\nx\n".decode(errors="surrogateescape")
    assert edited(text, "x", "y").encode(errors="surrogateescape") == b"caf\xe9\ny\n"


TEXT = st.text(alphabet="ab(){}\t \n\r1\udc80", max_size=60)


@given(text=TEXT, old=TEXT, new=TEXT, replace_all=st.booleans())
def test_any_edit_is_made_or_refused(text: str, old: str, new: str, replace_all: bool):
    try:
        outcome = apply_edits(text, [Edit(old=old, new=new, replace_all=replace_all)])
    except EditFailed:
        assert not old or old == new or replace_all is False or old not in text
    else:
        assert outcome.text.count("\n") <= text.count("\n") + (text.count(old[:1]) + 1) * new.count("\n")


@given(before=TEXT, old=TEXT.filter(bool), after=TEXT, new=TEXT)
def test_what_stands_there_once_is_replaced_exactly(before: str, old: str, after: str, new: str):
    text = before + old + after
    if "\r" in text + new or text.count(old) != 1 or text.find(old, text.find(old) + 1) >= 0 or old == new:
        return
    assert edited(text, old, new) == before + new + after


@given(lines=st.lists(st.text(alphabet="ab {}\t", max_size=8), min_size=1), at=st.integers(0, 50), new=st.just("x\ny"))
def test_crlf_files_stay_crlf(lines: list[str], at: int, new: str):
    text = "".join(f"{line}\r\n" for line in lines)
    old = lines[at % len(lines)]
    try:
        result = edited(text, old, new)
    except EditFailed:
        return
    assert result.count("\n") == result.count("\r\n")


def by_tokens(text: str, old: str, new: str) -> Edited:
    return apply_edits(text, [Edit(old=old, new=new)], tokens=lambda text: Go().tokens("a.go", text))


@pytest.mark.parametrize(
    ("text", "old", "new", "want"),
    [
        ("\tx := f( a,b )\n", "x := f(a, b)", "x := f(a)", "\tx := f(a)\n"),
        ("\tx := f( a,b )\n", "    x := f(a, b)\n", "    x := f(a)\n", "\tx := f(a)\n"),
        ("\tx:=f(a) + g\n", "\tx := f(a)", "\tx := h(a)", "\tx := h(a) + g\n"),
        ("f(a,\n\tb)\n", "f(a, b)", "f(b)", "f(b)\n"),
        ("f(a,b)\r\ng()\r\n", "f( a, b )\ng()", "h()\ni()", "h()\r\ni()\r\n"),
        ("f(a) // why  so\n", "f( a ) // why  so", "g()", "g()\n"),
    ],
)
def test_tokens_match_whatever_is_between_them(text: str, old: str, new: str, want: str):
    outcome = by_tokens(text, old, new)
    assert (outcome.text, outcome.matched) == (want, ("tokens",))
    assert "tokens" in outcome.notes[0]


@pytest.mark.parametrize("old", ['f( "a b" )', "f() // a b", "f (x y)", "xf ()"])
def test_comments_strings_and_words_match_whole(old: str):
    with pytest.raises(EditFailed, match="not in the file"):
        by_tokens('f("a  b")\nf() // a  b\nf(xy)\n', old, "g()")


def test_tokens_must_be_unique_too():
    with pytest.raises(EditFailed, match="2 times, at lines 1, 2") as caught:
        by_tokens("f(a,b)\nf(a,  b)\n", "f( a, b )", "g()")
    assert caught.value.failures == ("ambiguous",)


def test_places_that_overlap_are_two_places():
    assert "2 times, at lines 1, 2" in refusal("}\n}\n}\n", Edit(old="}\n}\n", new="}\n"))
    assert edited("}\n}\n}\n", "}\n}\n", "x\n", replace_all=True) == "x\n}\n"


def test_the_stage_of_each_edit_and_each_failure_are_told():
    edits = [
        Edit(old="return 1", new="return 2"),
        Edit(old="    if x {\n        return 2", new="    if y {\n        return 2"),
        Edit(old="func f() { ", new="func g() {"),
    ]
    assert apply_edits(GO, edits).matched == ("exact", "indentation", "trailing")
    with pytest.raises(EditFailed) as caught:
        apply_edits(GO, [edits[0], Edit(old="nowhere", new="x"), Edit(old="", new="x"), Edit(old="x", new="x")])
    assert caught.value.matched == ("exact",)
    assert caught.value.failures == ("not-found", "empty", "unchanged")


def test_an_empty_old_fills_an_empty_file():
    assert edited("", "", "package a\n") == "package a\n"


def test_new_text_that_stands_elsewhere_does_not_hide_where_the_old_one_nearly_is():
    text = "func f() error {\n\treturn nil\n}\n" + "// more\n" * 20 + "func g() error {\n\treturn g2()\n}\n"
    message = refusal(text, Edit(old="func g() error {\n\treturn g3()\n", new="\treturn nil\n"))
    assert "lines 24-25" in message


PIECES = st.sampled_from(["f(a, b)", "g( )", "x := 1", "x:=1", "// c  d", '"s  t"', "if y {", "}", "\treturn", ""])
SOURCE = st.lists(PIECES, max_size=8).map("\n".join)


@given(text=SOURCE, old=SOURCE, new=SOURCE)
def test_only_a_unique_place_is_changed_and_nothing_outside_of_it(text: str, old: str, new: str):
    try:
        outcome = by_tokens(text, old, new)
    except EditFailed:
        return
    found = next(matches(text, old, new, lambda text: Go().tokens("a.go", text)), None)
    if found is None:
        assert (text, old, outcome.text) == ("", "", new)
        return
    assert (len(found.splices), found.stage) == (1, outcome.matched[0])
    (splice,) = found.splices
    assert outcome.text == text[: splice.start] + splice.new + text[splice.end :]
    assert "".join(text[splice.start : splice.end].split()) == "".join(old.split())


@given(text=SOURCE, old=SOURCE.filter(str.strip), new=SOURCE)
def test_what_stands_there_exactly_is_never_matched_loosely(text: str, old: str, new: str):
    try:
        outcome = by_tokens(text, old, new)
    except EditFailed:
        return
    assert (outcome.matched == ("exact",)) == (old in text)


@given(text=SOURCE, edits=st.lists(st.tuples(SOURCE, SOURCE), min_size=2, max_size=4))
def test_edits_are_made_one_after_the_other_or_not_at_all(text: str, edits: list[tuple[str, str]]):
    wanted = [Edit(old=old, new=new) for old, new in edits]
    try:
        outcome = apply_edits(text, wanted)
    except EditFailed as error:
        counted = len(error.matched) + len(error.failures)
    else:
        counted = len(outcome.matched)
        assert outcome.text == one_by_one(text, wanted)
    assert counted == len(wanted)


def one_by_one(text: str, wanted: list[Edit]) -> str:
    for edit in wanted:
        text = apply_edits(text, [edit]).text
    return text
