"""Runs the tool calls of a reply, and tells of each in events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from agent.events import EditTried, Event, FileChanged, ToolFinished, ToolOutput, ToolStarted
from agent.messages import ToolCall
from tools.base import Effect, Tool, ToolContext, ToolError, ToolResult
from tools.registry import FINISH, Registry

News = Callable[[], str]
"""Gives what happened since it was last asked and the model must hear of, in whatever call that was; often nothing."""


def no_news() -> str:
    """Return the empty text."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls of one conversation. What `news` gives when a call ends is told in its result."""

    registry: Registry
    context: ToolContext
    emit: Callable[[Event], None]
    model: str
    news: News = no_news

    def effect(self, tool: str) -> Effect | None:
        """Return what a tool does; None for one that isn't there."""
        return next((spec.effect for spec in self.registry.definitions() if spec.name == tool), None)

    async def run(self, calls: Sequence[ToolCall]) -> list[ToolResult | None]:
        """Run calls in order, neighbours that only read side by side. None is for `finish`, which comes last.

        Raises ContainerDied.
        """
        results: list[ToolResult | None] = []
        for reads, group in groupby(calls, self._only_reads):
            if reads:
                # Not a task group: what one of them raises is to come out as it is.
                results += await asyncio.gather(*(self._run(call) for call in group))
            else:
                results += [await self._run(call) for call in group]
        return results

    def _only_reads(self, call: ToolCall) -> bool:
        return self.effect(call.name) == "read"

    async def _run(self, call: ToolCall) -> ToolResult | None:
        if call.name == FINISH and call.invalid is None:
            return None
        started = time.monotonic()
        try:
            tool, arguments = self._resolve(call)
        except ToolError as error:
            self.emit(ToolStarted(call=call.id, tool=call.name, arguments=call.arguments, summary=""))
            result = ToolResult(content=str(error), is_error=True, edits=error.edits)
        else:
            summary = tool.summary(arguments)
            self.emit(ToolStarted(call=call.id, tool=call.name, arguments=arguments, summary=summary))
            result = _with_news(await self._run_tool(tool, arguments, call.id), self.news())
        self._tell(call, result, time.monotonic() - started)
        return result

    def _resolve(self, call: ToolCall) -> tuple[Tool, Mapping[str, Any]]:
        if call.invalid is not None:
            raise self.registry.malformed(call.name, call.invalid)
        return self.registry.get(call.name), self.registry.arguments(call.name, call.arguments)

    async def _run_tool(self, tool: Tool, arguments: Mapping[str, Any], call: str) -> ToolResult:
        def on_output(text: str) -> None:
            self.emit(ToolOutput(call=call, text=text))

        try:
            return await tool.run(arguments, replace(self.context, on_output=on_output))
        except ToolError as error:
            return ToolResult(content=str(error), is_error=True, edits=error.edits)
        except OSError as error:  # of the container's: a full disk, a file in the way
            return ToolResult(content=str(error), is_error=True)

    def _tell(self, call: ToolCall, result: ToolResult, seconds: float) -> None:
        if tried := result.edits:
            self.emit(
                EditTried(
                    call=call.id, model=self.model, format=tried.format, matched=tried.matched, failed=tried.failed
                )
            )
        for change in result.changes:
            self.emit(FileChanged(path=change.path, added=change.added, removed=change.removed, call=call.id))
        self.emit(
            ToolFinished(
                call=call.id,
                tool=call.name,
                is_error=result.is_error,
                content=result.content,
                display=result.display or result.content,
                seconds=seconds,
            )
        )


def _with_news(result: ToolResult, news: str) -> ToolResult:
    if not news:
        return result
    return replace(result, content=f"{result.content}\n\n{news}", display=result.display or result.content)
