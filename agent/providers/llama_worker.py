"""The process that a local model runs in: requests come in as JSON lines, pieces of text go out. Run by `llama.py`.

In:  {"id": 1, "messages": […], "tools": […], "max_tokens": 100}, {"cancel": 1}
Out: {"ready": {"context": 4096}}, {"id": 1, "began": {…}}, {"id": 1, "text": "…"},
     {"id": 1, "ended": {"length": false, …}}, {"id": 1, "error": "…", "overflow": false}, {"failed": "…"}
"""

from __future__ import annotations

import codecs
import ctypes
import importlib
import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NoReturn

_TEMPERATURE = 0.2
_CHATML = """{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}<|im_start|>assistant
"""
_HOW_TO_CALL = """

You may call these functions. For each call write the function's name and its arguments as JSON between the tags:
<tool_call>
{"name": "…", "arguments": {…}}
</tool_call>

"""

# llama-cpp-python and the jinja2 that it brings are an extra: looked up when the process runs, unknown to the types.
Json = dict[str, Any]
Send = Callable[[Json], None]


class Refused(Exception):
    """The request can't be answered; `overflow` when it is longer than the context."""

    def __init__(self, message: str, *, overflow: bool = False) -> None:
        super().__init__(message)
        self.overflow = overflow


class Model:
    """A loaded model. Not thread-safe."""

    def __init__(self, path: str, context_limit: int) -> None:
        self._api: Any = importlib.import_module("llama_cpp")
        threads = _threads()
        self._llama: Any = self._api.Llama(
            path,
            n_ctx=min(context_limit, self._trained_context(path)),
            n_gpu_layers=-1,
            n_threads=threads,
            n_threads_batch=threads,
            verbose=False,
        )
        self._vocabulary: Any = self._api.llama_model_get_vocab(self._llama.model)
        self.context = int(self._llama.n_ctx())
        self._template = self._compile(self._llama.metadata.get("tokenizer.chat_template") or _CHATML)
        self._last: list[int] = []

    def answer(self, request: Json, cancelled: threading.Event, send: Send) -> None:
        """Generate the answer piece by piece. Raises Refused."""
        number = request["id"]
        prompt = self._prompt(request["messages"], request["tools"])
        tokens = self._tokens(prompt)
        room = self.context - len(tokens)
        if room < 1:
            raise Refused(f"{len(tokens)} tokens, the context has {self.context}", overflow=True)
        reused = min(_common(self._last, tokens), len(tokens) - 1)
        send({"id": number, "began": {"thinking": prompt.rstrip().endswith("<think>")}})
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        made: list[int] = []
        limit = min(room, request["max_tokens"])
        ended = False
        for token in self._generate(tokens):
            ended = self._ends(token)
            if ended or cancelled.is_set():
                break
            made.append(token)
            piece = decoder.decode(self._bytes_of(token))
            if piece:
                send({"id": number, "text": piece})
            if len(made) >= limit:
                break
        self._last = tokens + made
        counts = {"prompt": len(tokens) - reused, "reused": reused, "made": len(made)}
        send({"id": number, "ended": {"length": not ended, **counts}})

    def _trained_context(self, path: str) -> int:
        only_names: Any = self._api.Llama(path, vocab_only=True, verbose=False)
        try:
            metadata = only_names.metadata
            return int(metadata.get(f"{metadata.get('general.architecture')}.context_length", 4096))
        finally:
            only_names.close()

    def _compile(self, template: str) -> Any:
        """Compile the model's own template as the tools that models are trained with do."""
        sandbox: Any = importlib.import_module("jinja2.sandbox")
        environment = sandbox.ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = datetime.now().astimezone().strftime
        return environment.from_string(template)

    def _prompt(self, messages: list[Json], tools: list[Json]) -> str:
        prompt = self._render(messages, tools)
        if tools and any(tool["function"]["name"] not in prompt for tool in tools):
            # The template knows no tools: tell the model of them as most models have seen it.
            offered = "\n".join(_to_json(tool) for tool in tools)
            first = messages[0] if messages and messages[0]["role"] == "system" else {"role": "system", "content": ""}
            rest = messages[1:] if first is messages[0] else messages
            told = {"role": "system", "content": first["content"] + _HOW_TO_CALL + offered}
            prompt = self._render([told, *rest], [])
        return prompt

    def _render(self, messages: list[Json], tools: list[Json]) -> str:
        errors: Any = importlib.import_module("jinja2.exceptions")
        try:
            return self._template.render(
                messages=messages,
                tools=tools or None,
                add_generation_prompt=True,
                bos_token=self._text_of(self._llama.token_bos()),
                eos_token=self._text_of(self._llama.token_eos()),
            )
        except (errors.TemplateError, TypeError, ValueError) as error:
            raise Refused(f"the model's chat template can't take the conversation: {error}") from error

    def _text_of(self, token: int) -> str:
        return "" if token < 0 else self._bytes_of(token).decode(errors="replace")

    def _bytes_of(self, token: int) -> bytes:
        """Return what a token stands for; `Llama.detokenize` garbles those of over 32 bytes, such as deep indents."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = self._api.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, True)
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def _tokens(self, prompt: str) -> list[int]:
        wants_bos = self._llama.metadata.get("tokenizer.ggml.add_bos_token") == "true"
        bos = self._text_of(self._llama.token_bos())
        add_bos = wants_bos and not (bos and prompt.startswith(bos))
        return list(self._llama.tokenize(prompt.encode(), add_bos=add_bos, special=True))

    def _generate(self, tokens: Sequence[int]) -> Iterator[int]:
        """Yield tokens. What the prompt shares with the last conversation is not evaluated again."""
        return self._llama.generate(tokens, temp=_TEMPERATURE)

    def _ends(self, token: int) -> bool:
        return bool(self._api.llama_vocab_is_eog(self._vocabulary, token))


def main() -> None:
    """Load the model named on the command line and answer requests until standard input ends."""
    path, context_limit = sys.argv[1], int(sys.argv[2])
    send = _take_output()
    try:
        model = Model(path, context_limit)
    except (ValueError, RuntimeError, OSError, ImportError) as error:
        send({"failed": " ".join(str(error).split())})
        return
    send({"ready": {"context": model.context}})
    requests: queue.SimpleQueue[Json] = queue.SimpleQueue()
    cancelled: dict[int, threading.Event] = {}
    threading.Thread(target=_read, args=(requests, cancelled), daemon=True).start()
    while True:
        request = requests.get()
        try:
            model.answer(request, cancelled[request["id"]], send)
        except Refused as error:
            send({"id": request["id"], "error": " ".join(str(error).split()), "overflow": error.overflow})
        except RuntimeError as error:
            send({"id": request["id"], "error": f"llama.cpp: {error}", "overflow": False})
        del cancelled[request["id"]]


def _take_output() -> Send:
    """Keep standard output for the protocol: whatever else prints goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return lambda message: print(json.dumps(message), file=out, flush=True)


def _read(requests: queue.SimpleQueue[Json], cancelled: dict[int, threading.Event]) -> None:
    for line in sys.stdin:
        message: Json = json.loads(line)
        if "cancel" in message:
            if event := cancelled.get(message["cancel"]):
                event.set()
            continue
        cancelled[message["id"]] = threading.Event()
        requests.put(message)
    os._exit(0)  # nobody is left to answer; the main thread may be inside llama.cpp for a long time


def _to_json(value: Any, indent: int | None = None, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise Refused(f"the model's chat template refuses: {message}")


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the length of the beginning that both share."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(first), len(second)))


def _threads() -> int:
    """Half of many processors, as two of them mostly share a core; all of few."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return count if count <= 4 else count // 2


if __name__ == "__main__":
    main()
