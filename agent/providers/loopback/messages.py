"""Anthropic's Messages API, as the loopback server speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from agent.providers.loopback.wire import Answer, Json, Said, named_event, pieces
from agent.providers.script import Turn, words


class Messages:
    """Anthropic's Messages API."""

    def conversation(self, body: Json) -> list[Said]:
        """Read `messages`."""
        return [self._said(message) for message in body["messages"]]

    def frames(self, answer: Answer) -> Iterator[bytes]:
        """Stream `message_start` to `message_stop`."""
        start = self._message(answer, [], None) | {"usage": self._usage(answer) | {"output_tokens": 1}}
        yield named_event("message_start", {"message": start})
        yield named_event("ping", {})
        for index, (block, deltas) in enumerate(self._blocks(answer)):
            yield named_event("content_block_start", {"index": index, "content_block": block})
            for delta in deltas:
                yield named_event("content_block_delta", {"index": index, "delta": delta})
            yield named_event("content_block_stop", {"index": index})
        stop = {"stop_reason": self._stop(answer.turn), "stop_sequence": None}
        yield named_event("message_delta", {"delta": stop, "usage": {"output_tokens": answer.usage.output_tokens}})
        yield named_event("message_stop", {})

    def whole(self, answer: Answer) -> Json:
        """Return a message."""
        blocks: list[Json] = []
        for block, deltas in self._blocks(answer):
            for delta in deltas:
                match delta["type"]:
                    case "input_json_delta":
                        block["input"] = json.loads("".join(each["partial_json"] for each in deltas) or "{}")
                    case kind:
                        key = kind.removesuffix("_delta")
                        block[key] = block.get(key, "") + delta[key]
            blocks.append(block)
        return self._message(answer, blocks, self._stop(answer.turn)) | {"usage": self._usage(answer)}

    def refusal(self, message: str, code: str) -> Json:
        """Return an error object."""
        return {"type": "error", "error": {"type": code or "invalid_request_error", "message": message}}

    def _said(self, message: Json) -> Said:
        content: Any = message["content"]
        blocks: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not blocks or any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            raise ValueError("text content blocks must be non-empty")
        if any(not isinstance(block.get("input", {}), dict) for block in blocks):
            raise TypeError("input must be an object")
        return Said(
            by_model=message["role"] == "assistant",
            text="\n".join(block.get("text") or block.get("content", "") for block in blocks),
            calls=tuple(block["id"] for block in blocks if block["type"] == "tool_use"),
            answers=tuple(block["tool_use_id"] for block in blocks if block["type"] == "tool_result"),
        )

    def _blocks(self, answer: Answer) -> Iterator[tuple[Json, list[Json]]]:
        turn = answer.turn
        if turn.thinking and "redacted-thinking" in answer.quirks:
            yield {"type": "redacted_thinking", "data": "sealed"}, []
        elif turn.thinking:
            thoughts = [{"type": "thinking_delta", "thinking": word} for word in words(turn.thinking)]
            seal = {"type": "signature_delta", "signature": f"seal-{turn.number}"}
            yield {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, seal]
        if turn.text:
            deltas = [{"type": "text_delta", "text": word} for word in words(turn.text)]
            yield {"type": "text", "text": ""}, deltas
        for position, call in enumerate(turn.calls):
            block: Json = {"type": "tool_use", "id": turn.call_id(position), "name": call.name, "input": {}}
            yield block, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(call.arguments)]

    def _message(self, answer: Answer, content: list[Json], stop: str | None) -> Json:
        return {
            "id": f"msg_{answer.turn.number}",
            "type": "message",
            "role": "assistant",
            "model": answer.model,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
        }

    def _stop(self, turn: Turn) -> str:
        return {"end": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "refusal": "refusal"}[turn.stop]

    def _usage(self, answer: Answer) -> Json:
        usage = answer.usage
        return {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
        }
