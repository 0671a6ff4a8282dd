"""The tool `bash`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from containers.base import ExecResult
from tools.base import ToolContext, ToolResult, ToolSpec
from tools.system_packages import advice, wants_system_package
from tools.text import brief, clean, clip

LIMIT_BYTES = 16_000
_DEFAULT_TIMEOUT_S = 120
_MOST_TIMEOUT_S = 1800


class Bash:
    """Runs a shell command in the workspace."""

    spec = ToolSpec(
        name="bash",
        description=(
            "Run a bash command in the workspace, in a new shell. Returns stdout and stderr together (head and tail if "
            "long, and the file that keeps the whole) and the exit code unless it is 0. No input, no terminal. "
            "Start servers with `nohup … >log 2>&1 &`."
        ),
        parameters={
            "type": "object",
            "properties": {
                "command": {"type": "string", "minLength": 1},
                "timeout_s": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": _MOST_TIMEOUT_S,
                    "description": f"Default {_DEFAULT_TIMEOUT_S}.",
                },
            },
            "required": ["command"],
            "additionalProperties": False,
        },
        effect="execute",
    )

    def __init__(self) -> None:
        self._numbers = count(1)
        self._advised = False

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(arguments["command"])

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        timeout_s = arguments.get("timeout_s", _DEFAULT_TIMEOUT_S)
        kept = f"{context.output_folder}/bash-{next(self._numbers)}.log"
        result = await context.container.exec(
            ["bash", "-c", arguments["command"]],
            env=context.environment,
            timeout_s=timeout_s,
            limit_bytes=4 * LIMIT_BYTES,
            merge_stderr=True,
            save_to=kept,
            on_output=context.on_output,
        )
        return ToolResult(content=_report(result, kept, self._advice(result)), display=_outcome(result))

    def _advice(self, result: ExecResult) -> str:
        """What to do where a system package is missing; told once, as it does not change."""
        if self._advised or not wants_system_package(result.stdout.text()):
            return ""
        self._advised = True
        return advice()


def _report(result: ExecResult, kept: str, remark: str) -> str:
    whole = clean(result.stdout.text())
    shown = clip(whole, LIMIT_BYTES)
    parts = [shown.rstrip("\n")]
    if shown != whole or result.stdout.omitted:
        parts.append(f"[Whole output: {kept}]")
    if result.timed_out:
        parts.append(
            f"[{result.limit_note}. Give it a larger timeout_s, or run it in the background with "
            "`nohup … >log 2>&1 &` and look at the log.]"
        )
    elif result.limit:
        parts.append(f"[{result.limit_note}]")
    if remark:
        parts.append(f"[{remark}]")
    if result.exit_code and not result.timed_out:
        parts.append(f"[exit code {result.exit_code}]")
    return "\n".join(part for part in parts if part) or "[no output, exit code 0]"


def _outcome(result: ExecResult) -> str:
    tail = clean(result.stdout.text()).rstrip("\n").rsplit("\n", 8)[-8:]
    if result.limit:
        tail.append(result.limit_note)
    elif result.exit_code:
        tail.append(f"exit code {result.exit_code}")
    return "\n".join(tail)
