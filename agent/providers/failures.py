"""What a hosted model's failures mean: HTTP status or error code in, `ProviderError` with one line for people out."""

from __future__ import annotations

import email.utils
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

from agent.providers.base import ContextOverflow, ProviderError

_LONGEST_DETAIL = 4_000
_TOO_LONG = re.compile(
    r"prompt is too long|context[ _](length|window|size|limit)|maximum context|too many (input )?tokens"
    r"|exceed_context_size|input is too long|string_above_max_length",
    re.IGNORECASE,
)
_OUT_OF_MONEY = re.compile(r"insufficient_quota|exceeded your current quota|credit balance|billing", re.IGNORECASE)
_STATUS_OF_CODE = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Who was asked, for error messages: the model, the server's address, the variable that holds the key.

    `timeout_s` is the longest silence that was waited for.
    """

    model: str
    address: str
    key_name: str
    timeout_s: float

    def refused(
        self, status: int, detail: str, *, code: str = "", headers: Mapping[str, str] | None = None
    ) -> ProviderError:
        """Return the error for an answer that is none. `status` 200 stands for an error inside a stream."""
        status = _STATUS_OF_CODE.get(code, status) if status < 400 else status
        said = _shortened(detail)
        if status == 413 or (status < 500 and _TOO_LONG.search(f"{code} {detail}")):
            return ContextOverflow(f"the conversation is too long for {self.model}: {said}")
        if status == 402 or (status in (400, 403, 429) and _OUT_OF_MONEY.search(f"{code} {detail}")):
            return ProviderError(f"{self.address} refuses for lack of credit: {said}")
        if status in (401, 403):
            return ProviderError(f"{self.address} does not accept the key (set {self.key_name}): {said}")
        if status == 404:
            return ProviderError(f"{self.address} has no model {self.model}: {said}")
        if status in (408, 409, 429) or status >= 500 or status < 400:
            wait = retry_after_s(headers or {})
            return ProviderError(f"{self.address}: {_what(status)}: {said}", retryable=True, retry_after_s=wait)
        return ProviderError(f"{self.address} refused the request ({status}): {said}")

    def unreachable(self, error: BaseException) -> ProviderError:
        """Return the error for a connection that was not made, broke or timed out."""
        causes = _causes(error)
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return ProviderError(
                    f"the certificate of {self.address} is not trusted ({cause.verify_message});"
                    " put your authority's certificates into a file and set SSL_CERT_FILE to it"
                )
        if any(isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__ for cause in causes):
            return ProviderError(f"{self.address} said nothing for {self.timeout_s:g} s", retryable=True)
        detail = next((str(cause) for cause in reversed(causes) if str(cause)), type(error).__name__)
        return ProviderError(f"no answer from {self.address}: {_shortened(detail)}", retryable=True)

    def cut(self) -> ProviderError:
        """Return the error for a stream that ended before the reply did."""
        return ProviderError(f"{self.address} ended its answer in the middle", retryable=True)

    def garbled(self, error: Exception) -> ProviderError:
        """Return the error for an answer that is not the protocol."""
        return ProviderError(
            f"{self.address} answered something that is not its protocol: {_shortened(str(error))}", retryable=True
        )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long the server asks to wait, in seconds; None where it does not say."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            return max(0.0, float(value) * unit_s)
        except ValueError:
            continue
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())


def _what(status: int) -> str:
    match status:
        case 429:
            return "rate limit reached"
        case 529 | 503:
            return "overloaded"
        case _:
            return f"server error {status}" if status >= 400 else "error in the stream"


def _causes(error: BaseException) -> list[BaseException]:
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    return causes


def _shortened(detail: str) -> str:
    """Return it without blank ends; a script's complaint keeps its lines, anything else becomes one line."""
    text = detail.strip()[:_LONGEST_DETAIL]
    return text if "\n  | " in text else " ".join(text.split())
