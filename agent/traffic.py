"""`TrafficLog`: tells of a session's requests to the outside in events, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agent.events import Event, NetworkRequested
from containers.gate import Traffic

MOST_KINDS = 64
"""So many kinds of requests are told one by one between two flushes; the rest are counted."""

_Kind = tuple[str, int, str, bool, str, str]


@dataclass(slots=True, kw_only=True)
class TrafficLog:
    """The first request of each kind (destination and outcome) is told at once, the others when they are flushed.

    So a loop of a hundred thousand requests makes two events, or as many as `MOST_KINDS` allows.
    """

    emit: Callable[[Event], None]
    _repeats: dict[_Kind, NetworkRequested | None] = field(default_factory=dict[_Kind, NetworkRequested | None])

    def add(self, traffic: Traffic) -> None:
        """Take note of a request that has ended."""
        event = _event(traffic)
        kind = _kind(event)
        if kind not in self._repeats and len(self._repeats) >= MOST_KINDS:
            event = replace(event, host="", port=0, problem="", reason="more hosts than are told one by one")
            kind = _kind(event)
            self._repeats.setdefault(kind, replace(event, count=0, sent_bytes=0, received_bytes=0, seconds=0.0))
        if kind not in self._repeats:
            self._repeats[kind] = None
            self.emit(event)
            return
        before = self._repeats[kind]
        self._repeats[kind] = _sum(before, event) if before else event

    def flush(self) -> None:
        """Tell of what was held back."""
        held = [event for event in self._repeats.values() if event is not None]
        self._repeats.clear()
        for event in held:
            self.emit(event)


def _event(traffic: Traffic) -> NetworkRequested:
    destination = traffic.destination
    return NetworkRequested(
        host=destination.host,
        port=destination.port,
        scheme=destination.scheme,
        allowed=traffic.allowed,
        reason=traffic.reason,
        problem=traffic.problem,
        sent_bytes=traffic.sent_bytes,
        received_bytes=traffic.received_bytes,
        seconds=traffic.seconds,
    )


def _kind(event: NetworkRequested) -> _Kind:
    return (event.host, event.port, event.scheme, event.allowed, event.reason, event.problem)


def _sum(before: NetworkRequested, event: NetworkRequested) -> NetworkRequested:
    return replace(
        before,
        sent_bytes=before.sent_bytes + event.sent_bytes,
        received_bytes=before.received_bytes + event.received_bytes,
        seconds=before.seconds + event.seconds,
        count=before.count + event.count,
    )
