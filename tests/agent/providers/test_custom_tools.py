"""Tools that take plain text: where the endpoint knows them they go and come as such, elsewhere as functions."""

from __future__ import annotations

from typing import Any

import pytest

from agent.messages import Message, Text, ToolAnswer, ToolCall
from agent.providers.anthropic import Anthropic
from agent.providers.base import Completed, ModelRequest, Provider, ToolDefinition
from agent.providers.loopback import Loopback
from agent.providers.openai_chat import OpenAIChat
from agent.providers.openai_responses import OpenAIResponses
from agent.providers.router import knows_custom_tools
from agent.providers.script import parse
from tools.apply_patch import ApplyPatch
from tools.patches import GRAMMAR

TASK = Message(role="user", parts=(Text(text="go"),))
LOOK = ToolDefinition(name="look", description="Looks.", parameters={"type": "object", "properties": {}})
TOOLS = (LOOK, ToolDefinition.of(ApplyPatch.spec))
PATCH = '*** Begin Patch\n*** Add File: "a\\b".go\n+größe\n*** End Patch\n'
SCRIPT = f"""
[[turn]]
text = "Now."
[[turn.call]]
name = "apply_patch"
[turn.call.input]
patch = '''{PATCH}'''
[[turn.call]]
name = "look"
[[turn]]
expect = ["Created", "seen"]
text = "Done."
"""


async def two_turns(provider: Provider) -> tuple[Completed, Completed]:
    """Play the script; the second request tells of the first one's calls."""
    try:
        first = await ask(provider, TASK)
        patch, look = first.message.calls
        answers = (ToolAnswer(call_id=patch.id, content="Created"), ToolAnswer(call_id=look.id, content="seen"))
        return first, await ask(provider, TASK, first.message, Message(role="user", parts=answers))
    finally:
        await provider.close()


async def ask(provider: Provider, *messages: Message) -> Completed:
    chunks = [chunk async for chunk in provider.stream(ModelRequest(system="", messages=messages, tools=TOOLS))]
    last = chunks[-1]
    assert isinstance(last, Completed)
    return last


def responses(server: Loopback, *, custom_tools: bool = True) -> OpenAIResponses:
    return OpenAIResponses("gpt-5", api_key="k", base_url=server.openai_url, custom_tools=custom_tools)


async def test_a_patch_goes_and_comes_as_plain_text() -> None:
    with Loopback(parse(SCRIPT)) as server:
        first, second = await two_turns(responses(server))
        assert not server.complaints
    assert [call.arguments for call in first.message.calls] == [{"patch": PATCH}, {}]
    assert (first.stop, second.message.text) == ("tool_calls", "Done.")
    function, custom = server.requests[0].body["tools"]
    assert (function["type"], function["name"]) == ("function", "look")
    assert custom == {
        "type": "custom",
        "name": "apply_patch",
        "description": ApplyPatch.spec.description,
        "format": {"type": "grammar", "syntax": "lark", "definition": GRAMMAR},
    }
    sent = [item for item in server.requests[1].body["input"] if item["type"] != "message"]
    assert [(item["type"], item["call_id"]) for item in sent] == [
        ("custom_tool_call", "call_1_1"),
        ("function_call", "call_1_2"),
        ("custom_tool_call_output", "call_1_1"),
        ("function_call_output", "call_1_2"),
    ]
    assert (sent[0]["input"], sent[2]["output"]) == (PATCH, "Created")


@pytest.mark.parametrize("kind", ["responses", "chat", "anthropic"])
async def test_elsewhere_it_is_a_function(kind: str) -> None:
    with Loopback(parse(SCRIPT)) as server:
        providers: dict[str, Any] = {
            "responses": lambda: responses(server, custom_tools=False),
            "chat": lambda: OpenAIChat("gpt-5", api_key="k", base_url=server.openai_url),
            "anthropic": lambda: Anthropic("claude-opus-5", api_key="k", base_url=server.url),
        }
        first, second = await two_turns(providers[kind]())
        assert not server.complaints
    assert [call.arguments for call in first.message.calls] == [{"patch": PATCH}, {}]
    assert second.message.text == "Done."
    assert "custom" not in {tool.get("type") for tool in server.requests[0].body["tools"]}


async def test_a_patch_that_was_cut_is_marked_and_goes_back_as_it_came() -> None:
    script = "[[turn]]\nstop = 'length'\n[[turn.call]]\nname = 'apply_patch'\narguments = '*** Begin'\n[[turn]]\n"
    with Loopback(parse(script)) as server:
        provider = responses(server)
        first = await ask(provider, TASK)
        (call,) = first.message.calls
        assert (first.stop, call.arguments, call.invalid) == ("length", {}, "*** Begin")
        answer = Message(role="user", parts=(ToolAnswer(call_id=call.id, content="cut", is_error=True),))
        await ask(provider, TASK, first.message, answer)
        await provider.close()
    assert server.requests[1].body["input"][1]["input"] == "*** Begin"


async def test_calls_of_another_provider_go_out_in_the_form_of_this_one() -> None:
    foreign = Message(role="assistant", parts=(ToolCall(id="toolu_1", name="apply_patch", arguments={"patch": PATCH}),))
    answer = Message(role="user", parts=(ToolAnswer(call_id="toolu_1", content="Created"),))
    with Loopback(parse("[[turn]]\n[[turn]]\ntext = 'fine'\n")) as server:
        provider = responses(server)
        assert (await ask(provider, TASK, foreign, answer)).message.text == "fine"
        await provider.close()


@pytest.mark.parametrize(
    ("base_url", "known"),
    [
        (None, True),
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://mine.openai.azure.com/openai/v1", True),
        ("https://notopenai.com/v1", False),
        ("https://openai.com.example.org/v1", False),
        ("http://127.0.0.1:8080/v1", False),
    ],
)
def test_only_the_vendors_server_is_sent_custom_tools(base_url: str | None, known: bool) -> None:
    assert knows_custom_tools(base_url) is known
