"""Why the go command could not get a module, read from what it said."""

from __future__ import annotations

import re

from lang.dependencies import Failure, NotAdded

_LINES = 6
_LINE_CHARACTERS = 240

_TOO_NEW = re.compile(r"go: (?P<what>\S+?)@(?P<version>v\S+) requires go >= (?P<go>\S+) \(running go (?P<have>[^;)]+)")
_RENAMED = re.compile(r"declares its path as: (?P<real>\S+)\s+but was required as: (?P<asked>\S+)")
_LACKS = re.compile(
    r"module (?P<module>\S+?)@\S+ found \((?P<version>\S+?)[),].*does not contain package (?P<package>\S+)"
)
_HOST = re.compile(r"(?:https?|git|ssh)://(?:[^/@\s]*@)?(?P<host>[\w.:\[\]-]+)|lookup (?P<name>[\w.-]+)")
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")

# The first that matches counts: a git host that can't be asked, say, comes after a proxy's 404.
_KINDS: tuple[tuple[Failure, re.Pattern[str]], ...] = (
    ("system", re.compile(r"no space left on device")),
    ("checksum", re.compile(r"checksum mismatch|SECURITY ERROR|checksum database|verifying (module|go\.mod)")),
    ("toolchain", _TOO_NEW),
    (
        "conflict",
        re.compile(r"ambiguous import|conflicting (versions|requirements)|inconsistent versions"),
    ),
    (
        "network",
        re.compile(
            r"GOPROXY=off|dial tcp|no such host|connection (refused|reset)|i/o timeout|Could not resolve host|"
            r"proxyconnect|\": Forbidden(?!\w)|unreachable|TLS handshake|x509:|deadline exceeded|Client\.Timeout|: EOF|"
            r"50[0-9] |429 Too Many"
        ),
    ),
    (
        "access",
        re.compile(r"401 Unauth|terminal prompts disabled|could not read Username|[Pp]ermission denied|Authentication"),
    ),
    (
        "unknown",
        re.compile(
            r"404 Not Found|410 Gone|403 Forbidden|unrecognized import path|malformed module path|"
            r"does not contain package|no matching versions|unknown revision|invalid version|[Nn]ot found|"
            r"no such file or directory|"
            r"declares its path|is not in std|invalid .*path"
        ),
    ),
)


def kind_of(said: str) -> Failure:
    """Return the class of a failure from what the go command printed."""
    found: list[Failure] = [kind for kind, pattern in _KINDS if pattern.search(said)]
    return found[0] if found else "failed"


def renamed(said: str) -> str:
    """Return what a module that was required under another path calls itself; empty where that isn't the trouble."""
    found = _RENAMED.search(said)
    return found["real"] if found else ""


def too_new(said: str) -> tuple[str, str, str] | None:
    """Return the module and version that need a newer go, and the go that is there."""
    found = _TOO_NEW.search(said)
    return (found["what"], f"{found['version']} needs go {found['go']}", found["have"]) if found else None


def lacking(said: str) -> tuple[str, str, str] | None:
    """Return module, version and package where the module was found and has no such package."""
    found = _LACKS.search(said)
    return (found["module"], found["version"], found["package"]) if found else None


def failure(said: str, *, path: str, proxy: str) -> NotAdded:
    """Return what to tell of a `go get` that failed. `proxy` is the setting GOPROXY."""
    kind = kind_of(said)
    return NotAdded(kind, _TEXTS.get(kind, _told)(said, path, without_secrets(proxy)))


def without_secrets(text: str) -> str:
    """Return text without the user and password of its addresses."""
    return _SECRET.sub("", text)


def _network(said: str, path: str, proxy: str) -> str:
    if "GOPROXY=off" in said:
        return f"no network: GOPROXY is off, and {path} is not in the module cache."
    found = _HOST.search(said)
    host = (found["host"] or found["name"]) if found else "the module proxy"
    return f"no network: {host} can't be reached for {path} (GOPROXY is {proxy}).\n{_reason(said)}"


def _access(said: str, path: str, proxy: str) -> str:
    return (
        f"{path} is private, or gone: no credentials for it are in the container. A module proxy that serves it "
        f"(GOPROXY is {proxy}), or a `replace` with a copy in the repository would do.\n{_reason(said)}"
    )


def _checksum(said: str, path: str, proxy: str) -> str:
    return (
        f"what came for {path} is not what go.sum or the checksum database has: never override that; take another "
        f"version, or ask the person.\n{_told(said, path, proxy)}"
    )


def _unknown(said: str, path: str, proxy: str) -> str:
    if "403 Forbidden" in said:
        return f"there is no module {path}, or the module proxy withholds it (403 Forbidden)."
    if "no matching versions" in said:
        return f"{path} has no version to take by default (retracted, or none is tagged): name one."
    if re.search(r"404 Not Found|410 Gone|list: no such file|unrecognized import path|[Nn]ot found", said):
        return f"there is no module {path}."
    return _told(said, path, proxy)


def _system(said: str, path: str, proxy: str) -> str:
    return f"the container's disk is full.\n{_reason(said)}"


def _told(said: str, path: str, proxy: str) -> str:
    """Return the lines that say why: the last ones, downloads left out."""
    lines = [line.removeprefix("go: ").rstrip() for line in said.splitlines()]
    telling = [line for line in lines if line.strip() and not line.startswith("downloading ")]
    return without_secrets("\n".join(line[:_LINE_CHARACTERS] for line in telling[-_LINES:])) or "go get gave no reason."


def _reason(said: str) -> str:
    """Return the end of the line that says it: what comes last is the system's word."""
    lines = [line.strip() for line in said.splitlines() if kind_of(line) == kind_of(said)]
    line = without_secrets(lines[0] if lines else said.strip())
    return line if len(line) <= _LINE_CHARACTERS else "…" + line[-_LINE_CHARACTERS:]


_TEXTS = {
    "network": _network,
    "access": _access,
    "checksum": _checksum,
    "unknown": _unknown,
    "system": _system,
}
