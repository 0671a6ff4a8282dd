"""Certificates and proxies: what the environment says holds for both SDKs."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import trustme

from agent.messages import Message, Text
from agent.providers.anthropic import Anthropic
from agent.providers.base import Completed, ModelRequest, Provider, ProviderError
from agent.providers.loopback import Loopback
from agent.providers.openai_chat import OpenAIChat
from agent.providers.script import parse

Make = Callable[[str], Provider]
REQUEST = ModelRequest(system="", messages=(Message(role="user", parts=(Text(text="hello"),)),))
HELLO = parse("[[turn]]\ntext = 'hi'\n")


def claude(url: str) -> Provider:
    return Anthropic("claude-opus-5-5", api_key="key", base_url=url)


def chat(url: str) -> Provider:
    return OpenAIChat("gpt-5", api_key="key", base_url=f"{url}/v1")


@pytest.fixture(params=[claude, chat], ids=lambda make: make.__name__)
def make(request: pytest.FixtureRequest) -> Make:
    return cast("Make", request.param)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path) -> ssl.SSLContext:
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


async def answer(provider: Provider) -> str:
    try:
        last = [chunk async for chunk in provider.stream(REQUEST)][-1]
    finally:
        await provider.close()
    assert isinstance(last, Completed)
    return last.message.text


async def test_a_company_s_certificates_are_taken_from_ssl_cert_file(
    make: Make, authority: trustme.CA, tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Loopback(HELLO, tls=tls) as server:
        assert await answer(make(server.url)) == "hi"


async def test_a_certificate_that_nobody_trusts_is_no_reason_to_try_again(make: Make, tls: ssl.SSLContext) -> None:
    with Loopback(HELLO, tls=tls) as server:
        with pytest.raises(ProviderError, match=r"is not trusted .* set SSL_CERT_FILE to it") as caught:
            await answer(make(server.url))
        assert not caught.value.retryable
        assert server.requests == []


async def test_a_proxy_is_asked_for_what_is_elsewhere(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(HELLO) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert await answer(make("http://models.example")) == "hi"
        assert proxy.requests[0].headers["host"] == "models.example"


async def test_no_proxy_is_asked_for_what_is_here(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(HELLO) as server, Loopback(HELLO) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert await answer(make(server.url)) == "hi"
        assert proxy.requests == []
