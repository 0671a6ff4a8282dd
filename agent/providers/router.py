"""From a model's name to its provider: `anthropic/…`, `openai/…`, `llama/FILE.gguf`, `scripted/FILE`, plug-ins."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from agent.providers.base import Provider, ProviderError
from agent.providers.deferred import Deferred
from agent.providers.prices import capabilities_of
from agent.providers.retry import Retry

_PLUGINS = "bactrian.providers"
_KEY_COMMAND_TIMEOUT_S = 30.0
_OPENAI_HOSTS = ("openai.com", "openai.azure.com")
_FORMS = "anthropic/NAME, openai/NAME, openai-chat/NAME, openai-responses/NAME, llama/FILE.gguf or scripted/FILE"


OnKey = Callable[[str, str], None]
"""Gets the name of a key and the key."""


def no_one(name: str, key: str) -> None:
    """An `OnKey` that does nothing."""


class UnknownModel(ProviderError):
    """The name of the model has no known form; the message says which there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """`vendor/name`; the name may have slashes of its own."""

    vendor: str
    name: str

    def __str__(self) -> str:
        return f"{self.vendor}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOptions:
    """How to reach a model. Only the user may set these, never a repository: the key goes to `base_url`.

    `api_key` beats the output of `key_command`, which beats the environment. `timeout_s` is the longest silence.
    """

    base_url: str | None = None
    api_key: str | None = None
    key_command: str | None = None
    timeout_s: float = 600.0
    thinking: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    on_key: OnKey = no_one
    """Gets each key in use, with its name, so that it can be kept out of what is written down."""


def parse_model(text: str) -> ModelName:
    """Split a model's name. Raises UnknownModel where it has no vendor or nothing after it."""
    vendor, _, name = text.strip().partition("/")
    if not vendor or not name:
        raise UnknownModel(f"{text!r} names no model; write {_FORMS}")
    return ModelName(vendor=vendor, name=name)


def create(model: str, options: ProviderOptions | None = None) -> Provider:
    """Return the provider of `model`, which asks again where that may help; a script fails at once.

    Nothing is sent yet. Raises UnknownModel, and ProviderError for a missing key, file or package.
    """
    name = parse_model(model)
    options = options or ProviderOptions()
    match name.vendor:
        case "scripted":
            from agent.providers.scripted import Scripted

            return Scripted.from_file(Path(name.name).expanduser())
        case "llama":
            from agent.providers.llama import Llama

            return Llama(Path(name.name).expanduser())
        case "anthropic":
            return Retry(_anthropic(name, options))
        case "openai" | "openai-chat" | "openai-responses":
            return Retry(_openai(name, options))
        case _:
            return Retry(_plugin(name, options))


def _anthropic(name: ModelName, options: ProviderOptions) -> Provider:
    base_url = options.base_url or options.environment.get("ANTHROPIC_BASE_URL") or None
    key = _key("ANTHROPIC_API_KEY", options, needed=base_url is None)

    def build() -> Provider:
        from agent.providers.anthropic import Anthropic

        return Anthropic(
            name.name,
            api_key=key,
            base_url=base_url,
            timeout_s=options.timeout_s,
            thinking=options.thinking,
            headers=options.headers,
        )

    return Deferred(str(name), capabilities_of(name.name), "agent.providers.anthropic", build)


def _openai(name: ModelName, options: ProviderOptions) -> Provider:
    """The vendor's own server hears the Responses API, every other Chat Completions, unless the name says which."""
    base_url = options.base_url or options.environment.get("OPENAI_BASE_URL") or None
    key = _key("OPENAI_API_KEY", options, needed=base_url is None)
    by_chat = name.vendor == "openai-chat" or (name.vendor == "openai" and base_url is not None)
    module = "agent.providers.openai_chat" if by_chat else "agent.providers.openai_responses"

    def build() -> Provider:
        if by_chat:
            from agent.providers.openai_chat import OpenAIChat as OpenAI
        else:
            from agent.providers.openai_responses import OpenAIResponses

            OpenAI = partial(OpenAIResponses, custom_tools=knows_custom_tools(base_url))
        return OpenAI(
            name.name,
            api_key=key,
            base_url=base_url,
            timeout_s=options.timeout_s,
            thinking=options.thinking,
            headers=options.headers,
        )

    return Deferred(str(name), capabilities_of(name.name), module, build)


def knows_custom_tools(base_url: str | None) -> bool:
    """Whether a server is the vendor's; others drop tools that are no functions, or refuse them."""
    host = urlsplit(base_url).hostname or "" if base_url else _OPENAI_HOSTS[0]
    return any(host == known or host.endswith(f".{known}") for known in _OPENAI_HOSTS)


def _plugin(name: ModelName, options: ProviderOptions) -> Provider:
    """A plug-in is a callable that takes the name after the slash and the options, and returns a Provider."""
    from importlib.metadata import entry_points

    for found in entry_points(group=_PLUGINS, name=name.vendor):
        try:
            return cast("Provider", found.load()(name.name, options))
        except ProviderError:
            raise
        except Exception as error:  # a stranger's module may raise anything
            raise ProviderError(f"the model plug-in {found.value} can't be loaded: {error}") from error
    raise UnknownModel(f"nobody provides {str(name)!r}; write {_FORMS}, or install the plug-in for {name.vendor}/…")


def _key(variable: str, options: ProviderOptions, *, needed: bool) -> str:
    """Return the key; `none` for a server of the user's own that may want no key. Raises ProviderError."""
    key = options.api_key or (_key_from(options.key_command) if options.key_command else "")
    key = key or options.environment.get(variable, "").strip()
    if not key and needed:
        raise ProviderError(f"no key: set {variable}, or key_command to a command that prints it")
    if key:
        options.on_key(variable, key)
    return key or "none"


def _key_from(command: str) -> str:
    """Run the user's command on the host. Its output appears in no message."""
    try:
        words = shlex.split(command)
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_KEY_COMMAND_TIMEOUT_S, check=False
        )
    except (ValueError, IndexError) as error:
        raise ProviderError(f"key_command can't be read as a command: {error}") from error
    except OSError as error:
        raise ProviderError(f"key_command could not start: {error.strerror}: {error.filename}") from error
    except subprocess.TimeoutExpired:
        # `from None`: the exception holds what the command printed so far.
        raise ProviderError(f"key_command did not end within {_KEY_COMMAND_TIMEOUT_S:g} s") from None
    key = done.stdout.decode(errors="replace").strip()
    if done.returncode != 0:
        raise ProviderError(f"key_command failed with exit code {done.returncode}")
    if not key or len(key.split()) != 1:
        raise ProviderError("key_command must print the key and nothing else")
    return key
