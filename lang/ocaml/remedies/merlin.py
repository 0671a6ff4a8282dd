"""Questions to merlin about a file as it lies on disk: what a prefix can become, what type stands at a place."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from lang.analysis import Bench
from lang.base import Step
from lang.ocaml.layout import PREFIX
from lang.syntax import first_sentence

_MARK = "bactrian-answer"
_SCRIPT = (
    f'PATH="{PREFIX}/bin:$PATH"; export PATH\n'
    + r"""
file=$1; shift
mkdir -p "${TMPDIR:-/tmp}"
while [ $# -gt 0 ]; do
    query=$1 position=$2 option=$3 value=$4; shift 4
    echo bactrian-answer
    timeout 3 ocamlmerlin server "$query" -position "$position" "$option" "$value" -doc y -filename "$file" \
        <"$file" 2>/dev/null
    echo
done
"""
)
_TYPE_SCRIPT = _SCRIPT.replace(" -doc y", "")
_SENTENCE = 90
"""Characters of documentation that are worth their place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that a name can be completed to."""

    name: str
    kind: str
    """Merlin's word: Value, Type, Module, Signature, Constructor, Label, Exn …"""
    signature: str
    doc: str
    """The first sentence of its documentation."""

    def told(self, prefix: str = "") -> str:
        """It in one line, qualified by a prefix that ends in a dot."""
        signature = plain(self.signature)
        if self.kind in ("Module", "Signature"):
            return f"module {prefix}{self.name}"
        if self.kind == "Type":
            return signature
        text = f"{prefix}{self.name} : {signature}"
        doc = re.sub(r"\s*@\w+ .*", "", self.doc)
        telling = doc and len(doc) <= _SENTENCE and not re.search(r"\.\.\.|^(?:Alias of|Same as) ", doc)
        return f"{text}  (* {doc} *)" if telling else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Merlin asked at a place of a file; where it can't answer, the answer is empty."""

    bench: Bench
    path: str
    """Relative to the workspace."""
    line: int
    column: int
    """From 0, in bytes."""

    async def complete(self, prefixes: Sequence[str], kind: str = "") -> list[tuple[Entry, ...]]:
        """What each prefix can become: `List.`, `String.sub`, `record.`; `kind` narrows to merlin's `type`, say."""
        words: list[str] = []
        for prefix in prefixes:
            words += ["complete-prefix", f"{self.line}:{self.column}", "-prefix", prefix]
        answers = await self._ask(_SCRIPT.replace("-doc y", f"-doc y -kind {kind}") if kind else _SCRIPT, words)
        return [tuple(_entries(answer)) for answer in (*answers, *[None] * (len(prefixes) - len(answers)))]

    async def type_at(self, line: int, column: int) -> str:
        """The type of the smallest expression or name at a place (`column` from 0); empty where there is none."""
        answers = await self._ask(_TYPE_SCRIPT, ["type-enclosing", f"{line}:{column}", "-verbosity", "0"])
        rings = cast(list[object], answers[0]) if answers and isinstance(answers[0], list) else []
        types = [str(cast(dict[str, object], ring).get("type", "")) for ring in rings if isinstance(ring, dict)]
        return plain(types[0]) if types else ""

    async def _ask(self, script: str, words: Sequence[str]) -> list[object]:
        directory, name = posixpath.split(self.path)
        step = Step(argv=("sh", "-c", script, "sh", name, *words), cwd=directory or ".", timeout_s=15.0)
        output = await self.bench.run(step)
        return [_value(part) for part in output.stdout.split(_MARK)[1:]]


def plain(signature: str) -> str:
    """A type on one line, without the numbers that tell types of one name apart."""
    return re.sub(r"(?<=\w)/\d+\b", "", " ".join(signature.split()))


def _value(text: str) -> object:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, object], answer).get("value") if isinstance(answer, dict) else None


def _entries(answer: object) -> Iterator[Entry]:
    found = cast(dict[str, object], answer).get("entries") if isinstance(answer, dict) else None
    for each in cast(list[object], found) if isinstance(found, list) else ():
        fields = cast(dict[str, object], each) if isinstance(each, dict) else {}
        name, kind, signature, info = (str(fields.get(key, "")) for key in ("name", "kind", "desc", "info"))
        yield Entry(name=name, kind=kind, signature=signature, doc=first_sentence(_without_markup(info)))


def _without_markup(info: str) -> str:
    return re.sub(r"\{!(?:[a-z-]+[!:])?([^{}]*)\}|\[([^\[\]]*)\]", lambda match: match[1] or match[2] or "", info)
