"""A session's checks in a real sandbox: base-relative, narrow, of what a commit would hold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from containers.base import Container
from containers.commits import compare, work_tree
from lang.go import Go
from tools.check_report import CheckReport
from tools.checks import Checks
from tools.tree import snapshot

LayOut = Callable[[Mapping[str, str]], None]
Commit = Callable[[], str]

TEST = (
    'package {name}\n\nimport "testing"\n\nfunc Test{title}(t *testing.T) {{\n'
    "\tif N() != {want} {{\n\t\tt.Error(N())\n\t}}\n}}\n"
)
MODULE: Mapping[str, str] = {
    "go.mod": "module example.com/m\n\ngo 1.24\n",
    "leaf/leaf.go": "package leaf\n\nfunc N() int { return 1 }\n",
    "leaf/leaf_test.go": TEST.format(name="leaf", title="Leaf", want=1),
    "user/user.go": 'package user\n\nimport "example.com/m/leaf"\n\nfunc N() int { return leaf.N() + 1 }\n',
    "user/user_test.go": TEST.format(name="user", title="User", want=2),
    "apart/apart.go": "package apart\n\nfunc N() int { return 5 }\n",
    "apart/apart_test.go": TEST.format(name="apart", title="Apart", want=6),
    ".gitignore": "ignored.go\n",
}


@dataclass(slots=True)
class Memory:
    """A store in memory that counts what it gives."""

    kept: dict[str, CheckReport] = field(default_factory=dict[str, CheckReport])
    hits: int = 0

    def load(self, key: str) -> CheckReport | None:
        self.hits += key in self.kept
        return self.kept.get(key)

    def save(self, key: str, report: CheckReport) -> None:
        self.kept[key] = report


@asynccontextmanager
async def checks_of(
    container: Container, commit: Commit, lay_out: LayOut, store: Memory | None = None
) -> AsyncGenerator[Checks]:
    lay_out(MODULE)
    base = commit()
    checks = Checks(container=container, languages=(Go(),), base_commit=base, store=store)
    checks.start()
    try:
        yield checks
    finally:
        await checks.stop()


async def test_base_relative_and_narrowed_to_what_changed(
    bubblewrap_container: Container, commit: Commit, lay_out: LayOut
) -> None:
    async with checks_of(bubblewrap_container, commit, lay_out) as checks:
        unchanged = await checks.check()
        assert unchanged.scope == "everything"
        assert unchanged.comparison.green
        assert unchanged.comparison.old == ("example.com/m/apart TestApart",)

        lay_out({"leaf/leaf.go": "package leaf\n\nfunc N() int { return 2 }\n", "leaf/ignored.go": "garbage"})
        narrow = await checks.check()
        assert narrow.scope == "./leaf ./user"
        assert narrow.comparison.problems == (
            "example.com/m/leaf TestLeaf passed before and fails now",
            "example.com/m/user TestUser passed before and fails now",
        )
        assert narrow.comparison.old == ()
        assert narrow.changes.modified == ("leaf/leaf.go",)

        whole = await checks.check(whole=True)
        assert whole.comparison.problems == narrow.comparison.problems
        assert whole.comparison.old == ("example.com/m/apart TestApart",)
        assert whole.tree == narrow.tree

        named = await checks.check(packages=["./apart"])
        assert (named.scope, named.comparison.green) == ("./apart", True)


async def test_the_base_is_checked_in_a_fork_and_kept(
    bubblewrap_container: Container, commit: Commit, lay_out: LayOut
) -> None:
    store = Memory()
    async with checks_of(bubblewrap_container, commit, lay_out, store) as checks:
        first = await checks.base()
        assert [row.failed for row in first.rows] == [1, 0, 0]
        assert (await bubblewrap_container.exec(["ls", "/tmp"])).stdout.text().strip() == ""
        assert list(store.kept.values()) == [first]
        again = Checks(container=bubblewrap_container, languages=(Go(),), base_commit=checks.base_commit, store=store)
        again.start()
        assert await again.base() == first
        assert store.hits == 1
        await again.stop()


async def test_what_lies_deeper_than_any_package_concerns_nothing(
    bubblewrap_container: Container, commit: Commit, lay_out: LayOut
) -> None:
    async with checks_of(bubblewrap_container, commit, lay_out) as checks:
        lay_out({"docs/readme.md": "words"})
        checked = await checks.check()
        assert checked.scope == "nothing"
        assert checked.comparison.report.projects == ()


async def test_an_edit_of_the_same_size_in_the_second_of_the_commit_is_seen(
    bubblewrap_container: Container, workspace: Path, commit: Commit, lay_out: LayOut
) -> None:
    lay_out({"a.txt": "one\n"})
    await asyncio.sleep(1.01 - time.time() % 1)  # git compares whole seconds
    base = commit()
    (workspace / "a.txt").write_text("two\n")
    await asyncio.sleep(1.01 - time.time() % 1)
    tree = await work_tree(bubblewrap_container, base)
    assert (await compare(bubblewrap_container, base, tree)).modified == ("a.txt",)
    assert await snapshot(bubblewrap_container) == tree
