"""The tool `finish`: the model says that the work is done. The loop, which checks that, acts on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.base import ToolContext, ToolResult, ToolSpec
from tools.text import brief

FINISH = "finish"
"""Its name, for the loop: it lets the other calls of a reply run first and then checks."""


class Finish:
    """Ends the run if the harness's own check is green."""

    spec = ToolSpec(
        name=FINISH,
        description=(
            "Say that the task is done. Put it beside your last edits, in the same reply: they are made first, then "
            "everything is built and tested. If that is green the run ends; if not, you get what is red. No check is "
            "needed before."
        ),
        parameters={
            "type": "object",
            "properties": {
                "summary": {
                    "type": "string",
                    "description": "For the user and the commit: a subject of at most 72 characters; after a blank "
                    "line, what was done and decided. Left out, the one you gave last holds.",
                }
            },
            "additionalProperties": False,
        },
        effect="read",
    )

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(arguments.get("summary") or "done")

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Acknowledge; without a loop there is nobody who checks."""
        return ToolResult(content="Noted.", display=arguments.get("summary", ""))
