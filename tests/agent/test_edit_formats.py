"""Each edit format from a model's reply to the file: a real SDK, the loop, the tool in a sandbox, the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.events import EditTried, Event
from agent.loop import Loop
from agent.providers.anthropic import Anthropic
from agent.providers.base import Provider
from agent.providers.loopback import Loopback
from agent.providers.openai_chat import OpenAIChat
from agent.providers.openai_responses import OpenAIResponses
from agent.providers.script import parse
from agent.providers.text_edits import TextEdits
from containers.base import Container
from lang.go import Go
from tools.base import ToolContext
from tools.edit_record import EditFormat
from tools.registry import Registry, default_tools
from tools.review import Reviewed

GO = "package a\n\nfunc f() int {\n\treturn g( 1,2 )\n}\n"
REPLIES: Mapping[EditFormat, tuple[str, str]] = {
    "edit": (
        '[[turn.call]]\nname = "edit_file"\ninput = { path = "a.go", edits = [{ old = "nowhere", new = "x" }] }',
        '[[turn.call]]\nname = "edit_file"\ninput = { path = "a.go", edits = [{ old = "g(1, 2)", new = "1" }] }',
    ),
    "one": (
        '[[turn.call]]\nname = "edit_file"\ninput = { path = "a.go", old = "nowhere", new = "x" }',
        '[[turn.call]]\nname = "edit_file"\ninput = { path = "a.go", old = "g(1, 2)", new = "1" }',
    ),
    "patch": (
        "[[turn.call]]\nname = 'apply_patch'\n[turn.call.input]\n"
        "patch = '''*** Begin Patch\n*** Update File: a.go\n-nowhere\n+x\n*** End Patch\n'''",
        "[[turn.call]]\nname = 'apply_patch'\n[turn.call.input]\n"
        "patch = '''*** Begin Patch\n*** Update File: a.go\n-\treturn g(1, 2)\n+\treturn 1\n*** End Patch\n'''",
    ),
    "text": (
        "text = '''a.go\n<<<<<<< SEARCH\nnowhere\n=======\nx\n>>>>>>> REPLACE\n'''",
        "text = '''a.go\n<<<<<<< SEARCH\n\treturn g(1, 2)\n=======\n\treturn 1\n>>>>>>> REPLACE\n'''",
    ),
}
SCRIPT = (
    "[[turn]]\n{}\n[[turn]]\nexpect = ['not in the file']\n{}\n[[turn]]\nexpect = ['Edited a.go']\ntext = 'Done.'\n"
)


def anthropic(server: Loopback) -> Provider:
    return Anthropic("claude-opus-5", api_key="k", base_url=server.url)


def responses(server: Loopback) -> Provider:
    return OpenAIResponses("gpt-5", api_key="k", base_url=server.openai_url)


def chat(server: Loopback) -> Provider:
    return OpenAIChat("small", api_key="k", base_url=server.openai_url)


def words(server: Loopback) -> Provider:
    return TextEdits(chat(server))


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """A judgement that ends the run."""

    final: bool = True
    feedback: str = ""


async def judge(_: str) -> Final:
    return Final()


async def review() -> Reviewed:
    return Reviewed()


@pytest.mark.parametrize(
    ("form", "provide"),
    [("edit", anthropic), ("one", chat), ("patch", responses), ("patch", chat), ("text", words)],
)
async def test_a_failed_edit_is_mended_and_both_are_on_record(
    form: EditFormat, provide: Callable[[Loopback], Provider], bubblewrap_container: Container, workspace: Path
) -> None:
    await bubblewrap_container.write("a.go", GO.encode())
    events: list[Event] = []
    with Loopback(parse(SCRIPT.format(*REPLIES[form]))) as server:
        provider = provide(server)
        loop = Loop(
            provider=provider,
            registry=Registry(default_tools(form)),
            context=ToolContext(container=bubblewrap_container, languages=(Go(),)),
            system="You build Go.",
            emit=events.append,
            judge=judge,
            review=review,
        )
        await loop.run("Make it 1.")
        await provider.close()
        assert not server.complaints
    assert (workspace / "a.go").read_text() == GO.replace("g( 1,2 )", "1")
    tried = [event for event in events if isinstance(event, EditTried)]
    assert [(each.format, each.matched, each.failed) for each in tried] == [
        (form, (), ("not-found",)),
        (form, ("tokens",), ()),
    ]
    assert {each.model for each in tried} == {provider.name}
    assert "custom_tool_call" in str(server.requests[-1].body) or provide is not responses
