"""The secrets that this host is known to hold: keys in use, variables that say they are secret, credentials in URLs."""

from __future__ import annotations

import contextlib
import netrc
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

SHORTEST = 8
"""Shorter values stand in too many texts by chance."""

_SAYS_SECRET = re.compile(
    r"(?:^|_)(?:[A-Z]*KEYS?|[A-Z]*TOKENS?|[A-Z]*SECRETS?|[A-Z]*PASSW(?:OR)?DS?|PASSPHRASE|PASS|PWD|CREDENTIALS?|PAT|AUTH)"
    r"(?:_?\d+|_(?:BASE64|B64|ID|VALUE|DEV|TEST|PROD|STAGING))?$"
)
_URL_CREDENTIAL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://([^\s/@]{1,2048})@", re.IGNORECASE)
_HEADER = re.compile(r"[A-Za-z-]+:\s*(?:[A-Za-z]+\s+)?(\S+)\s*")
_WORDS = frozenset(
    {
        "required",
        "optional",
        "disabled",
        "production",
        "development",
        "password",
        "changeme",
        "undefined",
        "interactive",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A value that must not be written down, and the name that is written in its place."""

    name: str
    value: str


def host_secrets(
    environ: Mapping[str, str],
    git_settings: Mapping[str, str] | None = None,
    keys: Mapping[str, str] | None = None,
) -> tuple[Secret, ...]:
    """Return what is known. `git_settings` are those of the user's repository, `keys` the models' keys by name.

    Raises nothing; what can't be read has no secrets.
    """
    found = [Secret(name=name, value=value) for name, value in (keys or {}).items()]
    for name, value in environ.items():
        if _SAYS_SECRET.search(name.upper()):
            found.append(Secret(name=name, value=value))
        found += _in_urls(name, value)
    for name, value in (git_settings or {}).items():
        found += _in_urls(f"git {name.partition('.')[0]}", f"{name} {value}")
        if name.endswith(".extraheader") and (header := _HEADER.fullmatch(value)):
            found.append(Secret(name="git http.extraheader", value=header[1]))
    found += _in_netrc(environ)
    values: dict[str, Secret] = {}
    for secret in found:
        if is_telling(secret.value):
            values.setdefault(secret.value.strip(), secret)
    return tuple(Secret(name=secret.name, value=value) for value, secret in values.items())


def is_telling(value: str) -> bool:
    """Whether a value can be told from any other text: no common word, no path, not too short."""
    text = value.strip()
    if len(text) < SHORTEST or text.lower() in _WORDS or len(set(text)) < 4:
        return False
    if text.startswith("/"):
        return not os.path.lexists("/" + text.split("/")[1])
    return not text.startswith(("~/", "./", "../"))


def _in_urls(name: str, text: str) -> Iterator[Secret]:
    """Yield the passwords in a text's URLs, and users that are tokens."""
    for found in _URL_CREDENTIAL.finditer(text):
        user, colon, password = found[1].partition(":")
        secret = password if colon and password not in ("", "x-oauth-basic") else user
        if secret is password or re.search(r"(?=.*\d).{16}", secret):
            yield Secret(name=f"password in {name}", value=secret)
            if (plain := unquote(secret)) != secret:
                yield Secret(name=f"password in {name}", value=plain)


def _in_netrc(environ: Mapping[str, str]) -> Iterator[Secret]:
    home = environ.get("HOME")
    path = Path(environ.get("NETRC") or (Path(home) / ".netrc" if home else os.devnull))
    with contextlib.suppress(OSError, netrc.NetrcParseError, UnicodeDecodeError):
        if path.is_file():
            for host, (_, _, password) in netrc.netrc(path).hosts.items():
                yield Secret(name=f"password of {host} in .netrc", value=password)
