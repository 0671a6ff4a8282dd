"""What the model is told before the first turn: how the harness works, then the repository at hand and the task.

The system prompt says nothing of the repository, so that a provider's prefix cache holds it, and the tools before it,
from session to session. What is special to this one opens the first message, once and unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agent.tree import tree
from lang.analysis import Symbol
from lang.base import Language, Project
from tools.survey import Findings, Interface

TREE_CHARACTERS = 6_000
INTERFACES_CHARACTERS = 8_000
NAMED_CHARACTERS = 4_000
"""What one library that the task names may take of it."""
USED_CHARACTERS = 1_800
"""What one that the project uses may."""
RULES_CHARACTERS = 6_000
OUTLINE_CHARACTERS = 2_500
_SLACK_CHARACTERS = 300

INSTRUCTIONS = """\
You are Bactrian, a coding agent for {languages}. You work alone in a Linux container; /workspace is a git clone of \
the user's repository. Nobody answers questions: where the task leaves something open, decide and say so in the \
summary. What you build is a whole, tested package, not a sketch.

- Every reply sends this whole conversation again, so do much in one: calls run in the order given. Write all files, \
tests among them, in one reply and put finish beside them.
- After a reply that wrote files the harness formats them, mends their imports and checks what they touch; what is \
newly wrong comes back with the results, with what is known to mend it. Don't ask for it.
- finish builds and tests the whole tree. The run ends when that is green: everything builds, nothing that passed \
before fails, new code comes with new tests that ran. Otherwise you are told what is red.
- What the first message says of the repository and its libraries was read just now: don't look at it again. For an \
API that isn't there, docs answers from the version in use.
- The harness commits and hands the branch over: no git for that."""


def system_prompt(languages: Sequence[Language]) -> str:
    """Return the system prompt for a session about these languages."""
    names = " and ".join(language.title for language in languages)
    return "\n\n".join(
        [
            INSTRUCTIONS.format(languages=names),
            *(f"{language.title}: {language.guidance}" for language in languages),
        ]
    )


def first_message(findings: Findings, task: str, network: str = "") -> str:
    """Return the first message of a session: what was found out about the repository, then the task.

    `network` says what can be reached, where that is not everything.
    """
    parts = [part for part in _parts(findings, task, network) if part]
    return "\n\n".join([*parts, f"# The task\n{task.strip()}"])


def _parts(findings: Findings, task: str, network: str) -> Iterator[str]:
    yield f"# The repository\n{_outline(findings)}"
    told: set[str] = set()
    for each in findings.surveys:
        details = each.survey.details if _matters(each.project, findings.projects, task) else ()
        yield "\n".join([*(fact for fact in each.survey.facts if fact not in told), *details])
        told.update(each.survey.facts)
    yield "\n".join(
        [*_commands(findings), *([network] if network else []), *(() if findings.whole else findings.recipes)]
    )
    path, text = findings.rules
    if text.strip():
        yield _file(path, _cut(text, RULES_CHARACTERS, f"of {path}: read_file has the rest"))
    yield "\n".join(findings.code.notes)
    yield from (_file(path, text) for path, text in findings.code.texts.items())
    yield from (_declarations(path, symbols) for path, symbols in findings.code.outlines.items() if symbols)
    yield from (_file(f"{each.path} from line {each.first_line}", each.text) for each in findings.code.excerpts)
    yield from _interfaces(findings.interfaces)


def _matters(project: Project | None, projects: Sequence[Project], task: str) -> bool:
    """Whether a project is one of those in no other, or the task names its directory."""
    if project is None:
        return True
    outer = (other.root for other in projects if other.language == project.language and other != project)
    inside = any(root == "." or project.root.startswith(f"{root}/") for root in outer)
    return not inside or re.search(rf"(?<![\w/.-]){re.escape(project.root)}(?![\w-])", task) is not None


def _outline(findings: Findings) -> str:
    if not findings.files:
        return "It is empty."
    if findings.whole:
        shown = {findings.rules[0], *findings.code.texts}
        rest = [path for path in findings.files if path not in shown]
        return "All of it is below" + (f", but for {' '.join(rest)}." if rest else ".")
    count = f"{len(findings.files)} files" if len(findings.files) > 1 else "1 file"
    projects = findings.projects
    none = ", no project of a language you work in" if not projects else ""
    return f"{count}{none}:\n{tree(findings.files, TREE_CHARACTERS)}"


def _commands(findings: Findings) -> Iterator[str]:
    there = [name for name, found in findings.commands.items() if found]
    missing = [name for name, found in findings.commands.items() if not found]
    if there and missing:
        yield f"In the shell: {', '.join(there)}; not: {', '.join(missing)}."


def _file(path: str, text: str) -> str:
    return f"--- {path}\n{text.rstrip()}"


def _declarations(path: str, symbols: Sequence[Symbol]) -> str:
    lines = [f"{symbol.place.line if symbol.place else 0}: {symbol.signature or symbol.name}" for symbol in symbols]
    return (
        f"--- {path}, what it declares by line\n{_cut(chr(10).join(lines), OUTLINE_CHARACTERS, f'of outline {path}')}"
    )


def _interfaces(interfaces: Sequence[Interface]) -> Iterator[str]:
    left = INTERFACES_CHARACTERS
    for interface in sorted(interfaces, key=lambda each: not each.named):
        text = _cut(
            interface.text,
            min(left, NAMED_CHARACTERS if interface.named else USED_CHARACTERS),
            f"of docs {interface.name}",
        )
        if len(text) < min(200, len(interface.text)):
            return
        left -= len(text)
        yield f"--- {interface.name} exports\n{text}"


def _cut(text: str, limit: int, origin: str) -> str:
    """Cut a text at a line, saying where the rest is to be had; not for a little, which would cost a request."""
    if len(text) <= limit + _SLACK_CHARACTERS:
        return text.rstrip()
    head = text[: max(0, limit - 60)].rpartition("\n")[0]
    return f"{head}\n[{len(text) - len(head)} more characters {origin}]" if head else ""
