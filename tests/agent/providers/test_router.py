"""From a model's name and the user's settings to a provider."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.messages import Message, Text
from agent.providers.base import Completed, ModelRequest, Provider, ProviderError
from agent.providers.loopback import Loopback
from agent.providers.router import ModelName, ProviderOptions, UnknownModel, create, parse_model
from agent.providers.script import ScriptError, parse

REQUEST = ModelRequest(system="", messages=(Message(role="user", parts=(Text(text="hello"),)),))
HELLO = "[[turn]]\ntext = 'hi'\n"


@asynccontextmanager
async def created(model: str, options: ProviderOptions) -> AsyncGenerator[Provider]:
    provider = create(model, options)
    try:
        yield provider
    finally:
        await provider.close()


async def answer(provider: Provider) -> str:
    chunks = [chunk async for chunk in provider.stream(REQUEST)]
    last = chunks[-1]
    assert isinstance(last, Completed)
    return last.message.text


def test_a_name_may_have_slashes() -> None:
    assert parse_model("openai/org/model") == ModelName(vendor="openai", name="org/model")
    assert str(parse_model(" scripted//tmp/a.toml ")) == "scripted//tmp/a.toml"


@pytest.mark.parametrize("text", ["", "claude", "/x", "anthropic/"])
def test_a_name_without_a_form_is_told_the_forms(text: str) -> None:
    with pytest.raises(UnknownModel, match=r"anthropic/NAME, openai/NAME") as caught:
        parse_model(text)
    assert not caught.value.retryable


def test_an_unknown_vendor_is_told_the_forms() -> None:
    with pytest.raises(UnknownModel, match=r"nobody provides 'acme/x'; write anthropic/NAME"):
        create("acme/x")


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("anthropic/claude-opus-5-5", "/v1/messages"),
        ("openai/gpt-5", "/v1/chat/completions"),
        ("openai-chat/gpt-5", "/v1/chat/completions"),
        ("openai-responses/gpt-5", "/v1/responses"),
    ],
)
async def test_each_vendor_speaks_its_protocol_and_a_custom_server_needs_no_key(model: str, path: str) -> None:
    with Loopback(parse(HELLO)) as server:
        base_url = server.url if model.startswith("anthropic") else server.openai_url
        async with created(model, ProviderOptions(base_url=base_url, environment={})) as provider:
            assert await answer(provider) == "hi"
        (request,) = server.requests
        assert request.path == path
        assert request.headers["authorization"] == "Bearer none"


async def test_the_vendors_own_server_is_asked_by_responses() -> None:
    async with created("openai/gpt-5", ProviderOptions(environment={"OPENAI_API_KEY": "k"})) as provider:
        assert provider.name == "openai/gpt-5"
    async with created("openai-chat/gpt-5", ProviderOptions(environment={"OPENAI_API_KEY": "k"})) as provider:
        assert provider.name == "openai-chat/gpt-5"


@pytest.mark.parametrize(("model", "variable"), [("anthropic/x", "ANTHROPIC_API_KEY"), ("openai/x", "OPENAI_API_KEY")])
def test_a_missing_key_names_its_variable(model: str, variable: str) -> None:
    with pytest.raises(ProviderError, match=f"no key: set {variable}"):
        create(model, ProviderOptions(environment={}))


async def key_that_arrives(options: ProviderOptions, server: Loopback) -> str:
    async with created("anthropic/claude-opus-5-5", options) as provider:
        await answer(provider)
    return server.requests[-1].headers["authorization"].removeprefix("Bearer ")


async def test_a_given_key_beats_the_command_which_beats_the_environment() -> None:
    with Loopback(parse(HELLO)) as server:
        environment = {"ANTHROPIC_API_KEY": "from-environment", "ANTHROPIC_BASE_URL": server.url}
        assert await key_that_arrives(ProviderOptions(environment=environment), server) == "from-environment"
        by_command = ProviderOptions(environment=environment, key_command="printf 'from command' | cat")
        with pytest.raises(ProviderError, match="nothing else"):
            await key_that_arrives(by_command, server)
        by_command = ProviderOptions(environment=environment, key_command="echo from-command")
        assert await key_that_arrives(by_command, server) == "from-command"
        given = ProviderOptions(environment=environment, key_command="echo from-command", api_key="given")
        assert await key_that_arrives(given, server) == "given"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("no-such-program-here", r"key_command could not start: No such file or directory: no-such-program-here"),
        ("'open quote", r"key_command can't be read as a command: No closing quotation"),
        ("sh -c 'echo secret; exit 3'", r"^key_command failed with exit code 3$"),
        ("true", r"key_command must print the key"),
        ("echo secret secret", r"key_command must print the key and nothing else"),
    ],
)
def test_a_key_command_that_fails_is_told_in_a_line_without_the_key(command: str, message: str) -> None:
    with pytest.raises(ProviderError, match=message) as caught:
        create("anthropic/x", ProviderOptions(key_command=command, environment={}))
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_script_is_played_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "hello.toml").write_text(HELLO)
    async with created(f"scripted/{tmp_path}/hello.toml", ProviderOptions()) as provider:
        assert provider.name == f"scripted/{tmp_path}/hello.toml"
        assert await answer(provider) == "hi"
    with pytest.raises(ScriptError, match="can't read the script"):
        create(f"scripted/{tmp_path}/none.toml")


@pytest.mark.parametrize("model", ["anthropic/x", "openai/x", "openai-chat/x"])
async def test_an_unknown_way_of_thinking_is_told_what_there_is(model: str) -> None:
    async with created(model, ProviderOptions(api_key="k", thinking="hard")) as provider:
        with pytest.raises(ProviderError, match="thinking is off, "):
            await answer(provider)


async def test_a_hosted_model_has_its_name_and_prices_before_its_sdk_is_there() -> None:
    async with created("anthropic/claude-sonnet-5", ProviderOptions(api_key="k")) as provider:
        assert provider.name == "anthropic/claude-sonnet-5"
        assert provider.capabilities.input_price is not None


def test_importing_the_router_imports_no_sdk() -> None:
    code = "import sys, agent.providers.router; print(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"anthropic", "openai", "httpx", "httpx2", "llama_cpp", "jsonschema", "pydantic"} & set(modules)


async def test_a_plug_in_provides_for_its_vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "acme-0.1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 0.1\n")
    (package / "entry_points.txt").write_text("[bactrian.providers]\nacme = acme_models:create\n")
    (tmp_path / "acme_models.py").write_text(
        "from agent.providers.script import parse\n"
        "from agent.providers.scripted import Scripted\n"
        "def create(name, options):\n"
        "    return Scripted(parse(f'[[turn]]\\ntext = \"{name} {options.thinking}\"\\n', name))\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    async with created("acme/large", ProviderOptions(thinking="high")) as provider:
        assert await answer(provider) == "large high"


def test_a_plug_in_that_is_broken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "broken-0.1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 0.1\n")
    (package / "entry_points.txt").write_text("[bactrian.providers]\nbroken = broken_models:create\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ProviderError, match="the model plug-in broken_models:create can't be loaded"):
        create("broken/large", ProviderOptions())
