"""The log of requests: every one is counted, few are told one by one."""

from __future__ import annotations

from agent.events import Event, NetworkRequested
from agent.traffic import MOST_KINDS, TrafficLog
from containers.gate import Destination, Traffic


def request(host: str = "example.com", *, allowed: bool = False, received_bytes: int = 0) -> Traffic:
    destination = Destination(host=host, port=443, scheme="tunnel")
    return Traffic(
        destination=destination, allowed=allowed, reason="because", received_bytes=received_bytes, seconds=0.5
    )


def told(events: list[Event]) -> list[tuple[str, int]]:
    return [(event.host, event.count) for event in events if isinstance(event, NetworkRequested)]


def test_the_first_of_a_kind_is_told_at_once_and_the_rest_together() -> None:
    events: list[Event] = []
    log = TrafficLog(emit=events.append)
    for size in (1, 10, 100):
        log.add(request(allowed=True, received_bytes=size))
    log.add(request())
    assert told(events) == [("example.com", 1), ("example.com", 1)]
    log.flush()
    assert events[2] == NetworkRequested(
        host="example.com",
        port=443,
        scheme="tunnel",
        allowed=True,
        reason="because",
        problem="",
        sent_bytes=0,
        received_bytes=110,
        seconds=1.0,
        count=2,
    )
    log.add(request())
    log.flush()
    assert told(events[3:]) == [("example.com", 1)]


def test_a_loop_of_refused_requests_makes_two_events() -> None:
    events: list[Event] = []
    log = TrafficLog(emit=events.append)
    again = request()
    for _ in range(100_000):
        log.add(again)
    log.flush()
    assert told(events) == [("example.com", 1), ("example.com", 99_999)]


def test_a_flood_of_hosts_is_bounded_and_counted() -> None:
    events: list[Event] = []
    log = TrafficLog(emit=events.append)
    for number in range(10_000):
        log.add(request(f"h{number}.example"))
    log.flush()
    assert len(events) == MOST_KINDS + 1
    assert told(events)[-1] == ("", 10_000 - MOST_KINDS)
    assert sum(count for _, count in told(events)) == 10_000
