"""What a command that uses containers does first: it clears up after killed ones and makes itself known."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from agent.config import locations
from agent.errors import UserError
from containers.reaper import reap, registered


@contextmanager
def present() -> Generator[None]:
    """Remove what killed processes of this state directory have left, and be known as alive until the end.

    Raises UserError: the state directory can't be written.
    """
    places = locations()
    folder = places.state / "running"
    with ExitStack() as stack:
        try:
            stack.enter_context(registered(folder))
        except OSError as error:
            raise UserError(f"can't write to {folder}: {error.strerror or error}") from error
        clear_up()
        yield


def clear_up() -> None:
    """Remove what killed processes of this state directory have left. Raises nothing."""
    places = locations()
    reap(places.state / "running", places.cache)
