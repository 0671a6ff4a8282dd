"""What the model is answered: the calls' results, and beside them what the harness has to say unasked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.messages import Part, Text, ToolAnswer, ToolCall
from agent.providers.base import Completed
from tools.base import Effect, ToolResult
from tools.review import Reviewed

CUT = (
    "Your reply was cut off at the output limit. What was whole has been done; go on from there in smaller pieces "
    "(a long file: write_file its first part, then the rest by edits)."
)
EMPTY = "Your reply was empty. Go on with the task, or call finish."

Ran = tuple[ToolCall, ToolResult | None]
"""A call and its result; None for `finish`."""


def answers(
    reply: Completed, ran: Sequence[Ran], verdict: ToolResult, reviewed: Reviewed, news: str = ""
) -> list[Part]:
    """Return the parts of the answer to a reply. `verdict` is the answer to `finish`, or to plain words.

    `news` is of no call, but of the review or the verdict.
    """
    texts = [(result or verdict).content for _, result in ran]
    for path, said in reviewed.by_path.items():
        at = next((at for at, (_, result) in reversed(list(enumerate(ran))) if _wrote(result, path)), len(ran) - 1)
        if texts:
            texts[at] += f"\n{said}"
    if texts and reviewed.rest:
        texts[-1] += f"\n\n{reviewed.rest}"
    parts: list[Part] = [
        ToolAnswer(call_id=call.id, content=text, is_error=(result or verdict).is_error)
        for text, (call, result) in zip(texts, ran, strict=True)
    ]
    return [*parts, *_remarks(reply, verdict), *([Text(text=news)] if news else [])]


def _wrote(result: ToolResult | None, path: str) -> bool:
    return result is not None and any(change.path == path for change in result.changes)


def _remarks(reply: Completed, verdict: ToolResult) -> list[Part]:
    """Return what is said to a reply beside the answers to its calls."""
    if reply.stop == "length":
        return [Text(text=CUT)]
    if not reply.message.parts:
        return [Text(text=EMPTY)]
    return [Text(text=verdict.content)] if verdict.content and not reply.message.calls else []


def in_the_way(ran: Sequence[Ran], effect_of: Callable[[str], Effect | None]) -> str:
    """Return the name of a call that keeps the work from being done: it was to write, failed, and wasn't made again.

    A look-up that found nothing is no hindrance; a call that can't be read, or of a tool that isn't there, may be one.
    """
    done = [(call.name, call.arguments) for call, result in ran if result and not result.is_error]
    for call, result in ran:
        failed = result is not None and result.is_error and (call.name, call.arguments) not in done
        if failed and (call.invalid is not None or effect_of(call.name) in ("write", None)):
            return call.name
    return ""
