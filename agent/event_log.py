"""Where a session's events go: numbered, without secrets, into the transcript first, then to whoever shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import UserError
from agent.events import Event, Stamp, Stamped
from agent.redacted import RedactedEvents
from agent.redaction import Redactor
from agent.transcript import TranscriptWriter, read

Consumer = Callable[[Stamped], None]


class EventLog:
    """Takes the events of one session. `last` is the number of the newest."""

    def __init__(self, path: Path, session: str, consumers: Sequence[Consumer], redactor: Redactor) -> None:
        """Raises UserError: the transcript can't be written."""
        self._session = session
        self._transcript = TranscriptWriter(path)
        self.last = max((stamped.stamp.seq for stamped in self.events()), default=0)
        self._consumers = consumers
        self._redacted = RedactedEvents(redactor)
        self._unwritable = False

    def emit(self, event: Event) -> None:
        """Number an event, write it down, show it.

        Raises UserError when the transcript can't be written, once: that ends the run, and its end is shown all the
        same. Raises what a consumer raises; the transcript has the event by then.
        """
        failure: UserError | None = None
        for clean in self._redacted.take(event):
            failure = self._write(clean) or failure
        if failure:
            raise failure

    def events(self) -> tuple[Stamped, ...]:
        """Return what the transcript holds, that of earlier runs too. Raises UserError if it can't be read."""
        return read(self._transcript.path).events

    def close(self) -> None:
        """Let the transcript go. May be called twice."""
        self._transcript.close()

    def _write(self, event: Event) -> UserError | None:
        self.last += 1
        time_now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        stamped = Stamped(stamp=Stamp(seq=self.last, time=time_now, session=self._session), event=event)
        failure: UserError | None = None
        try:
            self._transcript.append(stamped)
        except UserError as error:
            failure = None if self._unwritable else error
            self._unwritable = True
        for consumer in self._consumers:
            consumer(stamped)
        return failure
