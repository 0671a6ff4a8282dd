"""Events as lines of JSON and back, and the JSON Schema of such a line.

Writing needs the standard library only. Reading and the schema use pydantic, imported on first use because it
takes longer than all of `bactrian --help` may.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

from agent.events import SCHEMA_VERSION, Event, Stamp, Stamped

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""Valid in JSON as they are: DEL and C1 controls, Unicode's line ends, the marks that turn the writing direction."""


class DecodeError(ValueError):
    """A line is not an event; the message says in one line what is wrong with it."""


class UnknownKind(DecodeError):
    """A whole line, but of a kind that this version does not know."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"unknown event kind {kind!r}: written by a newer version?")
        self.kind = kind


def encode(stamped: Stamped) -> str:
    """Return the event as one line of JSON without its line end.

    Never raises on any text: the line holds valid Unicode only (a lone surrogate becomes U+FFFD), all that some reader
    or terminal takes for a line end or a command is escaped, and a number that JSON can't say (NaN, infinity) is null.
    """
    stamp, event = stamped.stamp, stamped.event
    row = {"kind": event.kind, "seq": stamp.seq, "time": stamp.time, "session": stamp.session, **_fields(event)}
    return _UNSAFE.sub(_escape, _well_formed(_dumps(row)))


def decode(line: str | bytes) -> Stamped:
    """Read one line. Unknown fields are ignored.

    Raises UnknownKind for a kind that this version does not know, DecodeError for anything else that is no event.
    """
    from pydantic import ValidationError

    kind = _row(line).get("kind")
    if not isinstance(kind, str):
        raise DecodeError("not an event: it has no kind")
    if kind not in kinds():
        raise UnknownKind(kind)
    try:
        return Stamped(
            stamp=_stamp_adapter().validate_json(line, strict=True),
            event=_event_adapter().validate_json(line, strict=True),
        )
    except ValidationError as error:
        raise DecodeError(_first_problem(error)) from error


def decode_known(line: str | bytes) -> Stamped | None:
    """Like `decode`, but None for a kind that this version does not know."""
    try:
        return decode(line)
    except UnknownKind:
        return None


@cache
def kinds() -> Mapping[str, type[Event]]:
    """Return the class of every kind of event, in the order of the union."""
    classes = cast("tuple[type[Event], ...]", get_args(Event))
    return {_default(cls, "kind"): cls for cls in classes}


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of one line of the stream."""
    document = _event_adapter().json_schema(ref_template="#/$defs/{model}")
    definitions = cast("dict[str, dict[str, Any]]", document["$defs"])
    stamp = _stamp_adapter().json_schema()["properties"]
    for definition in definitions.values():
        _tidy(definition)
        if "kind" in definition["properties"]:
            kind = definition["properties"].pop("kind")
            definition["properties"] = {"kind": kind, **_untitled(stamp), **definition["properties"]}
            definition["required"] = ["kind", *stamp, *definition["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Bactrian event",
        "description": f"One line of the event stream, schema_version {SCHEMA_VERSION}.",
        "oneOf": [{"$ref": f"#/$defs/{cls.__name__}"} for cls in kinds().values()],
        "$defs": definitions,
    }


def _fields(value: object) -> dict[str, Any]:
    """A dataclass's fields, one level deep; json asks again for what is inside."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    raise TypeError(f"{type(value).__name__} can't be part of an event")


def _dumps(row: Mapping[str, Any]) -> str:
    try:
        return json.dumps(row, default=_fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(row), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _finite(value: object) -> object:
    """A copy in which numbers that JSON lacks are None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Sequence):
        return [_finite(inner) for inner in cast("Sequence[object]", value)]
    return {key: _finite(inner) for key, inner in _fields(value).items()}


def _well_formed(text: str) -> str:
    """The text with surrogate pairs joined and lone ones replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _row(line: str | bytes) -> dict[str, Any]:
    try:
        row: object = json.loads(line)
    except UnicodeDecodeError as error:
        raise DecodeError(f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise DecodeError(f"not JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise DecodeError("not an event: nested too deeply") from error
    if not isinstance(row, dict):
        raise DecodeError(f"not an event: a JSON object is needed, this is {type(row).__name__}")
    return cast("dict[str, Any]", row)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step) for step in problem["loc"])
    return f"malformed event{where and f' at {where}'}: {problem['msg']}"


def _default(cls: type[Event], name: str) -> str:
    return next(str(field.default) for field in fields(cls) if field.name == name)


@cache
def _event_adapter() -> TypeAdapter[Event]:
    from pydantic import Discriminator, TypeAdapter

    return TypeAdapter(Annotated[Event, Discriminator("kind")])


@cache
def _stamp_adapter() -> TypeAdapter[Stamp]:
    from pydantic import TypeAdapter

    return TypeAdapter(Stamp)


def _tidy(definition: dict[str, Any]) -> None:
    """Drop what pydantic derives from names alone, and require the field that tells the members of a union apart."""
    properties = cast("dict[str, dict[str, Any]]", definition["properties"])
    definition["properties"] = _untitled(properties)
    definition.pop("title", None)
    required = cast("list[str]", definition.get("required", []))
    tag = ["type"] if "const" in properties.get("type", {}) else []
    definition["required"] = [*tag, *required]


def _untitled(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: _without_noise(prop) for name, prop in properties.items()}


def _without_noise(prop: Mapping[str, Any]) -> dict[str, Any]:
    noise = {"title", "default"} if "const" in prop else {"title"}
    return {key: value for key, value in prop.items() if key not in noise}
