"""What the model is told before the first turn: how the harness works, and the repository at hand."""

from __future__ import annotations

from collections.abc import Sequence

from lang.base import Language, Project

TREE_FILES = 80

INSTRUCTIONS = """\
You are Bactrian, a coding agent for {languages}. You work alone in a Linux container; /workspace is a git clone of \
the user's repository, and nobody can answer questions: where the task leaves something open, decide and say so in \
the summary. What you build is a whole, tested package, not a sketch.

How the harness works:
- The run ends when you call finish and the harness's own build and tests of the whole tree are green: everything \
builds, nothing that passed before fails, and new code comes with new tests that ran. Otherwise you are told what is \
red.
- Each reply costs a round trip, so do much in one: calls run in the order given. Write all files in one reply and \
put finish beside the last edits; a check of your own before it is not needed.
- Look an API up with docs before you use it from memory: it answers from the version in use.
- The harness formats, commits and hands the branch over. Don't use git for that."""


def system_prompt(
    languages: Sequence[Language], projects: Sequence[Project], files: Sequence[str], toolchains: Sequence[str] = ()
) -> str:
    """Return the system prompt for a session; it stays the same for the whole of it.

    `files` are the tree's paths, `projects` what the languages found among them, `toolchains` lines with versions.
    """
    present = {project.language for project in projects}
    # In a repository without a project yet, any language may be asked for.
    relevant = [language for language in languages if not present or language.name in present]
    names = " and ".join(language.title for language in relevant)
    parts = [INSTRUCTIONS.format(languages=names)]
    parts += [f"{language.title}: {language.guidance}" for language in relevant]
    if toolchains:
        parts.append("Installed: " + "; ".join(toolchains))
    parts.append(_repository(projects, files))
    return "\n\n".join(parts)


def _repository(projects: Sequence[Project], files: Sequence[str]) -> str:
    if not files:
        return "The repository is empty."
    listed = sorted(files, key=lambda path: (path.count("/"), path))[:TREE_FILES]
    more = f"\n[and {len(files) - len(listed)} more files]" if len(files) > len(listed) else ""
    found = [f"{project.language} project in {project.root}" for project in projects]
    told = f" ({', '.join(found)})" if found else " (no project yet)"
    return f"The repository{told} has these files:\n" + "\n".join(sorted(listed)) + more
