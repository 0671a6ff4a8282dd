"""Why opam could not install a package, read from what it said."""

from __future__ import annotations

import re

from lang.dependencies import NotAdded
from lang.ocaml.installing import Told

_LINE_CHARACTERS = 240
_CONFLICT = re.compile(
    r"[Pp]ackage conflict|No agreement|Missing dependency|unmet availability|No solution|Incompatible"
)
_NETWORK = re.compile(
    r"(curl|wget)[^\n]* (failed|exited)|Download_fail|Could not (resolve|connect)|timed out|Initial download|"
    r"Failed to (get sources|connect|download)|unable to access|unreachable"
)
_COMPILERS = re.compile(r"→ (ocaml|ocaml-system|ocaml-base-compiler|dune)\b")
_ADDRESS = re.compile(r"(?:https?|git|ssh)://(?:[^/@\s]*@)?(?P<host>[\w.:-]+)")
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")
_NOISE = re.compile(
    r"#=== |# (context|path|env-file|output-file|exit-code) |[┌│└╶]|The f(ormer|ollowing)|=== |### |\s+\W \S+ +\d|"
    r"\s*/usr/bin/opam switch import"
)


def failure(package: str, version: str, told: Told, said: str) -> NotAdded:
    """Return what to tell of an installation that failed, whatever the reason; `said` is opam's log."""
    said = _SECRET.sub("", said)
    if re.search(r"[Nn]o space left", said):
        return NotAdded("system", "the container's disk is full.")
    if told.failure == "version":
        has = ", ".join(reversed(told.versions[-8:])) or "none"
        return NotAdded("unknown", f"{package} has no version {version}; it has {has}.")
    if "Checksum mismatch" in said:
        return NotAdded("checksum", f"what came for {package} is not what the repository says:\n{_lines(said, 4)}")
    if _CONFLICT.search(said):
        return _conflict(package, told, said)
    if _NETWORK.search(said):
        return NotAdded("network", _unreachable(package, told, said))
    if told.lacks:
        lacks = " ".join(told.lacks)
        return NotAdded("system", f"{package} needs packages of the system that are not there: {lacks}.", told.lacks)
    what = "opam could not be set up" if told.failure == "setup" else f"opam could not install {package}"
    return NotAdded("failed", f"{what}:\n{_lines(said, 12)}")


def _unreachable(package: str, told: Told, said: str) -> str:
    hosts = [found["host"] for found in _ADDRESS.finditer(said)] or [told.repository]
    known = "" if told.failure != "setup" else f" {package} is not among the installed libraries, and"
    return (
        f"no network:{known} {hosts[0]} can't be reached (the opam repository is {_SECRET.sub('', told.repository)})."
    )


def _conflict(package: str, told: Told, said: str) -> NotAdded:
    """Show who asks for what, and what there is."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line.removeprefix("[ERROR] ") for line in lines if not re.match(r"No solution|The following", line)]
    offers = [f"{name} is there as {versions}" for name, versions in told.offers if versions]
    there = f"\n{'; '.join(offers)}." if offers else ""
    kind = "toolchain" if _COMPILERS.search(said) or "unmet availability" in said else "conflict"
    return NotAdded(kind, f"no version of {package} goes with what is installed:\n" + "\n".join(telling[-10:]) + there)


def _lines(said: str, count: int) -> str:
    lines = [line.rstrip().removeprefix("# ") for line in said.splitlines() if line.strip() and not _NOISE.match(line)]
    return "\n".join(line[:_LINE_CHARACTERS] for line in lines[-count:])
