"""What every `Container` promises, held against Docker and bubblewrap."""

from __future__ import annotations

from containers.base import Container


async def test_exit_code_is_the_commands_own(container: Container) -> None:
    result = await container.exec(["sh", "-c", "exit 7"])
    assert (result.exit_code, result.timed_out) == (7, False)
