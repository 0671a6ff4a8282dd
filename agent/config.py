"""Settings, from defaults < user file < project file < environment < flags, and the host's directories.

A project file belongs to the repository, which may be anyone's: it can only lower limits and narrow the network, never
choose where code, keys or money go.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from agent.errors import UserError
from agent.hosts import parse_pattern

ContainerChoice = Literal["auto", "docker", "bubblewrap"]
CachesChoice = Literal["repository", "session"]
EditChoice = Literal["auto", "edit", "one", "patch", "text"]
NetworkChoice = Literal["none", "registries", "full"]

NETWORKS: tuple[NetworkChoice, ...] = ("none", "registries", "full")
"""From the narrowest to the widest."""

_SHOWN = 100
"""Characters of a wrong value in a message."""

PROJECT_FILE = Path(".bactrian") / "config.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a session is run with. An empty string is "not chosen", None is "no limit"."""

    model: str = ""
    """`anthropic/NAME`, `openai/NAME`, `llama/FILE.gguf`, `scripted/FILE`."""
    small_model: str = ""
    """Names branches; empty: names come from the task's words."""
    base_url: str = ""
    key_command: tuple[str, ...] = ()
    """A command (no shell) that prints the API key; empty: the vendor's environment variable holds it."""
    thinking: str = ""
    """Empty for the model's own default, `off`, an effort, or a budget in tokens."""
    edit_format: EditChoice = "auto"
    """How the model writes edits down; `auto`: as it is known to do best."""
    container: ContainerChoice = "auto"
    caches: CachesChoice = "repository"
    """Kept for the next session in the repository, or each session's own and empty at first."""
    image_registry: str = ""
    memory_bytes: int | Literal["auto"] | None = "auto"
    """`auto`: three quarters of what the machine has."""
    cpus: float | None = None
    pids: int | None = None
    disk_bytes: int | None = 20 << 30
    """What a session may write."""
    max_turns: int | None = 100
    max_cost: float | None = 5.0
    """US dollars."""
    max_time_s: float | None = 3600.0
    branch_prefix: str = "bactrian/"
    opam_repository: str = ""
    network: NetworkChoice = "registries"
    """What commands may reach: nothing, the languages' registries and `network_allow`, or all that is public."""
    network_allow: tuple[str, ...] = ()
    """Patterns of hosts (`agent.hosts`) that may be reached besides, unless `network` is `none`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locations:
    """Where Bactrian keeps things on the host."""

    config: Path
    state: Path
    """Sessions: their clones and transcripts."""
    cache: Path

    @property
    def user_file(self) -> Path:
        """The user's settings."""
        return self.config / "config.toml"


def locations() -> Locations:
    """Return the directories, none of them made: XDG's, but sessions go where `$BACTRIAN_STATE_DIR` says if set.

    Raises UserError where nothing says which directory is the user's home.
    """
    from platformdirs.unix import Unix

    xdg = Unix("bactrian", appauthor=False)
    chosen = os.environ.get("BACTRIAN_STATE_DIR")
    try:
        state = Path(chosen).absolute() if chosen else xdg.user_state_path
        return Locations(config=xdg.user_config_path, state=state, cache=xdg.user_cache_path)
    except RuntimeError as error:
        raise UserError(f"user {os.getuid()} has no home directory: set HOME") from error


def load(project: tuple[Path, bytes] | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """Return the settings for a session.

    `project` is a repository's own file, as a person trusts it: its path, for messages, and what is in it.
    `environ` gives `BACTRIAN_<KEY>`; `flags` is by key (`max_time`): None where a flag was not given, else what was.
    Raises UserError, one line that names the file and line, variable or flag, and what would be right.
    """
    user_file = locations().user_file
    settings = _apply(Settings(), _file(user_file))
    if project:
        settings = _lower(settings, _project(*project, user_file))
    variables = {key: (f"BACTRIAN_{key.upper()}", environ.get(f"BACTRIAN_{key.upper()}")) for key in KEYS}
    settings = _apply(settings, {key: found for key, found in variables.items() if found[1]})
    given = {key: (_flag(key), value) for key, value in flags.items() if value is not None}
    settings = _apply(settings, given)
    if settings.network == "none" and flags.get("network_allow"):
        raise UserError("--allow: nothing is reached where the network is none: add --network registries")
    return settings


Source = Mapping[str, tuple[str, object]]
"""Values by key, each with the place that it came from."""


def _flag(key: str) -> str:
    return "--allow" if key == "network_allow" else f"--{key.replace('_', '-')}"


def _apply(settings: Settings, source: Source) -> Settings:
    changes = dict(_parse(key, place, value) for key, (place, value) in source.items())
    if "network_allow" in changes:
        # A host for this run is asked for beside those for all, not in place of them.
        changes["network_allow"] = tuple(dict.fromkeys((*settings.network_allow, *changes["network_allow"])))
    return replace(settings, **changes)


def _lower(settings: Settings, source: Source) -> Settings:
    """Take limits from a repository where they are tighter than what the user allows."""
    wanted = _apply(Settings(), source)
    names = [KEYS[key].field for key in source]
    return replace(settings, **{name: _tighter(getattr(settings, name), getattr(wanted, name)) for name in names})


def _tighter(allowed: Any, wanted: Any) -> Any:
    if allowed in NETWORKS:
        return min(allowed, wanted, key=NETWORKS.index)
    limits = [limit for limit in (allowed, wanted) if limit is not None]
    return min(limits, default=None)


def _parse(key: str, place: str, value: object) -> tuple[str, Any]:
    known = KEYS[key]
    try:
        return known.field, known.read(value)
    except ValueError as error:
        shown = ", ".join(map(repr, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        raise UserError(f"{place}: {key} is {known.expected}, not {shown}") from error


def _project(path: Path, data: bytes, user_file: Path) -> Source:
    source = _table(path, data)
    for key, (place, _) in source.items():
        if key not in PROJECT_KEYS:
            allowed = ", ".join(PROJECT_KEYS)
            raise UserError(f"{place}: a repository can't set {key}, only {allowed}: put it into {user_file}")
    return source


def _file(path: Path) -> Source:
    """Read a file's values; nothing if there is no such file."""
    if not path.is_file():
        return {}
    try:
        return _table(path, path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from error


def _table(path: Path, data: bytes) -> Source:
    try:
        text = data.decode()
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}") from error
    except RecursionError:
        raise UserError(f"{path}: not TOML that can be read: it is nested too deeply") from None
    except ValueError as error:  # Python's limit on digits among them
        raise UserError(f"{path}: not TOML: {error}") from error
    source = {key: (_place(path, text, key), value) for key, value in table.items()}
    for key, (place, _) in source.items():
        if key not in KEYS:
            raise UserError(f"{place}: unknown key {key!r}: {_suggestion(key)}")
    return source


def _place(path: Path, text: str, key: str) -> str:
    """The file with the line that sets the key, where it is written plainly."""
    pattern = re.compile(rf"\s*\[*{re.escape(key)}\s*[=\].]")
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.match(line):
            return f"{path}:{number}"
    return str(path)


def _suggestion(key: str) -> str:
    near = difflib.get_close_matches(key, KEYS, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(KEYS)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """How one setting is written. `read` raises ValueError for what is not `expected`."""

    field: str
    read: Callable[[object], object]
    expected: str


def _word(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError
    return value.strip()


def _argv(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_word(word) for word in cast("list[object]", value))
    return tuple(shlex.split(_word(value)))


def _patterns(value: object) -> tuple[str, ...]:
    """Read a list of hosts, or one text with commas or blanks between them."""
    if isinstance(value, list | tuple):
        words = [_word(word) for word in cast("list[object]", value)]
    else:
        words = _word(value).replace(",", " ").split()
    return tuple(str(parse_pattern(word)) for word in words)


def _choice(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in choices:
            raise ValueError
        return cast("str", value)

    return read


def _matching(pattern: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        word = str(value) if type(value) is int else _word(value)
        if not re.fullmatch(pattern, word):
            raise ValueError
        return word

    return read


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError from error
    if not (math.isfinite(number) and number > 0):
        raise ValueError
    return number


def _whole(value: object) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _with_unit(units: Mapping[str, float]) -> Callable[[object], float]:
    """Read a number above 0 with one of the units at its end; the unit "" is that of a bare number."""

    def read(value: object) -> float:
        if not isinstance(value, str):
            return _number(_number(value) * units[""])
        match = re.fullmatch(r"([\d.]+)\s*([a-z]*)", value.strip().lower())
        if match is None or match[2] not in units:
            raise ValueError
        return _number(_number(match[1]) * units[match[2]])

    return read


def _bytes(value: object) -> int:
    return int(_with_unit({"": 1, "k": 2**10, "m": 2**20, "g": 2**30})(value))


def _limit(read: Callable[[object], float]) -> Callable[[object], float | None]:
    """The same, or `none`."""
    return lambda value: None if value == "none" else read(value)


def _memory(value: object) -> int | str | None:
    if value in ("auto", "none"):
        return "auto" if value == "auto" else None
    return _bytes(value)


_duration = _with_unit({"": 1, "s": 1, "m": 60, "h": 3600})

KEYS: Mapping[str, Key] = {
    "model": Key(field="model", read=_matching(r"[a-z][a-z0-9-]*/\S.*"), expected="PROVIDER/NAME, like anthropic/NAME"),
    "small_model": Key(field="small_model", read=_matching(r"[a-z][a-z0-9-]*/\S.*"), expected="PROVIDER/NAME"),
    "base_url": Key(field="base_url", read=_matching(r"https?://\S+"), expected="an http:// or https:// address"),
    "key_command": Key(field="key_command", read=_argv, expected="a command with its arguments"),
    "thinking": Key(
        field="thinking",
        read=_matching(r"off|low|medium|high|xhigh|max|[1-9]\d*"),
        expected="off, low, medium, high, xhigh, max or a number of tokens",
    ),
    "edit_format": Key(
        field="edit_format",
        read=_choice("auto", "edit", "one", "patch", "text"),
        expected="auto, edit, one, patch or text",
    ),
    "container": Key(
        field="container", read=_choice("auto", "docker", "bubblewrap"), expected="auto, docker or bubblewrap"
    ),
    "caches": Key(field="caches", read=_choice("repository", "session"), expected="repository or session"),
    "image_registry": Key(field="image_registry", read=_matching(r"\S+"), expected="a registry's address"),
    "memory": Key(field="memory_bytes", read=_memory, expected="a size like 512m or 4g, auto, or none"),
    "cpus": Key(field="cpus", read=_limit(_number), expected="a number above 0, like 2 or 1.5, or none"),
    "pids": Key(field="pids", read=_limit(_whole), expected="a whole number above 0, or none"),
    "disk": Key(field="disk_bytes", read=_limit(_bytes), expected="a size like 500m or 20g, or none"),
    "max_turns": Key(field="max_turns", read=_limit(_whole), expected="a whole number above 0, or none"),
    "max_cost": Key(
        field="max_cost", read=_limit(_number), expected="an amount of US dollars above 0, like 2.50, or none"
    ),
    "max_time": Key(
        field="max_time_s", read=_limit(_duration), expected="a duration above 0, like 90s, 10m or 2h, or none"
    ),
    "branch_prefix": Key(
        field="branch_prefix",
        read=_matching(r"(?!.*(//|\.\.|\.lock/|/\.))[A-Za-z0-9_][A-Za-z0-9._/-]*[/-]"),
        expected="the beginning of a branch name, ending in / or -",
    ),
    "opam_repository": Key(
        field="opam_repository",
        read=_matching(r"(https|git\+https)://\S+|/\S+"),
        expected="an https:// address or a path",
    ),
    "network": Key(field="network", read=_choice(*NETWORKS), expected="none, registries or full"),
    "network_allow": Key(
        field="network_allow",
        read=_patterns,
        expected="hosts, like example.com, example.com:8443 or *.example.com",
    ),
}
"""Every setting by the name that files, variables (`BACTRIAN_MAX_TURNS`) and flags (`--max-turns`) know it by."""

PROJECT_KEYS = ("max_turns", "max_cost", "max_time", "network")
"""What a repository's own file may set, and only to lower it."""
