"""OpenAI's Responses API, as the loopback server speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from agent.providers.loopback.wire import Answer, Json, Said, named_event, pieces
from agent.providers.script import ScriptedCall, Turn, words

Deltas = list[tuple[str, Json]]


class Responses:
    """OpenAI's Responses API, without storage: a request carries the whole conversation."""

    def conversation(self, body: Json) -> list[Said]:
        """Read `input`."""
        return [self._said(item) for item in body["input"]]

    def frames(self, answer: Answer) -> Iterator[bytes]:
        """Stream `response.created` to `response.completed`, or `response.incomplete`."""
        number = 0

        def event(kind: str, fields: Json) -> bytes:
            nonlocal number
            number += 1
            return named_event(kind, {"sequence_number": number, **fields})

        yield event("response.created", {"response": self._response(answer, [], "in_progress")})
        items: list[Json] = []
        for index, (item, deltas) in enumerate(self._items(answer)):
            place = {"output_index": index, "item_id": item["id"]}
            begun = item | {field: "" for field in ("arguments", "input") if field in item}
            yield event("response.output_item.added", {"output_index": index, "item": begun})
            for kind, delta in deltas:
                yield event(kind, place | delta)
            yield event("response.output_item.done", {"output_index": index, "item": item})
            items.append(item)
        status = self._status(answer.turn)
        yield event(f"response.{status}", {"response": self._response(answer, items, status)})

    def whole(self, answer: Answer) -> Json:
        """Return a response."""
        return self._response(answer, [item for item, _ in self._items(answer)], self._status(answer.turn))

    def refusal(self, message: str, code: str) -> Json:
        """Return an error object."""
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code or None}}

    def _said(self, item: Json) -> Said:
        match item.get("type", "message"):
            case "function_call":
                json.loads(item["arguments"])
                return Said(by_model=True, calls=(item["call_id"],))
            case "custom_tool_call":
                return Said(by_model=True, text=item["input"], calls=(item["call_id"],))
            case "function_call_output" | "custom_tool_call_output":
                return Said(by_model=False, text=item["output"], answers=(item["call_id"],))
            case "reasoning":
                return Said(by_model=True, text=item["encrypted_content"])
            case _:
                content: Any = item["content"]
                text = content if isinstance(content, str) else "\n".join(part["text"] for part in content)
                return Said(by_model=item["role"] == "assistant", text=text)

    def _items(self, answer: Answer) -> Iterator[tuple[Json, Deltas]]:
        turn = answer.turn
        if turn.thinking:
            yield self._reasoning(turn)
        if turn.text:
            yield self._words(turn)
        for position, call in enumerate(turn.calls):
            custom = call.name in answer.custom_tools
            yield self._custom_call(turn, position, call) if custom else self._call(turn, position, call)

    def _call(self, turn: Turn, position: int, call: ScriptedCall) -> tuple[Json, Deltas]:
        kind = "response.function_call_arguments.delta"
        item = {
            "type": "function_call",
            "id": f"fc_{turn.number}_{position}",
            "call_id": turn.call_id(position),
            "name": call.name,
            "arguments": call.arguments,
            "status": "incomplete" if turn.stop == "length" else "completed",
        }
        return item, [(kind, {"delta": piece}) for piece in pieces(call.arguments)]

    def _custom_call(self, turn: Turn, position: int, call: ScriptedCall) -> tuple[Json, Deltas]:
        """Send the one field of a scripted call as the text that it is; `arguments` as they are."""
        kind = "response.custom_tool_call_input.delta"
        text = call.arguments if call.input is None else next(iter(json.loads(call.arguments).values()), "")
        item = {
            "type": "custom_tool_call",
            "id": f"ctc_{turn.number}_{position}",
            "call_id": turn.call_id(position),
            "name": call.name,
            "input": text,
        }
        return item, [(kind, {"delta": piece}) for piece in pieces(text)]

    def _reasoning(self, turn: Turn) -> tuple[Json, Deltas]:
        kind = "response.reasoning_summary_text.delta"
        item = {
            "type": "reasoning",
            "id": f"rs_{turn.number}",
            "summary": [{"type": "summary_text", "text": turn.thinking}],
            "encrypted_content": f"seal-{turn.number}",
        }
        return item, [(kind, {"summary_index": 0, "delta": word}) for word in words(turn.thinking)]

    def _words(self, turn: Turn) -> tuple[Json, Deltas]:
        kind = "response.output_text.delta"
        item: Json = {
            "type": "message",
            "id": f"msg_{turn.number}",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": turn.text, "annotations": []}],
        }
        return item, [(kind, {"content_index": 0, "delta": word, "logprobs": []}) for word in words(turn.text)]

    def _status(self, turn: Turn) -> str:
        return "incomplete" if turn.stop in ("length", "refusal") else "completed"

    def _response(self, answer: Answer, items: list[Json], status: str) -> Json:
        reasons = {"length": "max_output_tokens", "refusal": "content_filter"}
        reason = reasons.get(answer.turn.stop) if status == "incomplete" else None
        return {
            "id": f"resp_{answer.turn.number}",
            "object": "response",
            "created_at": 0,
            "model": answer.model,
            "output": items,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": None if status == "in_progress" else self._usage(answer),
        }

    def _usage(self, answer: Answer) -> Json:
        usage = answer.usage
        given = usage.input_tokens + usage.cache_read_tokens
        return {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": 0},
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": given + usage.output_tokens,
        }
