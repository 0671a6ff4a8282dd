"""What `bactrian doctor` says of each sandbox: what holds here, and what doesn't."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

import pytest

from containers.base import ContainerUnavailable
from containers.docker import connect
from containers.engine import EngineFacts, engine_facts, require_usable
from containers.promises import Promise, bubblewrap_promises, docker_promises, unkept

FACTS = EngineFacts(
    podman=False,
    memory_bytes=8 << 30,
    limits=frozenset({"memory", "swap", "processes", "cpus"}),
    version="28.0",
    control_groups="2",
    security=("name=seccomp,profile=builtin", "name=cgroupns"),
)


def lacking(promises: list[Promise]) -> list[str]:
    return [each.text for each in promises if not each.holds]


def test_an_engine_that_holds_everything() -> None:
    told = list(docker_promises(FACTS, "auto"))
    assert lacking(told) == []
    assert "memory limited to 6.0 GiB, swap included; running out is told" in [each.text for each in told]


@pytest.mark.parametrize(
    ("security", "limits", "lacks"),
    [
        (("name=seccomp,profile=unconfined",), FACTS.limits, "filters no system calls"),
        ((), FACTS.limits, "filters no system calls"),
        (FACTS.security, FACTS.limits - {"memory"}, "no limit on memory"),
        (FACTS.security, FACTS.limits - {"swap"}, "swap is not limited"),
        (FACTS.security, FACTS.limits - {"processes"}, "no limit on processes"),
        (FACTS.security, FACTS.limits - {"cpus"}, "no limit on CPU"),
    ],
)
def test_what_an_engine_lacks_is_said(security: tuple[str, ...], limits: frozenset[str], lacks: str) -> None:
    (told,) = lacking(list(docker_promises(replace(FACTS, security=security, limits=limits), "auto")))
    assert lacks in told


def test_a_limit_that_the_settings_lift_is_said() -> None:
    assert lacking(list(docker_promises(FACTS, None))) == ["no limit on memory, as the setting `memory` has it"]


def test_an_engine_says_what_it_is(image: str) -> None:
    assert image
    with contextlib.closing(connect()) as client:
        facts = engine_facts(client)
    assert facts.memory_bytes > 1 << 28
    assert facts.version[0].isdigit()


def test_bubblewrap_says_what_holds() -> None:
    told = list(bubblewrap_promises(4 << 30))
    assert "limits of time and disk; the disk is looked at once a second" in [each.text for each in told if each.holds]
    memory = next(each for each in told if "memory" in each.text)
    assert memory.holds == (os.geteuid() == 0)


def test_a_docker_engine_without_root_is_of_no_use() -> None:
    """There the user of the host is root inside: what that one owns nobody else may write."""
    rootless = replace(FACTS, security=(*FACTS.security, "name=rootless"))
    require_usable(FACTS)
    require_usable(replace(rootless, podman=True))
    with pytest.raises(ContainerUnavailable, match="use `--container bubblewrap`, Podman, or an engine with root"):
        require_usable(rootless)


def test_a_session_is_told_what_it_has_to_do_without() -> None:
    assert unkept("auto", None, (), filters_calls=True) == ""
    assert unkept(1 << 30, 2.0, ("memory", "cpus"), filters_calls=True) == ""
    told = unkept(1 << 30, 2.0, (), filters_calls=False)
    assert told.startswith("this sandbox runs without `memory` and `cpus` and a filter of system calls")
