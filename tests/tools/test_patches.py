"""Patches: what is taken for one, and where their hunks go."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark import Lark

from lang.go import Go
from tools.edits import Edited, EditFailed
from tools.hunks import apply_hunks
from tools.patches import GRAMMAR, Added, Deleted, Hunk, PatchError, Updated, parse_patch

WHOLE = """\
*** Begin Patch
*** Add File: a/new.go
+package a
+
+var x = "+"
*** Update File: b.go
*** Move to: c.go
@@ type T struct {
@@ func (t T) f() {
 \tone()
-\ttwo()
+\tthree()
\x20
 \tfour()
@@
-five
*** End of File
*** Delete File: d e.go
*** End Patch
"""
FILES = (
    Added(path="a/new.go", content='package a\n\nvar x = "+"\n'),
    Updated(
        path="b.go",
        moved_to="c.go",
        hunks=(
            Hunk(
                anchors=("type T struct {", "func (t T) f() {"),
                old=("\tone()", "\ttwo()", "", "\tfour()"),
                new=("\tone()", "\tthree()", "", "\tfour()"),
            ),
            Hunk(old=("five",), at_end=True),
        ),
    ),
    Deleted(path="d e.go"),
)
UPDATE = "*** Begin Patch\n*** Update File: a\n{}\n*** End Patch\n"


def hunks(body: str) -> tuple[Hunk, ...]:
    (file,) = parse_patch(UPDATE.format(body))
    assert isinstance(file, Updated)
    return file.hunks


def apply(text: str, body: str) -> Edited:
    return apply_hunks(text, hunks(body), lambda text: Go().tokens("a.go", text))


def refusal(text: str, body: str) -> EditFailed:
    with pytest.raises(EditFailed) as caught:
        apply(text, body)
    return caught.value


def grammar() -> Any:
    return Lark(GRAMMAR)  # pyright: ignore[reportUnknownVariableType] the stubs leave the class's parameter open


def test_a_whole_patch_is_read_and_fits_the_grammar():
    assert parse_patch(WHOLE) == FILES
    grammar().parse(WHOLE)


@pytest.mark.parametrize(
    "text",
    [
        f"I change this:\n```\n{WHOLE}```\n",
        f"apply_patch <<'EOF'\n{WHOLE}EOF\n",
        f"\n  \n{WHOLE}\n\n",
        WHOLE.replace("\n", "\r\n"),
        WHOLE.removeprefix("*** Begin Patch\n"),
        WHOLE.removesuffix("*** End Patch\n"),
        WHOLE.replace("@@\n", "@@ -8,1 +9,0 @@\n"),
        WHOLE.replace("@@ type T", "@@ -1,2 +1,2 @@ type T"),
        WHOLE.replace("f() {\n", "f() { @@\n"),
        WHOLE.replace("@@ type T", "--- a/b.go\n+++ b/c.go\n@@ type T"),
        WHOLE.replace("*** Delete", "\n*** Delete"),
        WHOLE.replace(" \n \tfour", "\n\tfour"),
        WHOLE.replace("+\n", "\n"),
    ],
)
def test_near_misses_are_read_alike(text: str):
    assert parse_patch(text) == FILES


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names no file"),
        ("hello", "line 1: a patch begins with"),
        ("*** Begin Patch\n*** End Patch", "names no file"),
        ("*** Begin Patch\n*** Change File: a\n", "line 2: a patch begins with"),
        ("*** Add File: a\nx\n", "line 2: each line of a new file begins with [+]"),
        ("*** Delete File: a\n-x\n", "line 2: nothing can follow"),
        ("*** Update File: a\n", "line 1: the update of a has no lines"),
        ("*** Update File: a\n x\n y\n", "line 1: the update of a has no lines"),
        ("*** Update File: a\n-x\n*** Rename to: b\n", "line 3: .* no part of an update"),
    ],
)
def test_what_is_no_patch_is_told_by_its_line(text: str, told: str):
    with pytest.raises(PatchError, match=told):
        parse_patch(text)


GO = "package a\n\nfunc f() {\n\tx()\n\ty()\n}\n\nfunc g() {\n\tx()\n\ty()\n}\n"
F, G = "func f() {\n\tx()\n\ty()\n}\n", "func g() {\n\tx()\n\ty()\n}\n"


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        (" func f() {\n-\tx()\n+\tz()", F, "func f() {\n\tz()\n\ty()\n}\n"),
        ("@@ func g() {\n \tx()\n-\ty()", G, "func g() {\n\tx()\n}\n"),
        ("@@ func g\n-\tx()\n+\tz()", G, "func g() {\n\tz()\n\ty()\n}\n"),
        ("-\ty()\n }\n*** End of File\n", G, "func g() {\n\tx()\n}\n"),
        ("@@ func f() {\n+\tw()", F, "func f() {\n\tw()\n\tx()\n\ty()\n}\n"),
        ("+// end", G, G + "// end\n"),
        (" func g() {\n-    x()\n+    z()", G, "func g() {\n\tz()\n\ty()\n}\n"),
        (" func g(){\n-    x( )\n+\tz()", G, "func g(){\n\tz()\n\ty()\n}\n"),
    ],
)
def test_hunks_go_where_they_belong(body: str, before: str, after: str):
    assert apply(GO, body).text == GO.replace(before, after)


def test_several_places_are_refused_with_their_lines():
    error = refusal(GO, "-\tx()\n+\tz()")
    assert "2 times, at lines 4, 9; add context lines, or an @@ line" in str(error)
    assert error.failures == ("ambiguous",)


def test_a_place_below_the_hunk_before_is_meant():
    body = "@@ func f() {\n-\ty()\n+\tw()\n@@\n-\tx()\n+\tz()"
    assert apply(GO, body).text == "package a\n\nfunc f() {\n\tx()\n\tw()\n}\n\nfunc g() {\n\tz()\n\ty()\n}\n"


def test_hunks_in_the_wrong_order_are_taken_where_they_are_plain():
    text = "a\nb\nc\n"
    assert apply(text, "-c\n+d\n@@\n-a\n+e").text == "e\nb\nd\n"


def test_an_anchor_that_is_nowhere_does_not_choose():
    assert "at lines 4, 9" in str(refusal(GO, "@@ func h() {\n-\tx()\n+\tz()"))
    assert apply("a\nb\n", "@@ func h() {\n-a\n+c").text == "c\nb\n"
    assert "`func h()` is not in the file" in str(refusal(GO, "@@ func h()\n+\tz()"))


def test_nested_anchors():
    text = "type A\n\tf\n\t\tx\n\tg\n\t\tx\ntype B\n\tf\n\t\tx\n"
    assert apply(text, "@@ type B\n@@ f\n-\t\tx\n+\t\ty").text == text[:-2] + "y\n"
    assert "at lines 3, 8" in str(refusal(text, "@@ f\n-\t\tx\n+\t\ty"))


def test_whole_lines_match_only():
    assert "not in the file" in str(refusal("ab\nb c\n", "-b\n+x"))


def test_all_hunks_or_none_and_each_failure_is_told():
    error = refusal(GO, " func f() {\n-\tx()\n+\tz()\n@@\n-nowhere(at, all)\n+\tw()\n@@\n-\tx()\n-\ty()\n+\tx()")
    assert str(error).startswith("hunk 2: the hunk's old text is not in the file")
    assert (error.matched, error.failures) == (("exact", "exact"), ("not-found",))


def test_line_ends_of_the_file_are_kept():
    assert apply("a\r\nb\r\nc\r\n", " a\n-b\n+d\n+e").text == "a\r\nd\r\ne\r\nc\r\n"
    assert apply("a\nb", "-b\n+c").text == "a\nc"
    assert apply("a\nb", "+c").text == "a\nb\nc\n"
    assert apply("", "+c").text == "c\n"


LINES = st.lists(st.sampled_from(["a", "b", "\tc", "  d", "}", "", "f(x)", "-e", "+g", "@@ h", "*** i"]), max_size=14)


@st.composite
def versions(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Two versions of a file, the second made from the first by a few changes."""
    before = draw(LINES)
    after = list(before)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(after)))
        after[at : at + draw(st.integers(0, 2))] = draw(
            st.lists(st.sampled_from(["new", "\tnew", "a", ""]), max_size=2)
        )
    return before, after


def as_patch(before: list[str], after: list[str], context: int) -> str:
    rows: list[str] = []
    for group in SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(context):
        rows.append("@@")
        for tag, i1, i2, j1, j2 in group:
            sign, other = (" ", []) if tag == "equal" else ("-", after[j1:j2])
            rows += [sign + line for line in before[i1:i2]] + [f"+{line}" for line in other]
    return "*** Begin Patch\n*** Update File: a\n" + "".join(f"{row}\n" for row in rows) + "*** End Patch\n"


@given(both=versions(), context=st.integers(0, 3))
def test_a_patch_of_two_versions_makes_the_second_of_the_first_or_is_refused(
    both: tuple[list[str], list[str]], context: int
):
    before, after = both
    if before == after:
        return
    (file,) = parse_patch(as_patch(before, after, context))
    assert isinstance(file, Updated)
    text = "".join(f"{line}\n" for line in before)
    if any(not hunk.old for hunk in file.hunks):
        return  # without any line beside it nobody could say where it goes
    try:
        outcome = apply_hunks(text, file.hunks)
    except EditFailed as error:
        refused = set(error.failures)
    else:
        refused = set[str]()
        assert outcome.text == "".join(f"{line}\n" for line in after)
        assert set(outcome.matched) <= {"exact"}
    assert refused <= {"ambiguous"}


@given(both=versions())
def test_a_patch_with_all_of_a_file_always_applies(both: tuple[list[str], list[str]]):
    before, after = both
    if before == after or not any(before):
        return
    (file,) = parse_patch(as_patch(before, after, len(before)))
    assert isinstance(file, Updated)
    text = "".join(f"{line}\n" for line in before)
    assert apply_hunks(text, file.hunks).text == "".join(f"{line}\n" for line in after)


@given(text=st.text(alphabet="*@+- \nabUpdateFile:BgnPch", max_size=60))
def test_any_text_is_read_or_refused(text: str):
    try:
        assert parse_patch(text)
    except PatchError as error:
        told = str(error)
    else:
        told = "read"
    assert told
