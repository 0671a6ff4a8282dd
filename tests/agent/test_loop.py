"""The loop with the scripted provider: order of calls, endings, slips of the model, limits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from agent.answers import CUT, EMPTY
from agent.errors import LimitReached
from agent.events import (
    Event,
    FileChanged,
    MessageAdded,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnFinished,
    TurnStarted,
    UsageReported,
)
from agent.limits import Limits
from agent.loop import EMPTY_LIMIT, Loop
from agent.messages import Message, Part, Text, ToolAnswer, ToolCall
from agent.providers.base import ProviderError
from agent.providers.script import parse
from agent.providers.scripted import Scripted
from containers.base import Container
from tools.base import Change, Effect, ToolContext, ToolError, ToolResult, ToolSpec
from tools.finish import Finish
from tools.registry import Registry
from tools.review import Reviewed


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A judgement."""

    final: bool
    feedback: str = ""


@dataclass(slots=True, kw_only=True)
class Recorder:
    """A tool that writes down when each of its calls begins and ends."""

    name: str
    effect: Effect
    log: list[str]
    fails: bool = False
    fails_at_first: bool = False

    @property
    def spec(self) -> ToolSpec:
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {"word": {"type": "string"}},
            "required": ["word"],
            "additionalProperties": False,
        }
        return ToolSpec(name=self.name, description="Writes down.", parameters=schema, effect=self.effect)

    def summary(self, arguments: Mapping[str, Any]) -> str:
        return str(arguments["word"])

    async def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        word = str(arguments["word"])
        self.log.append(f"+{word}")
        context.on_output(f"{word}…")
        await asyncio.sleep(0.01)
        self.log.append(f"-{word}")
        if self.fails or (self.fails_at_first and self.log.count(f"+{word}") == 1):
            raise ToolError(f"no {word}: take another")
        return ToolResult(content=f"did {word}", changes=(Change(path=word, added=1, removed=0),))


@dataclass(slots=True, kw_only=True)
class Stage:
    """A loop over a script, with what it said and asked."""

    script: str
    words: Sequence[Word] = (Word(final=True),)
    limits: Limits = field(default_factory=Limits)
    log: list[str] = field(default_factory=list[str])
    events: list[Event] = field(default_factory=list[Event])
    asked: list[str] = field(default_factory=list[str])
    reviews: list[Reviewed] = field(default_factory=list[Reviewed])
    reviewed: int = 0
    news: list[str] = field(default_factory=list[str])

    def loop(self) -> Loop:
        tools = [
            Recorder(name="look", effect="read", log=self.log),
            Recorder(name="do", effect="execute", log=self.log),
            Recorder(name="fail", effect="write", log=self.log, fails=True),
            Recorder(name="missing", effect="read", log=self.log, fails=True),
            Recorder(name="later", effect="execute", log=self.log, fails_at_first=True),
            Finish(),
        ]
        nowhere = cast("Container", None)  # none of these tools uses it
        return Loop(
            provider=Scripted(parse(self.script)),
            registry=Registry(tools),
            context=ToolContext(container=nowhere, languages=()),
            system="You are a test.",
            emit=self.events.append,
            judge=self.judge,
            review=self.review,
            news=lambda: self.news.pop(0) if self.news else "",
            limits=self.limits,
        )

    async def judge(self, summary: str) -> Word:
        self.asked.append(summary)
        return self.words[len(self.asked) - 1]

    async def review(self) -> Reviewed:
        self.reviewed += 1
        return self.reviews.pop(0) if self.reviews else Reviewed()

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def call(name: str, word: str = "") -> str:
    given = f'{{ summary = "{word}" }}' if name == "finish" else f'{{ word = "{word}" }}'
    return f'[[turn.call]]\nname = "{name}"\ninput = {given}\n'


def answers(loop: Loop, message: int) -> list[ToolAnswer]:
    return [part for part in loop.history[message].parts if isinstance(part, ToolAnswer)]


async def test_calls_run_in_order_and_reads_side_by_side() -> None:
    order = [("do", "a"), ("look", "b"), ("look", "c"), ("do", "d"), ("do", "e")]
    stage = Stage(script="[[turn]]\n" + "".join(call(*each) for each in order) + call("finish", "all done"))
    loop = stage.loop()
    await loop.run("Go.")
    assert stage.log == ["+a", "-a", "+b", "+c", "-b", "-c", "+d", "-d", "+e", "-e"]
    assert stage.asked == ["all done"]
    assert loop.turn == 1
    assert loop.requests == 1


async def test_finish_runs_last_wherever_it_stands() -> None:
    stage = Stage(script="[[turn]]\n" + call("finish", "done") + call("do", "late"))
    await stage.loop().run("Go.")
    assert stage.log == ["+late", "-late"]
    assert stage.asked == ["done"]


async def test_red_goes_on_with_the_feedback_as_answer_of_finish() -> None:
    script = "[[turn]]\n" + call("do", "a") + call("finish", "first")
    script += "[[turn]]\nexpect=['x is red']\n" + call("finish")
    stage = Stage(script=script, words=[Word(final=False, feedback="x is red"), Word(final=True)])
    loop = stage.loop()
    await loop.run("Go.")
    assert [answer.content for answer in answers(loop, 2)] == ["did a", "x is red"]
    assert loop.turn == 2


async def test_reply_without_a_call_is_a_finish() -> None:
    script = "[[turn]]\ntext='I think so.'\n[[turn]]\nexpect=['red']\ntext='Now.'\n"
    stage = Stage(script=script, words=[Word(final=False, feedback="red"), Word(final=True)])
    loop = stage.loop()
    await loop.run("Go.")
    assert stage.asked == ["I think so.", "Now."]
    assert loop.history[2].parts == (Text(text="red"),)


async def test_failed_edit_beside_finish_is_mended_first() -> None:
    stage = Stage(script="[[turn]]\n" + call("fail", "a") + call("finish", "x") + "[[turn]]\n" + call("finish", "y"))
    loop = stage.loop()
    await loop.run("Go.")
    assert stage.asked == ["y"]
    failed, unfinished = answers(loop, 2)
    assert failed.content == "no a: take another"
    assert failed.is_error
    assert unfinished.content == "Not finished: fail failed. Mend that and finish again."


async def test_call_that_failed_and_succeeded_when_made_again_is_forgotten() -> None:
    script = "[[turn]]\n" + call("later", "a") + call("do", "b") + call("later", "a") + call("finish", "x")
    stage = Stage(script=script)
    await stage.loop().run("Go.")
    assert stage.asked == ["x"]


async def test_summary_that_is_left_out_is_the_last_one() -> None:
    script = "[[turn]]\n" + call("finish", "whole story") + "[[turn]]\n[[turn.call]]\nname='finish'\ninput={}\n"
    stage = Stage(script=script, words=[Word(final=False, feedback="red"), Word(final=True)])
    await stage.loop().run("Go.")
    assert stage.asked == ["whole story", "whole story"]


async def test_bad_calls_come_back_as_errors_the_model_can_act_on() -> None:
    script = (
        "[[turn]]\n[[turn.call]]\nname='do'\narguments='{\"word\": '\n"
        "[[turn.call]]\nname='do'\ninput={wrong=1}\n[[turn.call]]\nname='dig'\ninput={}\n"
        "[[turn]]\n" + call("finish")
    )
    stage = Stage(script=script)
    loop = stage.loop()
    await loop.run("Go.")
    malformed, wrong, unknown = answers(loop, 2)
    assert "not complete, valid JSON" in malformed.content
    assert "word" in wrong.content
    assert "look, do, fail, missing, later, finish" in unknown.content
    assert all(answer.is_error for answer in (malformed, wrong, unknown))
    assert stage.log == []
    assert len(stage.of(ToolStarted)) == len(stage.of(ToolFinished)) == 3


async def test_reply_cut_at_the_output_limit_is_said_and_no_finish() -> None:
    script = (
        "[[turn]]\nstop='length'\n" + call("do", "whole") + "[[turn.call]]\nname='do'\narguments='{\"word\": \"cu'\n"
        "[[turn]]\nexpect=['cut off']\n" + call("finish")
    )
    stage = Stage(script=script)
    loop = stage.loop()
    await loop.run("Go.")
    assert stage.log == ["+whole", "-whole"]
    assert loop.history[2].parts[-1] == Text(text=CUT)
    text_alone = Stage(script="[[turn]]\nstop='length'\ntext='and so'\n[[turn]]\n" + call("finish", "z"))
    await text_alone.loop().run("Go.")
    assert text_alone.asked == ["z"]


async def test_empty_replies_are_nudged_and_then_end_the_run() -> None:
    stage = Stage(script="[[turn]]\n[[turn]]\nexpect=['reply was empty']\n" + call("finish"))
    loop = stage.loop()
    await loop.run("Go.")
    assert loop.history[2].parts == (Text(text=EMPTY),)
    assert all(message.parts for message in loop.history)
    silent = Stage(script="[[turn]]\n" * 5)
    with pytest.raises(ProviderError, match=f"{EMPTY_LIMIT} empty answers"):
        await silent.loop().run("Go.")


async def test_turn_limit() -> None:
    stage = Stage(script=("[[turn]]\n" + call("do", "a")) * 5, limits=Limits(turns=2))
    loop = stage.loop()
    with pytest.raises(LimitReached, match="2 turns are used up") as reached:
        await loop.run("Go.")
    assert reached.value.kind == "turns"
    assert stage.log == ["+a", "-a"] * 2
    assert [message.role for message in loop.history] == ["user", "assistant"] * 2 + ["user"]


async def test_cost_limit_and_sums() -> None:
    priced = "[model]\ninput_price=1000.0\noutput_price=1000.0\n" + ("[[turn]]\n" + call("do", "a")) * 5
    stage = Stage(script=priced, limits=Limits(cost=0.02))
    loop = stage.loop()
    with pytest.raises(LimitReached, match=r"of \$0.02 is used up"):
        await loop.run("Go.")
    reports = cast("list[UsageReported]", stage.of(UsageReported))
    assert sum(report.usage.output_tokens for report in reports) == loop.usage.output_tokens > 0
    assert loop.cost is not None
    assert loop.cost == pytest.approx(sum(report.cost or 0 for report in reports))
    assert loop.cost >= 0.02


async def test_events_tell_the_story_in_order() -> None:
    stage = Stage(script="[[turn]]\ntext='Well then.'\n" + call("do", "a") + call("finish", "done"))
    loop = stage.loop()
    await loop.run("Go.")
    kinds = [event.kind for event in stage.events if event.kind != "text_delta"]
    assert kinds == [
        *("message_added", "turn_started", "usage_reported", "message_added"),
        *("tool_started", "tool_output", "file_changed", "tool_finished", "turn_finished"),
    ]
    added = [event.message for event in stage.events if isinstance(event, MessageAdded)]
    assert added == loop.history
    assert [event.text for event in stage.events if isinstance(event, ToolOutput)] == ["a…"]
    assert [event.call for event in stage.events if isinstance(event, FileChanged)] == ["call_1_1"]
    (finished,) = cast("list[TurnFinished]", stage.of(TurnFinished))
    assert finished.seconds >= finished.tool_seconds >= 0.01


async def test_cancelled_between_turns_leaves_a_whole_history() -> None:
    stage = Stage(script="[[turn]]\n" + call("do", "a") + "[[turn]]\ndelay_s=60\n" + call("finish"))
    loop = stage.loop()
    answered = asyncio.Event()
    loop.emit = lambda event: answered.set() if isinstance(event, TurnStarted) and event.turn == 2 else None
    running = asyncio.create_task(loop.run("Go."))
    await answered.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [message.role for message in loop.history] == ["user", "assistant", "user"]
    assert loop.history[0] == Message(role="user", parts=(Text(text="Go."),))


async def test_what_a_review_finds_stands_in_the_result_of_the_call_that_wrote_the_file() -> None:
    script = "[[turn]]\n" + call("do", "a.go") + call("do", "b.go") + call("look", "c")
    script += "[[turn]]\n" + call("finish", "done")
    found = Reviewed(by_path={"a.go": "a.go:3: wrong", "by-hand.go": "by-hand.go:1: odd"}, rest="Checked ./a: Green.")
    stage = Stage(script=script, reviews=[found])
    loop = stage.loop()
    await loop.run("Go.")
    assert [answer.content for answer in answers(loop, 2)] == [
        "did a.go\na.go:3: wrong",
        "did b.go",
        "did c\nby-hand.go:1: odd\n\nChecked ./a: Green.",
    ]


async def test_replies_that_only_look_or_finish_are_not_reviewed() -> None:
    stage = Stage(script="[[turn]]\n" + call("look", "a") + "[[turn]]\n" + call("do", "b") + call("finish", "done"))
    await stage.loop().run("Go.")
    assert stage.reviewed == 0
    assert stage.asked == ["done"]


async def test_reply_whose_finish_does_not_count_is_reviewed_at_least() -> None:
    script = "[[turn]]\n" + call("fail", "a") + call("do", "b") + call("finish", "done") + "[[turn]]\n" + call("finish")
    stage = Stage(script=script, reviews=[Reviewed(rest="b is odd")])
    loop = stage.loop()
    await loop.run("Go.")
    assert [answer.content for answer in answers(loop, 2)] == [
        "no a: take another",
        "did b",
        "Not finished: fail failed. Mend that and finish again.\n\nb is odd",
    ]


async def test_look_up_that_found_nothing_does_not_keep_the_work_from_being_done() -> None:
    stage = Stage(script="[[turn]]\n" + call("missing", "a") + call("finish", "done"))
    await stage.loop().run("Go.")
    assert stage.asked == ["done"]


async def test_what_happened_during_a_call_stands_in_its_result_and_what_came_later_beside_it() -> None:
    script = "[[turn]]\n" + call("do", "a") + call("do", "b") + "[[turn]]\n" + call("finish", "done")
    stage = Stage(script=script, news=["", "Network: b was refused.", "Network: the review's."])
    loop = stage.loop()
    await loop.run("Go.")
    assert [answer.content for answer in answers(loop, 2)] == ["did a", "did b\n\nNetwork: b was refused."]
    assert loop.history[2].parts[-1] == Text(text="Network: the review's.")
    finished = cast("list[ToolFinished]", stage.of(ToolFinished))
    assert [(event.content, event.display) for event in finished][1] == (
        "did b\n\nNetwork: b was refused.",
        "did b",
    )


async def test_news_of_a_call_that_failed_is_told_too() -> None:
    stage = Stage(script="[[turn]]\n" + call("fail", "a") + "[[turn]]\n" + call("finish"), news=["Refused."])
    loop = stage.loop()
    await loop.run("Go.")
    assert [answer.content for answer in answers(loop, 2)] == ["no a: take another\n\nRefused."]


def left(stage: Stage, *parts: Part) -> Loop:
    """A loop whose history ends in a reply that has no answer, or with the task."""
    loop = stage.loop()
    loop.history = [Message(role="user", parts=(Text(text="Go."),))]
    if parts:
        loop.history.append(Message(role="assistant", parts=parts))
    return loop


def made(number: int, name: str, word: str) -> ToolCall:
    return ToolCall(id=f"c{number}", name=name, arguments={"summary" if name == "finish" else "word": word})


async def test_calls_that_a_killed_run_had_not_begun_are_made_and_its_last_word_is_judged() -> None:
    stage = Stage(script="")
    first, second, last = made(1, "do", "a"), made(2, "do", "b"), made(3, "finish", "all done")
    loop = left(stage, first, second, last)
    await loop.resume("[it was killed]", [(first, ToolResult(content="did a"))], None)
    assert stage.log == ["+b", "-b"]
    assert stage.asked == ["all done"]
    assert loop.requests == 0


async def test_interrupted_call_is_told_and_nothing_is_judged() -> None:
    stage = Stage(script="[[turn]]\n[[turn]]\nexpect = ['cut', 'not yet', 'killed']\n" + call("finish", "now"))
    first, last = made(1, "do", "a"), made(2, "finish", "all done")
    loop = left(stage, first, last)
    stage.reviews = [Reviewed(rest="x is wrong")]
    cut = ToolResult(content="cut", is_error=True)
    await loop.resume("[it was killed]", [(first, cut)], ToolResult(content="not yet", is_error=True))
    assert stage.log == []
    assert stage.asked == ["now"]
    assert [answer.content for answer in answers(loop, 2)] == ["cut", "not yet\n\nx is wrong"]
    assert loop.history[2].parts[-1] == Text(text="[it was killed]")


async def test_task_without_a_reply_gets_the_note_in_the_same_message() -> None:
    stage = Stage(script="[[turn]]\nexpect = ['Go.', 'killed', 'x is wrong']\n" + call("finish", "now"))
    stage.reviews = [Reviewed(rest="x is wrong")]
    loop = left(stage)
    await loop.resume("[it was killed]", [], None)
    assert [message.role for message in loop.history] == ["user", "assistant"]
    added = stage.of(MessageAdded)[0]
    assert isinstance(added, MessageAdded)
    assert added.message.parts == (Text(text="[it was killed]\nx is wrong"),)


async def test_counters_of_earlier_runs_count_against_limits() -> None:
    loop = left(Stage(script="", limits=Limits(turns=3)))
    loop.turn = 3
    with pytest.raises(LimitReached, match="3 turns are used up"):
        await loop.resume("[it was killed]", [], None)
