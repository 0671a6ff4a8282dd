"""A source as ocamlformat leaves it, where a project has that, and without the opens that nothing uses."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from lang.analysis import Bench
from lang.base import Diagnostic, Project, Step
from lang.ocaml.layout import PREFIX, inside, owns, relative_to_project

_FORMAT = (
    f'PATH="{PREFIX}/bin:$PATH"; export PATH\n'
    + r"""
[ -f .ocamlformat ] || exit 1
want=$(sed -n 's/^ *version *= *//p' .ocamlformat | head -n 1)
[ -z "$want" ] || [ "$want" = "$(ocamlformat --version)" ] || exit 1
case $1 in
*.ml | *.mli) exec ocamlformat --name "$1" - ;;
*) exec dune format-dune-file ;;
esac
"""
)
"""Argument: a file's name in the project. From standard input to standard output."""

_OPEN = re.compile(r"\s*open!?\s+[\w.']+\s*(?:;;)?\s*")
_UNUSED_OPEN = "[unused-open]"


async def formatted(project: Project, bench: Bench, path: str, text: str) -> str | None:
    """The text in the project's format; None where it has none, or not for this file, or the text doesn't parse.

    The formatter of another version than the project asks for would change lines that nobody touched.
    """
    name = posixpath.basename(path)
    dune = name in ("dune", "dune-project", "dune-workspace")
    if not inside(path, project.root) or not owns(path) or not (dune or name.endswith((".ml", ".mli"))):
        return None
    argv = ("sh", "-c", _FORMAT, "sh", relative_to_project(project, path))
    output = await bench.run(Step(argv=argv, cwd=project.root, stdin=text, timeout_s=20.0))
    return output.stdout if output.exit_code == 0 and output.stdout else None


def without_unused_opens(path: str, text: str, findings: Iterable[Diagnostic]) -> str:
    """The text without the opens, alone on their lines, that the compiler calls unused."""
    unused = {each.line for each in findings if each.path == path and _UNUSED_OPEN in each.message}
    lines = text.split("\n")
    kept = [line for at, line in enumerate(lines, 1) if at not in unused or not _OPEN.fullmatch(line)]
    return "\n".join(kept)
