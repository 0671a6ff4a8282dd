"""The openai SDK's client and its errors: what the two OpenAI protocols have in common. Only these three import it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import cast

import httpx2
import openai

from agent.providers.base import ProviderError
from agent.providers.failures import Endpoint
from agent.providers.soundness import UNSOUND
from agent.providers.transport import WITHOUT_PROXY

_EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")


class OpenAIClient:
    """A connection to one server, for one model."""

    def __init__(
        self,
        model: str,
        *,
        api_key: str,
        base_url: str | None,
        timeout_s: float,
        headers: Mapping[str, str] | None,
    ) -> None:
        self.sdk = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, 30.0)),
            max_retries=0,
            default_headers=dict(headers or {}),
            http_client=openai.DefaultAsyncHttpxClient(mounts=WITHOUT_PROXY),
        )
        self.endpoint = Endpoint(
            model=model,
            address=str(self.sdk.base_url),
            key_name="OPENAI_API_KEY",
            timeout_s=timeout_s,
        )

    @contextmanager
    def failures(self) -> Generator[None]:
        """Turn what the SDK raises into ProviderError."""
        try:
            yield
        except openai.APIStatusError as error:
            raise self.endpoint.refused(
                error.status_code, _told(error), code=error.code or error.type or "", headers=error.response.headers
            ) from error
        except (openai.APIConnectionError, httpx2.TransportError) as error:
            raise self.endpoint.unreachable(error) from error
        except (openai.APIResponseValidationError, *UNSOUND) as error:
            raise self.endpoint.garbled(error) from error
        except openai.APIError as error:
            raise self.endpoint.refused(200, _told(error), code=error.code or error.type or "") from error

    async def close(self) -> None:
        """Close the connections."""
        await self.sdk.close()


def _told(error: openai.APIError) -> str:
    """Return the server's own words; the SDK's message puts a code before them."""
    body = cast("object", error.body)
    message = cast("dict[str, object]", body).get("message") if isinstance(body, dict) else None
    return message if isinstance(message, str) else error.message


def effort_of(thinking: str) -> str:
    """Return the API's word for `thinking`: empty stays empty, `off` is `none`. Raises ProviderError for no effort."""
    if thinking == "off":
        return "none"
    if thinking and thinking not in _EFFORTS:
        raise ProviderError(f"thinking is off, {', '.join(_EFFORTS)} for OpenAI's models, not {thinking!r}")
    return thinking
