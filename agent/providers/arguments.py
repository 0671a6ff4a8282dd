"""The arguments of a call on their way in and out: what models send is not always JSON, what servers get must be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from agent.messages import ToolCall


def decode_call(call_id: str, name: str, raw: str, *, cut: bool = False) -> ToolCall:
    """Return the call that a model sent as text; one whose arguments are no JSON object has `invalid` set.

    No text at all means no arguments, unless the reply was `cut` at this call.
    """
    if not raw.strip() and not cut:
        return ToolCall(id=call_id, name=name, arguments={})
    arguments = _object(raw)
    if arguments is None:
        return ToolCall(id=call_id, name=name, arguments={}, invalid=raw)
    return ToolCall(id=call_id, name=name, arguments=arguments)


def encode_arguments(call: ToolCall) -> str:
    """Return the call's arguments as JSON text, the same for the same call every time.

    A call that was invalid goes out as `{}`: some servers fail on every later request that repeats the bad text.
    """
    return json.dumps(dict(call.arguments), ensure_ascii=False)


def _object(raw: str) -> Mapping[str, Any] | None:
    try:
        # Not strict: models put raw line ends and tabs into the strings that hold code.
        value = json.loads(raw, strict=False)
        # Half a surrogate pair would fail later, when it is stored; NaN and 1e999 when they are sent.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else None
