"""Which files of a repository tell an agent how to work in it: none of them counts until a person trusts it."""

from __future__ import annotations

FOLDERS = (".bactrian", ".agents/skills", ".claude/skills")
"""At the root; everything in them."""
RULES = ("AGENTS.md", "CLAUDE.md")
"""In any folder; the first that the root has opens a session's first message."""


def steers(path: str) -> bool:
    """Whether the file at this path in a repository would steer an agent."""
    return path.rpartition("/")[2] in RULES or any(path == top or path.startswith(f"{top}/") for top in FOLDERS)
