"""A local model: llama.cpp in a process of its own, so that an abort in there takes nothing else down."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from agent.messages import Message, Text, ToolAnswer, Usage
from agent.providers.base import (
    Capabilities,
    Completed,
    ContextOverflow,
    ModelChunk,
    ModelRequest,
    ProviderError,
    StopReason,
    ToolDefinition,
)
from agent.providers.tagged import TaggedText

_VENDOR = "llama"
_INSTALL = "uv tool install 'bactrian[llama]'"
_LINE_BYTES = 1 << 24
_GOODBYE_S = 2.0


class Llama:
    """A model in a GGUF file, run by llama-cpp-python.

    The process starts with the first request and starts anew after it died. Requests are answered one after the other.
    `context_limit` bounds the memory that a model trained on a long context takes. Tool calls are read from
    `<tool_call>` tags, which most open models were trained on.
    """

    def __init__(self, path: Path, *, context_limit: int = 16_384) -> None:
        if importlib.util.find_spec("llama_cpp") is None:
            raise ProviderError(
                f"llama/… needs llama-cpp-python: {_INSTALL} (or `uv sync --extra llama` in a checkout)"
            )
        if not path.is_file():
            raise ProviderError(f"there is no model file {path}")
        self._path = path
        self._limit = context_limit
        self._capabilities = Capabilities(
            context_tokens=context_limit, input_price=0.0, output_price=0.0, edit_format="one"
        )
        self._turns = asyncio.Lock()
        self._worker: _Worker | None = None

    @property
    def name(self) -> str:
        """`llama/` and the file."""
        return f"{_VENDOR}/{self._path}"

    @property
    def capabilities(self) -> Capabilities:
        """Free of charge; the context is known for sure once the model is loaded."""
        return self._capabilities

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelChunk]:
        """Ask; see `Provider.stream`."""
        async with self._turns:
            worker = await self._running()
            reply = TaggedText(vendor=_VENDOR, call_prefix=f"call_{uuid4().hex[:12]}")
            async with aclosing(worker.ask(_body(request))) as answers:
                async for answer in answers:
                    if "began" in answer and answer["began"]["thinking"]:
                        reply.inside = "</think>"  # the template has written the opening tag
                    for chunk in reply.feed(answer.get("text", "")):
                        yield chunk
                    if "ended" in answer:
                        for chunk in reply.finish(cut=answer["ended"]["length"]):
                            yield chunk
                        yield _completed(reply, answer["ended"])

    async def close(self) -> None:
        """End the process."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.end()

    async def _running(self) -> _Worker:
        if self._worker is None or not self._worker.alive:
            await self.close()
            self._worker, context = await self._started()
            self._capabilities = replace(self._capabilities, context_tokens=context)
        return self._worker

    async def _started(self) -> tuple[_Worker, int]:
        """Start the process; return it with the model loaded, and the context's length."""
        worker = await _Worker.start(self._path, self._limit)
        try:
            ready = await worker.read()
            if "failed" in ready:
                raise ProviderError(f"can't load {self._path}: {ready['failed']}")
        except BaseException:
            await worker.end()
            raise
        return worker, ready["ready"]["context"]


class _Worker:
    """The process: JSON lines in and out."""

    def __init__(self, process: asyncio.subprocess.Process, errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors
        self._requests = 0

    @classmethod
    async def start(cls, path: Path, context_limit: int) -> _Worker:
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agent.providers.llama_worker",
            str(path),
            str(context_limit),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=_LINE_BYTES,
            start_new_session=True,  # Ctrl-C in the terminal is ours to handle
        )
        return cls(process, errors)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Send a request and yield what is said to it; leaving early cancels it. Raises ProviderError."""
        self._requests += 1
        number = self._requests
        self._send({"id": number, **body})
        over = False
        try:
            while not over:
                answer = await self.read()
                if answer.get("id") != number:
                    continue  # the rest of a request that was left
                over = "ended" in answer or "error" in answer
                if "error" in answer:
                    raise (ContextOverflow if answer["overflow"] else ProviderError)(answer["error"])
                yield answer
        finally:
            if not over and self.alive:
                self._send({"cancel": number})

    async def read(self) -> dict[str, Any]:
        """Return the next message. Raises ProviderError when the process is gone."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise ProviderError(await self._last_words())
        return json.loads(line)

    async def end(self) -> None:
        """Ask it to end by closing its input, then insist."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _GOODBYE_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._errors.close()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _last_words(self) -> str:
        code = await self._process.wait()
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"llama.cpp's process died ({how}){': ' + last if last else ''}"


def _body(request: ModelRequest) -> dict[str, Any]:
    system = [{"role": "system", "content": request.system}] if request.system else []
    return {
        "messages": [*system, *(sent for message in request.messages for sent in _messages(message))],
        "tools": [_tool(tool) for tool in request.tools],
        "max_tokens": request.max_output_tokens,
    }


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _messages(message: Message) -> list[dict[str, Any]]:
    """Return them as chat templates expect them: arguments as objects, an answer a message."""
    if message.role == "assistant":
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": dict(call.arguments)}}
            for call in message.calls
        ]
        return [{"role": "assistant", "content": message.text} | ({"tool_calls": calls} if calls else {})]
    sent: list[dict[str, Any]] = []
    for part in message.parts:
        match part:
            case ToolAnswer():
                sent.append({"role": "tool", "tool_call_id": part.call_id, "content": part.content})
            case Text():
                sent.append({"role": "user", "content": part.text})
            case _:
                pass  # a user neither thinks nor calls
    return sent


def _completed(reply: TaggedText, ended: dict[str, Any]) -> Completed:
    message = Message(role="assistant", parts=tuple(reply.parts))
    stop: StopReason = "tool_calls" if message.calls else "end"
    usage = Usage(input_tokens=ended["prompt"], output_tokens=ended["made"], cache_read_tokens=ended["reused"])
    return Completed(message=message, usage=usage, stop="length" if ended["length"] else stop)
