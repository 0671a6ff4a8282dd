"""OpenAI's Chat Completions API, as the loopback server speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from agent.providers.loopback.wire import Answer, Json, Said, bare_event, pieces
from agent.providers.script import ScriptedCall, Turn, words


class Chat:
    """OpenAI's Chat Completions API."""

    def conversation(self, body: Json) -> list[Said]:
        """Read `messages`, without the system's."""
        return [self._said(message) for message in body["messages"] if message["role"] not in ("system", "developer")]

    def frames(self, answer: Answer) -> Iterator[bytes]:
        """Stream chunks up to `[DONE]`."""
        for delta in self._deltas(answer):
            yield bare_event(self._chunk(answer, [{"index": 0, "delta": delta, "finish_reason": None}]))
        yield bare_event(self._chunk(answer, [{"index": 0, "delta": {}, "finish_reason": self._finish(answer.turn)}]))
        if "no-usage" not in answer.quirks:
            yield bare_event(self._chunk(answer, []) | {"usage": self._usage(answer)})
        if "no-done" not in answer.quirks:
            yield b"data: [DONE]\n\n"

    def whole(self, answer: Answer) -> Json:
        """Return a completion."""
        message: Json = {"role": "assistant", "content": answer.turn.text or None}
        if answer.turn.calls:
            message["tool_calls"] = [self._call(answer, at, call) for at, call in enumerate(answer.turn.calls)]
        choice = {"index": 0, "message": message, "finish_reason": self._finish(answer.turn)}
        return self._chunk(answer, [choice]) | {"object": "chat.completion", "usage": self._usage(answer)}

    def refusal(self, message: str, code: str) -> Json:
        """Return an error object."""
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code or None}}

    def _said(self, message: Json) -> Said:
        calls: list[Json] = message.get("tool_calls", [])
        for call in calls:
            json.loads(call["function"]["arguments"])
        return Said(
            by_model=message["role"] == "assistant",
            text=message.get("content") or "",
            calls=tuple(call["id"] for call in calls),
            answers=(message["tool_call_id"],) if message["role"] == "tool" else (),
        )

    def _deltas(self, answer: Answer) -> Iterator[Json]:
        turn = answer.turn
        yield {"role": "assistant", "content": ""}
        for word in words(turn.thinking):
            yield {"reasoning_content": word}
        for word in words(turn.text):
            yield {"content": word}
        for at, call in enumerate(turn.calls):
            index = 0 if "same-index" in answer.quirks else at
            whole = self._call(answer, at, call) | {"index": index}
            if "whole-calls" in answer.quirks:
                yield {"tool_calls": [whole]}
                continue
            yield {"tool_calls": [whole | {"function": {"name": call.name, "arguments": ""}}]}
            for piece in pieces(call.arguments):
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}

    def _call(self, answer: Answer, at: int, call: ScriptedCall) -> Json:
        named = {} if "no-ids" in answer.quirks else {"id": answer.turn.call_id(at)}
        return named | {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}

    def _chunk(self, answer: Answer, choices: list[Json]) -> Json:
        return {
            "id": f"chatcmpl-{answer.turn.number}",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": answer.model,
            "choices": choices,
        }

    def _finish(self, turn: Turn) -> str:
        return {"end": "stop", "tool_calls": "tool_calls", "length": "length", "refusal": "content_filter"}[turn.stop]

    def _usage(self, answer: Answer) -> Json:
        usage = answer.usage
        prompt = usage.input_tokens + usage.cache_read_tokens
        return {
            "prompt_tokens": prompt,
            "completion_tokens": usage.output_tokens,
            "total_tokens": prompt + usage.output_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        }
