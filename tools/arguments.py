"""The arguments of a call against the tool's schema: harmless slips are mended, the rest is told field by field. Pure.

Mended are: other tools' names for a field (`file_path`, `old_string`, `oldText`), null for what is optional, a number
or boolean in quotes, JSON in quotes where a list or object belongs, one item where a list of them belongs, and the
fields of that one item beside the others instead of in it, or the other way round.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

ALIASES: Mapping[str, str] = {
    "cmd": "command",
    "file": "path",
    "file_name": "path",
    "file_path": "path",
    "filename": "path",
    "filepath": "path",
    "file_text": "content",
    "contents": "content",
    "text": "content",
    "input": "patch",
    "diff": "patch",
    "search": "old",
    "old_str": "old",
    "old_string": "old",
    "old_text": "old",
    "replace": "new",
    "new_str": "new",
    "new_string": "new",
    "new_text": "new",
    "query": "pattern",
    "regex": "pattern",
    "timeout": "timeout_s",
    "package": "packages",
    "message": "summary",
}
"""Names that other agents' tools give to our fields; they count only where the schema doesn't know them."""

Schema = Mapping[str, Any]
_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")


def mend(value: Any, schema: Schema) -> Any:
    """Return the value as the schema wants it where that is plain, unchanged where it isn't."""
    kind = schema.get("type")
    if kind in ("object", "array") and isinstance(value, str):
        value = _from_json(value, kind)
    if kind == "array":
        items = cast("list[Any]", value) if isinstance(value, list) else [value]
        return [mend(item, schema.get("items", {})) for item in items]
    if kind == "object" and isinstance(value, Mapping):
        return _mend_object(cast("Mapping[str, Any]", value), schema)
    return _mend_plain(value, kind)


def _mend_object(value: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    known: Mapping[str, Schema] = schema.get("properties", {})
    required: list[str] = schema.get("required", [])
    given = {name: item for name, item in value.items() if item is not None or name in required}
    fields: dict[str, Any] = {}
    for name, item in given.items():
        other = _alias(name)
        use = other if name not in known and other in known and other not in given else name
        fields[use] = item
    _gather(fields, known, required)
    _scatter(fields, known, required)
    return {name: mend(item, known[name]) if name in known else item for name, item in fields.items()}


def _gather(fields: dict[str, Any], known: Mapping[str, Schema], required: list[str]) -> None:
    """Put the fields of a list's only item, given beside the list's place, into a list."""
    for name in required:
        inside: Mapping[str, Any] = known.get(name, {}).get("items", {}).get("properties", {})
        astray = [field for field in fields if field not in known and _alias(field) in inside]
        if name not in fields and astray:
            fields[name] = [{field: fields.pop(field) for field in astray}]


def _scatter(fields: dict[str, Any], known: Mapping[str, Schema], required: list[str]) -> None:
    """Take required fields out of the one item of a list, or the object, that they were put into."""
    lacking = [name for name in required if name not in fields]
    for name in [name for name in fields if name not in known] if lacking else []:
        value = _from_json(fields[name], "array") if isinstance(fields[name], str) else fields[name]
        items = cast("list[Any]", value) if isinstance(value, list) else [value]
        if len(items) != 1 or not isinstance(items[0], Mapping):
            continue
        inner = cast("Mapping[str, Any]", items[0])
        found = {_alias(field): item for field, item in inner.items() if _alias(field) in known}
        if found and all(name in found for name in lacking):
            del fields[name]
            fields.update(found)
            return


def _alias(name: str) -> str:
    """Return our name for a field that others call `old_string` or `oldString`."""
    snake = _CAPITAL.sub(lambda match: f"_{match[0].lower()}", name)
    return ALIASES.get(snake, snake)


def _mend_plain(value: Any, kind: Any) -> Any:
    if kind == "integer" and isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind == "boolean" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value


def _from_json(value: str, kind: str) -> Any:
    try:
        parsed: Any = json.loads(value, strict=False)
    except (ValueError, RecursionError):
        return value
    return cast("Any", parsed if isinstance(parsed, list if kind == "array" else dict) else value)


def faults(arguments: Mapping[str, Any], schema: Schema) -> list[str]:
    """Return what is wrong, a clause for each field: `edits[0].new is missing`."""
    validator = cast("Any", Draft202012Validator(schema))
    errors: list[ValidationError] = list(validator.iter_errors(arguments))
    ordered = sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
    broken = [f"{name} has half of a surrogate pair in it" for name, value in arguments.items() if _is_broken(value)]
    return [*(clause for error in ordered for clause in _clauses(error)), *broken]


def _is_broken(value: Any) -> bool:
    """Whether a text in it can't be written anywhere."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return True
    return False


def _clauses(error: ValidationError) -> list[str]:
    where = _where(error)
    value, wanted = cast("Any", error.instance), cast("Any", error.validator_value)
    match error.validator:
        case "required":
            return [f"{_join(where, name)} is missing" for name in wanted if name not in value]
        case "additionalProperties":
            known = cast("Schema", error.schema).get("properties", {})
            return [f"{_join(where, name)} is not a parameter" for name in value if name not in known]
        case "type":
            return [f"{where or 'the arguments'} must be {_a(str(wanted))}, not {_brief(value)}"]
        case "minimum" | "maximum":
            return [f"{where} must be at {'least' if error.validator == 'minimum' else 'most'} {wanted}, not {value}"]
        case "minLength" | "minItems":
            return [f"{where} must not be empty"]
        case _:
            return [f"{where or 'the arguments'}: {error.message}"]


def _where(error: ValidationError) -> str:
    where = ""
    for part in error.absolute_path:
        where = f"{where}[{part}]" if isinstance(part, int) else _join(where, str(part))
    return where


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def form(schema: Schema) -> str:
    """Return the shape that a schema wants, in short: `{path: string, edits: [{old: string, …}]}`."""
    match schema.get("type"):
        case "object":
            required: list[str] = schema.get("required", [])
            known: Mapping[str, Schema] = schema.get("properties", {})
            parts = [f"{name}{'' if name in required else '?'}: {form(inner)}" for name, inner in known.items()]
            return "{" + ", ".join(parts) + "}"
        case "array":
            return f"[{form(schema.get('items', {}))}]"
        case kind:
            return str(kind or "any")
