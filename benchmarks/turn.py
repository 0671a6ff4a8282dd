"""What a turn costs beside the model and the tools: events, transcript (synced to the disk), request building."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from agent.events import Event, Stamp, Stamped, TurnFinished, TurnStarted
from agent.loop import Loop
from agent.providers.script import parse
from agent.providers.scripted import Scripted
from agent.transcript import TranscriptWriter
from benchmarks.figures import show
from containers.base import Container
from tools.base import ToolContext, ToolResult, ToolSpec
from tools.finish import Finish
from tools.registry import Registry
from tools.review import Reviewed

TURNS = 100
ANSWER = "x" * 4000
TURN = '[[turn]]\ntext = "A few words, as a model says them before it calls something."\n[[turn.call]]\nname="look"\n'


class Look:
    """A tool that takes no time and answers 4 kB."""

    spec = ToolSpec(
        name="look",
        description="Look.",
        parameters={"type": "object", "properties": {}, "additionalProperties": False},
        effect="read",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return ""

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        return ToolResult(content=ANSWER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    final: bool = True
    feedback: str = ""


async def review() -> Reviewed:
    return Reviewed()


async def judge(_: str) -> Done:
    return Done()


def main() -> None:
    """Print the figure: from one turn's start to the next one's, less the tools' time."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = asyncio.run(_run(Path(folder)))
    show("harness per turn, without model and tools", seconds, "50 ms")


async def _run(folder: Path) -> list[float]:
    starts: list[float] = []
    tools: list[float] = []
    with TranscriptWriter(folder / "transcript.jsonl") as transcript:

        def emit(event: Event) -> None:
            stamp = Stamp(seq=1, time="2026-01-01T00:00:00Z", session="bench")
            transcript.append(Stamped(stamp=stamp, event=event))
            if isinstance(event, TurnStarted):
                starts.append(time.perf_counter())
            elif isinstance(event, TurnFinished):
                tools.append(event.tool_seconds)

        loop = Loop(
            provider=Scripted(parse(TURN * TURNS + '[[turn]]\ntext = "Done."\n')),
            registry=Registry([Look(), Finish()]),
            context=ToolContext(container=cast("Container", None), languages=()),
            system="You are a benchmark.",
            emit=emit,
            judge=judge,
            review=review,
        )
        await loop.run("Go.")
    pairs = zip(starts, starts[1:], tools, strict=False)
    return [after - before - tool for before, after, tool in pairs]
