"""Attempts to have the harness's check say green of red work, by what was left in the home or in `/tmp`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from escapes import Outside
from forgeries import FORGERIES, MODULE, UNDO
from records import record

from containers.base import Container
from containers.commits import lay_out_tree, work_tree
from lang.go import Go
from tools.checks import WORK_FOLDER, Checks

pytestmark = pytest.mark.asyncio(loop_scope="module")
ENVIRONMENT = {**Go().environment, "ROOT": WORK_FOLDER}


@pytest.fixture(scope="module", params=["bubblewrap"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def checks(cell: Container, outside: Outside) -> AsyncIterator[Checks]:
    for name, text in MODULE.items():
        await cell.write(name, text.encode())
    await cell.exec(["git", "init", "-q"])
    made = Checks(container=cell, languages=(Go(),), base_commit="")
    made.start()
    yield made
    await made.stop()


async def shell(container: Container, script: str) -> str:
    result = await container.exec(["sh", "-c", script], env=ENVIRONMENT, merge_stderr=True)
    return f"{result.exit_code} {result.stdout.text()}"


@pytest.mark.parametrize("name", FORGERIES)
async def test_red_stays_red(request: pytest.FixtureRequest, name: str, cell: Container, checks: Checks) -> None:
    # As an earlier check has left it.
    await lay_out_tree(cell, await work_tree(cell, ""), WORK_FOLDER)
    try:
        done = await shell(cell, FORGERIES[name])
        report = (await checks.check(whole=True)).comparison.report
        record(request, "escape", (f"verdict: {name}", ["it is green"] if report.green else []))
        assert done.startswith("0 "), done
        assert not report.green
        assert sum(row.failed for row in report.rows) == 1
    finally:
        await shell(cell, UNDO)


async def test_settings_that_go_keeps_in_the_home_do_not_count(cell: Container) -> None:
    kept = await shell(cell, "env -u GOENV go env -w GOARCH=386 CC=/cache/home/cc && env -u GOENV go env GOARCH CC")
    assert kept == "0 386\n/cache/home/cc\n"
    assert "386" not in await shell(cell, "go env GOARCH CC; rm -r ~/.config/go")


async def test_a_green_one_is_seen(cell: Container, checks: Checks) -> None:
    await shell(cell, "sed -i s/wrong/right/ /workspace/d/d.go")
    report = (await checks.check(whole=True)).comparison.report
    await shell(cell, "sed -i s/right/wrong/ /workspace/d/d.go")
    assert report.green
