"""Writes GGUF files of models that say what a test wants: every token has one successor, so the words are certain.

The embedding is the identity, attention and feed-forward are zero, and the output matrix maps every token to the next
one of its reply. The real llama.cpp runs them in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

END = "<|im_end|>"
TEMPLATE = """{% if tools %}<|im_start|>tools
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}{% for call in message.tool_calls or [] %}
<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}<|im_end|>
{% endfor %}<|im_start|>assistant
<|reply_{{ (messages | selectattr("role", "equalto", "assistant") | list | length) + 1 }}|>"""
_HEAD = 32


def write_model(
    path: Path, replies: Sequence[Sequence[str]], *, template: str = TEMPLATE, context_tokens: int = 4096
) -> Path:
    """Write a model whose first, second, … reply in a conversation are `replies`, a token for each piece.

    Pieces that occur twice are joined with what follows them, as a token can have one successor only.
    """
    chains = [[f"<|reply_{number}|>", *pieces, END] for number, pieces in enumerate(_distinct(replies), start=1)]
    alphabet = _alphabet()
    control = ["<|im_start|>", END, *(chain[0] for chain in chains)]
    words = [piece for chain in chains for piece in chain[1:-1] if piece not in alphabet]
    vocabulary = [*alphabet, *control, *words]
    types = [TokenType.NORMAL] * len(alphabet) + [TokenType.CONTROL] * len(control)
    types += [TokenType.USER_DEFINED] * len(words)
    writer = GGUFWriter(path, "llama")
    width = -(-len(vocabulary) // _HEAD) * _HEAD
    _add_shape(writer, width, len(vocabulary), context_tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(vocabulary)
    writer.add_token_types(types)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(vocabulary.index(END))
    writer.add_bos_token_id(vocabulary.index(END))
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)
    _add_weights(writer, width, vocabulary, chains)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _distinct(replies: Iterable[Sequence[str]]) -> list[list[str]]:
    used: set[str] = set()
    found: list[list[str]] = []
    for reply in replies:
        pieces: list[str] = []
        waiting = ""
        for piece in reply:
            waiting += piece
            if waiting not in used:
                used.add(waiting)
                pieces.append(waiting)
                waiting = ""
        if waiting:
            raise ValueError(f"{waiting!r} ends a reply and was said before")
        found.append(pieces)
    return found


def _alphabet() -> list[str]:
    """Return the 256 bytes in the letters that GPT-2's tokenizer writes them with."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + at) for at, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]


def _add_shape(writer: GGUFWriter, width: int, tokens: int, context_tokens: int) -> None:
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_HEAD)
    writer.add_head_count(width // _HEAD)
    writer.add_head_count_kv(width // _HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_vocab_size(tokens)


def _add_weights(writer: GGUFWriter, width: int, vocabulary: Sequence[str], chains: Iterable[Sequence[str]]) -> None:
    embedding = np.zeros((len(vocabulary), width), dtype=np.float32)
    embedding[range(len(vocabulary)), range(len(vocabulary))] = 1.0
    output = np.zeros_like(embedding)
    for chain in chains:
        for piece, following in pairwise(chain):
            output[vocabulary.index(following), vocabulary.index(piece)] = 1.0
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.ones(width, dtype=np.float32))
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", np.ones(width, dtype=np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((width, width), dtype=np.float32))
    for name, shape in (("ffn_gate", (_HEAD, width)), ("ffn_up", (_HEAD, width)), ("ffn_down", (width, _HEAD))):
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros(shape, dtype=np.float32))
