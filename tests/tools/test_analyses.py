"""Analyses kept alive: a scripted one for what can go wrong, the real gopls killed and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence

import pytest

from containers.base import Container, ContainerDied
from lang.analysis import Analysis, AnalysisUnavailable, Bench, Place, Symbol
from lang.base import Diagnostic, FileEdit, Project
from lang.go import Go
from tools.analyses import Analyses
from tools.attended import Patience

LayOut = Callable[[Mapping[str, str]], None]
BROKEN = 'package m\n\nfunc F() int { return "" }\n'
FILES = {"go.mod": "module example.com/m\n\ngo 1.24\n", "m.go": BROKEN}
SOON = Patience(start_s=0.5, answer_s=0.2, hang_s=0.4, pauses_s=(0.0, 0.0, 0.0))


class Scripted:
    """An analysis whose every answer a test decides; `log` outlives restarts."""

    def __init__(self, language: ScriptedGo) -> None:
        self.language = language
        self.closed = False
        language.made.append(self)

    async def start(self) -> None:
        await self.language.on_start(len(self.language.made))

    async def changed(self, paths: Collection[str]) -> None:
        self.language.log.append(f"changed {' '.join(sorted(paths))}")

    async def diagnostics(self, paths: Collection[str]) -> tuple[Diagnostic, ...]:
        return await self.language.on_diagnostics(paths)

    async def polished(self, path: str, before: str | None) -> FileEdit | None:
        return FileEdit(path=path, content="polished")

    async def remedy(self, diagnostic: Diagnostic) -> str:
        return f"mend {diagnostic.message}"

    async def members(self, place: Place) -> tuple[Symbol, ...]:
        return ()

    async def describe(self, place: Place) -> Symbol | None:
        return None

    async def find(self, name: str) -> tuple[Symbol, ...]:
        return (Symbol(name=name, kind="func"),)

    async def outline(self, path: str) -> tuple[Symbol, ...]:
        return ()

    async def references(self, symbol: Symbol) -> tuple[Place, ...]:
        return ()

    async def rename(self, symbol: Symbol, to: str) -> Sequence[FileEdit]:
        raise ValueError("not allowed")

    async def close(self) -> None:
        self.closed = True


async def _start_well(_: int) -> None:
    pass


async def _find_one(_: Collection[str]) -> tuple[Diagnostic, ...]:
    return (finding("scripted"),)


class ScriptedGo(Go):
    """Go whose analyses are scripted."""

    def __init__(self) -> None:
        self.made: list[Scripted] = []
        self.log: list[str] = []
        self.on_start: Callable[[int], Awaitable[None]] = _start_well
        self.on_diagnostics: Callable[[Collection[str]], Awaitable[tuple[Diagnostic, ...]]] = _find_one

    def analysis(self, project: Project, bench: Bench) -> Analysis:
        return Scripted(self)


def finding(message: str) -> Diagnostic:
    return Diagnostic(path="m.go", line=3, column=1, severity="error", message=message, source="scripted")


@pytest.fixture
def language() -> ScriptedGo:
    return ScriptedGo()


@pytest.fixture
async def analyses(bubblewrap_container: Container, language: ScriptedGo, lay_out: LayOut) -> AsyncIterator[Analyses]:
    lay_out(FILES)
    kept = Analyses(container=bubblewrap_container, languages=(language,), patience=SOON)
    kept.start()
    yield kept
    await kept.close()
    assert all(one.closed for one in language.made)


async def messages(analyses: Analyses, timeout_s: float = 10) -> list[str]:
    found = await analyses.diagnostics(["m.go"], timeout_s=timeout_s)
    assert found.fresh
    return [one.message for one in found.diagnostics]


COMPILED = ['cannot use "" (untyped string constant) as int value in return statement']


async def test_answers_pass_through(analyses: Analyses, language: ScriptedGo):
    assert await messages(analyses) == ["scripted"]
    assert await analyses.polished("m.go", None) == FileEdit(path="m.go", content="polished")
    assert await analyses.remedy(finding("it")) == "mend it"
    ((found, project, analysis),) = await analyses.symbols()
    assert (found, project.root) == (language, ".")
    assert [one.name for one in await analysis.find("x")] == ["x"]
    with pytest.raises(ValueError, match="not allowed"):
        await analysis.rename(Symbol(name="x", kind="func"), "y")
    assert len(language.made) == 1
    assert await analyses.symbols("README.md") == []
    assert (await analyses.diagnostics(["README.md"])).diagnostics == ()


async def test_an_answer_for_an_older_state_is_asked_for_again(analyses: Analyses, language: ScriptedGo):
    asked = 0

    async def answer(_: Collection[str]) -> tuple[Diagnostic, ...]:
        nonlocal asked
        asked += 1
        if asked == 1:
            await analyses.changed(["m.go"])
        return (finding(f"answer {asked}"),)

    language.on_diagnostics = answer
    await analyses.symbols()
    assert await messages(analyses) == ["answer 2"]
    assert language.log == ["changed m.go"]


async def test_a_failure_is_answered_by_the_compiler_and_mended_by_a_restart(analyses: Analyses, language: ScriptedGo):
    async def fail(_: Collection[str]) -> tuple[Diagnostic, ...]:
        language.on_diagnostics = _find_one
        raise AnalysisUnavailable("it died")

    language.on_diagnostics = fail
    assert await messages(analyses) == COMPILED
    await analyses.symbols()
    assert await messages(analyses) == ["scripted"]
    assert len(language.made) == 2


async def test_a_hang_is_answered_by_the_compiler_and_mended_by_a_restart(analyses: Analyses, language: ScriptedGo):
    hanging = asyncio.Event()

    async def hang(_: Collection[str]) -> tuple[Diagnostic, ...]:
        language.on_diagnostics = _find_one
        hanging.set()
        await asyncio.Event().wait()
        return ()

    language.on_diagnostics = hang
    await analyses.symbols()
    assert await messages(analyses) == COMPILED
    assert hanging.is_set()
    await analyses.symbols()
    assert await messages(analyses) == ["scripted"]
    assert len(language.made) == 2


async def test_what_never_starts_is_given_up_and_said_once(
    bubblewrap_container: Container, language: ScriptedGo, lay_out: LayOut
):
    async def fail(_: int) -> None:
        raise AnalysisUnavailable("there is none")

    lay_out(FILES)
    language.on_start = fail
    async with asyncio.timeout(60):
        kept = Analyses(container=bubblewrap_container, languages=(language,), patience=SOON)
        kept.start()
        assert await kept.symbols() == []
        first = await kept.diagnostics(["m.go"])
        assert first.note == "No Go analysis (there is none): findings come from the compiler."
        assert [one.message for one in first.diagnostics] == COMPILED
        assert (await kept.diagnostics(["m.go"])).note == ""
        assert len(language.made) == len(SOON.pauses_s)
        formatted = await kept.polished("m.go", None)
        assert formatted is None
        await bubblewrap_container.write("new.go", b"package m\nvar  x = 1\n")
        formatted = await kept.polished("new.go", None)
        assert formatted == FileEdit(path="new.go", content="package m\n\nvar x = 1\n")
        assert await kept.polished("new.go", "package m\n") is None
        # A remedy needs no process: what the language knows without one is said all the same.
        assert await kept.remedy(finding("it")) == "mend it"
        await kept.close()


async def test_projects_come_and_go(analyses: Analyses, language: ScriptedGo, bubblewrap_container: Container):
    await analyses.symbols()
    await bubblewrap_container.write("sub/go.mod", b"module example.com/sub\n\ngo 1.24\n")
    await bubblewrap_container.write("sub/s.go", b"package sub\n")
    await analyses.changed(["sub/go.mod", "sub/s.go"])
    ((_, project, _),) = await analyses.symbols("sub/s.go")
    assert project.root == "sub"
    assert len(await analyses.symbols()) == 2
    await bubblewrap_container.exec(["rm", "-r", "sub"])
    await analyses.changed(["sub/go.mod", "sub/s.go"])
    assert len(await analyses.symbols()) == 1
    assert [one.closed for one in language.made] == [False, True]


async def test_the_containers_death_comes_through(analyses: Analyses, bubblewrap_container: Container):
    await analyses.symbols()
    await bubblewrap_container.close()
    with pytest.raises(ContainerDied):
        await analyses.changed(["go.mod"])


async def _gopls(container: Container, signal: str) -> None:
    done = await container.exec(["pkill", f"-{signal}", "-x", "gopls"])
    assert done.exit_code == 0


@pytest.fixture
async def real(bubblewrap_container: Container, lay_out: LayOut) -> AsyncIterator[Analyses]:
    lay_out(FILES)
    patience = Patience(hang_s=3.0)
    kept = Analyses(container=bubblewrap_container, languages=(Go(),), patience=patience)
    kept.start()
    async with asyncio.timeout(60):
        while not await kept.symbols():
            pass
    yield kept
    await kept.close()


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
async def test_gopls_killed_or_stopped_is_replaced(real: Analyses, bubblewrap_container: Container, signal: str):
    assert [one.source for one in (await real.diagnostics(["m.go"])).diagnostics] == ["gopls"]
    await _gopls(bubblewrap_container, signal)
    await bubblewrap_container.write("m.go", BROKEN.replace("F()", "G()").encode())
    await real.changed(["m.go"])
    meanwhile = await real.diagnostics(["m.go"], timeout_s=6)
    assert [one.message for one in meanwhile.diagnostics] == COMPILED
    async with asyncio.timeout(60):
        while not await real.symbols():
            pass
    again = await real.diagnostics(["m.go"])
    assert [one.message for one in again.diagnostics] == COMPILED
    assert [one.source for one in again.diagnostics] == ["gopls"]
