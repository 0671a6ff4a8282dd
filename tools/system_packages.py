"""Says how the operating system's packages come into sessions, where a command fails for want of one."""

from __future__ import annotations

import re

_WANTING = re.compile(
    r"""
      ^(?:E|Error):[ ].*(?:dpkg[ ]frontend[ ]lock|/var/lib/apt/lists)                # apt without root
    | ^dpkg:[ ]error:[ ]requested[ ]operation[ ]requires[ ]superuser
    | \bsudo:[ ](?:command[ ])?not[ ]found
    | ^\S+:[ ]fatal[ ]error:[ ](\S+):[ ]No[ ]such[ ]file.*\n.*\#[ ]*include[ ]*<\1>  # not one of the project's own
    | ^\S*ld\S*:[ ]cannot[ ]find[ ]-l\S
    | \bNo[ ]package[ ]'[^']+'[ ]found                                               # pkg-config
    | ^Package[ ]'?\S+?'?,?[ ](?:required[ ]by.*[ ]not[ ]found|was[ ]not[ ]found[ ]in[ ]the[ ]pkg-config)
    """,
    re.MULTILINE | re.VERBOSE,
)


def wants_system_package(output: str) -> bool:
    """Whether a command's output says that a package of the operating system is missing, or can't be installed."""
    return bool(_WANTING.search(output))


def advice(packages: str = "PACKAGE") -> str:
    """Return what to do, in a sentence or two."""
    return (
        "A session can't install system packages. The repository's .bactrian/Dockerfile can (`ARG BASE`, "
        f"`FROM ${{BASE}}`, `RUN apt-get update && apt-get install -y {packages}`): write it as part of the work. "
        "The next session has them once a person trusts it; say so when you finish."
    )
