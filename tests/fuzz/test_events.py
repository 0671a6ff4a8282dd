"""Whatever transcripts, settings or scripts hold, reading them ends in a value or in the documented error."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from fuzzing import fuzz, mutated, texts
from fuzzing import one_line as in_one_line
from hypothesis import strategies as st
from invented import events

from agent.cli.untrusted import one_line, visible
from agent.codec import DecodeError, decode, encode
from agent.config import load
from agent.errors import UserError
from agent.events import Event, Stamp, Stamped
from agent.messages import ToolCall
from agent.projects import Project, Projects
from agent.providers.arguments import decode_call, encode_arguments
from agent.providers.base import TextChunk, ThinkingChunk
from agent.providers.script import Script, ScriptError
from agent.providers.script import parse as parse_script
from agent.providers.tagged import TaggedText
from agent.redacted import redacted
from agent.redaction import Redactor
from agent.transcript import read, recover

ROOT = Path(__file__).parents[2]
SAMPLE = (ROOT / "tests/data/events/sample.jsonl").read_bytes()
REDACTOR = Redactor()


def test_a_line_is_an_event_or_a_decode_error(request: pytest.FixtureRequest) -> None:
    def check(line: bytes) -> None:
        try:
            stamped = decode(line)
        except DecodeError as error:
            in_one_line(error)
        else:
            assert decode(encode(stamped)).event.kind == stamped.event.kind

    fuzz(request, mutated(SAMPLE.splitlines()), check, inputs=1500)


def test_any_event_comes_back(request: pytest.FixtureRequest) -> None:
    def check(event: Event) -> None:
        stamped = Stamped(stamp=Stamp(seq=1, time="t", session="s"), event=event)
        assert decode(encode(stamped)) == stamped
        assert redacted(event, REDACTOR).kind == event.kind

    fuzz(request, events(st.text(st.characters(codec="utf-8"), max_size=20)), check, inputs=600)


def test_any_transcript_can_be_recovered(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    path = tmp_path / "s" / "transcript.jsonl"
    path.parent.mkdir()

    def check(data: bytes) -> None:
        path.write_bytes(data)
        found = read(path)
        assert recover(path) == found
        assert read(path).events == found.events
        assert read(path).torn_bytes == 0

    fuzz(request, mutated([SAMPLE, b"", SAMPLE[:300]]), check, inputs=400)


def test_the_projects_file_is_read_or_refused(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    projects = Projects(folder=tmp_path / "projects")
    projects.change(
        tmp_path, lambda project: Project(repository=project.repository, trusted={"a": "0" * 64}, network_allow=("h",))
    )
    (path,) = (tmp_path / "projects").glob("*.json")

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            found = projects.load(tmp_path)
        except UserError as error:
            in_one_line(error)
        else:
            assert all(isinstance(host, str) for host in found.network_allow)

    fuzz(request, mutated([path.read_bytes()]), check, inputs=400)


def test_settings_are_read_or_refused_in_one_line(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / ".bactrian" / "config.toml"
    seeds = [b'max_turns = 3\nmax_cost = 1.5\nmax_time = "10m"\n', b"[max_turns]\nx = 1\n[[a.b]]\nd = 2020-01-01\n"]

    def check(data: bytes) -> None:
        try:
            found = load((path, data), {}, {})
        except UserError as error:
            in_one_line(error)
        else:
            assert found.max_turns is None or found.max_turns <= 100

    fuzz(request, mutated(seeds), check, inputs=600)


def test_a_script_is_read_or_refused(request: pytest.FixtureRequest) -> None:
    seeds = [path.read_text() for path in sorted((ROOT / "examples").glob("*/model.toml"))]
    small = (
        '[[turn]]\ntext = "a"\nhear = ["x(?P<y>.)"]\n[[turn.call]]\ntool = "bash"\narguments = {command = "{{y}}"}\n'
    )

    def check(text: str) -> None:
        try:
            script = parse_script(text)
        except ScriptError:
            return
        assert isinstance(script, Script)

    fuzz(request, texts([small, small, *seeds]), check, inputs=400)


def test_arguments_of_a_call_are_json_or_invalid(request: pytest.FixtureRequest) -> None:
    seeds = ['{"command": "ls", "timeout_s": 3}', '{"path": "a\\u00e9.go", "edits": [{"old": "x\\n", "new": ""}]}', ""]

    def check(raw: str) -> None:
        call = decode_call("1", "bash", raw)
        json.loads(encode_arguments(call))
        assert isinstance(redacted(call, REDACTOR), ToolCall)

    fuzz(request, texts(seeds), check, inputs=1000, always=['{"a":' * 990 + "1" + "}" * 990])


def test_tags_of_local_models_are_read(request: pytest.FixtureRequest) -> None:
    seeds = ['<think>hm</think>Well <tool_call>{"name": "bash", "arguments": {"command": "ls"}}</tool_call> done']

    def check(text: str) -> None:
        tagged = TaggedText(vendor="llama", call_prefix="c")
        chunks = [chunk for at in range(0, len(text), 7) for chunk in tagged.feed(text[at : at + 7])]
        chunks += tagged.finish(cut=False)
        assert all(isinstance(chunk, TextChunk | ThinkingChunk) for chunk in chunks)

    fuzz(request, texts(seeds), check, inputs=400)


def test_nothing_that_reaches_the_terminal_commands_it(request: pytest.FixtureRequest) -> None:
    seeds = [
        "\x1b]52;c;ZXZpbA==\x07 \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x1b]0;title\x07 \x1b[2J\x1b[31mred\x1b[0m",
        "\x1bP$qm\x1b\\ \x9b2J \u009d0;t\u009c \u202eevil\u2066 a\rb\x08\x7f\x00 \u200b\u200d",
        "👩\u200d🚀 \ufeff\U000e0041 \u2028",
    ]

    def check(text: str) -> None:
        for shown in (visible(text), one_line(text)):
            odd = {char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs")}
            assert odd <= {"\n", "\t", "\u200c", "\u200d"}
        assert "\n" not in one_line(text)

    fuzz(request, st.one_of(texts(seeds), st.text(st.characters(codec=None))), check, inputs=1500)
