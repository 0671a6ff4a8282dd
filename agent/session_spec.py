"""What a session is to do, and with what."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from agent.approval import Approver
from agent.config import Locations, Settings
from agent.host_secrets import host_secrets
from agent.providers.base import Provider
from agent.reach import NOTHING, Reach
from agent.redaction import Redactor
from agent.trust import Steering
from containers.workspace import Repository
from lang.base import Language
from lang.dependencies import Propose
from tools.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """What a session is to do, and with what. `branch` empty: named after the task."""

    task: str
    repository: Repository
    settings: Settings
    locations: Locations
    provider: Provider
    registry: Registry
    languages: Sequence[Language]
    steering: Steering = field(default_factory=dict[str, bytes])
    """What of the repository's own files a person trusts to steer the session."""
    branch: str = ""
    name_branch: Callable[[str], Awaitable[str]] | None = None
    """Finds a short name for the task (the small model's part); None, or a failure of it, takes the task's words."""
    propose: Propose | None = None
    """Asks the small model which libraries a name may mean; None where there is no small model."""
    resumes: str = ""
    """The id of a session to go on with, whose task this is; empty for a new one."""
    more: str = ""
    """What a session that goes on is told to do beside its task."""
    reach: Reach = NOTHING
    """What commands may reach by themselves."""
    approver: Approver | None = None
    """Who may allow more; None where nobody can be asked."""
    remember_host: Callable[[str], None] | None = None
    """Keeps a host (a pattern) that a person allows for this repository. May raise UserError."""
    started: float = field(default_factory=time.monotonic)
    """When the command began, by `time.monotonic()`."""
    redactor: Redactor = field(default_factory=lambda: Redactor(host_secrets(os.environ)))
    """Keeps secrets out of all that is written down or shown."""
