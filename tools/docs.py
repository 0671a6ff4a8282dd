"""The tool `docs`: documentation from the version in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from lang.base import Documentation, Language, Project
from tools.base import ToolContext, ToolResult, ToolSpec
from tools.kept import keep
from tools.steps import Runner
from tools.text import brief
from tools.tree import projects

_LIMIT_CHARACTERS = 7_000


class Docs:
    """Looks a package, module or symbol up."""

    spec = ToolSpec(
        name="docs",
        description=(
            "Signatures, documentation and examples of a package, module, functor, type, field, function or method, "
            "from the version in use. Short names do."
        ),
        parameters={
            "type": "object",
            "properties": {
                "symbol": {
                    "type": "string",
                    "minLength": 1,
                    "description": "net/http, rate.Limiter.AllowN, github.com/a/b, List.fold_left, Map.Make.",
                }
            },
            "required": ["symbol"],
            "additionalProperties": False,
        },
        effect="read",
    )

    def __init__(self) -> None:
        self._numbers = count(1)

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return brief(arguments["symbol"])

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        symbol = arguments["symbol"].strip()
        found = await projects(context.container, context.languages) or _anywhere(context.languages)
        runner = Runner(container=context.container, environment=context.environment)
        hits: dict[str, str] = {}
        misses: list[str] = []
        for language, project in found:
            if language.name in hits:
                continue
            documentation = await _look_up(runner, language, project, symbol)
            if documentation.found:
                hits[language.name] = documentation.text.strip()
            elif documentation.text.strip() not in misses:
                misses.append(documentation.text.strip())
        if not hits:
            told = "\n\n".join(miss for miss in misses if miss) or f"Nothing is known of {symbol}."
            return ToolResult(content=told[:_LIMIT_CHARACTERS], display="not found")
        text = "\n\n".join(f"[{name}]\n{hit}" if len(hits) > 1 else hit for name, hit in hits.items())
        return ToolResult(content=await self._cut(text, context), display=text[:600])

    async def _cut(self, text: str, context: ToolContext) -> str:
        if len(text) <= _LIMIT_CHARACTERS:
            return text
        kept = await keep(context, f"docs-{next(self._numbers)}.txt", text)
        head = text[:_LIMIT_CHARACTERS].rsplit("\n", 1)[0]
        rest = f"in {kept}; or ask for one symbol" if kept else "can't be kept: ask for one symbol"
        return f"{head}\n[{len(text) - len(head)} more characters {rest}.]"


def _anywhere(languages: Sequence[Language]) -> tuple[tuple[Language, Project], ...]:
    """Return a stand-in project for each language: standard libraries are documented without one."""
    return tuple((language, Project(language=language.name, root=".")) for language in languages)


async def _look_up(runner: Runner, language: Language, project: Project, symbol: str) -> Documentation:
    """Try the ways in order; return the first hit, or what the last one, which knows most, has to say."""
    documentation = Documentation(found=False, text="")
    for step in language.documentation(project, symbol):
        documentation = language.parse_documentation(symbol, await runner.run(language, step))
        if documentation.found:
            break
    return documentation
