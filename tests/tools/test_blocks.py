"""SEARCH/REPLACE blocks among words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.blocks import Block, BlockError, parse_blocks
from tools.edits import Edit

BLOCK = "<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n"
EDIT = Edit(old="old\n", new="new\n")


@pytest.mark.parametrize(
    "text",
    [
        f"a/b.go\n{BLOCK}",
        f"a/b.go\n```go\n{BLOCK}```\n",
        f"I change this:\n\n**a/b.go**:\n\n```go\n{BLOCK}```\nDone.",
        f"```\na/b.go\n{BLOCK}```\n",
        f"### `a/b.go`\n~~~\n{BLOCK}~~~\n",
        f"File: a/b.go\n{BLOCK}".replace("\n", "\r\n"),
        "a/b.go\n<<<<<<< SEARCH \nold\n=====\nnew\n>>>>>>>REPLACE",
    ],
)
def test_a_block_is_found_with_its_path(text: str):
    assert parse_blocks(text) == (Block(path="a/b.go", edit=EDIT),)


def test_blocks_keep_their_order_and_inherit_the_path():
    text = f"a.go\n```\n{BLOCK}```\nand then\n{BLOCK}\nb.go\n<<<<<<< SEARCH\n=======\nx\n=======\ny\n>>>>>>> REPLACE\n"
    empty = Block(path="b.go", edit=Edit(old="", new="x\n=======\ny\n"))
    assert parse_blocks(text.replace("and then\n", "")) == (
        Block(path="a.go", edit=EDIT),
        Block(path="a.go", edit=EDIT),
        empty,
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no block"),
        (BLOCK, "line 1: the line above a block is the file's path"),
        (f"Here it is:\n{BLOCK}", "line 2: the line above a block is the file's path"),
        ("a\n<<<<<<< SEARCH\nold\n", "line 2: .* has no line `=======`"),
        ("a\n<<<<<<< SEARCH\nold\n=======\nnew\n", "line 2: .* has no line `>>>>>>> REPLACE`"),
        (f"a\n<<<<<<< SEARCH\nold\n=======\nnew\n{BLOCK}", "line 2: .* has no line `>>>>>>> REPLACE`"),
    ],
)
def test_what_is_no_block_is_told_by_its_line(text: str, told: str):
    with pytest.raises(BlockError, match=told):
        parse_blocks(text)


PLAIN = st.text(alphabet="ab \t{}`\n", max_size=30).map(lambda text: f"{text}\n" if text else "")


@given(old=PLAIN, new=PLAIN)
def test_what_stands_in_a_block_comes_out_as_it_is(old: str, new: str):
    (block,) = parse_blocks(f"a.go\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n")
    assert block.edit == Edit(old=old, new=new)
