"""Whose a thing is: labels on what Bactrian makes in an engine, and the name that its folders on the host carry.

The reaper (`containers.reaper`) removes what belongs to a process that has gone; it goes by nothing else.
"""

from __future__ import annotations

import os
import re
import secrets
from functools import cache
from typing import Literal

KIND = "bactrian"
"""The label that everything has; its value says what it is."""
SESSION = "bactrian.session"
"""The session's id, for people."""
REPOSITORY = "bactrian.repository"
"""Whose caches a volume holds, for people: the directory of a repository when the volume was made."""
OWNER = "bactrian.owner"
"""The process that made it and will remove it: `process_name()`."""

Kind = Literal["session", "fork", "cache", "export"]


PROCESS = re.compile(r"[0-9]+-[0-9a-f]{12}")
"""What `process_name` gives."""


@cache
def process_name() -> str:
    """Return the name of this process. Unlike its number no other has it, had it or will have it, on any machine.

    Folders that must not outlive the process begin with it.
    """
    return f"{os.getpid()}-{secrets.token_hex(6)}"


def labels(kind: Kind, session: str = "") -> dict[str, str]:
    """Return the labels of something that this process makes. What is kept from session to session has no owner."""
    owner = {} if kind == "cache" else {OWNER: process_name()}
    return {KIND: kind, **owner, **({SESSION: session} if session else {})}
