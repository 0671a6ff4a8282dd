"""Invented secrets, one of each shape, and events of every kind with texts of one's own. None of them is real."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from agent.codec import kinds
from agent.events import Event
from agent.host_secrets import Secret

_LETTERS = "Q7mZx2LpV9aRtC4bNw8KsY3dHj6GfE5u"


def _of(count: int, start: int = 0, letters: str = _LETTERS) -> str:
    return "".join(letters[(start + number * 7 + number // 5) % len(letters)] for number in range(count))


_BLOCK = "\n".join(_of(64, row) for row in range(6))
# In two parts each, so that no scanner of this repository takes them for real.
SHAPED: Mapping[str, str] = {
    "Anthropic key": "sk-ant-" + f"api03-{_of(90)}-{_of(6)}AA",
    "OpenAI key": "sk-proj-" + _of(80),
    "API key": "sk-" + _of(48),
    "GitHub token": "ghp_" + _of(36),
    "GitHub fine token": "github_pat_" + f"{_of(22)}_{_of(59)}",
    "GitLab token": "glpat-" + _of(20),
    "Slack token": "xoxb-" + f"123456789012-1234567890123-{_of(24)}",
    "AWS key": "AKIA" + _of(16, letters="ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    "Google key": "AIza" + _of(35),
    "Google token": "ya29." + _of(120),
    "Stripe key": "sk_live_" + _of(24),
    "npm token": "npm_" + _of(36),
    "PyPI token": "pypi-AgE" + _of(150),
    "Hugging Face token": "hf_" + _of(34),
    "SendGrid key": "SG." + f"{_of(22)}.{_of(43)}",
    "age key": "AGE-SECRET-KEY-1" + _of(58, letters="QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    "JSON web token": "eyJhbGciOiJIUzI1NiJ9" + f".eyJ{_of(40)}.{_of(43)}",
    "private key": "-----BEGIN RSA " + f"PRIVATE KEY-----\n{_BLOCK}\n-----END RSA " + "PRIVATE KEY-----",
}
"""By a name of ours; each is secret from its first character to its last."""

IN_CONTEXT: tuple[tuple[str, str, str], ...] = (
    ("Authorization: Bearer ", _of(40), "\r\n"),
    ('"authorization": "Basic ', base64.b64encode(b"someone:something").decode(), '"'),
    ("x-api-key: ", _of(32), "\n"),
    ("PRIVATE-TOKEN: ", _of(20), " "),
    ("https://someone:", "p4ss" + _of(12), "@example.org/x"),
    ("postgres://app:", _of(9), "@db:5432/app"),
    ("https://", _of(40), "@git.example.org/x.git"),
    ("aws_secret_access_key = ", _of(40), "\n"),
    ("https://hooks.slack.com/services/", f"T0123ABCD/B0123ABCD/{_of(24)}", " "),
)
"""What comes before, the secret, what comes after."""

KNOWN: tuple[Secret, ...] = (
    Secret(name="ANTHROPIC_API_KEY", value="plain-" + _of(24)),
    Secret(name="DEPLOY_PASSWORD", value='p"ä\\ss wörd&<7>/+'),
    Secret(name="password in https_proxy", value="hunter2hunter3"),
)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


def events(text: st.SearchStrategy[str]) -> st.SearchStrategy[Event]:
    """Events of any kind that there is, all their texts drawn from `text`, keys of arguments as well."""
    arguments = st.dictionaries(text, text | st.lists(text, max_size=2) | st.dictionaries(text, text, max_size=2))
    of_type = st.deferred(lambda: st.one_of(*(_built(cls, text, arguments) for cls in kinds().values())))
    return of_type


def _built(cls: Any, text: st.SearchStrategy[str], arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    import dataclasses
    import typing

    hints = typing.get_type_hints(cls)
    return st.builds(
        cls, **{field.name: _valued(hints[field.name], text, arguments) for field in dataclasses.fields(cls)}
    )


def _valued(hint: Any, text: st.SearchStrategy[str], arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    import dataclasses
    import typing
    from collections.abc import Mapping as AbstractMapping

    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is str:
        return text
    if hint is float:
        return st.floats(0, 1e6)
    if hint is int:
        return st.integers(0, 2**40)
    if origin is AbstractMapping:
        return arguments
    if origin is tuple:
        return st.lists(_valued(inner[0], text, arguments), max_size=3).map(tuple)
    if origin is typing.Literal or hint in (bool, type(None)):
        return st.from_type(hint)
    if dataclasses.is_dataclass(hint):
        return _built(hint, text, arguments)
    return st.one_of(*(_valued(each, text, arguments) for each in inner))
