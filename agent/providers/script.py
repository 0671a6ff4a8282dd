"""Scripts: a model's turns written down in a TOML file, and what they expect to be told. `docs/scripts.md` has a tour.

    [[turn]]
    expect = ['undefined: brotli\\.NewWriterLeve1', 'func (?P<name>NewWriter\\w*)\\(']
    thinking = "optional"
    text = "The documentation calls it {{name}}."
    [[turn.call]]
    name = "write_file"
    [turn.call.input]
    path = "server.go"
    content = '''
    package server
    '''

`expect` are regular expressions (MULTILINE) that must each be found in what was said since the last reply: the
words of the user's message and the answers to the calls. Their named groups fill `{{name}}` in text and inputs of
this turn and of later ones; `{{x}}` stays as it is where no pattern of the script has a group `x`. Other keys of a
turn: `stop` (`length`, `refusal`), `delay_s`; of a call: `arguments`, raw text in place of `input`, which need not
be JSON. A table `[model]` may set `context_tokens`, `edit_format` and the prices of `Capabilities`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError, validate

from agent.messages import Message, Part, Text, Thinking, ToolAnswer, ToolCall, Usage
from agent.providers.base import Capabilities, ProviderError, StopReason

_TAIL_CHARACTERS = 3_000
_CHARACTERS_PER_TOKEN = 4
_PRICES = ("input_price", "output_price", "cache_read_price", "cache_write_price")
_STRING = {"type": "string"}
_AMOUNT = {"type": "number", "minimum": 0}


def _table(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_CALL = _table({"name": _STRING, "input": {"type": "object"}, "arguments": _STRING}, "name")
_TURN = _table(
    {
        "expect": {"type": "array", "items": _STRING},
        "text": _STRING,
        "thinking": _STRING,
        "stop": {"enum": ["length", "refusal"]},
        "delay_s": _AMOUNT,
        "call": {"type": "array", "items": _CALL},
    }
)
_MODEL = _table(
    {
        "context_tokens": {"type": "integer", "minimum": 1},
        "edit_format": {"enum": ["edit", "one", "patch", "text"]},
        **dict.fromkeys(_PRICES, _AMOUNT),
    }
)
_SCRIPT = _table({"turn": {"type": "array", "items": _TURN}, "model": _MODEL})


class ScriptError(ProviderError):
    """The script can't be read, or the conversation went another way than it says. Never retryable.

    The first line says what was wrong; the end of what was said instead may follow.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedCall:
    """A call as the model would send it; `arguments` is the text of a JSON object, or of something that is none."""

    name: str
    arguments: str
    input: Mapping[str, Any] | None = None
    """What `arguments` was made from; None where the script gives the raw text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One reply. As a part of a script it may hold `{{name}}`; as an answer of `Script.reply` these are filled."""

    number: int
    expect: tuple[re.Pattern[str], ...] = ()
    text: str = ""
    thinking: str = ""
    calls: tuple[ScriptedCall, ...] = ()
    stop: StopReason = "end"
    delay_s: float = 0.0

    def call_id(self, position: int) -> str:
        """Return the id of the call at `position`; unique in a conversation and the same in every run."""
        return f"call_{self.number}_{position + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A model that says what a file tells it to. It holds no state: its place follows from the conversation."""

    name: str
    turns: tuple[Turn, ...]
    capabilities: Capabilities = field(default_factory=Capabilities)

    def reply(self, heard: Sequence[str]) -> Turn:
        """Return the turn that answers the last of `heard`: what was said before the first reply, before the second, ….

        Raises ScriptError when the turn's expectations are not met or no turn is left.
        """
        if len(heard) > len(self.turns):
            raise ScriptError(f"{self.name}: the script has no more turns ({len(self.turns)} played)")
        turn = self.turns[len(heard) - 1]
        names: dict[str, str] = {}
        for earlier, said in zip(self.turns, heard[:-1], strict=False):
            _, found = _listen(earlier, said)
            names |= found
        missing, found = _listen(turn, heard[-1])
        if missing:
            raise ScriptError(_complaint(self.name, turn.number, missing, heard[-1]))
        return self._filled(turn, names | found)

    def usage(self, heard: Sequence[str], turn: Turn) -> Usage:
        """Return a plausible count of tokens: what was said before the last reply counts as read from a cache."""
        written = turn.text + turn.thinking + "".join(call.name + call.arguments for call in turn.calls)
        return Usage(
            input_tokens=_tokens(heard[-1]),
            output_tokens=_tokens(written),
            cache_read_tokens=sum(_tokens(said) for said in heard[:-1]),
        )

    def _filled(self, turn: Turn, names: Mapping[str, str]) -> Turn:
        known = {group for each in self.turns for pattern in each.expect for group in pattern.groupindex}

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name in known and name not in names:
                raise ScriptError(
                    f"{self.name}: turn {turn.number} uses {{{{{name}}}}}, which nothing has captured yet"
                )
            return names.get(name, match[0])

        def fill(text: str) -> str:
            return re.sub(r"\{\{(\w+)\}\}", value, text)

        calls = tuple(_fill_call(call, fill) for call in turn.calls)
        return replace(turn, text=fill(turn.text), thinking=fill(turn.thinking), calls=calls)


def read(path: Path) -> Script:
    """Read a script. Raises ScriptError, one line with the file's name, when it can't be read or is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScriptError(f"can't read the script {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScriptError(f"can't read the script {path}: it is not UTF-8 text") from error
    return parse(text, str(path))


def parse(text: str, name: str = "script") -> Script:
    """Read a script from its text; `name` stands in error messages. Raises ScriptError."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScriptError(f"{name}: {error}") from error
    try:
        validate(tree, _SCRIPT, Draft202012Validator)
    except ValidationError as error:
        raise ScriptError(f"{name}: {_place(error.absolute_path)}{error.message}") from error
    turns = tuple(_turn(name, number, table) for number, table in enumerate(tree.get("turn", ()), start=1))
    return Script(name=name, turns=turns, capabilities=Capabilities(**tree.get("model", {})))


def heard(messages: Sequence[Message]) -> list[str]:
    """Return what the user's side said before each reply, the last entry being what wants an answer now."""
    said = [""]
    for message in messages:
        if message.role == "assistant":
            said.append("")
            continue
        said[-1] = "\n".join(filter(None, (said[-1], *map(_said, message.parts))))
    return said


def words(text: str) -> list[str]:
    """Return the text in the pieces that it streams in."""
    return re.findall(r"\s*\S+|\s+$", text)


def _said(part: Part) -> str:
    match part:
        case Text():
            return part.text
        case ToolAnswer():
            return part.content
        case Thinking() | ToolCall():
            return ""


def _turn(script: str, number: int, table: Mapping[str, Any]) -> Turn:
    calls = tuple(_call(script, number, call) for call in table.get("call", ()))
    return Turn(
        number=number,
        expect=tuple(_pattern(script, number, pattern) for pattern in table.get("expect", ())),
        text=table.get("text", ""),
        thinking=table.get("thinking", ""),
        calls=calls,
        stop=table.get("stop", "tool_calls" if calls else "end"),
        delay_s=table.get("delay_s", 0.0),
    )


def _call(script: str, number: int, table: Mapping[str, Any]) -> ScriptedCall:
    if "input" in table and "arguments" in table:
        raise ScriptError(f"{script}: turn {number}: a call has `input` or `arguments`, not both")
    if "arguments" in table:
        return ScriptedCall(name=table["name"], arguments=table["arguments"])
    given = table.get("input", {})
    try:
        return ScriptedCall(name=table["name"], arguments=_json(given), input=given)
    except TypeError as error:
        raise ScriptError(f"{script}: turn {number}: the input of {table['name']} is not JSON: {error}") from error


def _pattern(script: str, number: int, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.MULTILINE)
    except re.error as error:
        raise ScriptError(f"{script}: turn {number}: {pattern!r} is not a regular expression: {error}") from error


def _listen(turn: Turn, said: str) -> tuple[list[str], dict[str, str]]:
    missing: list[str] = []
    found: dict[str, str] = {}
    for pattern in turn.expect:
        match = pattern.search(said)
        if match is None:
            missing.append(pattern.pattern)
        else:
            found |= {name: text or "" for name, text in match.groupdict().items()}
    return missing, found


def _complaint(script: str, number: int, missing: Sequence[str], said: str) -> str:
    patterns = " and ".join(f"/{pattern}/" for pattern in missing)
    tail = said[-_TAIL_CHARACTERS:]
    shown = "\n".join(f"  | {line}" for line in tail.splitlines()) or "  | (nothing)"
    return f"{script}: turn {number} expected {patterns}; what was said ends in:\n{shown}"


def _fill_call(call: ScriptedCall, fill: Callable[[str], str]) -> ScriptedCall:
    if call.input is None:
        return replace(call, arguments=fill(call.arguments))
    return replace(call, arguments=_json(_map_strings(call.input, fill)))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _map_strings(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_map_strings(item, change) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: _map_strings(item, change) for key, item in cast("dict[str, Any]", value).items()}
    return value


def _place(path: Sequence[str | int]) -> str:
    """Say `turn 2: call 1: ` for a path into the tree; lists count from 1."""
    steps = [f"{key} " if isinstance(key, str) else f"{key + 1}: " for key in path]
    return "".join(steps).replace(" :", ":")


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
