"""Blocks among the words of a model that makes no calls: calls for the loop, words for the model."""

from __future__ import annotations

from agent.messages import Message, Text, ToolAnswer, ToolCall
from agent.providers.base import Completed, ModelRequest, ToolDefinition
from agent.providers.loopback import Loopback
from agent.providers.openai_chat import OpenAIChat
from agent.providers.script import parse
from agent.providers.scripted import Scripted
from agent.providers.text_edits import TextEdits
from tools.blocks import EDIT_TEXT
from tools.edit import EditText

TASK = Message(role="user", parts=(Text(text="go"),))
BLOCKS = "a.go\n<<<<<<< SEARCH\none\n=======\ntwo\n>>>>>>> REPLACE\n"
BASH = ToolDefinition(name="bash", description="Runs.", parameters={"type": "object", "properties": {}})
TOOLS = (BASH, ToolDefinition.of(EditText.spec))


def request(*messages: Message) -> ModelRequest:
    return ModelRequest(system="You build Go.", messages=messages, tools=TOOLS)


async def reply(provider: TextEdits, *messages: Message) -> Completed:
    chunks = [chunk async for chunk in provider.stream(request(*messages))]
    last = chunks[-1]
    assert isinstance(last, Completed)
    return last


async def test_words_with_blocks_come_with_a_call() -> None:
    script = f"[[turn]]\ntext = '''I do:\n{BLOCKS}'''\n[[turn.call]]\nname = 'bash'\n[[turn]]\ntext = 'No edit.'\n"
    provider = TextEdits(Scripted(parse(script)))
    first = await reply(provider, TASK)
    edit, bash = first.message.calls
    assert (edit.name, edit.arguments, bash.name) == (EDIT_TEXT, {"blocks": f"I do:\n{BLOCKS}"}, "bash")
    assert (first.stop, first.message.text) == ("tool_calls", f"I do:\n{BLOCKS}")
    second = await reply(provider, TASK, first.message, TASK)
    assert (second.message.calls, second.stop) == ((), "end")


async def test_without_other_calls_the_reply_still_calls() -> None:
    last = await reply(TextEdits(Scripted(parse(f"[[turn]]\ntext = '''{BLOCKS}'''\n"))), TASK)
    assert (last.stop, len(last.message.calls)) == ("tool_calls", 1)


async def test_of_a_cut_reply_whole_blocks_count() -> None:
    script = f"[[turn]]\nstop = 'length'\ntext = '''{BLOCKS}b.go\n<<<<<<< SEARCH\nx'''\n"
    last = await reply(TextEdits(Scripted(parse(script))), TASK)
    assert [call.arguments for call in last.message.calls] == [{"blocks": BLOCKS.rstrip("\n")}]
    assert last.stop == "length"
    script = "[[turn]]\nstop = 'length'\ntext = '''b.go\n<<<<<<< SEARCH\nx'''\n"
    assert not (await reply(TextEdits(Scripted(parse(script))), TASK)).message.calls


async def test_the_model_hears_words_only() -> None:
    """Through a real SDK: no such tool is offered, no such call is in the history, its answers are the user's words."""
    script = f"[[turn]]\ntext = '''{BLOCKS}'''\n[[turn.call]]\nname = 'bash'\n[[turn]]\nexpect = ['Edited a.go']\n"
    with Loopback(parse(script)) as server:
        provider = TextEdits(OpenAIChat("small", api_key="k", base_url=server.openai_url))
        first = await reply(provider, TASK)
        edit, bash = first.message.calls
        answers = (
            ToolAnswer(call_id=edit.id, content="Edited a.go"),
            ToolAnswer(call_id=bash.id, content="ok"),
            Text(text="Go on."),
        )
        await reply(provider, TASK, first.message, Message(role="user", parts=answers))
        await provider.close()
        assert not server.complaints
    body = server.requests[1].body
    assert [tool["function"]["name"] for tool in body["tools"]] == ["bash"]
    system, _, said, *rest = body["messages"]
    assert system["content"].startswith("You build Go.\n\nTo change files write blocks")
    assert (said["content"], [call["function"]["name"] for call in said["tool_calls"]]) == (BLOCKS, ["bash"])
    assert [(each["role"], each["content"]) for each in rest] == [
        ("tool", "ok"),
        ("user", "The blocks: Edited a.go\nGo on."),
    ]


async def test_ids_differ_from_reply_to_reply() -> None:
    provider = TextEdits(Scripted(parse(f"[[turn]]\ntext = '''{BLOCKS}'''\n" * 2)))
    first = await reply(provider, TASK)
    second = await reply(provider, TASK, first.message, TASK)
    calls: list[ToolCall] = [*first.message.calls, *second.message.calls]
    assert len({call.id for call in calls}) == 2
