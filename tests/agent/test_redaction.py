"""Secrets don't reach the disk: in any event, at any place, in any of their usual forms, in however many pieces."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from invented import IN_CONTEXT, KNOWN, SHAPED, events

from agent.base_store import BaseFolder
from agent.codec import decode, encode
from agent.event_log import EventLog
from agent.events import (
    Event,
    MessageAdded,
    RequestRetried,
    Stamp,
    Stamped,
    TextDelta,
    ThinkingDelta,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    TurnFinished,
)
from agent.host_secrets import Secret, host_secrets
from agent.messages import Message, Text, Thinking
from agent.redacted import MOST_DEPTH, TOO_DEEP, RedactedEvents, redacted
from agent.redaction import MOST_HELD, Redactor
from lang.base import BuildReport, Project
from tools.check_report import CheckReport, ProjectReport

ROOT = Path(__file__).parents[2]
REDACTOR = Redactor(KNOWN)
LOOSELY = settings(deadline=None, derandomize=True, database=None, max_examples=80)
FORMS: tuple[Callable[[str], str], ...] = (
    str,
    lambda secret: json.dumps(secret),
    lambda secret: json.dumps(json.dumps({"a": secret})),
    lambda secret: f"https://example.org/?q={quote(secret, safe='')}&r=1",
    lambda secret: base64.b64encode(secret.encode()).decode(),
    lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
    lambda secret: base64.urlsafe_b64encode(f"me:{secret}\n".encode()).decode(),
    lambda secret: secret.encode().hex(),
)
PLAIN = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    ["the quick brown fox ", "s", "gh", "-----BEGIN", "eyJ", "https://", ' {"k": "v"}\n', "\x1b[32m", "a" * 50]
)


def pieces(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def known_texts(draw: st.DrawFn) -> tuple[str, str]:
    """A known secret in some form with text around it, and what of it must not be seen."""
    secret = draw(st.sampled_from(KNOWN)).value
    form = draw(st.sampled_from(FORMS))(secret)
    return draw(PLAIN) + form + draw(PLAIN), secret


@st.composite
def shaped_texts(draw: st.DrawFn) -> tuple[str, str, str]:
    """Text before a secret, the secret, text after: such that it neither begins nor ends in a longer word."""
    before, secret, after = draw(
        st.sampled_from([("", secret, "") for secret in SHAPED.values()]) | st.sampled_from(IN_CONTEXT)
    )
    left = draw(st.sampled_from(["", "token=", '{"t": "', "\\n", "\x1b[1m", "%3D", "see ", "\n", "ä "]))
    right = draw(st.sampled_from(["", " ", "\n", '"}', "'", ")", ",x", "\x1b[0m"]))
    return left + before, secret, after + right


def stream(parts: Iterable[str], redactor: Redactor = REDACTOR) -> str:
    taker = RedactedEvents(redactor)
    out: list[Event] = []
    for part in parts:
        out += taker.take(ToolOutput(call="1", text=part))
    out += taker.take(ToolFinished(call="1", tool="bash", is_error=False, content="", display="", seconds=1))
    return "".join(event.text for event in out if isinstance(event, ToolOutput))


def strings(event: Event) -> str:
    return encode(Stamped(stamp=Stamp(seq=1, time="t", session="s"), event=event))


@pytest.mark.parametrize("name", SHAPED)
def test_each_shape_is_known(name: str) -> None:
    secret = SHAPED[name]
    kind = {"GitHub fine token": "GitHub token"}.get(name, name)
    done = REDACTOR.text(f"key: {secret}\nnext")
    assert done.startswith(f"key: [redacted: {kind} ")
    assert done.endswith("]\nnext")
    assert len(done) < 60


@pytest.mark.parametrize(("before", "secret", "after"), IN_CONTEXT)
def test_a_credential_goes_and_what_names_it_stays(before: str, secret: str, after: str) -> None:
    done = REDACTOR.text(before + secret + after)
    assert done.startswith(f"{before}[redacted: ")
    assert done.endswith(f"]{after}")
    assert secret not in done


@pytest.mark.parametrize("secret", KNOWN)
@pytest.mark.parametrize("form", FORMS)
def test_a_known_secret_goes_in_every_form(secret: Secret, form: Callable[[str], str]) -> None:
    done = REDACTOR.text(f"<{form(secret.value)}>")
    assert f"[redacted: {secret.name}]" in done
    assert len(done) < len(form(secret.value)) + 40
    for part in (secret.value, form(secret.value)):
        assert part not in done


def test_two_of_a_kind_are_told_apart_and_one_is_told_alike() -> None:
    first, second = SHAPED["GitHub token"], "ghp_" + "A1b2" * 9
    done = REDACTOR.text(f"{first} {second} {first}").removeprefix("[").removesuffix("]").split("] [")
    assert done[0] == done[2] != done[1]


@LOOSELY
@given(text=shaped_texts(), data=st.data())
def test_a_shaped_secret_is_gone_whatever_pieces_it_comes_in(text: tuple[str, str, str], data: st.DataObject) -> None:
    before, secret, after = text
    parts = data.draw(st.composite(lambda draw: pieces(draw, before + secret + after))())
    whole = REDACTOR.text(before + secret + after)
    assert secret not in whole
    assert stream(parts) == whole
    assert whole.startswith(before)
    assert whole.endswith(after)


@LOOSELY
@given(text=known_texts(), data=st.data())
def test_a_known_secret_is_gone_whatever_pieces_it_comes_in(text: tuple[str, str], data: st.DataObject) -> None:
    whole, secret = text
    parts = data.draw(st.composite(lambda draw: pieces(draw, whole))())
    assert secret not in REDACTOR.text(whole)
    assert stream(parts) == REDACTOR.text(whole)


@LOOSELY
@given(text=st.lists(PLAIN | st.sampled_from([*SHAPED.values(), *(secret.value for secret in KNOWN)])).map(" ".join))
@example(text="sk-" * 40)
@example(text="https://a:" + "b" * 300 + "@")
def test_once_is_enough_and_pieces_make_no_difference(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once
    assert stream(list(text)) == once


@LOOSELY
@given(text=st.text(st.characters(codec="utf-8")), data=st.data())
def test_other_text_stays_as_it_is(text: str, data: st.DataObject) -> None:
    assert REDACTOR.text(text) is text
    assert stream(data.draw(st.composite(lambda draw: pieces(draw, text))())) == text


@LOOSELY
@given(event=events(st.one_of(PLAIN, shaped_texts().map("".join), known_texts().map(lambda pair: pair[0]))))
def test_no_event_of_any_kind_writes_a_secret(event: Event) -> None:
    clean = redacted(event, REDACTOR)
    line = strings(clean)
    for secret in (*SHAPED.values(), *(secret.value for secret in KNOWN)):
        assert json.dumps(secret, ensure_ascii=False)[1:-1] not in without_signatures(line)
    assert decode(line).event == clean
    assert redacted(clean, REDACTOR) == clean
    assert clean.kind == event.kind


def without_signatures(line: str) -> str:
    def emptied(row: dict[str, object]) -> dict[str, object]:
        return {**row, "signature": ""} if "signature" in row else row

    return json.dumps(json.loads(line, object_hook=emptied), ensure_ascii=False)


def test_what_only_the_vendor_reads_is_not_touched() -> None:
    sealed = SHAPED["JSON web token"]
    part = Thinking(text=f"I saw {SHAPED['GitHub token']}", signature=sealed, vendor="anthropic")
    event = redacted(MessageAdded(message=Message(role="assistant", parts=(part,))), REDACTOR)
    (done,) = event.message.parts
    assert isinstance(done, Thinking)
    assert done.signature == sealed
    assert done.text.startswith("I saw [redacted: GitHub token ")


def test_an_event_without_secrets_is_the_very_same() -> None:
    event = ToolStarted(call="1", tool="bash", arguments={"command": ["ls", {"a": None}]}, summary="ls")
    assert redacted(event, REDACTOR) is event


def test_secrets_as_keys_of_arguments_go_and_none_is_lost() -> None:
    keys = {secret: number for number, secret in enumerate([*SHAPED.values(), KNOWN[0].value, f"{KNOWN[0].value}"])}
    event = ToolStarted(call="1", tool="x", arguments={**keys, "plain": [{KNOWN[1].value: KNOWN[1].value}]}, summary="")
    done = redacted(event, REDACTOR).arguments
    assert len(done) == len(event.arguments)
    assert done["plain"] == [{"[redacted: DEPLOY_PASSWORD]": "[redacted: DEPLOY_PASSWORD]"}]


def test_what_lies_too_deep_is_left_out() -> None:
    deep: object = "x"
    for _ in range(5000):
        deep = [deep]
    done = redacted(ToolStarted(call="1", tool="x", arguments={"a": deep}, summary=""), REDACTOR)
    assert TOO_DEEP in encode(Stamped(stamp=Stamp(seq=1, time="t", session="s"), event=done))
    assert strings(done).count("[") == MOST_DEPTH - 1


@pytest.mark.parametrize(
    "end",
    [
        MessageAdded(message=Message(role="assistant", parts=(Text(text="x"),))),
        RequestRetried(reason="cut", wait_s=1),
        TurnFinished(turn=1, model_seconds=1, tool_seconds=1, seconds=1),
    ],
)
@pytest.mark.parametrize("kind", [TextDelta, ThinkingDelta])
def test_what_waits_comes_before_the_end_of_its_stream(kind: type[TextDelta | ThinkingDelta], end: Event) -> None:
    taker = RedactedEvents(REDACTOR)
    assert list(taker.take(kind(text="use gh"))) == [kind(text="use ")]
    assert list(taker.take(kind(text="p_"))) == []
    assert list(taker.take(end)) == [kind(text="ghp_"), end]
    assert list(taker.take(end)) == [end]


def test_streams_do_not_mix() -> None:
    taker = RedactedEvents(REDACTOR)
    token = SHAPED["GitHub token"]
    out = [
        *taker.take(ToolOutput(call="1", text=token[:20])),
        *taker.take(ToolOutput(call="2", text=token[20:] + "\n")),
    ]
    assert out == [ToolOutput(call="2", text=token[20:] + "\n")]
    (done,) = taker.take(ToolOutput(call="1", text=token[20:] + "\n"))
    assert isinstance(done, ToolOutput)
    assert done.text.startswith("[redacted: GitHub token ")


def test_no_more_waits_than_is_allowed() -> None:
    text = "https://" + "a" * (3 * MOST_HELD)
    taker = RedactedEvents(REDACTOR)
    written = 0
    for at in range(0, len(text), 1000):
        for event in taker.take(TextDelta(text=text[at : at + 1000])):
            assert isinstance(event, TextDelta)
            written += len(event.text)
        assert at + 1000 - written <= MOST_HELD
    assert stream([text]) == text


def test_nothing_secret_is_in_the_transcript_or_shown(tmp_path: Path) -> None:
    shown: list[Stamped] = []
    log = EventLog(tmp_path / "s" / "transcript.jsonl", "s", [shown.append], REDACTOR)
    secrets = [*SHAPED.values(), *(secret.value for secret in KNOWN)]
    for secret in secrets:
        for letter in f"{secret}\n":
            log.emit(ToolOutput(call="1", text=letter))
            log.emit(TextDelta(text=letter))
        log.emit(ToolFinished(call="1", tool="bash", is_error=False, content=secret, display=secret, seconds=1))
    log.emit(MessageAdded(message=Message(role="assistant", parts=(Text(text=" ".join(secrets)),))))
    log.close()
    data = (tmp_path / "s" / "transcript.jsonl").read_text()
    rows = [decode(line) for line in data.splitlines()]
    assert rows == shown
    assert [row.stamp.seq for row in rows] == list(range(1, len(rows) + 1))
    said = "".join(row.event.text for row in rows if isinstance(row.event, TextDelta))
    for secret in secrets:
        assert secret not in said
        assert json.dumps(secret, ensure_ascii=False)[1:-1] not in data


def test_kept_checks_hold_none(tmp_path: Path) -> None:
    project = Project(language="go", root=".")
    build = BuildReport(ok=False, note=f"leaked {KNOWN[0].value}")
    report = CheckReport(projects=(ProjectReport(project=project, build=build),), seconds=1)
    BaseFolder(folder=tmp_path, repository="r", redactor=REDACTOR).save("k", report)
    assert "leaked [redacted: ANTHROPIC_API_KEY]" in (tmp_path / "r-k.json").read_text()


def test_this_repository_has_none_but_in_tests() -> None:
    """No false alarm on sources, hashes and recorded output; the benchmark prints the figure for larger ones."""
    found = [
        (str(path.relative_to(ROOT)), REDACTOR.text(text))
        for folder in ("agent", "tools", "containers", "lang", "docs", "tests/data")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file()
        and (text := path.read_text(encoding="utf-8", errors="replace"))
        and REDACTOR.text(text) is not text
    ]
    assert [name for name, _ in found] == []


def test_secrets_of_the_host_are_found(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine git.example.org login me password n3trc-pass\n")
    environ = {
        "HOME": str(tmp_path),
        "MY_API_KEY": "abcdefgh1",
        "GITHUB_TOKEN": "ght-12345678",
        "SSH_AUTH_SOCK": "/tmp/x",
        "SSH_KEY": "/etc/passwd",
        "AWS_SECRET_ACCESS_KEY": "/abcDEF+123456789",
        "PWD": "/tmp",
        "SHORT_TOKEN": "abc",
        "FEATURE_KEY": "disabled",
        "GOPROXY": "https://me:g0proxy%2Fpass@proxy.example.org,direct",
        "HTTPS_PROXY": "http://proxy.example.org:3128",
        "PATH": "/usr/bin",
        "EDITOR": "abcdefgh2",
    }
    git_settings = {
        "remote.origin.url": "https://x-access-token:tok3n-of-git@github.com/a/b",
        "remote.other.url": "git@github.com:a/b",
        "url.https://abcdefgh123456789012@host/.insteadof": "https://host/",
        "http.https://github.com/.extraheader": "AUTHORIZATION: basic eC1hY2Nlc3M=",
    }
    found = {
        secret.value: secret.name for secret in host_secrets(environ, git_settings, {"OPENAI_API_KEY": "from-command"})
    }
    assert found == {
        "from-command": "OPENAI_API_KEY",
        "abcdefgh1": "MY_API_KEY",
        "ght-12345678": "GITHUB_TOKEN",
        "/abcDEF+123456789": "AWS_SECRET_ACCESS_KEY",
        "g0proxy%2Fpass": "password in GOPROXY",
        "g0proxy/pass": "password in GOPROXY",
        "tok3n-of-git": "password in git remote",
        "abcdefgh123456789012": "password in git url",
        "eC1hY2Nlc3M=": "git http.extraheader",
        "n3trc-pass": "password of git.example.org in .netrc",
    }


def test_a_secret_that_the_mark_itself_holds_is_left() -> None:
    redactor = Redactor([Secret(name="A_TOKEN", value="redacted: A_TOKEN"), Secret(name="B_KEY", value="GitHub token")])
    text = redactor.text(f"GitHub token {SHAPED['GitHub token']}")
    assert redactor.text(text) == text
    assert text.startswith("GitHub token [redacted: GitHub token ")
