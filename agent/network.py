"""`SessionNetwork`: the gate of a session. Decides what its commands may reach, and tells of what they tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.approval import Approvals, Outcome, Question
from agent.errors import UserError
from agent.events import Event, Progress
from agent.hosts import pattern_for, place, plain_host
from agent.reach import NOT_LISTED, PRIVATE, Reach, is_private
from agent.refusals import Refusals
from agent.traffic import TrafficLog
from containers.gate import Admission, Destination, Traffic

SAID_NO = "a person said no"
LISTED = 10
"""Hosts that the model is told it may reach."""


@dataclass(slots=True, kw_only=True)
class SessionNetwork:
    """A `Gate`. `news` says to the model what was refused; `close` comes last."""

    reach: Reach
    approvals: Approvals
    emit: Callable[[Event], None]
    remember: Callable[[str], None] | None = None
    """Keeps a pattern for this repository's later sessions. May raise UserError: then it holds for this one only."""
    _granted: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    _once: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    _denied: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    _closed: bool = False
    _log: TrafficLog = field(init=False)
    _refusals: Refusals = field(init=False)

    def __post_init__(self) -> None:
        self._log = TrafficLog(emit=self.emit)
        self._refusals = Refusals(rules=_rules(self.reach), advice=self.reach.mode != "none")

    async def admit(self, destination: Destination) -> Admission:
        """See `Gate`. A person is asked where one is there; the request waits for the answer."""
        admission = self.reach.admission(destination)
        if admission.allowed or self.reach.mode == "none":
            return admission
        key = (plain_host(destination.host), destination.port)
        if key not in self._granted | self._once | self._denied:
            self._take(key, await self.approvals.ask(_question(destination)))
        if key in self._granted | self._once:
            # A name that a command came up with may lead anywhere; an address says where.
            return Admission(allowed=True, reason="a person said yes", private=is_private(destination))
        return Admission(allowed=False, reason=SAID_NO) if key in self._denied else admission

    def on_traffic(self, traffic: Traffic) -> None:
        """See `Gate`."""
        if not self._closed:
            self._log.add(traffic)
            self._refusals.add(traffic)

    def news(self) -> str:
        """Return what the model must hear of since it last heard. What was allowed once is so no more."""
        self._once.clear()
        self._log.flush()
        return self._refusals.told()

    async def withdraw(self) -> None:
        """Take back what is being asked, and ask no more: the session ends."""
        await self.approvals.close()

    def close(self) -> None:
        """Tell of all requests, and of none from then on. The container is closed by then."""
        self._log.flush()
        self._closed = True

    def _take(self, key: tuple[str, int], outcome: Outcome) -> None:
        match outcome:
            case "no":
                self._denied.add(key)
            case "once":
                self._once.add(key)
            case "session":
                self._granted.add(key)
            case "project":
                if key not in self._granted:
                    self._keep(pattern_for(*key))
                self._granted.add(key)
            case "nobody":
                pass

    def _keep(self, pattern: str) -> None:
        try:
            if self.remember:
                self.remember(pattern)
        except UserError as error:
            self.emit(Progress(step="network", text=f"{pattern} is allowed in this session only: {error}"))


def _question(destination: Destination) -> Question:
    where_to = place(plain_host(destination.host), destination.port)
    where = ", which is this machine or in your own network" if is_private(destination) else ""
    return Question(action="network", subject=where_to, text=f"May the container reach {where_to}{where}?")


def _rules(reach: Reach) -> Mapping[str, str]:
    """Return what the model reads for the reasons of refusals."""
    listed = (*reach.hosts[:LISTED], *(["…"] if len(reach.hosts) > LISTED else []))
    open_to = f"only {', '.join(listed)} can be reached" if listed else "no host can be reached"
    return {NOT_LISTED: open_to, PRIVATE: PRIVATE}
