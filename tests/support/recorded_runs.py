"""Runs to be struck: what the model does step by step, and what it does about a step that was interrupted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call, and that by which a careful model brings about the same whether it was made, half made, or not."""

    name: str
    input: Mapping[str, Any] = field(default_factory=dict[str, Any])
    again: Call | None = None
    """None: the same call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A reply of the model."""

    calls: tuple[Call, ...]
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A task, the files that it begins with, and the replies that do it."""

    name: str
    files: Mapping[str, str]
    turns: tuple[Turn, ...]
    edit_format: str = "edit"

    def script(self) -> str:
        """Return it as a script for the scripted model."""
        return _script(self.turns, self.edit_format)

    def script_after(self, events: Sequence[Mapping[str, Any]], *, redo: bool = False) -> str:
        """Return the script for a model that hears how the run that these events tell of was interrupted, and minds.

        To `redo` is to write everything once more that was written until then.
        """
        replied, undone = _interrupted(events)
        if redo:
            calls = [call for turn in self.turns[:replied] for call in turn.calls if call.name != "finish"]
            return self._with(replied, calls)
        if not undone:
            return self.script()
        numbered = enumerate(self.turns[replied - 1].calls, 1)
        calls = [call for number, call in numbered if f"call_{replied}_{number}" in undone or call.name == "finish"]
        return self._with(replied, calls)

    def script_cut(self, turn: int, call: int) -> str:
        """Return the script for a model that hears in a reply's answers that its calls from `call` on were cut off."""
        return self._with(turn, self.turns[turn - 1].calls[call - 1 :])

    def with_first(self, *calls: Call) -> Run:
        """Return a run that makes calls first."""
        return replace(self, name=f"{self.name} and more", turns=(Turn(calls=calls), *self.turns))

    def _with(self, replied: int, calls: Sequence[Call]) -> str:
        careful = Turn(calls=tuple(call.again or call for call in calls))
        return _script((*self.turns[:replied], careful, *self.turns[replied:]), self.edit_format)


def _interrupted(events: Sequence[Mapping[str, Any]]) -> tuple[int, set[str]]:
    """Return how many replies there were, and the calls of the last that did not come to their end, if one had begun.

    Those that no call was begun of are made when the session goes on.
    """
    replies, calls, begun, ended = 0, set[str](), set[str](), set[str]()
    for event in events:
        match event["kind"]:
            case "message_added" if event["message"]["role"] == "assistant":
                replies += 1
                parts = event["message"]["parts"]
                calls = {part["id"] for part in parts if part["type"] == "tool_call" and part["name"] != "finish"}
                begun, ended = set[str](), set[str]()
            case "message_added":
                calls = set[str]()
            case "tool_started":
                begun.add(event["call"])
            case "tool_finished":
                ended.add(event["call"])
            case _:
                pass
    return replies, calls - ended if calls & (begun - ended) else set()


def _script(turns: Sequence[Turn], edit_format: str) -> str:
    lines = [f"[model]\nedit_format = {json.dumps(edit_format)}"]
    for turn in turns:
        lines.append(f"[[turn]]\ntext = {json.dumps(turn.text)}")
        lines += [f"[[turn.call]]\nname = {json.dumps(call.name)}\ninput = {_toml(call.input)}" for call in turn.calls]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{key} = {_toml(each)}" for key, each in value.items())  # pyright: ignore[reportUnknownVariableType] JSON
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"  # pyright: ignore[reportUnknownArgumentType] JSON
    return json.dumps(value)


def write(path: str, content: str) -> Call:
    return Call(name="write_file", input={"path": path, "content": content})


def edit(path: str, old: str, new: str, whole: str) -> Call:
    """`whole` is what the file is then."""
    return Call(name="edit_file", input={"path": path, "edits": [{"old": old, "new": new}]}, again=write(path, whole))


def append(line: str, path: str = "log.txt") -> Call:
    """A command that must not be run twice."""
    careful = f"grep -qx {line} {path} || echo {line} >> {path}"
    return Call(
        name="bash", input={"command": f"echo {line} >> {path}"}, again=Call(name="bash", input={"command": careful})
    )


def patch(*lines: str) -> Call:
    return _patch(lines)


def _patch(lines: Sequence[str]) -> Call:
    return Call(name="apply_patch", input={"patch": "\n".join(("*** Begin Patch", *lines, "*** End Patch"))})


def remade(call: Call, script: str) -> Call:
    """A call whose repair is a shell script."""
    return Call(name=call.name, input=call.input, again=Call(name="bash", input={"command": script}))


READ = Call(name="read_file", input={"path": "greet.plain"})
CHECK = Call(name="check")
FINISH = Call(name="finish", input={"summary": "Say good-bye too."})

_GREET = "hello() { echo hello; }\n"
_BYE_WRONG = "bye() { echo by; }\n"
_BYE = "bye() { echo bye; }\n"
_BYE_TEST = '. ./bye.plain\n[ "$(bye)" = bye ]\n'
_PLAIN = {
    "plain.project": "\n",
    "greet.plain": _GREET,
    "greet_test.plain": '. ./greet.plain\n[ "$(hello)" = hello ]\n',
    "README": "Greets.\n",
}

EDITS = Run(
    name="edits",
    files=_PLAIN,
    turns=(
        Turn(text="I look first.", calls=(READ, write("bye.plain", _BYE_WRONG), append("once"))),
        Turn(calls=(edit("greet.plain", "echo hello", "echo  hello", _GREET.replace("o h", "o  h")), CHECK)),
        Turn(text="Now the test.", calls=(write("bye_test.plain", _BYE_TEST), FINISH)),
        Turn(calls=(edit("bye.plain", "by;", "bye;", _BYE), append("twice"), FINISH)),
    ),
)

PATCHES = Run(
    name="patches",
    files=_PLAIN,
    edit_format="patch",
    turns=(
        Turn(
            calls=(
                remade(
                    patch("*** Add File: bye.plain", f"+{_BYE.strip()}", "*** Delete File: README"),
                    f"printf '%s\\n' '{_BYE.strip()}' > bye.plain; rm -f README",
                ),
                Call(name="search", input={"pattern": "hello"}),
                READ,
            )
        ),
        Turn(
            calls=(
                append("once"),
                remade(
                    patch(
                        "*** Update File: greet.plain",
                        "*** Move to: hello.plain",
                        "@@",
                        "-hello() { echo hello; }",
                        "+hello() { echo hello; } # moved",
                        "*** Update File: greet_test.plain",
                        "@@",
                        "-. ./greet.plain",
                        "+. ./hello.plain",
                    ),
                    "echo 'hello() { echo hello; } # moved' > hello.plain; rm -f greet.plain; "
                    "sed -i s,greet.plain,hello.plain, greet_test.plain",
                ),
            )
        ),
        Turn(text="And its test.", calls=(write("bye_test.plain", _BYE_TEST), CHECK, FINISH)),
    ),
)


def lay_out(run: Run, repository: Path) -> None:
    """Write the files that a run begins with."""
    for name, text in run.files.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
