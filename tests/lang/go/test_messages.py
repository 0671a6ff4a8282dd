"""What Go tests report, made short."""

from __future__ import annotations

from lang.go.messages import HEAD_LINES, TAIL_LINES, clipped, folded, unwrapped
from lang.go.output import Places
from lang.go.traces import excerpt

HERE = Places(root=".", directory="/workspace")


def test_a_message_is_counted_wherever_it_came_before() -> None:
    said = "    a_test.go:3: one\n        more\n    a_test.go:4: two\n    a_test.go:3: one\n        more"
    assert folded(said) == "    a_test.go:3: one  (2 times)\n        more\n    a_test.go:4: two"


def test_other_lines_are_counted_where_they_follow_each_other() -> None:
    assert folded("tick\ntick\ntick\ntock\ntick") == "tick  (3 times)\ntock\ntick"
    assert folded("{\n}\n{\n}\n\n\n\nx\nx") == "{\n}\n{\n}\n\n\n\nx\nx"


def test_messages_of_other_words_stay_apart() -> None:
    said = "    a_test.go:3: order 1\n    a_test.go:3: order 2"
    assert folded(said) == said


def test_testify_loses_its_columns_and_what_it_repeats() -> None:
    said = (
        "    a_test.go:9: \n        \tError Trace:\t/workspace/a_test.go:9\n"
        "        \t            \t/workspace/b_test.go:7\n        \tError:      \tNot equal: \n"
        "        \t            \texpected: 1\n        \t            \tactual  : 2\n"
        "        \tTest:       \tTestA\n        \tMessages:   \tof tea"
    )
    assert unwrapped(said).splitlines() == [
        "    a_test.go:9: ",
        "        Not equal: ",
        "        expected: 1",
        "        actual  : 2",
        "        of tea",
    ]
    assert unwrapped("plain\n\ttext:\tx") == "plain\n\ttext:\tx"


def test_long_texts_keep_their_ends() -> None:
    lines = clipped("\n".join(map(str, range(100)))).splitlines()
    assert lines[0] == "0"
    assert lines[HEAD_LINES] == f"… {100 - HEAD_LINES - TAIL_LINES} lines left out …"
    assert lines[-1] == "99"
    assert len(clipped("x" * 9999)) < 600


def test_frames_of_libraries_are_left_out() -> None:
    said = (
        "panic: bad [recovered, repanicked]\n\ngoroutine 7 [running]:\n"
        "github.com/a/b.(*T).Do(0xc0001?, {0x1, 0x2})\n\t/cache/go-mod/github.com/a/b@v1.0.0/b.go:41 +0x2df\n"
        "example.com/shop.(*Cart).Add(...)\n\t/workspace/cart.go:11\n"
        "testing.tRunner(0xc000, 0x5)\n\t/usr/lib/go-1.27/src/testing/testing.go:2195 +0x21c\n"
    )
    assert excerpt(said, HERE) == "panic: bad\n\ngoroutine [running]:\n\texample.com/shop.(*Cart).Add  cart.go:11"


def test_what_is_no_crash_stays_as_it_is() -> None:
    said = "got:\n\n  a\n\nwant:\n\n  b"
    assert excerpt(said, HERE) == said
